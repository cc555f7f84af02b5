"""Sending notifications: each is sent once or ends as failed, and no provider delays another's."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.deliveries import notification as rules
from chalicelib.engine.deliveries import attempt_queue
from chalicelib.engine.messaging import notification_sender
from chalicelib.engine.messaging import notifications as messenger
from chalicelib.engine.messaging.notifications import Filter
from chalicelib.errors import IdempotencyMismatch, InvalidRequest, NotConfigured, Unavailable
from chalicelib.storage.aws import sqs
from chalicelib.storage.deliveries import deliveries, notifications
from tests.support.aws import counting, raw_items
from tests.support.messengers import ACCOUNTS, DEAD, SECRETS, TOO_MANY, Messengers, configure, messengers
from tests.support.world import ORG, World, answer


@pytest.fixture
def providers(world: World) -> Messengers:
    return messengers(world)


# What is sent


def test_a_notification_goes_to_every_configured_provider_once(providers: Messengers) -> None:
    shown = providers.notify_and_settle("Done & <dusted>", kind="success")
    assert [(one["chat_id"], one["text"]) for one in providers.telegram.sent] == [
        ("-100123", "✅ Done &amp; &lt;dusted&gt;")
    ]
    assert [one["content"] for one in providers.discord.sent] == ["✅ Done & \\<dusted\\>"]
    assert [(one["chatId"], one["text"]) for one in providers.whatsapp.sent] == [
        ("491234567890@c.us", "✅ Done & <dusted>")
    ]
    receipts = {name: found.receipts for name, found in shown.deliveries.items()}
    assert receipts == {"telegram": ("1",), "discord": ("111",), "whatsapp": ("true_491234567890@c.us_1",)}
    assert {found.status for found in shown.deliveries.values()} == {"delivered"}


def test_nobody_is_mentioned_by_discord(providers: Messengers) -> None:
    providers.notify_and_settle("@everyone", providers=["discord"])
    assert providers.discord.sent[0]["allowed_mentions"] == {"parse": []}


def test_only_the_requested_providers_are_used_and_missing_ones_are_named(providers: Messengers) -> None:
    configure({name: ACCOUNTS[name] for name in ("telegram",)})
    assert providers.notify_and_settle(providers=["telegram", "discord"]).notification.providers == {
        "telegram": "queued",
        "discord": "not_configured",
    }
    assert providers.notify_and_settle(providers=["all"]).notification.providers["whatsapp"] == "not_configured"
    assert providers.notify_and_settle().notification.providers == {"telegram": "queued"}
    assert (len(providers.telegram.sent), len(providers.discord.sent)) == (3, 0)


def test_what_nobody_could_carry_is_refused_with_what_to_set(providers: Messengers) -> None:
    configure({"telegram": {"bot_token": "x"}})
    with pytest.raises(NotConfigured, match=r"telegram\.bot_token and telegram\.chat_id.*discord\.webhook_url"):
        providers.send()
    with pytest.raises(NotConfigured, match=r"Set.*: discord\.webhook_url$"):
        providers.send(providers=["discord"])
    with pytest.raises(InvalidRequest, match="unknown provider 'pager'; known are telegram, whatsapp, discord, all"):
        providers.send(providers=["pager"])
    assert messenger.list_history(ORG, Filter(), 10).notifications == []


def test_a_long_message_is_sent_in_parts_each_acknowledged_before_the_next(providers: Messengers) -> None:
    lines = "\n".join(f"line {number} " + "x" * 60 for number in range(80))
    shown = providers.notify_and_settle(lines, providers=["discord"])
    parts = [one["content"] for one in providers.discord.sent]
    assert len(parts) == len(shown.deliveries["discord"].receipts) > 2
    assert "\n".join(parts) == f"ℹ️ {lines}"


def test_what_was_acknowledged_is_not_sent_again(providers: Messengers) -> None:
    replies = iter([None, None, answer(500), None, None, None])

    def answer_next() -> Any:
        said = next(replies)
        providers.discord.reply = said
        return providers.discord("https://discord.example/api/webhooks/1/discord-secret?wait=true", {}, body[-1])

    body: list[bytes] = []
    inner = providers.world.servers["discord.example"]
    providers.world.servers["discord.example"] = lambda url, headers, said: (body.append(said), answer_next())[1]
    providers.notify_and_settle("word " * 1_000, providers=["discord"])
    assert (len(providers.discord.sent), providers.delivery("discord").receipts) == (2, ("111", "112"))
    providers.world.servers["discord.example"] = inner
    providers.discord.reply = None
    providers.wait(10)
    assert len(providers.discord.sent) == 3
    assert " ".join(one["content"].strip() for one in providers.discord.sent) == ("ℹ️ " + "word " * 1_000).strip()


def test_no_secret_is_in_a_reply_an_error_or_the_log(providers: Messengers, capsys: pytest.CaptureFixture[str]) -> None:
    for secret, provider in (
        (SECRETS[0], providers.telegram),
        (SECRETS[1], providers.discord),
        (SECRETS[2], providers.whatsapp),
    ):
        provider.reply = answer(400, {"description": f"no {secret}", "message": f"no {secret}"})
    shown = providers.notify_and_settle()
    assert {found.reason for found in shown.deliveries.values()} == {"no ***"}
    told = (
        str(shown)
        + str(raw_items(settings().deliveries_table))
        + str(providers.world.queues.queues)
        + "".join(capsys.readouterr())
    )
    assert not [secret for secret in SECRETS if secret in told]
    assert "***" in told


# Once, and only once


def test_the_same_key_is_the_same_notification(providers: Messengers) -> None:
    assert providers.send(key="k") == providers.send(key="k")
    with pytest.raises(IdempotencyMismatch):
        providers.send("other", key="k")
    with pytest.raises(IdempotencyMismatch):
        providers.send(key="k", providers=["telegram"])
    providers.world.settle()
    assert len(providers.telegram.sent) == 1
    providers.world.clock.advance(86_401)
    assert providers.send("other", key="k")


def test_a_message_that_comes_twice_sends_once(providers: Messengers) -> None:
    providers.send(providers=["telegram"])
    found = providers.delivery()
    message = attempt_queue.attempt_message(found)
    assert notification_sender.send_notifications([message]) == [None]
    assert notification_sender.send_notifications([message, message]) == [None, None]
    assert len(providers.telegram.sent) == 1


def test_whoever_claims_it_second_sends_nothing(providers: Messengers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two functions have read the same version. Without the claim both would send."""
    providers.send(providers=["telegram"])
    delivery = providers.delivery()
    other = replace(rules.claimed(delivery, clock.now()), version=delivery.version + 1)
    load = deliveries.load_attempt_data

    def load_after_claim(keys: Any) -> Any:
        loaded = load(keys)
        assert deliveries.replace_if_unchanged(delivery, other) is other
        return loaded

    monkeypatch.setattr(deliveries, "load_attempt_data", load_after_claim)
    assert notification_sender.send_notifications([attempt_queue.attempt_message(delivery)]) == [None]
    assert providers.telegram.sent == []


def test_nothing_is_lost_with_a_message_or_with_whoever_sends(
    providers: Messengers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise Unavailable("The queue cannot be reached; try again")

    monkeypatch.setattr(sqs, "send", refuse)
    providers.send("first", providers=["telegram"])
    monkeypatch.undo()
    providers.send("second", providers=["telegram"])
    found = providers.delivery()
    claimed = replace(rules.claimed(found, clock.now()), version=found.version + 1)
    assert deliveries.replace_if_unchanged(found, claimed) is claimed  # and dies
    providers.world.settle()
    assert providers.telegram.sent == []
    providers.wait(120)
    assert sorted(one["text"] for one in providers.telegram.sent) == ["ℹ️ first", "ℹ️ second"]


# Providers in trouble


@pytest.mark.parametrize("said", [answer(500), answer(302), answer(401, {"ok": False}), DEAD])
def test_a_message_that_was_not_accepted_is_sent_later(said: Any, providers: Messengers) -> None:
    providers.telegram.reply = said
    assert (providers.notify_and_settle().status("telegram"), providers.delivery().tries) == ("queued", 1)
    assert providers.delivery().reason
    providers.telegram.reply = None
    providers.world.advance(6)
    assert (providers.latest().status("telegram"), len(providers.telegram.sent)) == ("sent", 1)


def test_what_the_provider_refuses_for_good_has_failed(providers: Messengers) -> None:
    words = "Bad Request: message is too long"
    providers.telegram.reply = answer(400, {"ok": False, "error_code": 400, "description": words})
    shown = providers.notify_and_settle()
    assert (shown.status("telegram"), providers.delivery().reason) == ("failed", words)
    tally = notifications.find_tallies(ORG)["telegram"]
    assert (tally.sent, tally.failed, tally.last_error) == (0, 1, words)
    assert providers.telegram.request_count == 1


@pytest.mark.parametrize("name", ["telegram", "discord", "whatsapp"])
@pytest.mark.parametrize("reply", [answer(201), answer(200, {}), answer(200, "garbage"), answer(204)])
def test_a_message_that_was_accepted_without_an_id_is_sent_and_never_again(
    name: str, reply: Any, providers: Messengers
) -> None:
    provider = getattr(providers, name)
    provider.reply = reply
    assert providers.notify_and_settle(providers=[name]).status(name) == "sent"
    providers.wait(86_400)
    assert (provider.request_count, providers.delivery(name).receipts) == (1, ("unknown",))


def test_each_part_that_was_accepted_without_an_id_counts(providers: Messengers) -> None:
    providers.whatsapp.reply = answer(201)
    assert providers.notify_and_settle("word " * 2000, providers=["whatsapp"]).status("whatsapp") == "sent"
    assert (providers.whatsapp.request_count, len(providers.delivery("whatsapp").receipts)) == (3, 3)


def test_a_chat_that_moved_is_reported_and_the_message_waits_for_it(providers: Messengers) -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    said = {"ok": False, "error_code": 400, "description": words, "parameters": {"migrate_to_chat_id": -1009876543210}}
    providers.telegram.reply = answer(400, said)
    assert providers.notify_and_settle(providers=["telegram"]).status("telegram") == "queued"
    assert providers.delivery().reason == f"{words}: the chat's id is now -1009876543210"
    assert notifications.find_tallies(ORG)["telegram"].last_error == providers.delivery().reason
    providers.telegram.reply = None
    configure(ACCOUNTS | {"telegram": ACCOUNTS["telegram"] | {"chat_id": -1009876543210}})
    providers.world.advance(6)
    assert (providers.latest().status("telegram"), providers.telegram.sent[0]["chat_id"]) == ("sent", "-1009876543210")


def test_a_message_is_given_up_after_a_day(providers: Messengers) -> None:
    providers.telegram.reply = DEAD
    providers.notify_and_settle(providers=["telegram"])
    while (delivery := providers.delivery()).status == "pending":
        assert delivery.wake_at is not None and delivery.wake_at < delivery.created_at + clock.DAY
        providers.world.clock.advance((delivery.wake_at - clock.now()) / clock.SECOND)
        assert notification_sender.send_notifications([attempt_queue.attempt_message(delivery)]) == [None]
    reason = "given up, it cannot be sent within 24 hours: no answer: timed out"
    assert (delivery.status, delivery.reason) == ("failed", reason)
    assert 20 < delivery.tries < 40
    assert notifications.find_tallies(ORG)["telegram"].failed == 1


def test_a_provider_is_left_alone_for_as_long_as_it_asks(providers: Messengers) -> None:
    providers.telegram.reply = answer(429, TOO_MANY)
    for _ in range(12):
        providers.send(providers=["telegram"])
    providers.world.settle()
    assert providers.telegram.request_count == 1, "the others wait without asking"
    providers.telegram.reply = None
    providers.world.advance(29)
    assert providers.telegram.request_count == 1
    providers.world.advance(15)
    assert len(providers.telegram.sent) == 12
    assert providers.delivery().tries <= 1


def test_what_is_critical_waits_for_the_provider_alone(providers: Messengers) -> None:
    providers.telegram.reply = answer(429, TOO_MANY)
    for _ in range(5):
        providers.send("later", providers=["telegram"])
    providers.world.settle()
    providers.send("now", providers=["telegram"], kind="critical")
    providers.world.settle()
    assert providers.telegram.request_count == 1
    providers.telegram.reply = None
    providers.world.advance(30)
    assert "🚨 now" in [one["text"] for one in providers.telegram.sent]


def test_discords_bucket_is_not_emptied_further(providers: Messengers) -> None:
    def answer_as_last() -> Any:
        providers.discord.accept({})
        return answer(200, {"id": "9"}, x_ratelimit_remaining="0", x_ratelimit_reset_after="2.5")

    providers.discord.reply = answer_as_last
    for _ in range(4):
        providers.send(providers=["discord"])
    providers.world.settle()
    for sent in (1, 1, 2):
        assert len(providers.discord.sent) == sent
        providers.world.advance(1.5 if sent == 1 else 0.1, settle=True)


def test_one_dead_provider_delays_no_other(providers: Messengers) -> None:
    """Calls are counted: the failing provider gets one for each scheduled attempt, the others one for each message."""
    providers.telegram.reply = DEAD
    number = 20
    for _ in range(number):
        providers.send()
    providers.world.settle()
    assert (len(providers.discord.sent), len(providers.whatsapp.sent)) == (number, number)
    assert providers.telegram.request_count <= number // 10 + 1, "one of a batch"
    providers.telegram.reply = None
    providers.world.advance(2 * number)
    assert len(providers.telegram.sent) == number
    assert (len(providers.discord.sent), len(providers.whatsapp.sent)) == (number, number)


def test_what_is_no_longer_configured_waits_to_be_set_again(providers: Messengers) -> None:
    providers.send(providers=["telegram"])
    configure({})
    providers.world.settle()
    assert providers.delivery().reason == "not configured any more: bot_token, chat_id"
    configure(ACCOUNTS)
    providers.wait(10)
    assert len(providers.telegram.sent) == 1


def test_what_waits_for_a_phone_arrives_once_it_is_paired(providers: Messengers) -> None:
    providers.whatsapp.status = "SCAN_QR_CODE"
    found = providers.notify_and_settle(providers=["whatsapp"]).deliveries.get("whatsapp")
    assert found is not None
    assert (found.status, found.reason) == ("pending", "the WhatsApp session is SCAN_QR_CODE")
    providers.whatsapp.status = "WORKING"
    providers.wait(60)
    assert providers.delivery("whatsapp").status == "delivered"


def test_a_notification_and_its_attempt_cost_the_expected_calls(providers: Messengers) -> None:
    with counting() as calls:
        providers.send(providers=["telegram"])
    assert {name: number for (_, name), number in calls.items()} == {"TransactWriteItems": 1}
    message = attempt_queue.attempt_message(providers.delivery())
    with counting() as calls:
        notification_sender.send_notifications([message])
    found = {name: number for (_, name), number in calls.items()}
    assert found == {"BatchGetItem": 1, "PutItem": 2, "UpdateItem": 1}


def test_hops_are_few_where_queues_feed_each_other(providers: Messengers) -> None:
    providers.telegram.reply = answer(429, TOO_MANY | {"parameters": {"retry_after": 1}})
    providers.send(providers=["telegram"])
    wakeups = settings().wakeups_queue
    for _ in range(40):
        providers.world.settle()
        if not providers.world.queues.queues.get(wakeups):
            break
        providers.world.clock.advance(2)
    assert providers.telegram.request_count <= notification_sender.MAX_VERSION_WITH_WAKEUP
