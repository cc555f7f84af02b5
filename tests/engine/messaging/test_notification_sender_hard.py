"""Notifications under ill winds: answers that nobody documents, credentials that providers repeat, functions that speak
to the same provider at once, and what can never be sent."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.deliveries import notification as rules
from chalicelib.domain.deliveries.delivery import HEALTHY, Health
from chalicelib.engine.deliveries import attempt_queue
from chalicelib.engine.messaging import notification_sender, provider_accounts
from chalicelib.errors import Unavailable
from chalicelib.providers.messengers.telegram import Telegram
from chalicelib.storage.deliveries import deliveries, notifications, receiver_health
from chalicelib.storage.deliveries.deliveries import Key
from infra.engine import ENGINE
from tests.support import aws
from tests.support.messengers import ACCOUNTS, TOKEN, TOO_MANY, Messengers, configure, messengers
from tests.support.world import ORG, World, answer

LONG_TOKEN = "1234567:" + "A1b2C3d4E5" * 4


@pytest.fixture
def by(world: World) -> Messengers:
    return messengers(world)


def attempt(by: Messengers, *names: str) -> list[Exception | None]:
    """One function's work on the latest notification, with all of it in one batch."""
    return notification_sender.send_notifications(
        [attempt_queue.attempt_message(by.delivery(name)) for name in names or ("telegram",)]
    )


def with_token(token: str) -> None:
    configure(ACCOUNTS | {"telegram": ACCOUNTS["telegram"] | {"bot_token": token}})


# Credentials


@pytest.mark.parametrize("before", [153, 170, 199])
def test_a_secret_is_known_though_the_reason_is_cut_in_the_midst_of_it(before: int, by: Messengers) -> None:
    with_token(LONG_TOKEN)
    by.telegram.reply = answer(400, {"ok": False, "description": "x" * before + LONG_TOKEN})
    by.told()
    reason = str(by.delivery().reason)
    assert reason.startswith("x" * before) and not set(reason) - set("x*")
    assert len(reason) <= provider_accounts.MAX_REASON_LENGTH


def test_a_secret_that_was_replaced_while_it_was_used_is_still_one(by: Messengers) -> None:
    def replaced() -> Any:
        with_token("999:another-token")
        return answer(400, {"ok": False, "description": f"no {TOKEN}"})

    by.telegram.reply = replaced
    by.told()
    assert by.delivery().reason == "no ***"


def test_accounts_are_read_once_for_all_providers_and_not_by_several_threads(
    by: Messengers, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[threading.Thread] = []
    read = provider_accounts._read
    monkeypatch.setattr(provider_accounts, "_read", lambda org: readers.append(threading.current_thread()) or read(org))
    by.send()
    provider_accounts._cached.clear()
    readers.clear()
    assert attempt(by, "telegram", "discord", "whatsapp") == [None] * 3
    assert readers == [threading.current_thread()]


def test_an_org_whose_accounts_cannot_be_read_keeps_no_other_waiting(
    by: Messengers, monkeypatch: pytest.MonkeyPatch
) -> None:
    by.send(providers=["telegram"])
    mine, theirs = by.delivery(), replace(by.delivery(), org="umbra")
    notifications.create("umbra", by.latest().notification, [theirs], None, "")
    of = provider_accounts.get_accounts

    def out_of_reach(org: str) -> Any:
        if org == "umbra":
            raise Unavailable("The deployment's secrets cannot be read now: try again shortly.")
        return of(org)

    monkeypatch.setattr(provider_accounts, "get_accounts", out_of_reach)
    [sent, other] = notification_sender.send_notifications(
        [attempt_queue.attempt_message(mine), attempt_queue.attempt_message(theirs)]
    )
    assert (sent, type(other), len(by.telegram.sent)) == (None, Unavailable, 1)


# Answers


@pytest.mark.parametrize("name", ["discord", "whatsapp"])
def test_an_id_without_end_is_an_acknowledgement_all_the_same(name: str, by: Messengers) -> None:
    by.discord.reply = by.whatsapp.reply = answer(200, {"id": "9" * 500_000})
    by.send(providers=[name])
    assert attempt(by, name) == [None]
    assert by.delivery(name).receipts == ("9" * rules.MAX_RECEIPT_LENGTH,)


# Providers that want to be left alone


def test_a_rest_is_seen_and_counts_as_no_attempt(by: Messengers) -> None:
    by.telegram.reply = answer(429, TOO_MANY)
    by.told()
    found = by.delivery()
    assert (found.tries, [one.status for one in found.attempts], found.reason) == (0, [429], "Too Many Requests")


def test_a_shorter_rest_does_not_end_a_longer_one(by: Messengers) -> None:
    now = clock.now()
    for seconds, until in ((60, 60), (1, 60), (90, 90)):
        assert (
            receiver_health.pause_until(ORG, "telegram", now + seconds * clock.SECOND).paused_until
            == now + until * clock.SECOND
        )
    receiver_health.schedule_attempt(ORG, "telegram", now, clock.MINUTE, clock.HOUR)
    for seconds, until in ((100, 100), (99, 100)):
        assert (
            receiver_health.pause_until(ORG, "telegram", now + seconds * clock.SECOND).paused_until
            == now + until * clock.SECOND
        )


def test_a_message_that_still_got_through_does_not_end_a_rest(by: Messengers) -> None:
    """Two functions speak to a provider in trouble: while one's message is taken, the other's is told to wait."""
    receiver_health.record_trouble(ORG, "telegram", clock.now(), failing=True)

    def taken() -> Any:
        receiver_health.pause_until(ORG, "telegram", clock.now() + 60 * clock.SECOND)
        return answer(200, {"ok": True, "result": {"message_id": 1}})

    by.telegram.reply = taken
    by.send(providers=["telegram"])
    attempt(by)
    by.telegram.reply = None
    by.send("next", providers=["telegram"], kind="critical")
    attempt(by)
    assert (by.telegram.asked, by.delivery().wake_at) == (1, clock.now() + 60 * clock.SECOND)
    by.world.clock.advance(60)
    attempt(by)
    assert len(by.telegram.sent) == 1
    assert receiver_health.record_recovery(ORG, "telegram", clock.now()) == HEALTHY


# What can never be sent


def test_what_breaks_whoever_sends_it_is_given_up_after_a_day_too(
    by: Messengers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("a defect of ours")

    monkeypatch.setattr(Telegram, "send", broken)
    by.send(providers=["telegram"])
    assert [type(error) for error in attempt(by)] == [KeyError]
    by.world.clock.advance(clock.DAY // clock.SECOND)
    assert attempt(by) == [None]
    assert by.latest().status("telegram") == "failed"
    assert str(by.delivery().reason).startswith("given up, it cannot be sent within 24 hours")


def test_what_nobody_looked_at_for_a_day_is_still_tried_once(by: Messengers) -> None:
    by.send(providers=["telegram"])
    by.world.clock.advance(clock.DAY // clock.SECOND)
    assert attempt(by) == [None]
    assert by.latest().status("telegram") == "sent"


@pytest.mark.parametrize("key", [None, "k"])
def test_an_answer_that_was_lost_is_no_error(key: str | None, by: Messengers) -> None:
    def twice(call: aws.Call, send: Callable[[], Any]) -> Any:
        if call == ("DynamoDB", "TransactWriteItems"):
            send()
        return send()

    with aws.interfering(twice):
        by.send(key=key)
    by.wait(120)
    assert len(by.telegram.sent) == 1


# Time


def test_the_rest_of_a_long_message_waits_for_a_bucket_that_is_empty(by: Messengers) -> None:
    def last() -> Any:
        by.discord.taken({})
        return answer(200, {"id": "9"}, x_ratelimit_remaining="0", x_ratelimit_reset_after="2.5")

    by.discord.reply = last
    by.told("word " * 1_000, providers=["discord"])
    for sent in (1, 2, 3):
        assert len(by.discord.sent) == sent
        by.world.advance(2)
        assert len(by.discord.sent) == sent
        by.world.advance(1)
    assert by.latest().status("discord") == "sent"


def slow(by: Messengers, seconds: float) -> None:
    def taken() -> Any:
        by.world.clock.advance(seconds)
        return answer(200, {"id": str(by.discord.taken({}))})

    by.discord.reply = taken


def test_a_function_takes_up_nothing_that_might_not_end_in_its_time(by: Messengers) -> None:
    slow(by, 9)
    made = []
    for number in range(5):
        by.send(str(number), providers=["discord"], kind="critical")
        made.append(attempt_queue.attempt_message(by.delivery("discord")))
    assert notification_sender.send_notifications(made) == [None] * 5
    assert len(by.discord.sent) == 3, "at 0, 9 and 18 seconds"
    by.world.settle()
    assert len(by.discord.sent) == 5


def test_a_long_message_goes_on_in_the_next_function_where_it_was(by: Messengers) -> None:
    slow(by, 9)
    by.send("word " * 1_900, providers=["discord"])
    attempt(by, "discord")
    assert by.delivery("discord").receipts == ("1", "2", "3")
    by.world.settle()
    assert by.delivery("discord").receipts == ("1", "2", "3", "4", "5")


def test_a_claim_outlives_whoever_made_it(by: Messengers) -> None:
    held: list[int] = []

    def taken() -> Any:
        by.world.clock.advance(5)
        held.append((by.delivery("discord").wake_at or 0) - clock.now())
        return answer(200, {"id": str(by.discord.taken({}))})

    by.discord.reply = taken
    by.send("word " * 1_000, providers=["discord"])
    attempt(by, "discord")
    assert held == [rules.CLAIM_MS - 5 * clock.SECOND] * 3
    [function] = [one for one in ENGINE.functions if one.name == "notifications"]
    assert rules.CLAIM_MS > function.timeout * clock.SECOND > notification_sender.PROVIDER_SECONDS * clock.SECOND


# How a provider is thought of


def health(name: str) -> Health:
    key = Key(ORG, name, "dlv_0_0")
    return deliveries.load_attempt_data([key]).healths[ORG, name]


def test_a_provider_that_is_slow_is_in_trouble_until_it_is_not(by: Messengers) -> None:
    slow(by, rules.SLOW_MS / clock.SECOND)
    by.told(providers=["discord"])
    assert health("discord") == Health(is_slow=True)
    by.discord.reply = None
    by.told(providers=["discord"])
    assert health("discord") == HEALTHY


def test_a_message_that_is_refused_for_its_own_sake_says_nothing_of_the_provider(by: Messengers) -> None:
    by.telegram.reply = answer(400, {"ok": False, "description": "Bad Request: message is too long"})
    by.told()
    assert health("telegram") == HEALTHY
    by.telegram.reply = answer(500)
    by.told()
    assert health("telegram").is_troubled
