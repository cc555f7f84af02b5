"""Notifications and alerts: what is asked for, what became of it, and the history."""

from typing import Any

import pytest

from tests.apis.messenger.conftest import Desk
from tests.support.client import token
from tests.support.messengers import ACCOUNTS, configure
from tests.support.world import answer

NOON = "2026-01-01T12:00:00.000000"
EVERYWHERE = dict.fromkeys(("telegram", "whatsapp", "discord"), "queued")


def statuses(shown: Any) -> dict[str, str]:
    return {name: one["status"] for name, one in shown["providers"].items()}


def test_the_documents_notification(desk: Desk) -> None:
    said = {"message": "Task completed successfully!", "type": "success", "providers": ["telegram", "discord"]}
    made = desk.told("POST", "/api/notify", said)
    assert made == {"id": made["id"], "status": "queued", "providers": {"telegram": "queued", "discord": "queued"}}
    [shown] = desk.history()
    found = {"status": "sent", "message_id": "1", "message_ids": ["1"], "attempts": 1, "error": None, "sent_at": NOON}
    assert shown == {
        "id": made["id"],
        "type": "success",
        "message": "Task completed successfully!",
        "source": "notify",
        "created_at": NOON,
        "providers": {"telegram": found, "discord": found | {"message_id": "111", "message_ids": ["111"]}},
    }
    assert desk.by.whatsapp.sent == []


@pytest.mark.parametrize("said", [{}, {"providers": None}, {"providers": ["all"]}, {"providers": ["all", "discord"]}])
def test_all_that_are_configured_are_told_unless_some_are_named(desk: Desk, said: dict[str, Any]) -> None:
    assert desk.told("POST", "/api/notify", {"message": "Hello!", "type": "info"} | said)["providers"] == EVERYWHERE


def test_what_is_not_configured_is_named(desk: Desk) -> None:
    configure({"telegram": ACCOUNTS["telegram"]})
    made = desk.told("POST", "/api/notify", {"message": "x", "providers": ["telegram", "discord"]})
    assert made["providers"] == {"telegram": "queued", "discord": "not_configured"}
    assert statuses(desk.history()[0]) == {"telegram": "sent", "discord": "not_configured"}


@pytest.mark.parametrize(
    "path", ["/api/notify", "/api/alert", *(f"/webhooks/n8n/{name}" for name in ("survey-complete", "error-alert"))]
)
def test_where_nothing_is_configured_it_says_what_to_set(desk: Desk, path: str) -> None:
    configure({})
    message = desk.refused(503, "POST", path, {"message": "x"})
    for name in ("telegram.bot_token", "telegram.chat_id", "whatsapp.url", "whatsapp.access_token", "discord.webhook"):
        assert name in message
    assert desk.history() == []


def test_an_unknown_provider_is_refused_naming_the_known_ones(desk: Desk) -> None:
    message = desk.refused(400, "POST", "/api/notify", {"message": "x", "providers": ["pager"]})
    for name in ("telegram", "whatsapp", "discord", "all"):
        assert name in message


def test_an_idempotency_key_is_its_senders_own(desk: Desk) -> None:
    under = {"headers": {"Idempotency-Key": "k"}}
    first = desk.told("POST", "/api/notify", {"message": "x"}, **under)
    assert desk.told("POST", "/api/notify", {"message": "x"}, **under) == first
    desk.refused(409, "POST", "/api/notify", {"message": "y"}, **under)
    assert desk.told("POST", "/api/alert", {"message": "x"}, **under) != first
    other = desk.told("POST", "/api/notify", {"message": "y"}, token=token("user", subject="ada"), **under)
    assert other != first
    assert [one["text"] for one in desk.by.telegram.sent] == ["ℹ️ x", "⚠️ x", "ℹ️ y"]


def test_what_is_critical_goes_everywhere(desk: Desk) -> None:
    made = desk.alert("critical", "Critical error in Zimmer-19!", providers=["telegram"])
    assert made["providers"] == EVERYWHERE
    assert desk.alert("warning", providers=["telegram"])["providers"] == {"telegram": "queued"}
    assert desk.alert("info")["providers"] == EVERYWHERE
    assert [one["text"] for one in desk.by.telegram.sent] == ["🚨 Critical error in Zimmer-19!", "⚠️ Fire!", "ℹ️ Fire!"]


def test_what_is_critical_is_never_throttled(desk: Desk) -> None:
    calls = 0
    while desk.ask("POST", "/api/alert", {"message": "x", "severity": "warning"}).status == 202:
        calls += 1
    assert calls == 60
    limited = desk.ask("POST", "/api/notify", {"message": "x", "type": "error"})
    assert (limited.status, limited.json["error"]) == (429, "TOO_MANY_REQUESTS")
    assert int(limited.headers["retry-after"]) >= 1
    for said in ("critical", "not JSON {", ["critical"], {"severity": "critical"}):
        assert desk.ask("POST", "/api/notify", said).status == 429
    for said in (
        *("not JSON {", ["critical"], {"message": "x", "severity": ["critical"]}, {"severity": "critical"}),
        *({"message": "x", "severity": "critical", "providers": ["pager"]}, f'{{"severity": {"[" * 100_000}'),
    ):
        assert desk.ask("POST", "/api/alert", said).status == 429, "only an alert is let through"
    assert desk.ask("POST", "/api/alert", {"message": "now", "severity": "critical"}).status == 202


def test_what_was_taken_without_an_id_is_sent_and_has_none(desk: Desk) -> None:
    desk.by.whatsapp.reply = answer(201)
    desk.notify("word " * 2000, providers=["whatsapp"])
    [shown] = desk.history()
    found = shown["providers"]["whatsapp"]
    assert (found["status"], found["message_id"], found["message_ids"], found["error"]) == ("sent", None, [], None)


def test_why_a_chat_takes_nothing_is_shown_while_it_is_tried_again(desk: Desk) -> None:
    desk.by.telegram.reply = answer(400, {"ok": False, "description": "Bad Request: chat not found"})
    desk.notify("x", providers=["telegram"])
    found = desk.history()[0]["providers"]["telegram"]
    assert (found["status"], found["attempts"], found["error"]) == ("queued", 1, "Bad Request: chat not found")


def test_the_history_is_newest_first_and_filtered(desk: Desk) -> None:
    desk.notify("one", providers=["telegram"])
    desk.by.discord.reply = answer(404, {"message": "Unknown Webhook", "code": 10015})
    desk.notify("two", type="error", providers=["discord", "telegram"])
    desk.by.telegram.reply = answer(400, {"ok": False, "description": "Bad Request: message is too long"})
    desk.notify("three", type="error", providers=["telegram"])

    def found(query: str) -> list[str]:
        return [one["message"] for one in desk.history(query)]

    assert found("") == ["three", "two", "one"]
    assert found("?type=error") == ["three", "two"]
    assert found("?provider=discord") == ["two"]
    assert found("?status=sent") == ["two", "one"]
    assert found("?status=queued") == ["two"]
    assert found("?status=failed") == ["three"]
    assert found("?provider=telegram&status=sent") == ["two", "one"]
    assert found("?provider=telegram&status=sent&type=error") == ["two"]
    assert found("?provider=whatsapp") == []


def test_a_history_is_read_page_by_page(desk: Desk) -> None:
    made = [desk.notify(str(number), providers=["telegram"]) for number in range(5)]
    found, cursor = [], ""
    while True:
        page = desk.told("GET", f"/api/notifications?limit=2{cursor}")
        assert page["limit"] == 2
        found += [one["id"] for one in page["notifications"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == made[::-1]
    assert desk.refused(400, "GET", f"/api/notifications?type=error{cursor}")
    assert desk.refused(400, "GET", f"/api/notifications?limit=2{cursor}", token=token("user", "umbra"))


def test_a_filtered_page_looks_no_further_than_it_may(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.engine.messaging.notifications.MAX_EXAMINED", 3)
    desk.notify("wanted", type="error", providers=["telegram"])
    for _ in range(4):
        desk.notify(providers=["telegram"])
    page = desk.told("GET", "/api/notifications?type=error")
    assert page["notifications"] == []
    last = desk.told("GET", f"/api/notifications?type=error&cursor={page['next_cursor']}")
    assert [one["message"] for one in last["notifications"]] == ["wanted"]
    assert last["next_cursor"] is None


def test_another_orgs_history_is_another(desk: Desk) -> None:
    desk.notify()
    assert desk.told("GET", "/api/notifications", token=token("admin", "umbra"))["notifications"] == []
    desk.refused(503, "POST", "/api/notify", {"message": "x"}, token=token("admin", "umbra"))


def test_a_failure_is_seen_with_its_reason(desk: Desk) -> None:
    desk.by.telegram.reply = answer(403, {"ok": False, "description": "Forbidden: bot was blocked by the user"})
    desk.notify(providers=["telegram"])
    shown = desk.history()[0]["providers"]["telegram"]
    assert (shown["status"], shown["attempts"], shown["sent_at"]) == ("queued", 1, None)
    assert shown["error"] == "Forbidden: bot was blocked by the user"
