"""How the messengers are doing, and whether the API is."""

import json

import pytest

from chalicelib import config
from chalicelib.engine.messaging import notifications
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import sqs
from tests.apis.messenger.conftest import Desk
from tests.engine.receivers import fact, happen, receiver
from tests.support.aws import counting
from tests.support.messengers import ACCOUNTS, DEAD, TOKEN, configure
from tests.support.world import ORG, answer

NOON = "2026-01-01T12:00:00.000000"
NEW = {"last_success": None, "last_error": None, "last_error_at": None, "sent": 0, "failed": 0}


def test_every_provider_is_shown(desk: Desk) -> None:
    configure({"telegram": ACCOUNTS["telegram"], "whatsapp": {"url": "https://waha.example"}})
    absent = {"configured": False, "connected": False, "problem": None} | NEW
    present = {"configured": True, "connected": True, "problem": None} | NEW
    assert desk.told("GET", "/api/messengers") == {
        "messengers": [{"name": "telegram"} | present, {"name": "whatsapp"} | absent, {"name": "discord"} | absent]
    }


def test_what_a_provider_has_done_is_counted(desk: Desk) -> None:
    desk.notify(providers=["telegram"])
    desk.notify(providers=["telegram"])
    desk.by.telegram.reply = answer(400, {"ok": False, "description": f"Bad Request: {TOKEN}"})
    desk.notify(providers=["telegram"])
    found = desk.messenger("telegram")
    assert (found["sent"], found["failed"], found["last_success"]) == (2, 1, "2026-01-01T12:00:02.000000")
    assert (found["last_error"], found["last_error_at"]) == ("Bad Request: ***", "2026-01-01T12:00:03.000000")


def test_a_check_is_believed_for_a_minute(desk: Desk) -> None:
    asked = []
    for seconds in (0, 59, 1):
        desk.by.world.clock.advance(seconds)
        assert desk.messenger("telegram")["connected"]
        asked.append(desk.by.telegram.asked)
    assert asked == [1, 1, 2]


def test_what_does_not_answer_is_not_connected_and_hides_no_other(desk: Desk) -> None:
    desk.by.telegram.reply = answer(401, {"ok": False, "error_code": 401, "description": f"Unauthorized: {TOKEN}"})
    desk.by.discord.reply = DEAD
    desk.by.whatsapp.status = "SCAN_QR_CODE"
    found = {one["name"]: one for one in desk.told("GET", "/api/messengers")["messengers"]}
    assert {name: (one["configured"], one["connected"], one["problem"]) for name, one in found.items()} == {
        "telegram": (True, False, "Unauthorized: ***"),
        "discord": (True, False, "no answer: timed out"),
        "whatsapp": (True, False, "the WhatsApp session is SCAN_QR_CODE"),
    }


def test_health_tells_how_much_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = {
        "status": "healthy",
        "timestamp": NOON,
        "version": "1.0.0",
        "service": "zimmer-09-clawdbot-bote",
        "queue_depth": 3,
        "waiting_for_retry": 0,
    }
    assert desk.ask("POST", "/api/notify", {"message": "x"}).status == 202
    assert desk.ask("GET", "/health", token=None).json == healthy
    notifications._waiting.clear()

    def out_of_reach(_: str) -> int:
        raise Unavailable("The queue cannot be reached; try again")

    monkeypatch.setattr(sqs, "depth", out_of_reach)
    reply = desk.ask("GET", "/health", token=None)
    unknown = {"status": "degraded", "queue_depth": None, "waiting_for_retry": None}
    assert (reply.status, reply.json) == (200, healthy | unknown)


def test_health_counts_what_waits_for_its_next_try_in_any_org_and_believes_it_for_five_seconds(desk: Desk) -> None:
    desk.by.telegram.reply = answer(500)

    def shown() -> tuple[int, int]:
        found = desk.ask("GET", "/health", token=None).json
        return found["queue_depth"], found["waiting_for_retry"]

    assert shown() == (0, 0)
    for number in range(7):
        desk.notify(str(number), providers=["telegram", "discord"])
    config.replace(messengers=json.dumps(dict.fromkeys((ORG, "umbra"), ACCOUNTS)))
    notifications.enqueue_notification("umbra", "elsewhere", providers=["telegram"])
    desk.by.world.settle()
    notifications._waiting.clear()
    with counting() as calls:
        assert [shown(), shown()] == [(8, 8), (8, 8)]
    assert sum(calls.values()) == config.settings().wake_shards
    desk.by.telegram.reply = None
    desk.by.world.advance(600)
    assert shown() == (0, 0)
    notifications.enqueue_notification("umbra", "not taken up yet", providers=["telegram"])
    desk.by.world.queues.queues.clear()
    desk.by.world.clock.advance(5)
    assert shown() == (1, 0), "though its message is lost"


def test_a_backlog_is_counted_so_far_and_a_webhook_s_is_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "MAX_COUNTED", 2)
    desk.by.telegram.reply = answer(500)
    hook = receiver(desk.by.world)
    hook.reply = answer(500)
    happen(*(fact(number) for number in range(5)))
    for number in range(30):
        desk.notify(str(number), providers=["telegram"])
    found = desk.ask("GET", "/health", token=None).json
    assert found["waiting_for_retry"] == found["queue_depth"] == 2 * config.settings().wake_shards
