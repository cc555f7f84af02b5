"""The log of the code tasks (delqhi-platform.md, "Logs & Metrics")."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.apis.codeserver.access import NAME
from chalicelib.domain.changes.effects import EventKind
from chalicelib.domain.settings.agent import LOG_LEVELS
from chalicelib.domain.statistics.task_lines import Level
from chalicelib.edge import Caller, InstantMs, NaiveInstant, Routes, Schema
from chalicelib.engine.settings import agent_settings
from chalicelib.engine.statistics import task_logs
from chalicelib.engine.statistics.task_logs import Line
from chalicelib.engine.tasks import lifecycle

routes = Routes("/api/logs", tag="Logs")

TaskId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Size = Annotated[int, Field(ge=1, le=1000, description="The most lines in the answer.")]
LevelFilter = Literal["debug", "info", "warning", "error"]

MESSAGES: dict[EventKind, str] = {
    EventKind.SUBMITTED: "Code task accepted",
    EventKind.LEASED: "Code task assigned to a worker",
    EventKind.TAKEN: "Code task begun by a person",
    EventKind.EDITED: "Code task changed",
    EventKind.APPROVED: "Code task approved",
    EventKind.STARTED: "Code generation started",
    EventKind.COMPLETED: "Code generation completed",
    EventKind.CANCELLED: "Code task cancelled",
    EventKind.REPLAYED: "Code task queued again",
    EventKind.RELEASED: "Code task given back by its worker",
    EventKind.RETRIED: "Code generation failed and is tried again",
    EventKind.OVERDUE: "Code task is overdue",
    EventKind.FAILED: "Code generation failed",
    EventKind.TIMED_OUT: "Code generation timed out",
}


class LogLine(Schema):
    """One line of the log of a task."""

    timestamp: NaiveInstant
    level: LevelFilter
    message: str

    @classmethod
    def from_line(cls, line: Line) -> Self:
        return cls(timestamp=line.at, level=line.level, message=MESSAGES[line.kind])


class TaskLogLine(Schema):
    """One line, with its task and what is known of it: language, attempt, worker_id, reason, and milliseconds."""

    timestamp: NaiveInstant
    level: LevelFilter
    task_id: str
    message: str
    context: dict[str, Any]

    @classmethod
    def from_line(cls, line: Line) -> Self:
        facts = {"language" if name == "label" else name: value for name, value in line.facts.items()}
        return cls(
            timestamp=line.at, level=line.level, task_id=line.task_id, message=MESSAGES[line.kind], context=facts
        )


class LogPage(Schema):
    """The newest lines that match, newest first."""

    logs: list[TaskLogLine]
    total: int = Field(description="The number of lines that match.")
    limit: int


class TaskLog(Schema):
    """All lines of one task, oldest first."""

    task_id: str
    logs: list[LogLine]
    total: int


def _shown_levels(org: str, level: Level | None = None) -> list[Level]:
    """The levels that the org's log shows, or the one of them that is asked for."""
    settings = agent_settings.get(org)
    levels: list[Level] = [one for one in LOG_LEVELS if settings.shows(one)]
    return [one for one in levels if level in (None, one)]


@routes.get()
def list_logs(
    caller: Caller,
    task_id: TaskId | None = None,
    level: LevelFilter | None = None,
    limit: Size = 100,
    from_time: InstantMs | None = None,
) -> LogPage:
    """List the newest lines of the log of code tasks, by default those of the last day.

    Lines are shown for seven days, and only at the org's `log_level` and above it.
    """
    since, levels = task_logs.window_start(from_time), _shown_levels(caller.org, level)
    page = task_logs.read_page(caller.org, NAME, task_id, since, levels, limit)
    return LogPage(logs=[TaskLogLine.from_line(line) for line in page.lines], total=page.total, limit=limit)


@routes.get("/{taskId}")
def get_task_log(caller: Caller, task_id: TaskId) -> TaskLog:
    """Get the log of one code task, at the org's `log_level` and above it."""
    task = lifecycle.get(caller.org, task_id, NAME)
    lines = task_logs.read_task_lines(caller.org, NAME, task.id, 0, _shown_levels(caller.org))
    return TaskLog(task_id=task.id, logs=[LogLine.from_line(line) for line in lines], total=len(lines))
