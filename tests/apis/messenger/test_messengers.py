"""How the messengers are doing, and whether the API is."""

import pytest

from chalicelib.errors import Unavailable
from chalicelib.storage import queues
from tests.apis.messenger.conftest import Desk
from tests.support.messengers import ACCOUNTS, DEAD, TOKEN, configure
from tests.support.world import answer

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
        desk.by.house.clock.advance(seconds)
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
    }
    assert desk.ask("POST", "/api/notify", {"message": "x"}).status == 202
    assert desk.ask("GET", "/health", token=None).json == healthy

    def out_of_reach(_: str) -> int:
        raise Unavailable("The queue cannot be reached; try again")

    monkeypatch.setattr(queues, "depth", out_of_reach)
    reply = desk.ask("GET", "/health", token=None)
    assert (reply.status, reply.json) == (200, healthy | {"status": "degraded", "queue_depth": None})
