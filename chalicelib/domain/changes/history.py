"""A task's history: each logged change of it, as people are shown it."""

from typing import NamedTuple

from chalicelib.domain.changes import derive
from chalicelib.domain.changes.effects import EventKind
from chalicelib.domain.tasks.task import Task


class Entry(NamedTuple):
    """One change of a task. `action` is created, status_changed, started, assigned, updated, retried, overdue or
    approved;
    `from_` and `to` are phases (domain.tasks.Phase), of an assignment ids of agents."""

    id: str
    action: str
    from_: str | None
    to: str | None
    user: str | None  # who asked for it, or the worker that did it; None: Yardmaster itself
    at: int


_ACTIONS = {
    EventKind.SUBMITTED: "created",
    EventKind.STARTED: "started",
    EventKind.REPLAYED: "retried",
    EventKind.EDITED: "updated",
    EventKind.OVERDUE: "overdue",
    EventKind.APPROVED: "approved",
}
_KEEPS_PHASE = frozenset({EventKind.STARTED, EventKind.EDITED, EventKind.OVERDUE, EventKind.APPROVED})
"""Kinds of changes that leave a task in its phase."""


def history_entry(old: Task | None, new: Task | None) -> Entry | None:
    """The entry of a change; None for one that is not logged, and for a deletion."""
    events = derive.task_effects(old, new).events
    if new is None or not events:
        return None
    [event] = events
    action, from_, to = _action(event.kind, old, new)
    entry_id = f"history_{new.id.removeprefix('task_')}_{new.version}"
    return Entry(entry_id, action, from_, to, _user(old, new), new.updated_at)


def _action(kind: EventKind, old: Task | None, new: Task) -> tuple[str, str | None, str | None]:
    """(action, from, to)."""
    if kind is EventKind.EDITED and old is not None and old.wanted_worker != new.wanted_worker:
        return "assigned", old.wanted_worker, new.wanted_worker
    if kind in _KEEPS_PHASE:
        return _ACTIONS[kind], None, None
    return _ACTIONS.get(kind, "status_changed"), str(old.phase) if old is not None else None, str(new.phase)


def _user(old: Task | None, new: Task) -> str | None:
    """Who asked for the change; else the worker that leased, started or released the task."""
    is_workers = new.is_held_by_worker or (old is not None and old.is_held_by_worker)
    return new.changed_by or (new.worker_id if is_workers else None)
