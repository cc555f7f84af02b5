"""Notifications and alerts: requests, statuses, and the history."""

from typing import Any

import pytest

from chalicelib.storage.deliveries.notifications import KEY_RETENTION_MS
from tests.apis.messenger.conftest import MessengerApi
from tests.support.client import token
from tests.support.messengers import ACCOUNTS, configure
from tests.support.world import answer

NOON = "2026-01-01T12:00:00.000000"
EVERYWHERE = dict.fromkeys(("telegram", "whatsapp", "discord"), "queued")


def statuses(shown: Any) -> dict[str, str]:
    return {name: one["status"] for name, one in shown["providers"].items()}


def test_the_documents_notification(messenger_api: MessengerApi) -> None:
    said = {"message": "Task completed successfully!", "type": "success", "providers": ["telegram", "discord"]}
    answer = messenger_api.call("POST", "/api/notify", said)
    assert answer == {"id": answer["id"], "status": "queued", "providers": {"telegram": "queued", "discord": "queued"}}
    [shown] = messenger_api.history()
    sent = {"status": "sent", "message_id": "1", "message_ids": ["1"], "attempts": 1, "error": None, "sent_at": NOON}
    assert shown == {
        "id": answer["id"],
        "type": "success",
        "message": "Task completed successfully!",
        "source": "notify",
        "created_at": NOON,
        "providers": {"telegram": sent, "discord": sent | {"message_id": "111", "message_ids": ["111"]}},
    }
    assert messenger_api.providers.whatsapp.sent == []


@pytest.mark.parametrize("fields", [{}, {"providers": None}, {"providers": ["all"]}, {"providers": ["all", "discord"]}])
def test_every_configured_provider_is_used_unless_some_are_named(
    messenger_api: MessengerApi, fields: dict[str, Any]
) -> None:
    assert (
        messenger_api.call("POST", "/api/notify", {"message": "Hello!", "type": "info"} | fields)["providers"]
        == EVERYWHERE
    )


def test_what_is_not_configured_is_named(messenger_api: MessengerApi) -> None:
    configure({"telegram": ACCOUNTS["telegram"]})
    made = messenger_api.call("POST", "/api/notify", {"message": "x", "providers": ["telegram", "discord"]})
    assert made["providers"] == {"telegram": "queued", "discord": "not_configured"}
    assert statuses(messenger_api.history()[0]) == {"telegram": "sent", "discord": "not_configured"}


@pytest.mark.parametrize(
    "path", ["/api/notify", "/api/alert", *(f"/webhooks/n8n/{name}" for name in ("survey-complete", "error-alert"))]
)
def test_where_nothing_is_configured_it_says_what_to_set(messenger_api: MessengerApi, path: str) -> None:
    configure({})
    message = messenger_api.expect_error(503, "POST", path, {"message": "x"})
    for name in ("telegram.bot_token", "telegram.chat_id", "whatsapp.url", "whatsapp.access_token", "discord.webhook"):
        assert name in message
    assert messenger_api.history() == []


def test_an_unknown_provider_is_refused_naming_the_known_ones(messenger_api: MessengerApi) -> None:
    message = messenger_api.expect_error(400, "POST", "/api/notify", {"message": "x", "providers": ["pager"]})
    for name in ("telegram", "whatsapp", "discord", "all"):
        assert name in message


def test_an_idempotency_key_is_its_senders_own(messenger_api: MessengerApi) -> None:
    under = {"headers": {"Idempotency-Key": "k"}}
    first = messenger_api.call("POST", "/api/notify", {"message": "x"}, **under)
    assert messenger_api.call("POST", "/api/notify", {"message": "x"}, **under) == first
    messenger_api.expect_error(409, "POST", "/api/notify", {"message": "y"}, **under)
    assert messenger_api.call("POST", "/api/alert", {"message": "x"}, **under) != first
    other = messenger_api.call("POST", "/api/notify", {"message": "y"}, token=token("user", subject="ada"), **under)
    assert other != first
    assert [one["text"] for one in messenger_api.providers.telegram.sent] == ["ℹ️ x", "⚠️ x", "ℹ️ y"]


def test_what_was_taken_is_found_by_its_key_when_no_messenger_is_configured_any_more(
    messenger_api: MessengerApi,
) -> None:
    """The answer to the first request was lost: a refusal would have its sender notify again later."""
    under = {"headers": {"Idempotency-Key": "k"}}
    first = messenger_api.call("POST", "/api/notify", {"message": "x"}, **under)
    configure({})
    assert messenger_api.call("POST", "/api/notify", {"message": "x"}, **under) == first
    messenger_api.expect_error(409, "POST", "/api/notify", {"message": "y"}, **under)
    messenger_api.expect_error(503, "POST", "/api/notify", {"message": "x"}, headers={"Idempotency-Key": "new"})
    messenger_api.world.clock.advance(KEY_RETENTION_MS / 1000)
    messenger_api.expect_error(503, "POST", "/api/notify", {"message": "x"}, token=token("user"), **under)


def test_what_is_critical_goes_everywhere(messenger_api: MessengerApi) -> None:
    made = messenger_api.alert("critical", "Critical error in Zimmer-19!", providers=["telegram"])
    assert made["providers"] == EVERYWHERE
    assert messenger_api.alert("warning", providers=["telegram"])["providers"] == {"telegram": "queued"}
    assert messenger_api.alert("info")["providers"] == EVERYWHERE
    assert [one["text"] for one in messenger_api.providers.telegram.sent] == [
        "🚨 Critical error in Zimmer-19!",
        "⚠️ Fire!",
        "ℹ️ Fire!",
    ]


def test_what_is_critical_is_never_throttled(messenger_api: MessengerApi) -> None:
    calls = 0
    while messenger_api.request("POST", "/api/alert", {"message": "x", "severity": "warning"}).status == 202:
        calls += 1
    assert calls == 60
    limited = messenger_api.request("POST", "/api/notify", {"message": "x", "type": "error"})
    assert (limited.status, limited.json["error"]) == (429, "TOO_MANY_REQUESTS")
    assert int(limited.headers["retry-after"]) >= 1
    for body in ("critical", "not JSON {", ["critical"], {"severity": "critical"}):
        assert messenger_api.request("POST", "/api/notify", body).status == 429
    for body in (
        *("not JSON {", ["critical"], {"message": "x", "severity": ["critical"]}, {"severity": "critical"}),
        *({"message": "x", "severity": "critical", "providers": ["pager"]}, f'{{"severity": {"[" * 100_000}'),
    ):
        assert messenger_api.request("POST", "/api/alert", body).status == 429, "only an alert is let through"
    assert messenger_api.request("POST", "/api/alert", {"message": "now", "severity": "critical"}).status == 202


def test_what_was_taken_without_an_id_is_sent_and_has_none(messenger_api: MessengerApi) -> None:
    messenger_api.providers.whatsapp.reply = answer(201)
    messenger_api.notify("word " * 2000, providers=["whatsapp"])
    [shown] = messenger_api.history()
    found = shown["providers"]["whatsapp"]
    assert (found["status"], found["message_id"], found["message_ids"], found["error"]) == ("sent", None, [], None)


def test_why_a_chat_takes_nothing_is_shown_while_it_is_tried_again(messenger_api: MessengerApi) -> None:
    messenger_api.providers.telegram.reply = answer(400, {"ok": False, "description": "Bad Request: chat not found"})
    messenger_api.notify("x", providers=["telegram"])
    found = messenger_api.history()[0]["providers"]["telegram"]
    assert (found["status"], found["attempts"], found["error"]) == ("queued", 1, "Bad Request: chat not found")


def test_the_history_is_newest_first_and_filtered(messenger_api: MessengerApi) -> None:
    messenger_api.notify("one", providers=["telegram"])
    messenger_api.providers.discord.reply = answer(404, {"message": "Unknown Webhook", "code": 10015})
    messenger_api.notify("two", type="error", providers=["discord", "telegram"])
    messenger_api.providers.telegram.reply = answer(
        400, {"ok": False, "description": "Bad Request: message is too long"}
    )
    messenger_api.notify("three", type="error", providers=["telegram"])

    def list_messages(query: str) -> list[str]:
        return [one["message"] for one in messenger_api.history(query)]

    assert list_messages("") == ["three", "two", "one"]
    assert list_messages("?type=error") == ["three", "two"]
    assert list_messages("?provider=discord") == ["two"]
    assert list_messages("?status=sent") == ["two", "one"]
    assert list_messages("?status=queued") == ["two"]
    assert list_messages("?status=failed") == ["three"]
    assert list_messages("?provider=telegram&status=sent") == ["two", "one"]
    assert list_messages("?provider=telegram&status=sent&type=error") == ["two"]
    assert list_messages("?provider=whatsapp") == []


def test_a_history_is_read_page_by_page(messenger_api: MessengerApi) -> None:
    ids = [messenger_api.notify(str(number), providers=["telegram"]) for number in range(5)]
    listed, cursor = [], ""
    while True:
        page = messenger_api.call("GET", f"/api/notifications?limit=2{cursor}")
        assert page["limit"] == 2
        listed += [one["id"] for one in page["notifications"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert listed == ids[::-1]
    assert messenger_api.expect_error(400, "GET", f"/api/notifications?type=error{cursor}")
    assert messenger_api.expect_error(400, "GET", f"/api/notifications?limit=2{cursor}", token=token("user", "umbra"))


def test_a_filtered_page_looks_no_further_than_it_may(
    messenger_api: MessengerApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.engine.messaging.notifications.MAX_EXAMINED", 3)
    messenger_api.notify("wanted", type="error", providers=["telegram"])
    for _ in range(4):
        messenger_api.notify(providers=["telegram"])
    page = messenger_api.call("GET", "/api/notifications?type=error")
    assert page["notifications"] == []
    last = messenger_api.call("GET", f"/api/notifications?type=error&cursor={page['next_cursor']}")
    assert [one["message"] for one in last["notifications"]] == ["wanted"]
    assert last["next_cursor"] is None


def test_another_orgs_history_is_another(messenger_api: MessengerApi) -> None:
    messenger_api.notify()
    assert messenger_api.call("GET", "/api/notifications", token=token("admin", "umbra"))["notifications"] == []
    messenger_api.expect_error(503, "POST", "/api/notify", {"message": "x"}, token=token("admin", "umbra"))


def test_a_failure_is_seen_with_its_reason(messenger_api: MessengerApi) -> None:
    messenger_api.providers.telegram.reply = answer(
        403, {"ok": False, "description": "Forbidden: bot was blocked by the user"}
    )
    messenger_api.notify(providers=["telegram"])
    shown = messenger_api.history()[0]["providers"]["telegram"]
    assert (shown["status"], shown["attempts"], shown["sent_at"]) == ("queued", 1, None)
    assert shown["error"] == "Forbidden: bot was blocked by the user"
