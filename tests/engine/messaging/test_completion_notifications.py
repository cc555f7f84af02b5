"""People told that a task has ended: once for each end, whatever fails."""

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
from tests.simulation.faults import Killed, dying_before
from tests.support.aws import counting
from tests.support.messengers import Messengers, configure, messengers
from tests.support.world import ORG, World, new_world

MOST_CALLS = 20


@pytest.fixture
def by(world: World) -> Messengers:
    return messengers(world)


def held(world: World, notify: tuple[str, ...] = ("telegram",), name: str | None = "Nightly", **said: object) -> Task:
    pull(world)
    task = world.submit(notify=notify, name=name, **said)
    world.settle()
    return world.task(task.id)


def texts(by: Messengers) -> list[str]:
    return [one["text"] for one in by.telegram.sent]


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
def test_people_are_told_how_it_ended_unless_it_goes_on_or_was_cancelled(by: Messengers, end: str) -> None:
    work, said = ENDS[end]
    task = held(by.world)
    work(task)
    by.world.settle()
    assert texts(by) == said
    assert by.discord.sent == []


def test_people_are_not_told_all_that_a_worker_has_to_say(by: Messengers) -> None:
    task = held(by.world)
    lifecycle.fail(ORG, task.id, holder(task), reported_failure("no " * 5_000, retryable=False))
    by.world.settle()
    assert [len(text) for text in texts(by)] == [
        len("❌ Nightly: failed. ") + completion_notifications.MAX_ERROR_LENGTH
    ]


def test_a_task_that_timed_out_has_failed(by: Messengers) -> None:
    held(by.world, name=None, timeout_seconds=60, max_attempts=1)
    by.world.advance(180)
    [said] = texts(by)
    assert "failed. The attempt took longer than 60 s" in said


def test_all_that_are_configured_are_told_where_all_are_asked_for(by: Messengers) -> None:
    complete(held(by.world, ("all",)))
    by.world.settle()
    assert [len(one.sent) for one in (by.telegram, by.discord, by.whatsapp)] == [1, 1, 1]


def test_each_end_of_a_task_is_told(by: Messengers) -> None:
    task = held(by.world)
    fail(task, retryable=False)
    by.world.settle()
    lifecycle.replay(ORG, task.id)
    by.world.settle()
    complete(by.world.task(task.id))
    by.world.settle()
    assert texts(by) == ["❌ Nightly: failed. no room", "✅ Nightly: completed"]


def test_an_end_that_was_undone_before_anybody_heard_of_it_is_not_told(by: Messengers) -> None:
    task = held(by.world)
    fail(task, retryable=False)
    ended = by.world.task(task.id)
    lifecycle.replay(ORG, task.id)
    completion_notifications.notify_of_completion(ended)
    assert by.world.task(task.id).is_ready, "what goes on is not touched"
    assert len(texts(by)) <= 1


def test_who_tells_an_old_end_late_leaves_the_new_one_to_be_told(by: Messengers) -> None:
    task = held(by.world)
    fail(task, retryable=False)
    old = by.world.task(task.id)
    by.world.settle()
    lifecycle.replay(ORG, task.id)
    by.world.settle()
    complete(by.world.task(task.id))
    completion_notifications.notify_of_completion(old)
    assert by.world.task(task.id).wake_at is not None
    by.world.settle()
    assert texts(by) == ["❌ Nightly: failed. no room", "✅ Nightly: completed"]


def test_a_task_that_nobody_is_told_of_is_done_with_when_it_ends(by: Messengers) -> None:
    task = held(by.world, ())
    complete(task)
    assert by.world.task(task.id).wake_at is None
    by.world.settle()
    assert notifications.list_history(ORG, Filter(), 10).notifications == []


def test_a_lost_wakeup_costs_a_minute_and_no_notification(by: Messengers) -> None:
    complete(task := held(by.world))
    by.world.queues.faults.drop = 1.0
    by.world.settle()
    by.world.queues.faults.drop = 0.0
    assert texts(by) == []
    by.world.advance(60)
    assert texts(by) == ["✅ Nightly: completed"]
    assert by.world.task(task.id).wake_at is None


def test_a_change_that_is_relayed_twice_and_a_sweep_besides_tell_once(by: Messengers) -> None:
    complete(task := held(by.world))
    ended = by.world.task(task.id)
    by.world.settle()
    by.world.rewind("tasks", 5)
    completion_notifications.notify_of_completion(ended)
    by.world.settle()
    by.world.advance(120)
    assert texts(by) == ["✅ Nightly: completed"]


def test_messengers_that_are_not_configured_are_not_asked_for_ever(by: Messengers) -> None:
    configure({})
    complete(task := held(by.world))
    by.world.settle()
    assert by.world.task(task.id).wake_at is None
    assert (texts(by), notifications.list_history(ORG, Filter(), 10).notifications) == ([], [])


def test_an_end_that_was_told_by_another_name_is_told(by: Messengers) -> None:
    """It was told, and before that could be noted the task was called something else."""
    complete(task := held(by.world))
    by.world.clock.advance(1)
    with dying_before(by.world, 2), suppress(Killed):
        completion_notifications.notify_of_completion(by.world.task(task.id))
    lifecycle.change(ORG, task.id, lambda found: replace(found, name="Daily", version=found.version + 1))
    completion_notifications.notify_of_completion(by.world.task(task.id))
    assert by.world.task(task.id).wake_at is None
    by.world.advance(120)
    assert texts(by) == ["✅ Nightly: completed"]


@pytest.mark.parametrize("permit", [None, ConcurrencyLimit("k", 1)])
def test_what_is_stored_of_an_end_that_is_told_is_what_the_rule_says(
    by: Messengers, permit: ConcurrencyLimit | None
) -> None:
    task = held(by.world, concurrency_limit=permit)
    by.world.clock.advance(2)
    complete(task, {"a": 1})
    now = by.world.clock.now()
    assert by.world.task(task.id) == transitions.completed(task, now, {"a": 1})
    assert by.world.task(task.id).wake_at == now
    complete(task, {"a": 1}, Holder(str(task.worker_id), task.epoch))
    by.world.settle()
    assert by.world.task(task.id) == transitions.end_notified(transitions.completed(task, now, {"a": 1}), now)


def test_whoever_tells_may_die_at_any_call_and_people_are_told_once() -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            by = messengers(world)
            complete(task := held(world))
            world.relay("tasks")
            died = _dies(world, number)
            world.return_messages("wakeups")
            world.settle()
            world.advance(120)
            assert texts(by) == ["✅ Nightly: completed"]
            assert world.task(task.id).wake_at is None
        if not died:
            assert number > 2, "hardly a call was made"
            return
    raise AssertionError("more calls are made than were tried")


def _dies(world: World, number: int) -> bool:
    with dying_before(world, number):
        try:
            world.handle("wakeups")
        except Killed:
            return True
    return False


def test_telling_costs_what_it_says(by: Messengers) -> None:
    complete(task := held(by.world))
    ended = by.world.task(task.id)
    with counting() as calls:
        completion_notifications.notify_of_completion(ended)
    assert sum(calls.values()) <= 4, dict(calls)
