"""The effects of a change of a task or a worker: the core of the relay.

`task_effects(old, new)` and `worker_effects(old, new)` compare two versions of an item. They read and write nothing:
the same effects can be carried out twice.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.domain.changes import announcements
from chalicelib.domain.changes.effects import (
    NO_EFFECTS,
    DispatchRequest,
    Effects,
    Event,
    EventKind,
    Handover,
    TaskUpdate,
    Wakeup,
    WakeupKind,
    WorkerMessage,
)
from chalicelib.domain.tasks.reported_failure import is_number
from chalicelib.domain.tasks.task import HELD, Status, Task
from chalicelib.domain.tasks.transitions import is_credited
from chalicelib.domain.tasks.worker import Worker

MAX_ERROR_CHARS = 200
"""Characters of an error that clients that watch the tasks are shown."""


def task_effects(old: Task | None, new: Task | None) -> Effects:
    """What follows from a task's change. A task that retention removes is no longer counted."""
    if new is None:
        return NO_EFFECTS if old is None else _deletion_effects(old)
    return Effects(
        events=_task_events(old, new),
        dispatch_requests=_task_dispatch_requests(old, new),
        handovers=_handovers(old, new),
        task_updates=_updates(old, new),
        announcements=announcements.task_announcements(old, new),
        wakeups=_task_wakeups(old, new),
    )


def _deletion_effects(old: Task) -> Effects:
    event = Event(
        org=old.org,
        pool=old.pool,
        kind=EventKind.SWEPT,
        subject=old.id,
        version=old.version + 1,
        at=old.updated_at,
        worker_id=old.worker_id,
        left=old.phase,
    )
    return Effects(events=(event,), announcements=announcements.deletion_announcements(old))


def _task_events(old: Task | None, new: Task) -> tuple[Event, ...]:
    kind = _event_kind(old, new)
    if kind is None:
        return ()
    has_moved = old is not None and kind not in _KEEPS_STATE
    event = Event(
        org=new.org,
        pool=new.pool,
        kind=kind,
        subject=new.id,
        version=new.version,
        at=new.updated_at,
        worker_id=new.worker_id,
        attempt=old.attempt if old is not None else None,
        label=new.label,
        left=old.phase if old is not None and has_moved else None,
        running=old is not None and has_moved and old.status is Status.RUNNING,
        attempt_failed=old is not None and new.attempts > old.attempts,
        waited_ms=_duration(old.ready_at, new.updated_at) if old is not None and kind is EventKind.LEASED else None,
        took_ms=_attempt_ms(old, new),
        whole_ms=_duration(new.created_at, new.updated_at) if new.is_terminal else None,
        reason=str((new.error or {}).get("code")) if kind in _FAILED_ATTEMPTS else None,
        awaiting=int(new.awaits_approval) - int(old is not None and old.awaits_approval),
        quality=_quality(new) if kind is EventKind.COMPLETED else None,
    )
    return (event,)


def _attempt_ms(old: Task | None, new: Task) -> int | None:
    """How long the attempt took that the change ends, if it ends one; 0 for an end in the name of a worker that had no
    lease."""
    if old is None or new.is_held:
        return None
    if old.is_held:
        return _duration(old.leased_at, new.updated_at)
    return 0 if is_credited(old, new) else None


def _quality(task: Task) -> int | None:
    score: Any = (task.metadata or {}).get("qualityScore")
    return round(score * 1000) if is_number(score) and 0 <= score <= 1 else None


def _duration(start: int | None, end: int) -> int | None:
    return None if start is None else max(0, end - start)


_TERMINAL_KINDS = {
    Status.COMPLETED: EventKind.COMPLETED,
    Status.FAILED: EventKind.FAILED,
    Status.TIMED_OUT: EventKind.TIMED_OUT,
    Status.CANCELLED: EventKind.CANCELLED,
}


_FAILED_ATTEMPTS = frozenset({EventKind.FAILED, EventKind.TIMED_OUT, EventKind.RETRIED})
_KEEPS_STATE = frozenset({EventKind.EDITED, EventKind.OVERDUE, EventKind.APPROVED})
"""Kinds of changes that leave a task in its state."""


def _event_kind(old: Task | None, new: Task) -> EventKind | None:
    if old is None:
        return EventKind.SUBMITTED
    return _transition_kind(old, new) or _other_kind(old, new)


def _transition_kind(old: Task, new: Task) -> EventKind | None:
    if new.is_terminal:
        return _TERMINAL_KINDS[new.status] if not old.is_terminal else None
    if new.epoch > old.epoch:
        return EventKind.LEASED if new.person is None else EventKind.TAKEN
    if (old.status, new.status) == (Status.LEASED, Status.RUNNING):
        return EventKind.STARTED
    if new.status is not Status.PENDING or old.status is Status.PENDING:
        return None
    if old.is_terminal:
        return EventKind.REPLAYED
    return EventKind.RETRIED if new.attempts > old.attempts else EventKind.RELEASED


def _other_kind(old: Task, new: Task) -> EventKind | None:
    if new.edits > old.edits:
        return EventKind.EDITED
    if old.awaits_approval and not new.awaits_approval:
        return EventKind.APPROVED
    return EventKind.OVERDUE if new.overdue and not old.overdue else None


def _task_dispatch_requests(old: Task | None, new: Task) -> tuple[DispatchRequest, ...]:
    if old is not None and _waits_as_before(old, new):
        return ()
    if new.is_queued:
        return (DispatchRequest(org=new.org, pool=new.pool, task_id=new.id, lane=new.lane, needs=new.needs),)
    if old is not None and old.is_held and not new.is_held:
        return (DispatchRequest(org=new.org, pool=new.pool),)
    return ()


def _waits_as_before(old: Task, new: Task) -> bool:
    """Whether the dispatcher sees no difference: both versions wait at the same place."""
    fields = ("lane", "priority", "ready_at", "edits")
    return old.is_queued and new.is_queued and all(getattr(old, name) == getattr(new, name) for name in fields)


def _handovers(old: Task | None, new: Task) -> tuple[Handover, ...]:
    if new.status is not Status.LEASED or (old is not None and old.epoch == new.epoch):
        return ()
    assert new.worker_id is not None
    handover = Handover(task_id=new.id, epoch=new.epoch, org=new.org, pool=new.pool, worker_id=new.worker_id)
    return (replace(handover, performed_type=new.type) if handover.built_in else handover,)


def _updates(old: Task | None, new: Task) -> tuple[TaskUpdate, ...]:
    if old is not None and all(getattr(old, name) == getattr(new, name) for name in announcements.VISIBLE_FIELDS):
        return ()
    update = TaskUpdate(
        org=new.org,
        pool=new.pool,
        task_id=new.id,
        version=new.version,
        at=new.updated_at,
        type=new.type,
        status=new.status,
        priority=new.priority,
        attempt=new.attempt,
        progress=new.progress,
        worker_id=new.worker_id if new.status in HELD or new.is_terminal else None,
        label=new.label,
        error=_short_message(new.error),
    )
    return (update,)


def _short_message(error: Mapping[str, Any] | None) -> str | None:
    return None if error is None else str(error.get("message"))[:MAX_ERROR_CHARS]


def _task_wakeups(old: Task | None, new: Task) -> tuple[Wakeup, ...]:
    return (*_own_wakeups(old, new), *_parent_wakeups(old, new))


def _parent_wakeups(old: Task | None, new: Task) -> tuple[Wakeup, ...]:
    """The execution of a workflow is looked at when one of its steps ends."""
    has_ended = new.is_terminal and (old is None or not old.is_terminal)
    if new.parent is None or not has_ended:
        return ()
    return (Wakeup(kind=WakeupKind.TASK, org=new.org, pool=new.pool, id=new.parent, at=new.updated_at),)


def _own_wakeups(old: Task | None, new: Task) -> tuple[Wakeup, ...]:
    at = new.wakeup_at
    if at is None or (old is not None and old.wakeup_at == at):
        return ()
    return (Wakeup(kind=WakeupKind.TASK, org=new.org, pool=new.pool, id=new.id, at=at),)


def worker_effects(old: Worker | None, new: Worker | None) -> Effects:
    """What follows from a worker's change: its uptime, a dispatch when it gained capacity, messages to it, wakeups."""
    events = _worker_events(old, new)
    if new is None:
        return Effects(events=events, announcements=announcements.worker_announcements(old, None))
    return Effects(
        events=events + _claim_events(old, new),
        announcements=announcements.worker_announcements(old, new),
        dispatch_requests=_worker_dispatch_requests(old, new),
        worker_messages=_worker_messages(old, new),
        wakeups=_worker_wakeups(old, new),
    )


def _claim_events(old: Worker | None, new: Worker) -> tuple[Event, ...]:
    """What the worker says it has done besides its tasks here: its counters grew though no lease ended."""
    if old is None or (old.completed, old.failed) == (new.completed, new.failed):
        return ()
    if old.leases != new.leases or old.credits != new.credits:
        return ()  # a task ended, whose own event counts that
    event = Event(
        org=new.org,
        pool=new.pool,
        kind=EventKind.CLAIMED,
        subject=new.id,
        version=new.version,
        at=new.updated_at,
        worker_id=new.id,
        completed=new.completed - old.completed,
        failed=new.failed - old.failed,
    )
    return (event,)


def _worker_messages(old: Worker | None, new: Worker) -> tuple[WorkerMessage, ...]:
    if new.connection is None:
        return ()
    greeting = old is None or old.connection != new.connection
    more = old is None or bool(new.commands.keys() - old.commands.keys()) or (new.maintenance and not old.maintenance)
    if not greeting and not more:
        return ()
    return (WorkerMessage(org=new.org, pool=new.pool, worker_id=new.id, greeting=greeting),)


def _worker_events(old: Worker | None, new: Worker | None) -> tuple[Event, ...]:
    was_online, latest = old is not None and old.is_online, new or old
    is_online = new is not None and new.is_online
    if latest is None or was_online == is_online:
        return ()
    event = Event(
        org=latest.org,
        pool=latest.pool,
        kind=EventKind.ONLINE if is_online else EventKind.OFFLINE,
        subject=latest.id,
        version=latest.version if new is not None else latest.version + 1,
        at=latest.updated_at,
        worker_id=latest.id,
        since=old.online_since if old is not None and was_online else None,
    )
    return (event,)


def _worker_dispatch_requests(old: Worker | None, new: Worker) -> tuple[DispatchRequest, ...]:
    has_gained = old is None or any(
        (
            new.is_online and not old.is_online,
            new.max_concurrent > old.max_concurrent,
            bool(set(new.capabilities) - set(old.capabilities) or set(new.groups) - set(old.groups)),
            new.health is not old.health,
            new.hours != old.hours,
            old.rest_until is not None and new.rest_until is None,
            old.suspended_until is not None and new.suspended_until is None,
            old.is_online and not new.is_online,  # tasks that waited for it may go to others
            old.connection is None and new.connection is not None,
        )
    )
    return (DispatchRequest(org=new.org, pool=new.pool),) if has_gained else ()


def _worker_wakeups(old: Worker | None, new: Worker) -> tuple[Wakeup, ...]:
    instants = []
    if new.suspended_until is not None and (old is None or old.suspended_until != new.suspended_until):
        instants.append(new.suspended_until)
    if new.rest_until is not None and (old is None or old.rest_until != new.rest_until):
        instants.append(new.rest_until)
    if (new.removed and (old is None or not old.removed)) or (new.drained and (old is None or not old.drained)):
        instants.append(new.updated_at)
    if new.connection is not None and new.wake_at is not None and (old is None or old.wake_at != new.wake_at):
        instants.append(new.wake_at)
    return tuple(Wakeup(kind=WakeupKind.WORKER, org=new.org, pool=new.pool, id=new.id, at=at) for at in instants)
