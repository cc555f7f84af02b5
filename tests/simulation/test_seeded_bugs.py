"""Each invariant bites: a bug of the kind it is there for is put in, and must be found
(docs/how-it-works/reliability.md)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.config import settings
from chalicelib.domain.changes import announcements
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import ConcurrencyLimit, Holder, Status, Task
from chalicelib.engine.changes import relay
from chalicelib.engine.dispatch import dispatcher
from chalicelib.engine.live import task_feed
from chalicelib.engine.tasks import assignment, concurrency_limits, lease_end, lifecycle
from chalicelib.engine.workers import pools, registration, websocket_workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import concurrency_limits as permit_storage
from chalicelib.storage.workers import workers as worker_storage
from tests.simulation import invariants, managed_bugs
from tests.support.world import ORG, POOL, WATCH, World, answer

Invariant = Callable[[World], None]


def _forgetful_ready(task: Task, now: int) -> Task:
    return replace(_ready(task, now), wake_at=None)


def _boundless(task: Task, *rest: Any) -> Task:
    return replace(_attempt_failed(replace(task, max_attempts=99), *rest), max_attempts=task.max_attempts)


def _resurrecting(task: Task, now: int, total: int) -> Task:
    return _replayed(replace(task, status=Status.FAILED), now, total)


def _backwards(task: Task) -> str:
    return f"{task.priority}#{task.ready_at:013d}#{task.id}"


def _unfenced(holder: Holder, org: str) -> Any:
    return task_storage.TaskItem.org == org


def _counting_twice(events: list[Any], notes: Any) -> list[Any]:
    again = [replace(event, version=event.version + 1000) for event in events]
    return [*_record_part(events, notes), *_record_part(again, notes)]


def _never_counted(_: list[Any], _notes: Any) -> list[Any]:
    """Logs nothing, counts nothing."""
    return []


_ready, _attempt_failed, _replayed = transitions.ready, transitions.attempt_failed, transitions.replayed
_record_part = relay._record_transaction


def _life(world: World) -> None:
    """A task that a server takes, keeps, and completes later."""
    worker = world.register()
    task = world.submit()
    world.settle()
    lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": True})
    world.settle()


def _waiting(world: World) -> None:
    """A task that no server takes."""
    world.submit()
    world.settle()


def _waiting_for_long(world: World) -> None:
    """A task that no server takes for some minutes."""
    world.submit()
    world.settle()
    world.advance(240)


def _unheard(world: World) -> None:
    """A task of which every message is lost."""
    world.submit()
    for _ in range(3):
        world.advance(60, settle=False)
        while world.relay("tasks"):
            world.queues.queues.clear()


def _permitted(world: World) -> None:
    """Two tasks of a key that one may be held of, the second assigned by hand."""
    worker = world.register(max_concurrent=2)
    made = [world.submit(concurrency_limit=ConcurrencyLimit("k", 1), manual=True) for _ in range(2)]
    for task in made:
        assignment.assign(ORG, POOL, task.id, worker.id)


def _without_limit(org: str, pool: str, key: str, limit: int, task_id: str) -> Any:
    return _permit_taken(org, pool, key, limit + 1, task_id)


def _cancelled_while_held(world: World) -> None:
    world.register()
    task = world.submit()
    world.settle()
    lifecycle.cancel(ORG, task.id)


def _cancelled_then_replayed(world: World) -> None:
    task = world.submit()
    lifecycle.cancel(ORG, task.id)
    lifecycle.replay(ORG, task.id)


def _failing(world: World) -> None:
    worker = world.register()
    task = world.submit(max_attempts=1)
    for epoch in (1, 2):
        world.settle()
        lifecycle.fail(ORG, task.id, Holder(worker.id, epoch), reported_failure("no", retry_after_seconds=0))


def _urgent_behind(world: World) -> None:
    for priority in (1, 9):
        world.submit(priority=priority)
    world.settle()
    world.register(max_concurrent=1, reply=answer(202))
    world.settle()
    first = next(task for task in world.tasks() if task.is_held)
    assert first.worker_id is not None
    lifecycle.complete(ORG, POOL, first.id, Holder(first.worker_id, 1), None)
    world.settle()


def _completed_twice(world: World) -> None:
    """Two results of one attempt, the second past the worker's slot, so that only the fence can tell."""
    worker = world.register(max_concurrent=1)
    task = world.submit()
    world.settle()
    lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": 1})
    again = task_storage.completion_values(task.id, ORG, POOL, 1, 2, None)
    task_storage.commit([task_storage.end_write(task.id, ORG, Holder(worker.id, 1), again)])


def _watched(world: World, name: str = "v1") -> None:
    world.sockets.connect(name)
    task_feed.watch(Connection(name, ORG, WATCH), 0)


def _watched_life(world: World) -> None:
    _watched(world)
    world.settle()
    _life(world)


def _watched_late(world: World) -> None:
    """A second watcher comes while changes are under way, and has to catch up first."""
    _watched(world)
    world.settle()
    world.submit()
    world.settle()
    _watched(world, "v2")
    world.queues.queues[settings().live_queue][0].visible_at += 1  # its turn comes after the next change
    world.queues.queues[settings().live_queue][0].group = "later"
    world.submit()
    world.settle()
    world.clock.advance(1)
    world.settle()


def _connected_twice(world: World) -> None:
    registration.register(ORG, Registration(POOL, "worker", "w1", max_concurrent=1, id="w1", socket=True))
    for name in ("c1", "c2"):
        world.sockets.connect(name)
        websocket_workers.connect(Connection(name, ORG, "test.worker", POOL, "w1"))


def _uncounted(*said: Any, **named: Any) -> Any:
    return _free_slot_write(*said, **(named | {"outcome": None}))


def _left_behind(*said: Any, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in _completion(*said, **more).items() if name != "shelf"}


def _all_live(org: str) -> list[Any]:
    return [watcher._replace(live=True) for watcher in _find_watchers(org)]


_permit_taken = permit_storage.acquire_write
_free_slot_write, _completion = worker_storage.free_slot_write, task_storage.completion_values
_find_watchers = connections.find_watchers


BUGS: dict[str, tuple[Invariant, Callable[[World], None], AbstractContextManager[Any]]] = {
    "a ready task gets no wake_at": (
        invariants.nothing_is_forgotten,
        _waiting,
        patch.object(transitions, "ready", _forgetful_ready),
    ),
    "a slot is never freed": (
        invariants.slots_equal_leases,
        _cancelled_while_held,
        patch.object(lease_end, "build_writes", lambda *_: []),
    ),
    "a lease takes no permit": (
        invariants.permits_equal_leases,
        _permitted,
        patch.object(concurrency_limits, "acquire_writes", lambda _: []),
    ),
    "a permit is given without a limit": (
        invariants.permits_equal_leases,
        _permitted,
        patch.object(permit_storage, "acquire_write", _without_limit),
    ),
    "the last attempt is not the last": (
        invariants.attempts_stay_within_bounds,
        _failing,
        patch.object(transitions, "attempt_failed", _boundless),
    ),
    "a cancelled task can be replayed": (
        invariants.the_past_is_lawful,
        _cancelled_then_replayed,
        patch.object(transitions, "replayed", _resurrecting),
    ),
    "the ready queue is sorted backwards": (
        invariants.urgent_tasks_go_first,
        _urgent_behind,
        patch.object(task_table, "queue_rank", _backwards),
    ),
    "a completion is not fenced by state": (
        invariants.results_were_accepted_once,
        _completed_twice,
        patch.object(task_storage, "_is_held_by", _unfenced),
    ),
    "an event is not logged": (
        invariants.the_log_is_the_history,
        _life,
        patch.object(relay, "_record_transaction", _never_counted),
    ),
    "a pool forgets a lane in which tasks wait": (
        invariants.waiting_tasks_are_looked_at,
        _waiting_for_long,
        patch.object(dispatcher._Pass, "_lanes_to_forget", lambda made: set(made._lanes)),
    ),
    "a pool in which tasks wait is not looked at again": (
        invariants.waiting_tasks_are_looked_at,
        _waiting_for_long,
        patch.object(dispatcher._Pass, "_next_check_at", lambda _: None),
    ),
    "a task is left to a pool that does not know": (
        invariants.waiting_tasks_are_looked_at,
        _unheard,
        patch.object(pools, "watch_lanes", lambda _org, _pool, lanes: frozenset(lanes)),
    ),
    "a redelivered change is counted again": (
        invariants.gauges_equal_the_tasks,
        _waiting,
        patch.object(relay, "_record_transaction", _counting_twice),
    ),
    "counters move without the log": (
        invariants.counters_equal_a_recount,
        _life,
        patch.object(relay.event_storage, "log_write", lambda event: _nothing(event)),
    ),
    "a slot is freed and its attempt not counted": (
        invariants.workers_counters_equal_a_recount,
        _life,
        patch.object(worker_storage, "free_slot_write", _uncounted),
    ),
    "a completion leaves the task among those that are held": (
        invariants.each_task_stands_where_it_is_looked_for,
        _life,
        patch.object(task_storage, "completion_values", _left_behind),
    ),
    "a second connection is let in unasked": (
        invariants.no_connection_that_answers_is_replaced,
        _connected_twice,
        patch.object(websocket_workers, "_require_abandoned", lambda _: None),
    ),
    "a watcher is told of changes before it has caught up": (
        invariants.watchers_are_told_everything_in_order,
        _watched_late,
        patch.object(connections, "find_watchers", _all_live),
    ),
    "a watcher goes live without what it missed": (
        invariants.watchers_are_up_to_date,
        _watched_late,
        patch.object(task_feed, "_send_missed", lambda *_: True),
    ),
    "a change of state is no change to watchers": (
        invariants.the_feed_ends_as_the_tasks_did,
        _watched_life,
        patch.object(announcements, "VISIBLE_FIELDS", ("epoch",)),
    ),
}

BUGS |= managed_bugs.BUGS


def _nothing(event: Any) -> Any:
    """A write that changes nothing that anybody reads."""
    return relay.stats.addition_write(("elsewhere", f"{event.subject}#{event.version}"), relay.stats.Counts())


@pytest.mark.parametrize("bug", BUGS)
def test_the_invariant_finds_its_bug(world: World, bug: str) -> None:
    invariant, story, seeded = BUGS[bug]
    with seeded:
        story(world)
    with pytest.raises(AssertionError):
        invariant(world)


@pytest.mark.parametrize("bug", BUGS)
def test_without_the_bug_the_invariant_holds(world: World, bug: str) -> None:
    invariant, story, _ = BUGS[bug]
    try:
        story(world)
    except Exception as refusal:  # noqa: BLE001 - without its bug a story may be refused, as it should be
        assert type(refusal).__name__ in {"Conflict", "LeaseLost", "ConditionFailed"}
    invariant(world)
