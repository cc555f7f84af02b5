"""The status of the messengers, and the health check."""

import json

import pytest

from chalicelib import config
from chalicelib.engine.messaging import notifications
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import sqs
from tests.apis.messenger.conftest import MessengerApi
from tests.engine.receivers import fact, happen, receiver
from tests.support.aws import counting
from tests.support.messengers import ACCOUNTS, DEAD, TOKEN, configure
from tests.support.world import ORG, answer

NOON = "2026-01-01T12:00:00.000000"
NEW = {"last_success": None, "last_error": None, "last_error_at": None, "sent": 0, "failed": 0}


def test_every_provider_is_shown(messenger_api: MessengerApi) -> None:
    configure({"telegram": ACCOUNTS["telegram"], "whatsapp": {"url": "https://waha.example"}})
    absent = {"configured": False, "connected": False, "problem": None} | NEW
    present = {"configured": True, "connected": True, "problem": None} | NEW
    assert messenger_api.call("GET", "/api/messengers") == {
        "messengers": [{"name": "telegram"} | present, {"name": "whatsapp"} | absent, {"name": "discord"} | absent]
    }


def test_what_a_provider_has_done_is_counted(messenger_api: MessengerApi) -> None:
    messenger_api.notify(providers=["telegram"])
    messenger_api.notify(providers=["telegram"])
    messenger_api.providers.telegram.reply = answer(400, {"ok": False, "description": f"Bad Request: {TOKEN}"})
    messenger_api.notify(providers=["telegram"])
    found = messenger_api.messenger("telegram")
    assert (found["sent"], found["failed"], found["last_success"]) == (2, 1, "2026-01-01T12:00:02.000000")
    assert (found["last_error"], found["last_error_at"]) == ("Bad Request: ***", "2026-01-01T12:00:03.000000")


def test_a_check_is_cached_for_a_minute(messenger_api: MessengerApi) -> None:
    request_counts = []
    for seconds in (0, 59, 1):
        messenger_api.providers.world.clock.advance(seconds)
        assert messenger_api.messenger("telegram")["connected"]
        request_counts.append(messenger_api.providers.telegram.request_count)
    assert request_counts == [1, 1, 2]


def test_what_does_not_answer_is_not_connected_and_hides_no_other(messenger_api: MessengerApi) -> None:
    messenger_api.providers.telegram.reply = answer(
        401, {"ok": False, "error_code": 401, "description": f"Unauthorized: {TOKEN}"}
    )
    messenger_api.providers.discord.reply = DEAD
    messenger_api.providers.whatsapp.status = "SCAN_QR_CODE"
    found = {one["name"]: one for one in messenger_api.call("GET", "/api/messengers")["messengers"]}
    assert {name: (one["configured"], one["connected"], one["problem"]) for name, one in found.items()} == {
        "telegram": (True, False, "Unauthorized: ***"),
        "discord": (True, False, "no answer: timed out"),
        "whatsapp": (True, False, "the WhatsApp session is SCAN_QR_CODE"),
    }


def test_health_shows_how_much_waits(messenger_api: MessengerApi, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = {
        "status": "healthy",
        "timestamp": NOON,
        "version": "1.0.0",
        "service": "zimmer-09-clawdbot-bote",
        "queue_depth": 3,
        "waiting_for_retry": 0,
    }
    assert messenger_api.request("POST", "/api/notify", {"message": "x"}).status == 202
    assert messenger_api.request("GET", "/health", token=None).json == healthy
    notifications._waiting.clear()

    def raise_unavailable(_: str) -> int:
        raise Unavailable("The queue cannot be reached; try again")

    monkeypatch.setattr(sqs, "depth", raise_unavailable)
    reply = messenger_api.request("GET", "/health", token=None)
    unknown = {"status": "degraded", "queue_depth": None, "waiting_for_retry": None}
    assert (reply.status, reply.json) == (200, healthy | unknown)


def test_health_counts_what_waits_for_its_next_try_in_any_org_and_caches_it_for_five_seconds(
    messenger_api: MessengerApi,
) -> None:
    messenger_api.providers.telegram.reply = answer(500)

    def read_counts() -> tuple[int, int]:
        found = messenger_api.request("GET", "/health", token=None).json
        return found["queue_depth"], found["waiting_for_retry"]

    assert read_counts() == (0, 0)
    for number in range(7):
        messenger_api.notify(str(number), providers=["telegram", "discord"])
    config.replace(messengers=json.dumps(dict.fromkeys((ORG, "umbra"), ACCOUNTS)))
    notifications.enqueue_notification("umbra", "elsewhere", providers=["telegram"])
    messenger_api.providers.world.settle()
    notifications._waiting.clear()
    with counting() as calls:
        assert [read_counts(), read_counts()] == [(8, 8), (8, 8)]
    assert sum(calls.values()) == config.settings().wake_shards
    messenger_api.providers.telegram.reply = None
    messenger_api.providers.world.advance(600)
    assert read_counts() == (0, 0)
    notifications.enqueue_notification("umbra", "not taken up yet", providers=["telegram"])
    messenger_api.providers.world.queues.queues.clear()
    messenger_api.providers.world.clock.advance(5)
    assert read_counts() == (1, 0), "though its message is lost"


def test_a_backlog_is_counted_so_far_and_a_webhook_s_is_not(
    messenger_api: MessengerApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "MAX_COUNTED", 2)
    messenger_api.providers.telegram.reply = answer(500)
    hook = receiver(messenger_api.providers.world)
    hook.reply = answer(500)
    happen(*(fact(number) for number in range(5)))
    for number in range(30):
        messenger_api.notify(str(number), providers=["telegram"])
    found = messenger_api.request("GET", "/health", token=None).json
    assert found["waiting_for_retry"] == found["queue_depth"] == 2 * config.settings().wake_shards
