"""Each invariant fails when a bug of its kind is put into the code (docs/how-it-works/reliability.md)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib import ids
from chalicelib.config import settings
from chalicelib.domain.changes import announcements
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Approval, ApprovalState, ConcurrencyLimit, Holder, Status, Task
from chalicelib.domain.workflows.definitions import PUBLISH
from chalicelib.domain.workflows.next_action import StartStep, Wait
from chalicelib.domain.workflows.workflow import Step, Workflow
from chalicelib.engine import content_tasks
from chalicelib.engine.changes import relay
from chalicelib.engine.dispatch import dispatcher
from chalicelib.engine.live import task_feed
from chalicelib.engine.orchestration import endings, publish_performer
from chalicelib.engine.schedule import job_handlers
from chalicelib.engine.tasks import assignment, concurrency_limits, lease_end, lifecycle
from chalicelib.engine.workers import pools, registration, websocket_workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workflows import advance, executions
from chalicelib.engine.workflows import registry as registry_of_workflows
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import concurrency_limits as permit_storage
from chalicelib.storage.workers import workers as worker_storage
from tests.simulation import invariants, kill_stories, managed_bugs, performer
from tests.support.world import ORG, POOL, WATCH, World, answer

Invariant = Callable[[World], None]


def _ready_without_wakeup(task: Task, now: int) -> Task:
    return replace(_ready(task, now), wake_at=None)


def _attempt_failed_without_bound(task: Task, *rest: Any) -> Task:
    return replace(_attempt_failed(replace(task, max_attempts=99), *rest), max_attempts=task.max_attempts)


def _replayed_from_any_state(task: Task, now: int, total: int) -> Task:
    return _replayed(replace(task, status=Status.FAILED), now, total)


def _ready_in_spite_of_rejection(task: Task, expires_at: int, now: int, _run_at: int | None) -> Task:
    return replace(_ready(task, now), approval=Approval(ApprovalState.REJECTED, now, expires_at))


TOYS = Workflow("toys", (Step("one", POOL, "t"), Step("two", POOL, "t")))


def _next_missing_step(_: Task, steps: list[Task | None]) -> Any:
    return StartStep(steps.index(None)) if None in steps else Wait(0)


def _rank_backwards(task: Task) -> str:
    return f"{task.priority}#{task.ready_at:013d}#{task.id}"


def _held_by_anyone(holder: Holder, org: str) -> Any:
    return task_storage.TaskItem.org == org


def _record_twice(events: list[Any], notes: Any) -> list[Any]:
    again = [replace(event, version=event.version + 1000) for event in events]
    return [*_record_part(events, notes), *_record_part(again, notes)]


def _record_nothing(_: list[Any], _notes: Any) -> list[Any]:
    """No writes: nothing is logged or counted."""
    return []


_ready, _attempt_failed, _replayed = transitions.ready, transitions.attempt_failed, transitions.replayed
_record_part = relay._record_transaction


def _complete_task(world: World) -> None:
    """A server accepts a task and completes it later."""
    worker = world.register()
    task = world.submit()
    world.settle()
    lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": True})
    world.settle()


def _submit_without_server(world: World) -> None:
    """Submit a task that no server takes."""
    world.submit()
    world.settle()


def _wait_for_minutes(world: World) -> None:
    """Submit a task that no server takes for four minutes."""
    world.submit()
    world.settle()
    world.advance(240)


def _lose_all_messages(world: World) -> None:
    """Submit a task whose messages are all lost."""
    world.submit()
    for _ in range(3):
        world.advance(60, settle=False)
        while world.relay("tasks"):
            world.queues.queues.clear()


def _start_execution() -> Task:
    with registry_of_workflows.use(TOYS):
        execution = executions.start(ORG, "dev", POOL, TOYS, {})
        for _ in range(2):
            advance.advance(execution)
    return execution


def _start_both_steps(_: World) -> None:
    _start_execution()


def _cancel_workflow(world: World) -> None:
    lifecycle.cancel(ORG, _start_execution().id)
    world.settle()


def _publish_twice(world: World) -> None:
    """An approved step is performed, and once more after its completion was lost."""
    with performer.performing():
        kill_stories.STORIES["publication"](world)
        step = next(task for task in world.tasks() if task.type == PUBLISH.type)
        payload = publish_performer.PublishInput.model_validate(step.payload)
        publish_performer.PublishPerformer().perform(step, payload)
        world.settle()


def _cancel_orchestration(world: World) -> None:
    with performer.performing():
        kill_stories.STORIES["end of a studio task"](world)
        world.settle()


def _cancel_studio_task(world: World) -> None:
    with performer.performing():
        kill_stories.STORIES["cancellation of a studio task"](world)()


def _lease_without_approval(world: World) -> None:
    world.register(reply=answer(202))
    world.submit(approval_seconds=600)
    world.settle()


def _assign_over_the_limit(world: World) -> None:
    """Assign two tasks of a concurrency key whose limit is one."""
    worker = world.register(max_concurrent=2)
    tasks = [world.submit(concurrency_limit=ConcurrencyLimit("k", 1), manual=True) for _ in range(2)]
    for task in tasks:
        assignment.assign(ORG, POOL, task.id, worker.id)


def _without_limit(org: str, pool: str, key: str, limit: int, task_id: str) -> Any:
    return _acquire_write(org, pool, key, limit + 1, task_id)


def _cancel_held_task(world: World) -> None:
    world.register()
    task = world.submit()
    world.settle()
    lifecycle.cancel(ORG, task.id)


def _cancel_and_replay(world: World) -> None:
    task = world.submit()
    lifecycle.cancel(ORG, task.id)
    lifecycle.replay(ORG, task.id)


def _fail_repeatedly(world: World) -> None:
    worker = world.register()
    task = world.submit(max_attempts=1)
    for epoch in (1, 2):
        world.settle()
        lifecycle.fail(ORG, task.id, Holder(worker.id, epoch), reported_failure("no", retry_after_seconds=0))


def _submit_urgent_task_last(world: World) -> None:
    for priority in (1, 9):
        world.submit(priority=priority)
    world.settle()
    world.register(max_concurrent=1, reply=answer(202))
    world.settle()
    first = next(task for task in world.tasks() if task.is_held)
    assert first.worker_id is not None
    lifecycle.complete(ORG, POOL, first.id, Holder(first.worker_id, 1), None)
    world.settle()


def _complete_twice(world: World) -> None:
    """Complete one attempt twice, the second time without freeing the worker's slot, so that only the fence refuses."""
    worker = world.register(max_concurrent=1)
    task = world.submit()
    world.settle()
    lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": 1})
    again = task_storage.completion_values(task.id, ORG, POOL, 1, 2, None)
    task_storage.commit([task_storage.end_write(task.id, ORG, Holder(worker.id, 1), again)])


def _add_watcher(world: World, name: str = "v1") -> None:
    world.sockets.connect(name)
    task_feed.watch(Connection(name, ORG, WATCH), 0)


def _complete_watched_task(world: World) -> None:
    _add_watcher(world)
    world.settle()
    _complete_task(world)


def _add_late_watcher(world: World) -> None:
    """A second watcher connects while changes are being sent, and has to catch up first."""
    _add_watcher(world)
    world.settle()
    world.submit()
    world.settle()
    _add_watcher(world, "v2")
    world.queues.queues[settings().live_queue][0].visible_at += 1  # its turn comes after the next change
    world.queues.queues[settings().live_queue][0].group = "later"
    world.submit()
    world.settle()
    world.clock.advance(1)
    world.settle()


def _connect_twice(world: World) -> None:
    registration.register(ORG, Registration(POOL, "worker", "w1", max_concurrent=1, id="w1", socket=True))
    for name in ("c1", "c2"):
        world.sockets.connect(name)
        websocket_workers.connect(Connection(name, ORG, "test.worker", POOL, "w1"))


def _free_slot_uncounted(*arguments: Any, **named: Any) -> Any:
    return _free_slot_write(*arguments, **(named | {"outcome": None}))


def _completion_without_list(*arguments: Any, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in _completion(*arguments, **more).items() if name != "shelf"}


def _all_live(org: str) -> list[Any]:
    return [watcher._replace(live=True) for watcher in _find_watchers(org)]


_acquire_write = permit_storage.acquire_write
_free_slot_write, _completion = worker_storage.free_slot_write, task_storage.completion_values
_find_watchers = connections.find_watchers


BUGS: dict[str, tuple[Invariant, Callable[[World], None], AbstractContextManager[Any]]] = {
    "a ready task gets no wake_at": (
        invariants.every_task_has_a_wakeup,
        _submit_without_server,
        patch.object(transitions, "ready", _ready_without_wakeup),
    ),
    "a slot is never freed": (
        invariants.slots_equal_leases,
        _cancel_held_task,
        patch.object(lease_end, "build_writes", lambda *_: []),
    ),
    "a lease takes no permit": (
        invariants.permits_equal_leases,
        _assign_over_the_limit,
        patch.object(concurrency_limits, "acquire_writes", lambda _: []),
    ),
    "a permit is given without a limit": (
        invariants.permits_equal_leases,
        _assign_over_the_limit,
        patch.object(permit_storage, "acquire_write", _without_limit),
    ),
    "a task is leased before it is approved": (
        invariants.unapproved_tasks_are_not_leased,
        _lease_without_approval,
        patch.object(transitions, "awaiting_approval", _ready_in_spite_of_rejection),
    ),
    "a step does not wait for the one before": (
        invariants.steps_follow_each_other,
        _start_both_steps,
        patch.object(advance, "next_action", _next_missing_step),
    ),
    "a cancelled workflow leaves its steps": (
        invariants.executions_end_as_their_steps_do,
        _cancel_workflow,
        patch.object(advance, "_cancel_open_steps", lambda _: None),
    ),
    "what is approved is published under an id of its own each time": (
        invariants.approved_content_is_published_once,
        _publish_twice,
        patch.object(publish_performer, "content_id_of", lambda step: ids.new("content")),
    ),
    "the end of a workflow does not end its task": (
        invariants.studio_tasks_end_as_their_executions_do,
        _cancel_orchestration,
        patch.object(endings, "_end_task", lambda *_: None),
    ),
    "the workflow of a cancelled task goes on": (
        invariants.studio_tasks_end_as_their_executions_do,
        _cancel_studio_task,
        patch.dict(job_handlers.TASK_ENDS, {content_tasks.POOL: lambda _: None}),
    ),
    "the last attempt is not the last": (
        invariants.attempts_stay_within_bounds,
        _fail_repeatedly,
        patch.object(transitions, "attempt_failed", _attempt_failed_without_bound),
    ),
    "a cancelled task can be replayed": (
        invariants.transitions_are_legal,
        _cancel_and_replay,
        patch.object(transitions, "replayed", _replayed_from_any_state),
    ),
    "the ready queue is sorted backwards": (
        invariants.urgent_tasks_go_first,
        _submit_urgent_task_last,
        patch.object(task_table, "queue_rank", _rank_backwards),
    ),
    "a completion is not fenced by state": (
        invariants.each_task_is_completed_once,
        _complete_twice,
        patch.object(task_storage, "_is_held_by", _held_by_anyone),
    ),
    "an event is not logged": (
        invariants.the_log_equals_the_history,
        _complete_task,
        patch.object(relay, "_record_transaction", _record_nothing),
    ),
    "a pool forgets a lane in which tasks wait": (
        invariants.waiting_tasks_are_checked,
        _wait_for_minutes,
        patch.object(dispatcher._Pass, "_lanes_to_forget", lambda tasks: set(tasks._lanes)),
    ),
    "a pool in which tasks wait is not checked again": (
        invariants.waiting_tasks_are_checked,
        _wait_for_minutes,
        patch.object(dispatcher._Pass, "_next_check_at", lambda _: None),
    ),
    "a task is left to a pool that does not know": (
        invariants.waiting_tasks_are_checked,
        _lose_all_messages,
        patch.object(pools, "watch_lanes", lambda _org, _pool, lanes: frozenset(lanes)),
    ),
    "a redelivered change is counted again": (
        invariants.gauges_equal_the_tasks,
        _submit_without_server,
        patch.object(relay, "_record_transaction", _record_twice),
    ),
    "counters move without the log": (
        invariants.counters_equal_a_recount,
        _complete_task,
        patch.object(relay.event_storage, "log_write", lambda event: _harmless_write(event)),
    ),
    "a slot is freed and its attempt not counted": (
        invariants.workers_counters_equal_a_recount,
        _complete_task,
        patch.object(worker_storage, "free_slot_write", _free_slot_uncounted),
    ),
    "a completion leaves the task in the list of held tasks": (
        invariants.indexes_equal_the_tasks,
        _complete_task,
        patch.object(task_storage, "completion_values", _completion_without_list),
    ),
    "a second connection is admitted although the first answers": (
        invariants.no_answering_connection_is_replaced,
        _connect_twice,
        patch.object(websocket_workers, "_require_abandoned", lambda _: None),
    ),
    "a watcher gets changes before it has caught up": (
        invariants.watchers_receive_changes_in_order,
        _add_late_watcher,
        patch.object(connections, "find_watchers", _all_live),
    ),
    "a watcher goes live without the changes that it missed": (
        invariants.watchers_are_up_to_date,
        _add_late_watcher,
        patch.object(task_feed, "_send_missed", lambda *_: True),
    ),
    "watchers get no update for a change of state": (
        invariants.the_feed_ends_with_the_current_states,
        _complete_watched_task,
        patch.object(announcements, "VISIBLE_FIELDS", ("epoch",)),
    ),
}

BUGS |= managed_bugs.BUGS


def _harmless_write(event: Any) -> Any:
    """A write to a row that nothing reads."""
    return relay.stats.addition_write(("elsewhere", f"{event.subject}#{event.version}"), relay.stats.Counts())


@pytest.mark.parametrize("bug", BUGS)
def test_the_invariant_fails_with_its_bug(world: World, bug: str) -> None:
    invariant, story, seeded = BUGS[bug]
    with seeded:
        story(world)
    with pytest.raises(AssertionError):
        invariant(world)


@pytest.mark.parametrize("bug", BUGS)
def test_the_invariant_holds_without_the_bug(world: World, bug: str) -> None:
    invariant, story, _ = BUGS[bug]
    try:
        story(world)
    except Exception as refusal:  # noqa: BLE001 - without its bug the code may refuse the story
        assert type(refusal).__name__ in {"Conflict", "LeaseLost", "ConditionFailed"}
    invariant(world)
