"""The requests to each provider, and the meaning of its answers."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib import clock
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.domain.deliveries.receivers import Provider
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody, Response, Unreachable
from chalicelib.providers.messengers import Account, Undelivered, get_messenger, missing_settings

TELEGRAM = {"bot_token": "1:secret", "chat_id": "-100"}
DISCORD = {"webhook_url": "https://discord.com/api/webhooks/1/secret?thread_id=7"}
WAHA = {"url": "https://waha.example/", "chat_id": "49@c.us", "session": "a/b", "api_key": "secret"}
CLOUD = {"access_token": "secret", "phone_number_id": "77", "to": "49"}
ACCOUNTS: Mapping[str, tuple[Provider, Account]] = {
    "telegram": ("telegram", TELEGRAM),
    "discord": ("discord", DISCORD),
    "waha": ("whatsapp", WAHA),
    "cloud": ("whatsapp", CLOUD),
}


class FakeNetwork:
    """A fake network: it records the request, and answers `answer`."""

    def __init__(self) -> None:
        self.answer: Response | Unreachable = Response(200, {}, b"{}")
        self.requests: list[tuple[str, str, Any, Mapping[str, str]]] = []
        self.private: set[bool] = set()
        self.needs_body: NeedsBody = outbound.always

    def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        private: bool,
        needs_body: NeedsBody,
        **_: Any,
    ) -> Response:
        self.private.add(private)
        self.needs_body = needs_body
        self.requests.append((method, url, json.loads(body) if body else None, headers))
        if isinstance(self.answer, Unreachable):
            raise self.answer
        return self.answer

    def answer_with(self, status: int, body: Any, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


@pytest.fixture
def fake_network() -> Iterator[FakeNetwork]:
    made = FakeNetwork()
    before = outbound.use_sender(made)
    yield made
    outbound.use_sender(before)


def send_part(which: str, part: str = "hi") -> tuple[str, int | None]:
    name, account = ACCOUNTS[which]
    found = get_messenger(name, account).send(account, part)
    return found.id, found.rest_ms


def require_refusal(which: str) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        send_part(which)
    assert "secret" not in str(caught.value)
    return caught.value


# What is sent, and acknowledged


def test_telegram_gets_its_documented_request(fake_network: FakeNetwork) -> None:
    fake_network.answer_with(200, {"ok": True, "result": {"message_id": 42, "chat": {"id": -100}}})
    assert send_part("telegram") == ("42", None)
    [(method, url, body, _)] = fake_network.requests
    assert (method, url) == ("POST", "https://api.telegram.org/bot1:secret/sendMessage")
    assert body == {"chat_id": "-100", "text": "hi", "parse_mode": "HTML"}


def test_discord_gets_its_documented_request(fake_network: FakeNetwork) -> None:
    fake_network.answer_with(
        200, {"id": "9", "content": "hi"}, x_ratelimit_remaining="4", x_ratelimit_reset_after="1.5"
    )
    assert send_part("discord") == ("9", None)
    [(method, url, body, _)] = fake_network.requests
    assert (method, url) == ("POST", "https://discord.com/api/webhooks/1/secret?thread_id=7&wait=true")
    assert body == {"content": "hi", "allowed_mentions": {"parse": []}}
    fake_network.answer_with(200, {"id": "9"}, x_ratelimit_remaining="0", x_ratelimit_reset_after="1.5")
    assert send_part("discord") == ("9", 1500)


@pytest.mark.parametrize(
    "said",
    [
        {"id": "true_49@c.us_A"},
        {"id": {"_serialized": "true_49@c.us_A", "fromMe": True}},
        {"key": {"id": "true_49@c.us_A", "remoteJid": "49@c.us"}},
    ],
)
def test_waha_gets_its_documented_request(said: Any, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(201, said)
    assert send_part("waha") == ("true_49@c.us_A", None)
    [(method, url, body, headers)] = fake_network.requests
    assert (method, url, headers["x-api-key"]) == ("POST", "https://waha.example/api/sendText", "secret")
    assert body == {"session": "a/b", "chatId": "49@c.us", "text": "hi"}


def test_the_cloud_api_gets_its_documented_request(fake_network: FakeNetwork) -> None:
    fake_network.answer_with(200, {"messaging_product": "whatsapp", "messages": [{"id": "wamid.X"}]})
    assert send_part("cloud") == ("wamid.X", None)
    [(method, url, body, headers)] = fake_network.requests
    assert (method, url) == ("POST", "https://graph.facebook.com/v23.0/77/messages")
    assert headers["authorization"] == "Bearer secret"
    text = {"preview_url": False, "body": "hi"}
    who = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "49"}
    assert body == who | {"type": "text", "text": text}


@pytest.mark.parametrize("private", ["", "false", "no"])
def test_only_a_bridge_whose_account_says_so_may_be_in_a_private_network(
    private: str, fake_network: FakeNetwork
) -> None:
    fake_network.answer_with(200, {"id": "9", "ok": True, "result": {"message_id": 1}, "messages": [{"id": "9"}]})
    for name, account in ACCOUNTS.values():
        get_messenger(name, {**account, "private": private}).send({**account, "private": private}, "hi")
    for name, account in (ACCOUNTS["telegram"], ACCOUNTS["discord"], ACCOUNTS["cloud"]):
        get_messenger(name, account).send({**account, "private": "true"}, "hi")
    assert fake_network.private == {False}
    get_messenger("whatsapp", WAHA).send({**WAHA, "private": "True"}, "hi")
    assert fake_network.private == {False, True}


CHECKS = {
    "telegram": ("POST", "https://api.telegram.org/bot1:secret/getMe", {"ok": True, "result": {"id": 1}}),
    "discord": ("GET", "https://discord.com/api/webhooks/1/secret?thread_id=7", {"id": "1"}),
    "waha": ("GET", "https://waha.example/api/sessions/a%2Fb", {"name": "a/b", "status": "WORKING"}),
    "cloud": ("GET", "https://graph.facebook.com/v23.0/77?fields=id", {"id": "77"}),
}


@pytest.mark.parametrize("which", CHECKS)
def test_a_check_sends_nothing(which: str, fake_network: FakeNetwork) -> None:
    (name, account), (method, url, said) = ACCOUNTS[which], CHECKS[which]
    fake_network.answer_with(200, said)
    get_messenger(name, account).check(account)
    assert [request[:3] for request in fake_network.requests] == [(method, url, None)]
    fake_network.answer_with(200, {"something": "else"})
    with pytest.raises(Undelivered, match="not the provider's"):
        get_messenger(name, account).check(account)


# What is no acknowledgement

each_account = pytest.mark.parametrize("which", ACCOUNTS)


@each_account
@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'"ok"', b"{}", b'{"ok": true}', b'{"id": null}', b'{"id": "', b"\x1f\x8b"]
)
def test_a_success_that_names_no_message_is_one_and_is_not_sent_again(
    which: str, status: int, body: bytes, fake_network: FakeNetwork
) -> None:
    fake_network.answer_with(status, body)
    assert send_part(which) == (UNKNOWN_RECEIPT, None)


@each_account
@pytest.mark.parametrize("identifier", [True, 0.5, [], {}, "", {"a": "b"}])
def test_an_id_of_the_wrong_kind_is_unknown(which: str, identifier: Any, fake_network: FakeNetwork) -> None:
    said = {"id": identifier, "result": {"message_id": identifier}, "messages": [{"id": identifier}]}
    fake_network.answer_with(200, said)
    assert send_part(which) == (UNKNOWN_RECEIPT, None)


def test_what_is_called_a_failure_in_so_many_words_is_none_though_its_status_be_good(fake_network: FakeNetwork) -> None:
    fake_network.answer_with(200, {"ok": False, "error_code": 400, "description": "Bad Request: message text is empty"})
    assert (require_refusal("telegram").final, str(require_refusal("telegram"))) == (
        True,
        "Bad Request: message text is empty",
    )
    fake_network.answer_with(200, {"ok": False})
    assert not require_refusal("telegram").final
    fake_network.answer_with(200, {"error": {"message": "Error validating access token", "code": 190}})
    assert str(require_refusal("cloud")) == "Error validating access token"


@each_account
def test_only_of_a_refusal_for_good_all_of_the_body_is_needed(which: str, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(200, {})
    send_part(which)
    needed = {status for status in range(100, 600) if fake_network.needs_body(status)}
    assert needed == set(range(400, 500)) - {401, 403, 404, 408, 425, 429}
    name, account = ACCOUNTS[which]
    with pytest.raises(Undelivered):
        get_messenger(name, account).check(account)
    assert fake_network.needs_body(200)


@pytest.mark.parametrize(
    "words",
    [
        "Bad Request: chat not found",
        "Bad Request: chat_id is empty",
        "Bad Request: group chat was deactivated",
        "Bad Request: group chat was upgraded to a supergroup chat",
        "Bad Request: PEER_ID_INVALID",
        "Bad Request: user not found",
        "Bad Request: not enough rights to send text messages to the chat",
        "Bad Request: need administrator rights in the channel chat",
        "Bad Request: CHAT_WRITE_FORBIDDEN",
        "Bad Request: message thread not found",
        "Bad Request: TOPIC_CLOSED",
    ],
)
def test_what_telegram_says_of_the_chat_can_be_put_right(words: str, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(400, {"ok": False, "error_code": 400, "description": words})
    assert (require_refusal("telegram").final, str(require_refusal("telegram"))) == (False, words)


@pytest.mark.parametrize(
    "words",
    [
        "Bad Request: message text is empty",
        "Bad Request: message is too long",
        "Bad Request: text must be encoded in UTF-8",
        'Bad Request: can\'t parse entities: Unsupported start tag "chat" at byte offset 7',
        "Bad Request: chatty",
        "",
    ],
)
def test_what_telegram_says_of_the_text_cannot(words: str, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(400, {"ok": False, "error_code": 400, "description": words})
    assert (require_refusal("telegram").final, str(require_refusal("telegram"))) == (True, words or "HTTP 400")


@pytest.mark.parametrize("status", [400, 403])
def test_the_new_id_of_a_group_that_became_a_supergroup_is_reported(status: int, fake_network: FakeNetwork) -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    said = {"ok": False, "description": words, "parameters": {"migrate_to_chat_id": -1009876543210}}
    fake_network.answer_with(status, said)
    assert str(require_refusal("telegram")) == f"{words}: the chat's id is now -1009876543210"
    assert (require_refusal("telegram").final, require_refusal("telegram").status) == (False, status)


def test_what_the_others_say_of_the_account_can_be_put_right(fake_network: FakeNetwork) -> None:
    for code in (220001, 50024, 50083):
        fake_network.answer_with(400, {"code": code, "message": "Webhooks posted to forum channels must have a thread"})
        assert not require_refusal("discord").final
    fake_network.answer_with(400, {"code": 50035, "message": "Invalid Form Body"})
    assert require_refusal("discord").final
    for error in ({"code": 133010}, {"code": 131042}, {"code": 100, "error_subcode": 33}):
        fake_network.answer_with(400, {"error": error})
        assert not require_refusal("cloud").final
    fake_network.answer_with(400, {"error": {"code": 100, "message": "(#100) Invalid parameter"}})
    assert require_refusal("cloud").final


@each_account
@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 425, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(which: str, status: int, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(status, {})
    found = require_refusal(which)
    assert (found.status, found.final, str(found)) == (status, False, f"HTTP {status}")


@each_account
@pytest.mark.parametrize("status", [400, 405, 413, 422])
def test_what_is_wrong_with_the_message_is_not(which: str, status: int, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(status, {})
    assert require_refusal(which).final


@each_account
def test_no_answer_is_none(which: str, fake_network: FakeNetwork) -> None:
    fake_network.answer = Unreachable("timed out")
    found = require_refusal(which)
    assert (str(found), found.final, found.rest_ms) == ("no answer: timed out", False, None)


@each_account
@pytest.mark.parametrize(
    ("header", "milliseconds"), [("7", 7000), ("0.5", 500), ("999999", 86_400_000), ("soon", None)]
)
def test_retry_after_is_obeyed(which: str, header: str, milliseconds: int | None, fake_network: FakeNetwork) -> None:
    for status in (429, 503):
        fake_network.answer_with(status, {}, retry_after=header)
        assert require_refusal(which).rest_ms == milliseconds
    fake_network.answer_with(500, {}, retry_after=header)
    assert require_refusal(which).rest_ms is None


DATES = ("Thu, 01 Jan 2026 12:00:30 GMT", "Thursday, 01-Jan-26 12:00:30 GMT", "Thu Jan  1 12:00:30 2026")


@each_account
@pytest.mark.parametrize("date", DATES)
def test_retry_after_may_be_a_date(which: str, date: str, fake_network: FakeNetwork) -> None:
    noon = 1_767_268_800_000  # 2026-01-01T12:00:00Z
    for status in (413, 429, 503):
        fake_network.answer_with(status, {}, retry_after=date)
        for now, rest in ((noon, 30_000), (noon + 60_000, 0), (noon - 9 * clock.DAY, clock.DAY)):
            before = clock.use(clock.ManualClock(now))
            found = require_refusal(which)
            clock.use(before)
            assert (found.final, found.rest_ms) == (False, rest)


@pytest.mark.parametrize("wrong", ["x", None, -1, "nan", "inf", [], {"a": 1}, True])
def test_a_rest_that_is_no_number_is_none(wrong: Any, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(
        429, {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": wrong}}
    )
    assert require_refusal("telegram").rest_ms in (None, 1000)
    fake_network.answer_with(429, {"ok": False, "parameters": wrong, "retry_after": wrong})
    assert require_refusal("telegram").rest_ms is None
    assert require_refusal("discord").rest_ms in (None, 1000)


def test_each_says_in_its_own_place_for_how_long(fake_network: FakeNetwork) -> None:
    fake_network.answer_with(
        429, {"ok": False, "description": "Too Many Requests: retry after 3", "parameters": {"retry_after": 3}}
    )
    assert (require_refusal("telegram").rest_ms, str(require_refusal("telegram"))) == (
        3000,
        "Too Many Requests: retry after 3",
    )
    said = {"message": "You are being rate limited.", "retry_after": 0.3, "global": False}
    fake_network.answer_with(429, said, retry_after="1")
    assert (require_refusal("discord").rest_ms, str(require_refusal("discord"))) == (300, "You are being rate limited.")
    for status, code in ((400, 130429), (429, 80007), (400, 131056)):
        fake_network.answer_with(status, {"error": {"message": "(#130429) Rate limit hit", "code": code}})
        assert (require_refusal("cloud").rest_ms, require_refusal("cloud").final) == (60_000, False)


def test_an_expired_token_of_metas_can_be_put_right(fake_network: FakeNetwork) -> None:
    fake_network.answer_with(400, {"error": {"message": "Error validating access token", "code": 190}})
    assert not require_refusal("cloud").final
    fake_network.answer_with(400, {"error": {"message": "(#131030) Recipient not in allowed list", "code": 131030}})
    assert (require_refusal("cloud").final, str(require_refusal("cloud"))) == (
        True,
        "(#131030) Recipient not in allowed list",
    )
    fake_network.answer_with(400, {"error": "?"})
    assert require_refusal("cloud").final


@pytest.mark.parametrize("status", ["SCAN_QR_CODE", "STARTING", "STOPPED", "FAILED"])
def test_a_bridge_without_its_phone_can_be_put_right(status: str, fake_network: FakeNetwork) -> None:
    error = "Session status is not as expected. Try again later or restart the session"
    fake_network.answer_with(422, {"error": error, "session": "default", "status": status, "expected": ["WORKING"]})
    assert (require_refusal("waha").final, str(require_refusal("waha"))) == (False, f"the WhatsApp session is {status}")


def test_what_an_account_lacks() -> None:
    assert missing_settings("telegram", {"chat_id": "1"}) == ["bot_token"]
    assert missing_settings("discord", {"webhook_url": ""}) == ["webhook_url"]
    assert missing_settings("whatsapp", {"url": "https://waha.example"}) == ["chat_id"]
    assert missing_settings("whatsapp", {"to": "49"}) == ["access_token", "phone_number_id"]
    assert [missing_settings(name, account) for name, account in ACCOUNTS.values()] == [[], [], [], []]


def test_an_address_that_is_none_is_said_to_be() -> None:
    for account in (DISCORD | {"webhook_url": "discord.com"}, DISCORD | {"webhook_url": "http://[x"}):
        with pytest.raises(Undelivered) as caught:
            get_messenger("discord", account).send(account, "hi")
        assert "discord.com" not in str(caught.value)


# What no provider documents: it is a refusal that may pass, never a defect of ours

NAMES = ("ok", "result", "message_id", "id", "key", "_serialized", "messages", "error", "code", "message", "parameters")
ODD = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.text(max_size=4) | st.just([]) | st.just({})
SAID = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from((*NAMES, "description", "retry_after", "status")), inner)
    ),
)


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(ACCOUNTS)), st.sampled_from([200, 400, 422, 429, 500]), SAID)
def test_whatever_is_answered_means_something(fake_network: FakeNetwork, which: str, status: int, said: Any) -> None:
    fake_network.answer_with(status, said)
    try:
        assert len(send_part(which)[0]) > 0
    except Undelivered as refusal:
        assert str(refusal)


@each_account
def test_an_answer_that_is_nested_without_end_says_no_more_than_its_status(
    which: str, fake_network: FakeNetwork
) -> None:
    fake_network.answer_with(429, b'{"id":' + b"[" * 100_000)
    assert not require_refusal(which).final
    fake_network.answer_with(200, b'{"id":' + b"[" * 100_000)
    assert send_part(which) == (UNKNOWN_RECEIPT, None)


@pytest.mark.parametrize("which", ["telegram", "discord"])
def test_a_rest_beyond_all_measure_is_none(which: str, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(429, {"ok": False, "parameters": {"retry_after": 10**400}, "retry_after": 10**400})
    assert require_refusal(which).rest_ms is None


@pytest.mark.parametrize("code", [[], {}, "190", None])
def test_a_code_that_is_no_number_is_none_of_metas(code: Any, fake_network: FakeNetwork) -> None:
    fake_network.answer_with(400, {"error": {"message": "no", "code": code}})
    assert require_refusal("cloud").final
