"""What can be had with one task: its comments, files, history and figures."""

from collections.abc import Collection, Sequence
from typing import Any, Self

from pydantic import Field

from chalicelib import clock
from chalicelib.apis.projects.states import TASK_STATUS
from chalicelib.apis.projects.tasks.comments import CommentOut
from chalicelib.apis.projects.tasks.files import FileOut
from chalicelib.apis.projects.tasks.schemas import TaskOut, neat
from chalicelib.domain.changes.history import Entry
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.projects import comments, files
from chalicelib.engine.tasks import history as histories

PARTS = frozenset({"comments", "files", "history", "metrics"})
_WORDS = {str(phase): word for phase, word in TASK_STATUS.items()}


class HistoryOut(CamelSchema):
    """One change of a task. `from` and `to` are statuses, of an assignment ids of agents."""

    id: str
    action: str = Field(examples=["status_changed"])
    was: str | None = Field(alias="from", examples=["pending"])
    now: str | None = Field(alias="to", examples=["active"])
    user: str | None = Field(description="Whoever did it: a user, or an agent; null when it came by itself.")
    timestamp: Instant

    @classmethod
    def of(cls, entry: Entry) -> Self:
        was, now = (_WORDS.get(word or "", word) for word in (entry.from_, entry.to))
        return cls(id=entry.id, action=entry.action, was=was, now=now, user=entry.user, timestamp=entry.at)


class TaskMetrics(CamelSchema):
    """A task's figures."""

    time_spent: int | float = Field(
        description="Hours: the actualHours noted, else for how long it was active, by its newest hundred changes."
    )
    completion_rate: int | float = Field(description="Its progress, 0 to 1.")
    quality_score: int | float | None = Field(description="The qualityScore that was noted, 0 to 1.")
    change_requests: int = Field(description="How often, by its newest hundred changes, it went back to pending.")

    @classmethod
    def of(cls, task: Task, history: Sequence[Entry]) -> Self:
        said = task.metadata or {}
        return cls(
            time_spent=neat(said.get("actualHours") or round(_active_ms(history) / clock.HOUR, 2)),
            completion_rate=neat((task.progress or 0) / 100),
            quality_score=said.get("qualityScore"),
            change_requests=sum(entry.to == Phase.PENDING and entry.from_ is not None for entry in history),
        )


def _active_ms(history: Sequence[Entry]) -> int:
    """For how long it was worked on, up to now where it still is."""
    total, since = 0, None
    for entry in reversed(history):
        if entry.to == Phase.HELD and since is None:
            since = entry.at
        elif entry.from_ == Phase.HELD and since is not None:
            total, since = total + entry.at - since, None
    return total if since is None else total + clock.now() - since


class TaskDetail(TaskOut):
    """A task, what it waits for while it is pending, and what was asked for besides; the rest is null. Of each part
    there are the newest hundred, newest first."""

    waiting_for: str | None = Field(examples=["agent agent_abc123, which is busy (1 of 1 slots in use)"])

    comments: list[CommentOut] | None = None
    files: list[FileOut] | None = None
    history: list[HistoryOut] | None = None
    metrics: TaskMetrics | None = None


def parts(task: Task, wanted: Collection[str]) -> dict[str, Any]:
    """What is asked for besides the task. One call each; history and metrics share theirs."""
    found: dict[str, Any] = {}
    entries = histories.newest_entries(task.org, task.id) if {"history", "metrics"} & {*wanted} else []
    if "comments" in wanted:
        found["comments"] = [CommentOut.of(comment) for comment in comments.list_newest(task.org, task.id)]
    if "files" in wanted:
        found["files"] = [FileOut.of(file) for file in files.list_newest(task.org, task.id)]
    if "history" in wanted:
        found["history"] = [HistoryOut.of(entry) for entry in entries]
    if "metrics" in wanted:
        found["metrics"] = TaskMetrics.of(task, entries)
    return found
