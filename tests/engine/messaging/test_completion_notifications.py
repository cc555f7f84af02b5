"""People are notified once of each end of a task, even after failures."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import ConcurrencyLimit, Holder, Task
from chalicelib.engine.messaging import completion_notifications, notifications
from chalicelib.engine.messaging.notifications import Filter
from chalicelib.engine.tasks import lifecycle
from tests.engine.helpers import complete, holder, pull
from tests.simulation.faults import Killed, dies_before, dying_before
from tests.support.aws import counting
from tests.support.messengers import Messengers, configure, messengers
from tests.support.world import ORG, World, new_world

MOST_CALLS = 20


@pytest.fixture
def providers(world: World) -> Messengers:
    return messengers(world)


def hand_over_task(
    world: World, notify: tuple[str, ...] = ("telegram",), name: str | None = "Nightly", **fields: object
) -> Task:
    pull(world)
    task = world.submit(notify=notify, name=name, **fields)
    world.settle()
    return world.task(task.id)


def texts(providers: Messengers) -> list[str]:
    return [one["text"] for one in providers.telegram.sent]


def fail(task: Task, **said: bool) -> None:
    lifecycle.fail(ORG, task.id, holder(task), reported_failure("no room", **said))


ENDS: dict[str, tuple[Callable[[Task], object], list[str]]] = {
    "completed": (complete, ["✅ Nightly: completed"]),
    "completed for its holder": (
        lambda task: lifecycle.complete(ORG, task.pool, task.id, None, 1),
        ["✅ Nightly: completed"],
    ),
    "failed": (lambda task: fail(task, retryable=False), ["❌ Nightly: failed. no room"]),
    "failed, to be retried": (fail, []),
    "cancelled": (lambda task: lifecycle.cancel(ORG, task.id), []),
    "released": (lambda task: lifecycle.release(ORG, task.id, holder(task), rest_until=task.deadline), []),
}


@pytest.mark.parametrize("end", ENDS)
def test_people_are_notified_of_an_end_unless_the_task_goes_on_or_was_cancelled(
    providers: Messengers, end: str
) -> None:
    work, expected_texts = ENDS[end]
    task = hand_over_task(providers.world)
    work(task)
    providers.world.settle()
    assert texts(providers) == expected_texts
    assert providers.discord.sent == []


def test_a_long_error_of_a_worker_is_cut_in_the_notification(providers: Messengers) -> None:
    task = hand_over_task(providers.world)
    lifecycle.fail(ORG, task.id, holder(task), reported_failure("no " * 5_000, retryable=False))
    providers.world.settle()
    assert [len(text) for text in texts(providers)] == [
        len("❌ Nightly: failed. ") + completion_notifications.MAX_ERROR_LENGTH
    ]


def test_a_task_that_timed_out_has_failed(providers: Messengers) -> None:
    hand_over_task(providers.world, name=None, timeout_seconds=60, max_attempts=1)
    providers.world.advance(180)
    [said] = texts(providers)
    assert "failed. The attempt took longer than 60 s" in said


def test_every_configured_messenger_is_used_where_all_are_asked_for(providers: Messengers) -> None:
    complete(hand_over_task(providers.world, ("all",)))
    providers.world.settle()
    assert [len(one.sent) for one in (providers.telegram, providers.discord, providers.whatsapp)] == [1, 1, 1]


def test_people_are_notified_of_each_end_of_a_task(providers: Messengers) -> None:
    task = hand_over_task(providers.world)
    fail(task, retryable=False)
    providers.world.settle()
    lifecycle.replay(ORG, task.id)
    providers.world.settle()
    complete(providers.world.task(task.id))
    providers.world.settle()
    assert texts(providers) == ["❌ Nightly: failed. no room", "✅ Nightly: completed"]


def test_nobody_is_notified_of_an_end_that_was_undone_before_its_notification(providers: Messengers) -> None:
    task = hand_over_task(providers.world)
    fail(task, retryable=False)
    ended = providers.world.task(task.id)
    lifecycle.replay(ORG, task.id)
    completion_notifications.notify_of_completion(ended)
    assert providers.world.task(task.id).is_ready, "what goes on is not touched"
    assert len(texts(providers)) <= 1


def test_a_late_notification_of_an_old_end_does_not_replace_that_of_the_new_one(providers: Messengers) -> None:
    task = hand_over_task(providers.world)
    fail(task, retryable=False)
    old = providers.world.task(task.id)
    providers.world.settle()
    lifecycle.replay(ORG, task.id)
    providers.world.settle()
    complete(providers.world.task(task.id))
    completion_notifications.notify_of_completion(old)
    assert providers.world.task(task.id).wake_at is not None
    providers.world.settle()
    assert texts(providers) == ["❌ Nightly: failed. no room", "✅ Nightly: completed"]


def test_a_task_without_notifications_has_no_wakeup_after_its_end(providers: Messengers) -> None:
    task = hand_over_task(providers.world, ())
    complete(task)
    assert providers.world.task(task.id).wake_at is None
    providers.world.settle()
    assert notifications.list_history(ORG, Filter(), 10).notifications == []


def test_a_lost_wakeup_costs_a_minute_and_no_notification(providers: Messengers) -> None:
    complete(task := hand_over_task(providers.world))
    providers.world.queues.faults.drop = 1.0
    providers.world.settle()
    providers.world.queues.faults.drop = 0.0
    assert texts(providers) == []
    providers.world.advance(60)
    assert texts(providers) == ["✅ Nightly: completed"]
    assert providers.world.task(task.id).wake_at is None


def test_a_change_that_is_relayed_twice_and_a_sweep_besides_notify_once(providers: Messengers) -> None:
    complete(task := hand_over_task(providers.world))
    ended = providers.world.task(task.id)
    providers.world.settle()
    providers.world.rewind("tasks", 5)
    completion_notifications.notify_of_completion(ended)
    providers.world.settle()
    providers.world.advance(120)
    assert texts(providers) == ["✅ Nightly: completed"]


def test_messengers_that_are_not_configured_are_not_asked_for_ever(providers: Messengers) -> None:
    configure({})
    complete(task := hand_over_task(providers.world))
    providers.world.settle()
    assert providers.world.task(task.id).wake_at is None
    assert (texts(providers), notifications.list_history(ORG, Filter(), 10).notifications) == ([], [])


def test_an_end_that_was_notified_under_an_earlier_name_is_not_notified_again(providers: Messengers) -> None:
    """The notification was sent, and before that was recorded the task got another name."""
    complete(task := hand_over_task(providers.world))
    providers.world.clock.advance(1)
    with dying_before(providers.world, 2), suppress(Killed):
        completion_notifications.notify_of_completion(providers.world.task(task.id))
    lifecycle.change(ORG, task.id, lambda found: replace(found, name="Daily", version=found.version + 1))
    completion_notifications.notify_of_completion(providers.world.task(task.id))
    assert providers.world.task(task.id).wake_at is None
    providers.world.advance(120)
    assert texts(providers) == ["✅ Nightly: completed"]


@pytest.mark.parametrize("permit", [None, ConcurrencyLimit("k", 1)])
def test_what_is_stored_of_a_notified_end_is_what_the_rule_says(
    providers: Messengers, permit: ConcurrencyLimit | None
) -> None:
    task = hand_over_task(providers.world, concurrency_limit=permit)
    providers.world.clock.advance(2)
    complete(task, {"a": 1})
    now = providers.world.clock.now()
    assert providers.world.task(task.id) == transitions.completed(task, now, {"a": 1})
    assert providers.world.task(task.id).wake_at == now
    complete(task, {"a": 1}, Holder(str(task.worker_id), task.epoch))
    providers.world.settle()
    assert providers.world.task(task.id) == transitions.end_notified(transitions.completed(task, now, {"a": 1}), now)


def test_people_are_notified_once_although_the_function_dies_at_any_call() -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            providers = messengers(world)
            complete(task := hand_over_task(world))
            world.relay("tasks")
            died = dies_before(world, lambda: world.handle("wakeups"), number)
            world.return_messages("wakeups")
            world.settle()
            world.advance(120)
            assert texts(providers) == ["✅ Nightly: completed"]
            assert world.task(task.id).wake_at is None
        if not died:
            assert number > 2, "hardly a call was made"
            return
    raise AssertionError("more calls are made than were tried")


def test_a_notification_of_an_end_costs_four_calls_at_most(providers: Messengers) -> None:
    complete(task := hand_over_task(providers.world))
    ended = providers.world.task(task.id)
    with counting() as calls:
        completion_notifications.notify_of_completion(ended)
    assert sum(calls.values()) <= 4, dict(calls)
