"""Schemas of the parts of a task: comments, files, history and metrics."""

from collections.abc import Collection, Sequence
from typing import Any, Self

from pydantic import Field

from chalicelib import clock
from chalicelib.apis.projects.states import TASK_STATUS
from chalicelib.apis.projects.tasks.comments import CommentOut
from chalicelib.apis.projects.tasks.files import FileOut
from chalicelib.apis.projects.tasks.schemas import TaskOut, round_number
from chalicelib.domain.changes.history import Entry
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.projects import comments, files
from chalicelib.engine.tasks import history as histories

PARTS = frozenset({"comments", "files", "history", "metrics"})
_STATUS_WORDS = {str(phase): word for phase, word in TASK_STATUS.items()}


class HistoryOut(CamelSchema):
    """A change of a task. `from` and `to` are statuses; of an assignment they are ids of agents."""

    id: str
    action: str = Field(examples=["status_changed"])
    was: str | None = Field(alias="from", examples=["pending"])
    now: str | None = Field(alias="to", examples=["active"])
    user: str | None = Field(description="The user or agent who made the change; null when the service made it.")
    timestamp: Instant

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        was, now = (_STATUS_WORDS.get(word or "", word) for word in (entry.from_, entry.to))
        return cls(id=entry.id, action=entry.action, was=was, now=now, user=entry.user, timestamp=entry.at)


class TaskMetrics(CamelSchema):
    """The metrics of a task."""

    time_spent: int | float = Field(
        description="Hours: its actualHours, or else how long it was active, by its newest 100 changes."
    )
    completion_rate: int | float = Field(description="Its progress, 0 to 1.")
    quality_score: int | float | None = Field(description="Its qualityScore, 0 to 1.")
    change_requests: int = Field(description="How often it returned to pending, by its newest 100 changes.")

    @classmethod
    def from_task(cls, task: Task, history: Sequence[Entry]) -> Self:
        metadata = task.metadata or {}
        return cls(
            time_spent=round_number(metadata.get("actualHours") or round(_active_ms(history) / clock.HOUR, 2)),
            completion_rate=round_number((task.progress or 0) / 100),
            quality_score=metadata.get("qualityScore"),
            change_requests=sum(entry.to == Phase.PENDING and entry.from_ is not None for entry in history),
        )


def _active_ms(history: Sequence[Entry]) -> int:
    """Milliseconds for which the task was active, up to now if it is."""
    total, since = 0, None
    for entry in reversed(history):
        if entry.to == Phase.HELD and since is None:
            since = entry.at
        elif entry.from_ == Phase.HELD and since is not None:
            total, since = total + entry.at - since, None
    return total if since is None else total + clock.now() - since


class TaskDetail(TaskOut):
    """A task, what it waits for while it is pending, and the parts named in `include`; other parts are null.

    Each part has the newest 100 entries, newest first; of comments with more than 2,000,000 characters, fewer.
    """

    waiting_for: str | None = Field(examples=["agent agent_abc123, which is busy (1 of 1 slots in use)"])

    comments: list[CommentOut] | None = None
    files: list[FileOut] | None = None
    history: list[HistoryOut] | None = None
    metrics: TaskMetrics | None = None


def read_parts(task: Task, names: Collection[str]) -> dict[str, Any]:
    """The named parts of a task. One call for each; history and metrics share one."""
    parts: dict[str, Any] = {}
    entries = histories.newest_entries(task.org, task.id) if {"history", "metrics"} & {*names} else []
    if "comments" in names:
        parts["comments"] = [CommentOut.from_document(comment) for comment in comments.list_newest(task.org, task.id)]
    if "files" in names:
        parts["files"] = [FileOut.from_document(file) for file in files.list_newest(task.org, task.id)]
    if "history" in names:
        parts["history"] = [HistoryOut.from_entry(entry) for entry in entries]
    if "metrics" in names:
        parts["metrics"] = TaskMetrics.from_task(task, entries)
    return parts
