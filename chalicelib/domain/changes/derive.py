"""What follows from a change: the heart of the relay.

`of_task(old, new)` and `of_worker(old, new)` compare two versions of an item and say what must be written down, whom
to tell, and what to hand over. They decide nothing about storage: the same answer can be carried out twice.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.changes import announcements
from chalicelib.domain.changes.effects import NOTHING, Call, Delivery, Effects, Event, Kind, Nudge, Update, Wakeup
from chalicelib.domain.tasks.reported_failure import is_number
from chalicelib.domain.tasks.task import HELD, Status, Task
from chalicelib.domain.tasks.transitions import is_credited
from chalicelib.domain.tasks.worker import Worker

LONGEST_ERROR = 200
"""Characters of an error that those who watch are shown."""


def of_task(old: Task | None, new: Task | None) -> Effects:
    """What follows from a task's change; from its removal by retention, that it is no longer counted."""
    if new is None:
        return Effects(events=_swept(old), announcements=announcements.gone(old)) if old is not None else NOTHING
    return Effects(
        events=_task_events(old, new),
        nudges=_task_nudges(old, new),
        deliveries=_deliveries(old, new),
        updates=_updates(old, new),
        announcements=announcements.of_task(old, new),
        wakeups=_task_wakeups(old, new),
    )


def _swept(old: Task) -> tuple[Event, ...]:
    event = Event(
        org=old.org,
        pool=old.pool,
        kind=Kind.SWEPT,
        subject=old.id,
        version=old.version + 1,
        at=old.updated_at,
        worker_id=old.worker_id,
        left=old.phase,
    )
    return (event,)


def _task_events(old: Task | None, new: Task) -> tuple[Event, ...]:
    kind = _task_kind(old, new)
    if kind is None:
        return ()
    moved = old is not None and kind not in _UNMOVED
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
        left=old.phase if old is not None and moved else None,
        running=old is not None and moved and old.status is Status.RUNNING,
        burned=old is not None and new.attempts > old.attempts,
        waited_ms=_since(old.ready_at, new.updated_at) if old is not None and kind is Kind.LEASED else None,
        took_ms=_took(old, new),
        whole_ms=_since(new.created_at, new.updated_at) if new.terminal else None,
        reason=str((new.error or {}).get("code")) if kind in _FAILURES else None,
        quality=_quality(new) if kind is Kind.COMPLETED else None,
    )
    return (event,)


def _took(old: Task | None, new: Task) -> int | None:
    """How long the attempt took that the change ends, if it ends one: no time, where nobody had begun what ends in the
    name of the worker that it names."""
    if old is None or new.held:
        return None
    if old.held:
        return _since(old.leased_at, new.updated_at)
    return 0 if is_credited(old, new) else None


def _quality(task: Task) -> int | None:
    noted: Any = (task.metadata or {}).get("qualityScore")
    return round(noted * 1000) if is_number(noted) and 0 <= noted <= 1 else None


def _since(start: int | None, end: int) -> int | None:
    return None if start is None else max(0, end - start)


_TERMINAL_KINDS = {
    Status.COMPLETED: Kind.COMPLETED,
    Status.FAILED: Kind.FAILED,
    Status.TIMED_OUT: Kind.TIMED_OUT,
    Status.CANCELLED: Kind.CANCELLED,
}


_FAILURES = frozenset({Kind.FAILED, Kind.TIMED_OUT, Kind.RETRIED})
_UNMOVED = frozenset({Kind.EDITED, Kind.OVERDUE})
"""Entries of changes that leave a task in its state."""


def _task_kind(old: Task | None, new: Task) -> Kind | None:
    if old is None:
        return Kind.SUBMITTED
    return _moved(old, new) or _unmoved(old, new)


def _moved(old: Task, new: Task) -> Kind | None:
    if new.terminal:
        return _TERMINAL_KINDS[new.status] if not old.terminal else None
    if new.epoch > old.epoch:
        return Kind.LEASED if new.person is None else Kind.TAKEN
    if (old.status, new.status) == (Status.LEASED, Status.RUNNING):
        return Kind.STARTED
    if new.status is not Status.PENDING or old.status is Status.PENDING:
        return None
    if old.terminal:
        return Kind.REPLAYED
    return Kind.RETRIED if new.attempts > old.attempts else Kind.RELEASED


def _unmoved(old: Task, new: Task) -> Kind | None:
    if new.edits > old.edits:
        return Kind.EDITED
    return Kind.OVERDUE if new.overdue and not old.overdue else None


def _task_nudges(old: Task | None, new: Task) -> tuple[Nudge, ...]:
    if old is not None and _waits_as_before(old, new):
        return ()
    if new.queued:
        return (Nudge(org=new.org, pool=new.pool, task_id=new.id, lane=new.lane, needs=new.needs),)
    if old is not None and old.held and not new.held:
        return (Nudge(org=new.org, pool=new.pool),)
    return ()


def _waits_as_before(old: Task, new: Task) -> bool:
    """Whether the dispatcher sees no difference: a waiting task was only looked at."""
    seen = ("lane", "priority", "ready_at", "edits")
    return old.queued and new.queued and all(getattr(old, name) == getattr(new, name) for name in seen)


def _deliveries(old: Task | None, new: Task) -> tuple[Delivery, ...]:
    if new.status is not Status.LEASED or (old is not None and old.epoch == new.epoch):
        return ()
    assert new.worker_id is not None
    return (Delivery(task_id=new.id, epoch=new.epoch, org=new.org, pool=new.pool, worker_id=new.worker_id),)


def _updates(old: Task | None, new: Task) -> tuple[Update, ...]:
    if old is not None and all(getattr(old, name) == getattr(new, name) for name in announcements.VISIBLE):
        return ()
    update = Update(
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
        worker_id=new.worker_id if new.status in HELD or new.terminal else None,
        label=new.label,
        error=_shortened(new.error),
    )
    return (update,)


def _shortened(error: Mapping[str, Any] | None) -> str | None:
    return None if error is None else str(error.get("message"))[:LONGEST_ERROR]


def _task_wakeups(old: Task | None, new: Task) -> tuple[Wakeup, ...]:
    at = new.prompt_at
    if at is None or (old is not None and old.prompt_at == at):
        return ()
    return (Wakeup(kind="task", org=new.org, pool=new.pool, id=new.id, at=at),)


def of_worker(old: Worker | None, new: Worker | None) -> Effects:
    """What follows from a worker's change: its uptime, new room for the pool, what it is to be told, and its own
    business when due."""
    events = _worker_events(old, new)
    if new is None:
        return Effects(events=events, announcements=announcements.of_worker(old, None))
    return Effects(
        events=events + _claims(old, new),
        announcements=announcements.of_worker(old, new),
        nudges=_worker_nudges(old, new),
        calls=_calls(old, new),
        wakeups=_worker_wakeups(old, new),
    )


def _claims(old: Worker | None, new: Worker) -> tuple[Event, ...]:
    """What it has done besides its tasks: its counters grew though no lease ended."""
    if old is None or (old.completed, old.failed) == (new.completed, new.failed):
        return ()
    if old.leases != new.leases or old.credits != new.credits:
        return ()  # a task ended, whose own event counts that
    event = Event(
        org=new.org,
        pool=new.pool,
        kind=Kind.CLAIMED,
        subject=new.id,
        version=new.version,
        at=new.updated_at,
        worker_id=new.id,
        completed=new.completed - old.completed,
        failed=new.failed - old.failed,
    )
    return (event,)


def _calls(old: Worker | None, new: Worker) -> tuple[Call, ...]:
    if new.connection is None:
        return ()
    greeting = old is None or old.connection != new.connection
    more = old is None or bool(new.commands.keys() - old.commands.keys()) or (new.maintenance and not old.maintenance)
    if not greeting and not more:
        return ()
    return (Call(org=new.org, pool=new.pool, worker_id=new.id, greeting=greeting),)


def _worker_events(old: Worker | None, new: Worker | None) -> tuple[Event, ...]:
    was, known = old is not None and old.online, new or old
    online = new is not None and new.online
    if known is None or was == online:
        return ()
    event = Event(
        org=known.org,
        pool=known.pool,
        kind=Kind.ONLINE if online else Kind.OFFLINE,
        subject=known.id,
        version=known.version if new is not None else known.version + 1,
        at=known.updated_at,
        worker_id=known.id,
        since=old.online_since if old is not None and was else None,
    )
    return (event,)


def _worker_nudges(old: Worker | None, new: Worker) -> tuple[Nudge, ...]:
    gained = old is None or any(
        (
            new.online and not old.online,
            new.max_concurrent > old.max_concurrent,
            bool(set(new.capabilities) - set(old.capabilities) or set(new.groups) - set(old.groups)),
            new.health is not old.health,
            new.hours != old.hours,
            old.rest_until is not None and new.rest_until is None,
            old.suspended_until is not None and new.suspended_until is None,
            old.online and not new.online,  # what waited for it may go to others
            old.connection is None and new.connection is not None,
        )
    )
    return (Nudge(org=new.org, pool=new.pool),) if gained else ()


def _worker_wakeups(old: Worker | None, new: Worker) -> tuple[Wakeup, ...]:
    found = []
    if new.suspended_until is not None and (old is None or old.suspended_until != new.suspended_until):
        found.append(new.suspended_until)
    if new.rest_until is not None and (old is None or old.rest_until != new.rest_until):
        found.append(new.rest_until)
    if (new.removed and (old is None or not old.removed)) or (new.drained and (old is None or not old.drained)):
        found.append(new.updated_at)
    if new.connection is not None and new.wake_at is not None and (old is None or old.wake_at != new.wake_at):
        found.append(new.wake_at)
    return tuple(Wakeup(kind="worker", org=new.org, pool=new.pool, id=new.id, at=at) for at in found)
