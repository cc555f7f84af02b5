"""Notifications on their way: each arrives once or is visibly given up, and no provider delays another's."""

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
def by(world: World) -> Messengers:
    return messengers(world)


# What is sent


def test_a_notification_goes_to_every_configured_provider_once(by: Messengers) -> None:
    shown = by.told("Done & <dusted>", kind="success")
    assert [(one["chat_id"], one["text"]) for one in by.telegram.sent] == [("-100123", "✅ Done &amp; &lt;dusted&gt;")]
    assert [one["content"] for one in by.discord.sent] == ["✅ Done & \\<dusted\\>"]
    assert [(one["chatId"], one["text"]) for one in by.whatsapp.sent] == [("491234567890@c.us", "✅ Done & <dusted>")]
    receipts = {name: found.receipts for name, found in shown.deliveries.items()}
    assert receipts == {"telegram": ("1",), "discord": ("111",), "whatsapp": ("true_491234567890@c.us_1",)}
    assert {found.status for found in shown.deliveries.values()} == {"delivered"}


def test_nobody_is_mentioned_by_discord(by: Messengers) -> None:
    by.told("@everyone", providers=["discord"])
    assert by.discord.sent[0]["allowed_mentions"] == {"parse": []}


def test_only_those_asked_for_are_told_and_the_others_named(by: Messengers) -> None:
    configure({name: ACCOUNTS[name] for name in ("telegram",)})
    assert by.told(providers=["telegram", "discord"]).notification.providers == {
        "telegram": "queued",
        "discord": "not_configured",
    }
    assert by.told(providers=["all"]).notification.providers["whatsapp"] == "not_configured"
    assert by.told().notification.providers == {"telegram": "queued"}
    assert (len(by.telegram.sent), len(by.discord.sent)) == (3, 0)


def test_what_nobody_could_carry_is_refused_with_what_to_set(by: Messengers) -> None:
    configure({"telegram": {"bot_token": "x"}})
    with pytest.raises(NotConfigured, match=r"telegram\.bot_token and telegram\.chat_id.*discord\.webhook_url"):
        by.send()
    with pytest.raises(NotConfigured, match=r"Set.*: discord\.webhook_url$"):
        by.send(providers=["discord"])
    with pytest.raises(InvalidRequest, match="unknown provider 'pager'; known are telegram, whatsapp, discord, all"):
        by.send(providers=["pager"])
    assert messenger.list_history(ORG, Filter(), 10).notifications == []


def test_a_long_message_is_sent_in_parts_each_acknowledged_before_the_next(by: Messengers) -> None:
    lines = "\n".join(f"line {number} " + "x" * 60 for number in range(80))
    shown = by.told(lines, providers=["discord"])
    parts = [one["content"] for one in by.discord.sent]
    assert len(parts) == len(shown.deliveries["discord"].receipts) > 2
    assert "\n".join(parts) == f"ℹ️ {lines}"


def test_what_was_acknowledged_is_not_sent_again(by: Messengers) -> None:
    replies = iter([None, None, answer(500), None, None, None])

    def flaky() -> Any:
        said = next(replies)
        by.discord.reply = said
        return by.discord("https://discord.example/api/webhooks/1/discord-secret?wait=true", {}, body[-1])

    body: list[bytes] = []
    inner = by.world.servers["discord.example"]
    by.world.servers["discord.example"] = lambda url, headers, said: (body.append(said), flaky())[1]
    by.told("word " * 1_000, providers=["discord"])
    assert (len(by.discord.sent), by.delivery("discord").receipts) == (2, ("111", "112"))
    by.world.servers["discord.example"] = inner
    by.discord.reply = None
    by.wait(10)
    assert len(by.discord.sent) == 3
    assert " ".join(one["content"].strip() for one in by.discord.sent) == ("ℹ️ " + "word " * 1_000).strip()


def test_no_secret_is_in_a_reply_an_error_or_the_log(by: Messengers, capsys: pytest.CaptureFixture[str]) -> None:
    for secret, provider in ((SECRETS[0], by.telegram), (SECRETS[1], by.discord), (SECRETS[2], by.whatsapp)):
        provider.reply = answer(400, {"description": f"no {secret}", "message": f"no {secret}"})
    shown = by.told()
    assert {found.reason for found in shown.deliveries.values()} == {"no ***"}
    told = (
        str(shown)
        + str(raw_items(settings().deliveries_table))
        + str(by.world.queues.queues)
        + "".join(capsys.readouterr())
    )
    assert not [secret for secret in SECRETS if secret in told]
    assert "***" in told


# Once, and only once


def test_the_same_key_is_the_same_notification(by: Messengers) -> None:
    assert by.send(key="k") == by.send(key="k")
    with pytest.raises(IdempotencyMismatch):
        by.send("other", key="k")
    with pytest.raises(IdempotencyMismatch):
        by.send(key="k", providers=["telegram"])
    by.world.settle()
    assert len(by.telegram.sent) == 1
    by.world.clock.advance(86_401)
    assert by.send("other", key="k")


def test_a_message_that_comes_twice_sends_once(by: Messengers) -> None:
    by.send(providers=["telegram"])
    found = by.delivery()
    message = attempt_queue.attempt_message(found)
    assert notification_sender.send_notifications([message]) == [None]
    assert notification_sender.send_notifications([message, message]) == [None, None]
    assert len(by.telegram.sent) == 1


def test_whoever_claims_it_second_sends_nothing(by: Messengers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two functions have read the same version; each would send, if the claim did not tell them apart."""
    by.send(providers=["telegram"])
    found = by.delivery()
    other = replace(rules.claimed(found, clock.now()), version=found.version + 1)
    load = deliveries.load_attempt_data

    def late(keys: Any) -> Any:
        loaded = load(keys)
        assert deliveries.replace_if_unchanged(found, other) is other
        return loaded

    monkeypatch.setattr(deliveries, "load_attempt_data", late)
    assert notification_sender.send_notifications([attempt_queue.attempt_message(found)]) == [None]
    assert by.telegram.sent == []


def test_nothing_is_lost_with_a_message_or_with_whoever_sends(by: Messengers, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise Unavailable("The queue cannot be reached; try again")

    monkeypatch.setattr(sqs, "send", refuse)
    by.send("first", providers=["telegram"])
    monkeypatch.undo()
    by.send("second", providers=["telegram"])
    found = by.delivery()
    claimed = replace(rules.claimed(found, clock.now()), version=found.version + 1)
    assert deliveries.replace_if_unchanged(found, claimed) is claimed  # and dies
    by.world.settle()
    assert by.telegram.sent == []
    by.wait(120)
    assert sorted(one["text"] for one in by.telegram.sent) == ["ℹ️ first", "ℹ️ second"]


# Trouble


@pytest.mark.parametrize("said", [answer(500), answer(302), answer(401, {"ok": False}), DEAD])
def test_what_was_not_taken_is_sent_later(said: Any, by: Messengers) -> None:
    by.telegram.reply = said
    assert (by.told().status("telegram"), by.delivery().tries) == ("queued", 1)
    assert by.delivery().reason
    by.telegram.reply = None
    by.world.advance(6)
    assert (by.latest().status("telegram"), len(by.telegram.sent)) == ("sent", 1)


def test_what_the_provider_refuses_for_good_has_failed(by: Messengers) -> None:
    words = "Bad Request: message is too long"
    by.telegram.reply = answer(400, {"ok": False, "error_code": 400, "description": words})
    shown = by.told()
    assert (shown.status("telegram"), by.delivery().reason) == ("failed", words)
    tally = notifications.find_tallies(ORG)["telegram"]
    assert (tally.sent, tally.failed, tally.last_error) == (0, 1, words)
    assert by.telegram.asked == 1


@pytest.mark.parametrize("name", ["telegram", "discord", "whatsapp"])
@pytest.mark.parametrize("said", [answer(201), answer(200, {}), answer(200, "garbage"), answer(204)])
def test_what_was_taken_without_a_word_is_sent_and_never_again(name: str, said: Any, by: Messengers) -> None:
    provider = getattr(by, name)
    provider.reply = said
    assert by.told(providers=[name]).status(name) == "sent"
    by.wait(86_400)
    assert (provider.asked, by.delivery(name).receipts) == (1, ("unknown",))


def test_each_part_that_was_taken_without_a_word_counts(by: Messengers) -> None:
    by.whatsapp.reply = answer(201)
    assert by.told("word " * 2000, providers=["whatsapp"]).status("whatsapp") == "sent"
    assert (by.whatsapp.asked, len(by.delivery("whatsapp").receipts)) == (3, 3)


def test_a_chat_that_moved_is_told_and_the_message_waits_for_it(by: Messengers) -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    said = {"ok": False, "error_code": 400, "description": words, "parameters": {"migrate_to_chat_id": -1009876543210}}
    by.telegram.reply = answer(400, said)
    assert by.told(providers=["telegram"]).status("telegram") == "queued"
    assert by.delivery().reason == f"{words}: the chat's id is now -1009876543210"
    assert notifications.find_tallies(ORG)["telegram"].last_error == by.delivery().reason
    by.telegram.reply = None
    configure(ACCOUNTS | {"telegram": ACCOUNTS["telegram"] | {"chat_id": -1009876543210}})
    by.world.advance(6)
    assert (by.latest().status("telegram"), by.telegram.sent[0]["chat_id"]) == ("sent", "-1009876543210")


def test_after_a_day_it_is_given_up(by: Messengers) -> None:
    by.telegram.reply = DEAD
    by.told(providers=["telegram"])
    while (found := by.delivery()).status == "pending":
        assert found.wake_at is not None and found.wake_at < found.created_at + clock.DAY
        by.world.clock.advance((found.wake_at - clock.now()) / clock.SECOND)
        assert notification_sender.send_notifications([attempt_queue.attempt_message(found)]) == [None]
    reason = "given up, it cannot be sent within 24 hours: no answer: timed out"
    assert (found.status, found.reason) == ("failed", reason)
    assert 20 < found.tries < 40
    assert notifications.find_tallies(ORG)["telegram"].failed == 1


def test_a_provider_is_left_alone_for_as_long_as_it_asks(by: Messengers) -> None:
    by.telegram.reply = answer(429, TOO_MANY)
    for _ in range(12):
        by.send(providers=["telegram"])
    by.world.settle()
    assert by.telegram.asked == 1, "the others wait without asking"
    by.telegram.reply = None
    by.world.advance(29)
    assert by.telegram.asked == 1
    by.world.advance(15)
    assert len(by.telegram.sent) == 12
    assert by.delivery().tries <= 1


def test_what_is_critical_waits_for_the_provider_alone(by: Messengers) -> None:
    by.telegram.reply = answer(429, TOO_MANY)
    for _ in range(5):
        by.send("later", providers=["telegram"])
    by.world.settle()
    by.send("now", providers=["telegram"], kind="critical")
    by.world.settle()
    assert by.telegram.asked == 1
    by.telegram.reply = None
    by.world.advance(30)
    assert "🚨 now" in [one["text"] for one in by.telegram.sent]


def test_discords_bucket_is_not_emptied_further(by: Messengers) -> None:
    def last() -> Any:
        by.discord.taken({})
        return answer(200, {"id": "9"}, x_ratelimit_remaining="0", x_ratelimit_reset_after="2.5")

    by.discord.reply = last
    for _ in range(4):
        by.send(providers=["discord"])
    by.world.settle()
    for sent in (1, 1, 2):
        assert len(by.discord.sent) == sent
        by.world.advance(1.5 if sent == 1 else 0.1, settle=True)


def test_one_dead_provider_delays_no_other(by: Messengers) -> None:
    """Calls are counted: the dead one is asked as often as its turns come, the others once for each message."""
    by.telegram.reply = DEAD
    number = 20
    for _ in range(number):
        by.send()
    by.world.settle()
    assert (len(by.discord.sent), len(by.whatsapp.sent)) == (number, number)
    assert by.telegram.asked <= number // 10 + 1, "one of a batch"
    by.telegram.reply = None
    by.world.advance(2 * number)
    assert len(by.telegram.sent) == number
    assert (len(by.discord.sent), len(by.whatsapp.sent)) == (number, number)


def test_what_is_no_longer_configured_waits_to_be_set_again(by: Messengers) -> None:
    by.send(providers=["telegram"])
    configure({})
    by.world.settle()
    assert by.delivery().reason == "not configured any more: bot_token, chat_id"
    configure(ACCOUNTS)
    by.wait(10)
    assert len(by.telegram.sent) == 1


def test_what_waits_for_a_phone_arrives_once_it_is_paired(by: Messengers) -> None:
    by.whatsapp.status = "SCAN_QR_CODE"
    found = by.told(providers=["whatsapp"]).deliveries.get("whatsapp")
    assert found is not None
    assert (found.status, found.reason) == ("pending", "the WhatsApp session is SCAN_QR_CODE")
    by.whatsapp.status = "WORKING"
    by.wait(60)
    assert by.delivery("whatsapp").status == "delivered"


def test_calls(by: Messengers) -> None:
    with counting() as calls:
        by.send(providers=["telegram"])
    assert {name: number for (_, name), number in calls.items()} == {"TransactWriteItems": 1}
    message = attempt_queue.attempt_message(by.delivery())
    with counting() as calls:
        notification_sender.send_notifications([message])
    found = {name: number for (_, name), number in calls.items()}
    assert found == {"BatchGetItem": 1, "PutItem": 2, "UpdateItem": 1}


def test_hops_are_few_where_queues_feed_each_other(by: Messengers) -> None:
    by.telegram.reply = answer(429, TOO_MANY | {"parameters": {"retry_after": 1}})
    by.send(providers=["telegram"])
    wakeups = settings().wakeups_queue
    for _ in range(40):
        by.world.settle()
        if not by.world.queues.queues.get(wakeups):
            break
        by.world.clock.advance(2)
    assert by.telegram.asked <= notification_sender.MAX_VERSION_WITH_WAKEUP
