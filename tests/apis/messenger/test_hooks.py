"""n8n's hooks: each call becomes a notification, if the caller knows the secret."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib import config
from chalicelib.domain.deliveries import n8n_templates
from tests.apis.messenger.conftest import MessengerApi
from tests.support.client import token
from tests.support.messengers import ACCOUNTS, configure

COMPLETE = "/webhooks/n8n/survey-complete"
SECRET = {"X-Webhook-Secret": "n8n-secret"}
GUARDED = ACCOUNTS | {"n8n": {"secret": "n8n-secret"}}


def texts(messenger_api: MessengerApi) -> list[str]:
    return [one["text"] for one in messenger_api.providers.telegram.sent]


def test_each_hook_has_its_text(messenger_api: MessengerApi) -> None:
    made = messenger_api.call("POST", COMPLETE, {"survey": "Pets", "reward": {"amount": 1.5, "currency": "EUR"}})
    assert (made["status"], sorted(made["providers"])) == ("queued", ["discord", "telegram", "whatsapp"])
    messenger_api.call("POST", "/webhooks/n8n/earnings-update", {"total": 12, "new": None})
    messenger_api.call("POST", "/webhooks/n8n/error-alert", {"error": {"message": "it <broke>"}, "tries": [1, 2]})
    assert texts(messenger_api) == [
        "✅ Survey completed\nsurvey: Pets\nreward.amount: 1.5\nreward.currency: EUR",
        "ℹ️ Earnings update\ntotal: 12\nnew: -",
        "❌ Error alert\nerror.message: it &lt;broke&gt;\ntries: [1, 2]",
    ]
    assert {one["source"] for one in messenger_api.history()} == {"error-alert", "earnings-update", "survey-complete"}


def test_an_org_may_have_texts_of_its_own(messenger_api: MessengerApi) -> None:
    configure(ACCOUNTS | {"templates": {"survey-complete": "{survey}: {reward.amount} {reward.nothing} {survey.x}"}})
    messenger_api.call("POST", COMPLETE, {"survey": "Pets", "reward": {"amount": 2}})
    assert texts(messenger_api) == ["✅ Pets: 2 - -"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text() | st.sampled_from(("said", "model_dump", "{*}")), ANYTHING, max_size=4))
def test_any_object_is_taken(messenger_api: MessengerApi, body: dict[str, Any]) -> None:
    messenger_api.providers.world.clock.advance(2)  # 60 a minute
    assert messenger_api.request("POST", COMPLETE, body).status == 202


@pytest.mark.parametrize("body", [[], "text", 7, "null", "{broken"])
def test_what_is_no_object_is_refused(messenger_api: MessengerApi, body: Any) -> None:
    messenger_api.expect_error(400, "POST", COMPLETE, body)


def test_a_hook_needs_no_body(messenger_api: MessengerApi) -> None:
    messenger_api.call("POST", COMPLETE)
    assert texts(messenger_api) == ["✅ Survey completed"]


def test_a_long_body_is_cut(messenger_api: MessengerApi) -> None:
    messenger_api.call("POST", COMPLETE, {str(number): "x" * 100 for number in range(100)})
    [text] = texts(messenger_api)
    assert len(text) < 4100 and text.endswith("…")


def test_of_a_body_no_more_is_read_than_a_notification_holds() -> None:
    """The name of an object is repeated in the line of each of its values: a body of 4 MB became 600 GB of text."""

    class Body(dict[str, Any]):
        def items(self) -> Any:
            for number in range(2_000):
                assert number < 1_000
                yield str(number), number

    assert n8n_templates.render("{*}", {"name": Body(a=1)}).startswith("name.0: 0\nname.1: 1\n")


def test_a_deeply_nested_body_is_sent_as_it_came() -> None:
    body: Any = 1
    for name in "gfedcba":
        body = {name: body}
    assert n8n_templates.render("{*}", body) == 'a.b.c.d.e.f: {"g": 1}'


def test_the_same_key_notifies_once(messenger_api: MessengerApi) -> None:
    for _ in range(2):
        messenger_api.call("POST", COMPLETE, {"a": 1}, headers={"Idempotency-Key": "run-7"})
    assert len(texts(messenger_api)) == 1


def test_a_key_is_its_senders_own(messenger_api: MessengerApi) -> None:
    configure(GUARDED)
    under = {"Idempotency-Key": "run-7"}
    messenger_api.call("POST", COMPLETE, {"a": 1}, headers=under)
    messenger_api.expect_error(409, "POST", COMPLETE, {"a": 2}, headers=under)
    messenger_api.call("POST", COMPLETE, {"a": 3}, token=token("user", subject="ada"), headers=under)
    messenger_api.call("POST", f"{COMPLETE}?org=acme", {"a": 4}, token=None, headers=SECRET | under)
    assert len(texts(messenger_api)) == 3


def test_the_secret_suffices_and_names_its_org(messenger_api: MessengerApi) -> None:
    configure(GUARDED)
    messenger_api.call("POST", f"{COMPLETE}?org=acme", {}, token=None, headers=SECRET)
    assert len(messenger_api.history()) == 1
    for query, headers in (
        ("?org=acme", {"X-Webhook-Secret": "wrong"}),
        ("?org=acme", {"X-Webhook-Secret": ""}),
        ("?org=acme", {"X-Webhook-Secret": "gehéim"}),
        ("?org=umbra", SECRET),
        ("?org=../acme", SECRET),
        ("", SECRET),
        ("?org=acme", {}),
    ):
        messenger_api.expect_error(401, "POST", COMPLETE + query, {}, token=None, headers=headers)
    assert messenger_api.call("POST", COMPLETE, {}), "a token will do, too"


def test_a_hook_notifies_the_org_that_it_names_and_no_other(messenger_api: MessengerApi) -> None:
    config.replace(open_apis=frozenset({"messenger"}), messengers=json.dumps({"acme": GUARDED, "local": ACCOUNTS}))
    ours, theirs = token("user"), token("user", org="umbra")
    refused = [
        ("?org=acme", None, {}),  # it has a secret
        ("?org=umbra", None, {}),  # it has none: who sends nothing is of the org local, and of no other
        ("?org=", None, {}),
        ("?org=local", ours, {}),
        ("?org=acme", theirs, {}),
        ("?org=acme", theirs, SECRET),
        ("?org=umbra", theirs, SECRET),
        ("", theirs, SECRET),
        ("?org=", None, SECRET),
        ("?org=local", None, SECRET),
        ("?org=acme", "no-token", SECRET),
    ]
    for query, by, headers in refused:
        assert (
            "org" in messenger_api.expect_error(401, "POST", COMPLETE + query, {}, token=by, headers=headers)
            or by == "no-token"
        )
    assert (texts(messenger_api), messenger_api.history()) == ([], [])
    allowed = [("", ours, {}), ("?org=acme", ours, {}), ("", ours, SECRET), ("?org=acme", ours, SECRET)]
    for query, by, headers in allowed:
        messenger_api.call("POST", COMPLETE + query, {}, token=by, headers=headers)
    assert len(messenger_api.history()) == len(allowed)
    for query in ("", "?org=local"):
        messenger_api.call("POST", COMPLETE + query, {}, token=None)
    assert len(messenger_api.history()) == len(allowed)


def test_the_secret_opens_nothing_else(messenger_api: MessengerApi) -> None:
    configure(GUARDED)
    messenger_api.expect_error(401, "POST", "/api/notify?org=acme", {"message": "x"}, token=None, headers=SECRET)
    messenger_api.expect_error(401, "GET", "/api/notifications?org=acme", token=None, headers=SECRET)


def test_a_wrong_secret_is_not_helped_by_a_token(messenger_api: MessengerApi) -> None:
    configure(GUARDED)
    wrong = {"X-Webhook-Secret": "wrong"}
    messenger_api.expect_error(401, "POST", f"{COMPLETE}?org=acme", {}, token=token("user"), headers=wrong)


def test_where_the_api_is_open_a_secret_shuts_the_hooks(messenger_api: MessengerApi) -> None:
    config.replace(open_apis=frozenset({"messenger"}))
    configure(ACCOUNTS, "local")
    assert messenger_api.call("POST", COMPLETE, {}, token=None)
    configure(GUARDED, "local")
    messenger_api.expect_error(401, "POST", COMPLETE, {}, token=None)
    assert messenger_api.call("POST", COMPLETE, {}, token=None, headers=SECRET)
    assert messenger_api.call("POST", "/api/notify", {"message": "x"}, token=None)


def test_the_same_body_under_a_key_may_be_written_in_another_way(messenger_api: MessengerApi) -> None:
    under = {"headers": {"Idempotency-Key": "run-8"}}
    first = messenger_api.call("POST", COMPLETE, '{"a": 2, "b": 100}', **under)
    assert messenger_api.call("POST", COMPLETE, '{"b": 1e2, "a": 2.0}', **under) == first
    messenger_api.expect_error(409, "POST", COMPLETE, '{"a": 2.5, "b": 100}', **under)
    assert len(texts(messenger_api)) == 1


def test_a_hook_s_secret_is_not_found_by_trying(messenger_api: MessengerApi) -> None:
    configure(GUARDED)
    wrong = {"X-Webhook-Secret": "wrong"}
    statuses = [
        messenger_api.request("POST", f"{COMPLETE}?org=acme", {}, token=None, headers=wrong).status for _ in range(30)
    ]
    assert statuses == [401] * 20 + [429] * 10
