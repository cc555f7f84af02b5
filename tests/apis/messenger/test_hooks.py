"""n8n's hooks: whatever it sends is told, by whoever knows the secret."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib import config
from chalicelib.domain.deliveries import n8n_templates
from tests.apis.messenger.conftest import Desk
from tests.support.client import token
from tests.support.messengers import ACCOUNTS, configure

COMPLETE = "/webhooks/n8n/survey-complete"
SECRET = {"X-Webhook-Secret": "n8n-secret"}
GUARDED = ACCOUNTS | {"n8n": {"secret": "n8n-secret"}}


def texts(desk: Desk) -> list[str]:
    return [one["text"] for one in desk.by.telegram.sent]


def test_each_hook_has_its_words(desk: Desk) -> None:
    made = desk.told("POST", COMPLETE, {"survey": "Pets", "reward": {"amount": 1.5, "currency": "EUR"}})
    assert (made["status"], sorted(made["providers"])) == ("queued", ["discord", "telegram", "whatsapp"])
    desk.told("POST", "/webhooks/n8n/earnings-update", {"total": 12, "new": None})
    desk.told("POST", "/webhooks/n8n/error-alert", {"error": {"message": "it <broke>"}, "tries": [1, 2]})
    assert texts(desk) == [
        "✅ Survey completed\nsurvey: Pets\nreward.amount: 1.5\nreward.currency: EUR",
        "ℹ️ Earnings update\ntotal: 12\nnew: -",
        "❌ Error alert\nerror.message: it &lt;broke&gt;\ntries: [1, 2]",
    ]
    assert {one["source"] for one in desk.history()} == {"error-alert", "earnings-update", "survey-complete"}


def test_an_org_may_have_words_of_its_own(desk: Desk) -> None:
    configure(ACCOUNTS | {"templates": {"survey-complete": "{survey}: {reward.amount} {reward.nothing} {survey.x}"}})
    desk.told("POST", COMPLETE, {"survey": "Pets", "reward": {"amount": 2}})
    assert texts(desk) == ["✅ Pets: 2 - -"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text() | st.sampled_from(("said", "model_dump", "{*}")), ANYTHING, max_size=4))
def test_any_object_is_taken(desk: Desk, body: dict[str, Any]) -> None:
    desk.by.world.clock.advance(2)  # 60 a minute
    assert desk.ask("POST", COMPLETE, body).status == 202


@pytest.mark.parametrize("body", [[], "text", 7, "null", "{broken"])
def test_what_is_no_object_is_refused(desk: Desk, body: Any) -> None:
    desk.refused(400, "POST", COMPLETE, body)


def test_nothing_at_all_will_do(desk: Desk) -> None:
    desk.told("POST", COMPLETE)
    assert texts(desk) == ["✅ Survey completed"]


def test_a_long_body_is_cut(desk: Desk) -> None:
    desk.told("POST", COMPLETE, {str(number): "x" * 100 for number in range(100)})
    [text] = texts(desk)
    assert len(text) < 4100 and text.endswith("…")


def test_what_is_nested_deep_is_told_as_it_came() -> None:
    body: Any = 1
    for name in "gfedcba":
        body = {name: body}
    assert n8n_templates.render("{*}", body) == 'a.b.c.d.e.f: {"g": 1}'


def test_the_same_key_tells_once(desk: Desk) -> None:
    for _ in range(2):
        desk.told("POST", COMPLETE, {"a": 1}, headers={"Idempotency-Key": "run-7"})
    assert len(texts(desk)) == 1


def test_a_key_is_its_senders_own(desk: Desk) -> None:
    configure(GUARDED)
    under = {"Idempotency-Key": "run-7"}
    desk.told("POST", COMPLETE, {"a": 1}, headers=under)
    desk.refused(409, "POST", COMPLETE, {"a": 2}, headers=under)
    desk.told("POST", COMPLETE, {"a": 3}, token=token("user", subject="ada"), headers=under)
    desk.told("POST", f"{COMPLETE}?org=acme", {"a": 4}, token=None, headers=SECRET | under)
    assert len(texts(desk)) == 3


def test_the_secret_suffices_and_names_its_org(desk: Desk) -> None:
    configure(GUARDED)
    desk.told("POST", f"{COMPLETE}?org=acme", {}, token=None, headers=SECRET)
    assert len(desk.history()) == 1
    for query, headers in (
        ("?org=acme", {"X-Webhook-Secret": "wrong"}),
        ("?org=acme", {"X-Webhook-Secret": ""}),
        ("?org=acme", {"X-Webhook-Secret": "gehéim"}),
        ("?org=umbra", SECRET),
        ("?org=../acme", SECRET),
        ("", SECRET),
        ("?org=acme", {}),
    ):
        desk.refused(401, "POST", COMPLETE + query, {}, token=None, headers=headers)
    assert desk.told("POST", COMPLETE, {}), "a token will do, too"


def test_a_hook_is_told_to_the_org_that_it_names_and_to_no_other(desk: Desk) -> None:
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
        assert "org" in desk.refused(401, "POST", COMPLETE + query, {}, token=by, headers=headers) or by == "no-token"
    assert (texts(desk), desk.history()) == ([], [])
    allowed = [("", ours, {}), ("?org=acme", ours, {}), ("", ours, SECRET), ("?org=acme", ours, SECRET)]
    for query, by, headers in allowed:
        desk.told("POST", COMPLETE + query, {}, token=by, headers=headers)
    assert len(desk.history()) == len(allowed)
    for query in ("", "?org=local"):
        desk.told("POST", COMPLETE + query, {}, token=None)
    assert len(desk.history()) == len(allowed)


def test_the_secret_opens_nothing_else(desk: Desk) -> None:
    configure(GUARDED)
    desk.refused(401, "POST", "/api/notify?org=acme", {"message": "x"}, token=None, headers=SECRET)
    desk.refused(401, "GET", "/api/notifications?org=acme", token=None, headers=SECRET)


def test_a_wrong_secret_is_not_helped_by_a_token(desk: Desk) -> None:
    configure(GUARDED)
    wrong = {"X-Webhook-Secret": "wrong"}
    desk.refused(401, "POST", f"{COMPLETE}?org=acme", {}, token=token("user"), headers=wrong)


def test_where_the_api_is_open_a_secret_shuts_the_hooks(desk: Desk) -> None:
    config.replace(open_apis=frozenset({"messenger"}))
    configure(ACCOUNTS, "local")
    assert desk.told("POST", COMPLETE, {}, token=None)
    configure(GUARDED, "local")
    desk.refused(401, "POST", COMPLETE, {}, token=None)
    assert desk.told("POST", COMPLETE, {}, token=None, headers=SECRET)
    assert desk.told("POST", "/api/notify", {"message": "x"}, token=None)


def test_the_same_body_under_a_key_may_be_written_in_another_way(desk: Desk) -> None:
    under = {"headers": {"Idempotency-Key": "run-8"}}
    first = desk.told("POST", COMPLETE, '{"a": 2, "b": 100}', **under)
    assert desk.told("POST", COMPLETE, '{"b": 1e2, "a": 2.0}', **under) == first
    desk.refused(409, "POST", COMPLETE, '{"a": 2.5, "b": 100}', **under)
    assert len(texts(desk)) == 1


def test_a_hook_s_secret_is_not_found_by_trying(desk: Desk) -> None:
    configure(GUARDED)
    wrong = {"X-Webhook-Secret": "wrong"}
    asked = [desk.ask("POST", f"{COMPLETE}?org=acme", {}, token=None, headers=wrong).status for _ in range(30)]
    assert asked == [401] * 20 + [429] * 10
