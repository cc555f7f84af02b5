"""Notifications in unusual conditions: undocumented answers, providers that repeat credentials, functions that call the
same provider at once, and messages that can never be sent."""

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
def providers(world: World) -> Messengers:
    return messengers(world)


def attempt(providers: Messengers, *names: str) -> list[Exception | None]:
    """One run of the function on the latest notification."""
    return notification_sender.send_notifications(
        [attempt_queue.attempt_message(providers.delivery(name)) for name in names or ("telegram",)]
    )


def set_token(token: str) -> None:
    configure(ACCOUNTS | {"telegram": ACCOUNTS["telegram"] | {"bot_token": token}})


# Credentials


@pytest.mark.parametrize("before", [153, 170, 199])
def test_a_secret_is_known_though_the_reason_is_cut_in_the_midst_of_it(before: int, providers: Messengers) -> None:
    set_token(LONG_TOKEN)
    providers.telegram.reply = answer(400, {"ok": False, "description": "x" * before + LONG_TOKEN})
    providers.notify_and_settle()
    reason = str(providers.delivery().reason)
    assert reason.startswith("x" * before) and not set(reason) - set("x*")
    assert len(reason) <= provider_accounts.MAX_REASON_LENGTH


def test_a_secret_that_was_replaced_while_it_was_used_is_still_one(providers: Messengers) -> None:
    def replace_token() -> Any:
        set_token("999:another-token")
        return answer(400, {"ok": False, "description": f"no {TOKEN}"})

    providers.telegram.reply = replace_token
    providers.notify_and_settle()
    assert providers.delivery().reason == "no ***"


def test_accounts_are_read_once_for_all_providers_and_not_by_several_threads(
    providers: Messengers, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[threading.Thread] = []
    read = provider_accounts._read
    monkeypatch.setattr(provider_accounts, "_read", lambda org: readers.append(threading.current_thread()) or read(org))
    providers.send()
    provider_accounts._cached.clear()
    readers.clear()
    assert attempt(providers, "telegram", "discord", "whatsapp") == [None] * 3
    assert readers == [threading.current_thread()]


def test_an_org_whose_accounts_cannot_be_read_keeps_no_other_waiting(
    providers: Messengers, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers.send(providers=["telegram"])
    mine, theirs = providers.delivery(), replace(providers.delivery(), org="umbra")
    notifications.create("umbra", providers.latest().notification, [theirs], None, "")
    get_accounts = provider_accounts.get_accounts

    def refuse_one_org(org: str) -> Any:
        if org == "umbra":
            raise Unavailable("The deployment's secrets cannot be read now: try again shortly.")
        return get_accounts(org)

    monkeypatch.setattr(provider_accounts, "get_accounts", refuse_one_org)
    [sent, other] = notification_sender.send_notifications(
        [attempt_queue.attempt_message(mine), attempt_queue.attempt_message(theirs)]
    )
    assert (sent, type(other), len(providers.telegram.sent)) == (None, Unavailable, 1)


# Answers


@pytest.mark.parametrize("name", ["discord", "whatsapp"])
def test_an_id_without_end_is_an_acknowledgement_all_the_same(name: str, providers: Messengers) -> None:
    providers.discord.reply = providers.whatsapp.reply = answer(200, {"id": "9" * 500_000})
    providers.send(providers=[name])
    assert attempt(providers, name) == [None]
    assert providers.delivery(name).receipts == ("9" * rules.MAX_RECEIPT_LENGTH,)


# Providers that ask for a pause


def test_a_rest_is_seen_and_counts_as_no_attempt(providers: Messengers) -> None:
    providers.telegram.reply = answer(429, TOO_MANY)
    providers.notify_and_settle()
    found = providers.delivery()
    assert (found.tries, [one.status for one in found.attempts], found.reason) == (0, [429], "Too Many Requests")


def test_a_shorter_rest_does_not_end_a_longer_one(providers: Messengers) -> None:
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


def test_a_message_that_still_got_through_does_not_end_a_rest(providers: Messengers) -> None:
    """Two functions call a provider in trouble: it accepts one message, and tells the other function to wait."""
    receiver_health.record_trouble(ORG, "telegram", clock.now(), failing=True)

    def accept() -> Any:
        receiver_health.pause_until(ORG, "telegram", clock.now() + 60 * clock.SECOND)
        return answer(200, {"ok": True, "result": {"message_id": 1}})

    providers.telegram.reply = accept
    providers.send(providers=["telegram"])
    attempt(providers)
    providers.telegram.reply = None
    providers.send("next", providers=["telegram"], kind="critical")
    attempt(providers)
    assert (providers.telegram.request_count, providers.delivery().wake_at) == (1, clock.now() + 60 * clock.SECOND)
    providers.world.clock.advance(60)
    attempt(providers)
    assert len(providers.telegram.sent) == 1
    assert receiver_health.record_recovery(ORG, "telegram", clock.now()) == HEALTHY


# What can never be sent


def test_what_breaks_whoever_sends_it_is_given_up_after_a_day_too(
    providers: Messengers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_defect(*_: Any) -> Any:
        raise KeyError("a defect of ours")

    monkeypatch.setattr(Telegram, "send", raise_defect)
    providers.send(providers=["telegram"])
    assert [type(error) for error in attempt(providers)] == [KeyError]
    providers.world.clock.advance(clock.DAY // clock.SECOND)
    assert attempt(providers) == [None]
    assert providers.latest().status("telegram") == "failed"
    assert str(providers.delivery().reason).startswith("given up, it cannot be sent within 24 hours")


def test_what_nobody_looked_at_for_a_day_is_still_tried_once(providers: Messengers) -> None:
    providers.send(providers=["telegram"])
    providers.world.clock.advance(clock.DAY // clock.SECOND)
    assert attempt(providers) == [None]
    assert providers.latest().status("telegram") == "sent"


@pytest.mark.parametrize("key", [None, "k"])
def test_an_answer_that_was_lost_is_no_error(key: str | None, providers: Messengers) -> None:
    def send_twice(call: aws.Call, send: Callable[[], Any]) -> Any:
        if call == ("DynamoDB", "TransactWriteItems"):
            send()
        return send()

    with aws.interfering(send_twice):
        providers.send(key=key)
    providers.wait(120)
    assert len(providers.telegram.sent) == 1


# Time


def test_the_rest_of_a_long_message_waits_for_a_bucket_that_is_empty(providers: Messengers) -> None:
    def answer_as_last() -> Any:
        providers.discord.accept({})
        return answer(200, {"id": "9"}, x_ratelimit_remaining="0", x_ratelimit_reset_after="2.5")

    providers.discord.reply = answer_as_last
    providers.notify_and_settle("word " * 1_000, providers=["discord"])
    for sent in (1, 2, 3):
        assert len(providers.discord.sent) == sent
        providers.world.advance(2)
        assert len(providers.discord.sent) == sent
        providers.world.advance(1)
    assert providers.latest().status("discord") == "sent"


def slow_down(providers: Messengers, seconds: float) -> None:
    def accept_slowly() -> Any:
        providers.world.clock.advance(seconds)
        return answer(200, {"id": str(providers.discord.accept({}))})

    providers.discord.reply = accept_slowly


def test_a_function_takes_up_nothing_that_might_not_end_in_its_time(providers: Messengers) -> None:
    slow_down(providers, 9)
    calls = []
    for number in range(5):
        providers.send(str(number), providers=["discord"], kind="critical")
        calls.append(attempt_queue.attempt_message(providers.delivery("discord")))
    assert notification_sender.send_notifications(calls) == [None] * 5
    assert len(providers.discord.sent) == 3, "at 0, 9 and 18 seconds"
    providers.world.settle()
    assert len(providers.discord.sent) == 5


def test_a_long_message_goes_on_in_the_next_function_where_it_was(providers: Messengers) -> None:
    slow_down(providers, 9)
    providers.send("word " * 1_900, providers=["discord"])
    attempt(providers, "discord")
    assert providers.delivery("discord").receipts == ("1", "2", "3")
    providers.world.settle()
    assert providers.delivery("discord").receipts == ("1", "2", "3", "4", "5")


def test_a_claim_outlives_whoever_made_it(providers: Messengers) -> None:
    held: list[int] = []

    def accept() -> Any:
        providers.world.clock.advance(5)
        held.append((providers.delivery("discord").wake_at or 0) - clock.now())
        return answer(200, {"id": str(providers.discord.accept({}))})

    providers.discord.reply = accept
    providers.send("word " * 1_000, providers=["discord"])
    attempt(providers, "discord")
    assert held == [rules.CLAIM_MS - 5 * clock.SECOND] * 3
    [function] = [one for one in ENGINE.functions if one.name == "notifications"]
    assert rules.CLAIM_MS > function.timeout * clock.SECOND > notification_sender.PROVIDER_SECONDS * clock.SECOND


# When a provider counts as in trouble


def health(name: str) -> Health:
    key = Key(ORG, name, "dlv_0_0")
    return deliveries.load_attempt_data([key]).healths[ORG, name]


def test_a_provider_that_is_slow_is_in_trouble_until_it_is_not(providers: Messengers) -> None:
    slow_down(providers, rules.SLOW_MS / clock.SECOND)
    providers.notify_and_settle(providers=["discord"])
    assert health("discord") == Health(is_slow=True)
    providers.discord.reply = None
    providers.notify_and_settle(providers=["discord"])
    assert health("discord") == HEALTHY


def test_a_message_that_is_refused_for_its_own_sake_says_nothing_of_the_provider(providers: Messengers) -> None:
    providers.telegram.reply = answer(400, {"ok": False, "description": "Bad Request: message is too long"})
    providers.notify_and_settle()
    assert health("telegram") == HEALTHY
    providers.telegram.reply = answer(500)
    providers.notify_and_settle()
    assert health("telegram").is_troubled
