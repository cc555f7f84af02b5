"""Sending events to webhooks: each is delivered or ends as failed, and no receiver delays another."""

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.deliveries import delivery as rules
from chalicelib.engine.deliveries import attempt_queue
from chalicelib.engine.webhooks import endpoints, event_deliveries, webhook_sender
from chalicelib.providers.http.outbound import Unreachable
from chalicelib.storage.deliveries import deliveries as storage
from chalicelib.storage.deliveries import receiver_health
from tests.engine.receivers import Receiver, fact, happen, receiver
from tests.support.aws import Call, counting
from tests.support.world import ORG, World, answer

SCHEDULE = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


def wait(world: World, seconds: float) -> None:
    """Let time pass with its wakeups, and one sweep at its end: a sweep each minute of several days would take too
    long."""
    world.clock.advance(seconds)
    world.sweep()
    world.settle()


def wait_for_next_attempt(world: World, webhook: Receiver) -> float:
    """Wait until the only delivery is due again. Returns the seconds."""
    due = webhook.delivery.wake_at
    assert due is not None
    seconds = (due - world.clock.now()) / clock.SECOND
    wait(world, seconds)
    if webhook.delivery.wake_at == due:
        wait(world, 61)
    return seconds


# What is sent


def test_an_event_is_posted_once_to_each_webhook_that_asked_for_it(world: World) -> None:
    webhook, two = receiver(world, "one"), receiver(world, "two", Topic.TASK_CREATED, Topic.TASK_FAILED)
    other, idle = receiver(world, "other", Topic.TASK_FAILED), receiver(world, "idle", active=False)
    happen(fact())
    world.settle()
    assert [len(each.posts) for each in (webhook, two, other, idle)] == [1, 1, 0, 0]
    assert webhook.events == two.events == ["evt_task_1_1"]
    assert (webhook.delivery.status, webhook.delivery.attempts[0].status) == ("delivered", 200)


def test_the_body_is_the_documents(world: World) -> None:
    webhook = receiver(world)
    happen(fact(organization="Acme Corp", data={"id": "task_1", "title": "Ünïcode", "agent": None}))
    world.settle()
    assert webhook.posts[0][1].decode() == (
        '{"event":"task.created","timestamp":"2026-01-01T12:00:00Z","data":{"id":"task_1","title":"Ünïcode",'
        '"agent":null},"organization":{"id":"acme","name":"Acme Corp"}}'
    )


def test_headers_of_the_owners_stand_beside_ours_and_never_instead(world: World) -> None:
    given = {"User-Agent": "Orchestrator-Webhook/1.0", "X-Team": "blue", "Webhook-Id": "forged", "CONTENT-TYPE": "x"}
    webhook = receiver(world, headers=given)
    happen(fact())
    world.settle()
    headers, _ = webhook.posts[0]
    assert (headers["user-agent"], headers["x-team"]) == ("Orchestrator-Webhook/1.0", "blue")
    assert (headers["webhook-id"], headers["content-type"]) == ("evt_task_1_1", "application/json")


def test_what_would_be_too_long_is_left_out_and_named(world: World) -> None:
    webhook = receiver(world)
    data = {"id": "task_1", "description": "€" * 20_000, "title": "short", "requirements": ["y" * 500] * 100}
    happen(fact(data=data))
    world.settle()
    assert len(webhook.posts[0][1]) <= event_deliveries.MAX_BODY_BYTES
    assert webhook.body["data"] == {"id": "task_1", "title": "short"}
    assert webhook.body["abridged"] == ["requirements", "description"]


def test_an_event_announced_again_is_not_posted_again(world: World) -> None:
    webhook = receiver(world)
    for _ in range(3):
        happen(fact())
        world.settle()
    happen(fact(data={"id": "task_1", "title": "changed meanwhile"}))
    world.settle()
    assert len(webhook.posts) == 1


def test_a_lost_message_is_made_up_for_by_the_sweep_or_by_the_announcement_coming_again(world: World) -> None:
    webhook = receiver(world)
    happen(fact(1))
    happen(fact(2))
    world.queues.queues[settings().webhooks_queue].clear()
    world.queues._seen.clear()
    happen(fact(2))
    world.settle()
    assert webhook.events == ["evt_task_2_1"]
    world.advance(180)
    assert webhook.events == ["evt_task_2_1", "evt_task_1_1"]


def test_a_message_that_comes_again_sends_nothing_that_was_acknowledged(world: World) -> None:
    webhook = receiver(world)
    world.queues.faults.duplicate = 1.0
    happen(*(fact(number) for number in range(8)))
    world.settle()
    assert sorted(set(webhook.events)) == sorted(webhook.events)
    again = [attempt_queue.attempt_message(replace(found, version=1)) for found in webhook.deliveries]
    assert webhook_sender.send_events(again) == [None] * 8
    assert len(webhook.posts) == 8


def test_messages_of_the_version_before_are_stale(world: World) -> None:
    webhook = receiver(world)
    webhook.reply = answer(500)
    happen(fact())
    world.settle()
    webhook_sender.send_events([attempt_queue.attempt_message(replace(webhook.delivery, version=1))] * 3)
    assert len(webhook.posts) == 1


# Receivers that fail


@pytest.mark.parametrize("percent", [30, 70])
def test_each_event_arrives_or_is_visibly_given_up_under_one_id(world: World, percent: int) -> None:
    webhook, chance = receiver(world), Random(percent)
    troubles: list[Any] = [answer(500), answer(302), answer(404), Unreachable("closed"), Unreachable("timed out")]
    webhook.reply = lambda *_: chance.choice(troubles) if chance.random() * 100 < percent else answer(204)
    happen(*(fact(number) for number in range(1, 3)))
    world.settle()
    while due := [found.wake_at for found in webhook.deliveries if found.wake_at is not None]:
        wait(world, 61 + (min(due) - world.clock.now()) / clock.SECOND)
    outcomes = {found.event_id: found for found in webhook.deliveries}
    assert len(outcomes) == 2
    assert {found.status for found in outcomes.values()} <= {"delivered", "failed"}
    for event, found in outcomes.items():
        assert webhook.events.count(event) == found.tries == len(found.attempts)
        assert found.tries == 10 if found.status == "failed" else rules.is_success(found.attempts[-1])
    assert len({body for headers, body in webhook.posts if headers["webhook-id"] == "evt_task_1_1"}) == 1


def test_the_schedule_is_kept_to_within_a_tenth(world: World) -> None:
    webhook = receiver(world)
    webhook.reply = Unreachable("timed out")
    happen(fact())
    world.settle()
    waits = [wait_for_next_attempt(world, webhook) for _ in SCHEDULE]
    assert all(asked <= had <= asked * 1.1 for asked, had in zip(SCHEDULE, waits, strict=True))
    assert (webhook.delivery.status, len(webhook.posts), set(webhook.events)) == ("failed", 10, {"evt_task_1_1"})
    stamps = [int(headers["webhook-timestamp"]) for headers, _ in webhook.posts]
    assert stamps == sorted(set(stamps))


def test_the_first_retries_are_on_time_to_the_second_and_the_sweep_makes_up_for_lost_wakeups(world: World) -> None:
    webhook = receiver(world)
    webhook.reply = answer(500)
    happen(fact())
    world.settle()
    world.advance(6)
    assert len(webhook.posts) == 2
    world.queues.queues[settings().wakeups_queue].clear()
    world.advance(330)
    assert len(webhook.posts) == 2
    world.advance(120)
    assert len(webhook.posts) == 3


def test_a_receiver_that_asks_for_time_gets_it(world: World) -> None:
    webhook = receiver(world)
    webhook.reply = answer(429, **{"retry-after": "120"})
    happen(fact())
    world.settle()
    world.advance(119)
    assert len(webhook.posts) == 1
    webhook.reply = answer(200)
    world.advance(10)
    assert webhook.delivery.status == "delivered"


def test_a_webhook_that_is_gone_is_disabled_at_once(world: World) -> None:
    webhook, other = receiver(world), receiver(world, "other", Topic.WEBHOOK_DISABLED)
    webhook.reply = answer(410)
    happen(*(fact(number) for number in range(3)))
    world.settle()
    assert endpoints.get(ORG, webhook.webhook.id).body["disabledReason"] == "gone"
    assert other.body["data"] == {"id": webhook.webhook.id, "url": "https://one.example/hook", "reason": "gone"}
    posts = len(webhook.posts)
    world.advance(600)
    assert {found.status for found in webhook.deliveries} == {"failed"}
    assert len(webhook.posts) == posts
    happen(fact(9))
    world.settle()
    assert len(webhook.deliveries) == 3


def test_a_webhook_that_only_fails_for_five_days_is_disabled_and_one_success_restarts_them(world: World) -> None:
    webhook = receiver(world)
    webhook.reply = answer(500)
    for day in range(4):
        happen(fact(day))
        world.settle()
        world.clock.advance(86_400)
    webhook.reply = answer(200)
    wait(world, 120)
    wait(world, 200)
    webhook.reply = answer(500)
    for day in range(10, 15):
        assert endpoints.get(ORG, webhook.webhook.id).body["active"], day
        happen(fact(day))
        world.settle()
        world.clock.advance(86_400)
    happen(fact(20))
    world.settle()
    world.advance(200)
    found = endpoints.get(ORG, webhook.webhook.id).body
    assert (found["active"], found["disabledReason"]) == (False, "failing")
    endpoints.update(ORG, webhook.webhook.id, {"active": True}, by="dev")
    happen(fact(21))
    world.settle()
    assert endpoints.get(ORG, webhook.webhook.id).body["active"]


# Nobody is held up

MANY = 50
"""Thousands behave the same, and take longer."""


def test_hundreds_of_deliveries_of_a_dead_receiver_leave_others_undisturbed(world: World) -> None:
    dead, well = receiver(world, "dead"), [receiver(world, f"well{number}", Topic.TASK_FAILED) for number in range(2)]
    dead.reply = Unreachable("timed out")
    happen(fact())
    ids = [storage.delivery_id(world.clock.now() + number, "evt_task_1_1") for number in range(1, MANY)]
    copies = [replace(dead.delivery, id=identifier) for identifier in ids]
    with storage.DeliveryItem.batch_write() as batch:
        for found in copies:
            batch.save(storage.to_item(found))
    attempt_queue.enqueue_attempts(copies)
    happen(*(fact(2000 + number, Topic.TASK_FAILED) for number in range(5)))
    world.settle(limit=5000)
    assert [len(each.posts) for each in well] == [5, 5]
    assert len(dead.posts) <= 15
    assert {found.status for found in dead.deliveries} == {"pending"}
    before = len(dead.posts)
    world.advance(60)
    assert len(dead.posts) - before <= 60 / (rules.SPACING_MS / clock.SECOND) + 1


def test_turns_are_one_at_a_time_and_end_when_it_is_well_again(world: World) -> None:
    webhook = receiver(world)
    webhook.reply = answer(503)
    happen(*(fact(number) for number in range(10)))
    world.settle()
    happen(*(fact(number) for number in range(10, 15)))
    world.settle()
    known = len(webhook.posts)
    assert known <= 12
    times = [found.wake_at for found in webhook.deliveries if found.is_scheduled and found.wake_at is not None]
    assert all(
        later - earlier == rules.SPACING_MS for earlier, later in zip(sorted(times), sorted(times)[1:], strict=False)
    )
    webhook.reply = answer(200)
    world.advance(120)
    assert {found.status for found in webhook.deliveries} == {"delivered"}
    happen(*(fact(number) for number in range(40, 45)))
    world.settle()
    assert {found.status for found in webhook.deliveries} == {"delivered"}


def test_a_receiver_that_is_slow_takes_turns_though_it_answers(world: World) -> None:
    webhook = receiver(world)

    def answer_slowly(*_: object) -> Any:
        world.clock.advance(8)
        return answer(200)

    webhook.reply = answer_slowly
    happen(fact(1))
    world.settle()
    happen(*(fact(number) for number in range(2, 8)))
    world.handle("webhooks")
    assert len(webhook.posts) < 7
    webhook.reply = answer(200)
    world.advance(120)
    assert len(webhook.posts) == 7
    assert sorted(set(webhook.events)) == sorted(webhook.events)


def test_beyond_an_hour_of_turns_nobody_is_given_one(world: World) -> None:
    turns = [
        receiver_health.schedule_attempt(ORG, "webhook_1", world.clock.now(), clock.MINUTE, clock.HOUR)
        for _ in range(70)
    ]
    given = [turn for turn in turns if turn is not None]
    assert given == [world.clock.now() + number * clock.MINUTE for number in range(len(given))]
    assert 60 <= len(given) <= 61


@pytest.mark.parametrize(("back", "begins_anew"), [(60, False), (3_600, True), (86_400, True)])
def test_turns_given_out_before_the_clock_was_set_back_hold_nobody_up(
    world: World, back: int, begins_anew: bool
) -> None:
    assert take_turns() >= 60
    world.clock.step(-back)
    assert (take_turns() >= 60) is begins_anew


def test_who_wants_to_be_left_alone_is_though_it_be_for_longer_than_turns_are_given_out(world: World) -> None:
    now = world.clock.now()
    receiver_health.pause_until(ORG, "webhook_1", now + 5 * clock.HOUR)
    assert take_turns() == 0
    world.clock.advance(4.5 * 3_600)
    assert (
        receiver_health.schedule_attempt(ORG, "webhook_1", world.clock.now(), clock.MINUTE, clock.HOUR)
        == now + 5 * clock.HOUR
    )


def take_turns() -> int:
    """How many of the next hour's scheduled times are free."""
    turns = [
        receiver_health.schedule_attempt(ORG, "webhook_1", clock.now(), clock.MINUTE, clock.HOUR) for _ in range(70)
    ]
    return len([webhook for webhook in turns if webhook is not None])


# Costs


def test_a_delivery_keeps_to_its_budget(world: World) -> None:
    receiver(world)
    with counting() as calls:
        happen(fact(1), fact(2))
    assert _operations(calls) == {"Query": 1, "TransactWriteItems": 2}
    with counting() as calls:
        world.handle("webhooks")
    assert _operations(calls) == {"BatchGetItem": 2, "PutItem": 1}


def test_without_webhooks_an_event_costs_one_query(world: World) -> None:
    with counting() as calls:
        happen(fact())
    assert _operations(calls) == {"Query": 1}


def _operations(calls: Counter[Call]) -> dict[str, int]:
    return {operation: number for (_, operation), number in calls.items()}
