"""What became of a task of a managed pool, change by change."""

from typing import NamedTuple


class Entry(NamedTuple):
    """One change of a task. `action` is created, status_changed, assigned, started, updated, retried, overdue or deleted;
    `from_` and `to` are phases (domain.tasks.Phase) of a status, ids of agents of an assignment."""

    id: str
    action: str
    from_: str | None
    to: str | None
    user: str | None  # who asked for it, or the worker that did it; None: the house
    at: int


def of(org: str, task_id: str) -> list[Entry]:
    """The newest hundred changes of a task, newest first. One call."""
    raise NotImplementedError
