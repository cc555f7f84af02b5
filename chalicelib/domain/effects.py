"""What follows from a change: the heart of the relay.

`of_task(old, new)` and `of_worker(old, new)` compare two versions of an item and say what must be written down, whom
to tell, and what to hand over. They decide nothing about storage: the same answer can be carried out twice.
"""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.tasks import Needs, Status, Task, Worker


class Kind(StrEnum):
    """The kinds of entry in the event log."""

    SUBMITTED = "submitted"
    LEASED = "leased"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    RELEASED = "released"
    REPLAYED = "replayed"
    ONLINE = "online"
    OFFLINE = "offline"


ENDED = frozenset({Kind.COMPLETED, Kind.FAILED, Kind.TIMED_OUT, Kind.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the log. `subject` and `version` name it: a redelivered change gives the same entry."""

    org: str
    pool: str
    kind: Kind
    subject: str  # task id or worker id
    version: int
    at: int
    worker_id: str | None = None  # who held the task up to this change, or took it, or changed
    attempt: int | None = None
    burned: bool = False  # the change ended an attempt badly
    waited_ms: int | None = None  # of a lease: since the task became ready
    took_ms: int | None = None  # of an ended attempt: since the lease
    since: int | None = None  # of OFFLINE: online since then


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """Look at this pool: a task became ready (then it is named, with its lane), or a slot came free."""

    org: str
    pool: str
    task_id: str | None = None
    lane: str | None = None
    needs: Needs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Hand this task over to the worker that holds it under this epoch."""

    task_id: str
    epoch: int
    org: str
    pool: str
    worker_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wakeup:
    """Something is due on this item at `at`; the sweep would find it too, only later."""

    kind: str  # "task" or "worker"
    org: str
    pool: str
    id: str
    at: int


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that follows from one change."""

    events: tuple[Event, ...] = ()
    nudges: tuple[Nudge, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    wakeups: tuple[Wakeup, ...] = ()


NOTHING = Effects()


def of_task(old: Task | None, new: Task | None) -> Effects:
    """What follows from a task's change; of a task removed by retention, nothing."""
    if new is None:
        return NOTHING
    return Effects(
        events=_task_events(old, new),
        nudges=_task_nudges(old, new),
        deliveries=_deliveries(old, new),
        wakeups=_task_wakeups(old, new),
    )


def _task_events(old: Task | None, new: Task) -> tuple[Event, ...]:
    kind = _task_kind(old, new)
    if kind is None:
        return ()
    was_held = old is not None and old.held
    event = Event(
        org=new.org,
        pool=new.pool,
        kind=kind,
        subject=new.id,
        version=new.version,
        at=new.updated_at,
        worker_id=new.worker_id if was_held or new.held else None,
        attempt=old.attempt if old is not None else None,
        burned=old is not None and was_held and new.attempts > old.attempts,
        waited_ms=_since(old.ready_at, new.updated_at) if old is not None and kind is Kind.LEASED else None,
        took_ms=_since(old.leased_at, new.updated_at) if old is not None and was_held else None,
    )
    return (event,)


def _since(start: int | None, end: int) -> int | None:
    return None if start is None else max(0, end - start)


_TERMINAL_KINDS = {
    Status.COMPLETED: Kind.COMPLETED,
    Status.FAILED: Kind.FAILED,
    Status.TIMED_OUT: Kind.TIMED_OUT,
    Status.CANCELLED: Kind.CANCELLED,
}


def _task_kind(old: Task | None, new: Task) -> Kind | None:
    if old is None:
        return Kind.SUBMITTED
    if new.status in _TERMINAL_KINDS:
        return _TERMINAL_KINDS[new.status] if not old.terminal else None
    if new.epoch > old.epoch:
        return Kind.LEASED
    if new.status is not Status.PENDING or old.status is Status.PENDING:
        return None
    if old.terminal:
        return Kind.REPLAYED
    return Kind.RETRIED if new.attempts > old.attempts else Kind.RELEASED


def _task_nudges(old: Task | None, new: Task) -> tuple[Nudge, ...]:
    if new.ready:
        return (Nudge(org=new.org, pool=new.pool, task_id=new.id, lane=new.lane, needs=new.needs),)
    if old is not None and old.held and not new.held:
        return (Nudge(org=new.org, pool=new.pool),)
    return ()


def _deliveries(old: Task | None, new: Task) -> tuple[Delivery, ...]:
    if new.status is not Status.LEASED or (old is not None and old.epoch == new.epoch):
        return ()
    assert new.worker_id is not None
    return (Delivery(task_id=new.id, epoch=new.epoch, org=new.org, pool=new.pool, worker_id=new.worker_id),)


def _task_wakeups(old: Task | None, new: Task) -> tuple[Wakeup, ...]:
    if new.run_at is None or (old is not None and old.run_at == new.run_at):
        return ()
    return (Wakeup(kind="task", org=new.org, pool=new.pool, id=new.id, at=new.run_at),)


def of_worker(old: Worker | None, new: Worker | None) -> Effects:
    """What follows from a worker's change: its uptime, new room for the pool, and its own business when due."""
    events = _worker_events(old, new)
    if new is None:
        return Effects(events=events)
    return Effects(events=events, nudges=_worker_nudges(old, new), wakeups=_worker_wakeups(old, new))


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
            set(new.capabilities) > set(old.capabilities) or set(new.groups) > set(old.groups),
            new.health is not old.health,
            old.rest_until is not None and new.rest_until is None,
        )
    )
    return (Nudge(org=new.org, pool=new.pool),) if gained else ()


def _worker_wakeups(old: Worker | None, new: Worker) -> tuple[Wakeup, ...]:
    found = []
    if new.rest_until is not None and (old is None or old.rest_until != new.rest_until):
        found.append(new.rest_until)
    if new.removed and (old is None or not old.removed):
        found.append(new.updated_at)
    return tuple(Wakeup(kind="worker", org=new.org, pool=new.pool, id=new.id, at=at) for at in found)
