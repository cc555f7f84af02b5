"""A task's history: what each change of it that is logged was, in words that people understand."""

from typing import NamedTuple

from chalicelib.domain.changes import derive
from chalicelib.domain.changes.effects import Kind
from chalicelib.domain.tasks.task import Task


class Entry(NamedTuple):
    """One change of a task. `action` is created, status_changed, started, assigned, updated, retried or overdue;
    `from_` and `to` are phases (domain.tasks.Phase), of an assignment ids of agents."""

    id: str
    action: str
    from_: str | None
    to: str | None
    user: str | None  # who asked for it, or the worker that did it; None: the house
    at: int


_ACTIONS = {
    Kind.SUBMITTED: "created",
    Kind.STARTED: "started",
    Kind.REPLAYED: "retried",
    Kind.EDITED: "updated",
    Kind.OVERDUE: "overdue",
}
_SILENT = frozenset({Kind.STARTED, Kind.EDITED, Kind.OVERDUE})
"""Changes that leave a task in its phase."""


def entry(old: Task | None, new: Task | None) -> Entry | None:
    """The entry of a change; None for one that is not logged, or that ends the task's history."""
    events = derive.of_task(old, new).events
    if new is None or not events:
        return None
    [event] = events
    action, was, now = _said(event.kind, old, new)
    name = f"history_{new.id.removeprefix('task_')}_{new.version}"
    return Entry(name, action, was, now, _user(old, new), new.updated_at)


def _said(kind: Kind, old: Task | None, new: Task) -> tuple[str, str | None, str | None]:
    """(action, from, to)."""
    if kind is Kind.EDITED and old is not None and old.wanted_worker != new.wanted_worker:
        return "assigned", old.wanted_worker, new.wanted_worker
    if kind in _SILENT:
        return _ACTIONS[kind], None, None
    return _ACTIONS.get(kind, "status_changed"), str(old.phase) if old is not None else None, str(new.phase)


def _user(old: Task | None, new: Task) -> str | None:
    """Who asked for it; else the worker that took the task, began it or let it go."""
    worked = new.leased_out or (old is not None and old.leased_out)
    return new.changed_by or (new.worker_id if worked else None)
