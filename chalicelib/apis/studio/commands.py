"""The command queue (glad-labs.md, "Command Queue"): tasks that people and programs take and end by hand."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.domain.tasks.nouns import COMMANDS_POOL
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.edge import Caller, Created, Instant, Routes, Schema
from chalicelib.engine.statistics import recent
from chalicelib.engine.tasks import by_owner, clean_up, lifecycle, listing, submission
from chalicelib.engine.tasks.listing import Filter
from chalicelib.engine.tasks.submission import Submission

routes = Routes("/api/commands", tag="Command queue")

POOL = COMMANDS_POOL
KEPT_SECONDS = 30 * 86_400
"""A command that nobody ends by then has failed."""

CommandId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
CommandStatus = Literal["queued", "processing", "completed", "failed", "cancelled"]
Priority = Literal["high", "normal", "low"]
PRIORITIES: dict[Priority, int] = {"high": 8, "normal": 5, "low": 2}
STATUSES: dict[Status, CommandStatus] = {
    Status.PENDING: "queued",
    Status.LEASED: "processing",
    Status.RUNNING: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "failed",
    Status.CANCELLED: "cancelled",
}
Size = Annotated[int, Field(ge=1, le=100, description="The most commands in the answer.")]
Cursor = Annotated[str, Field(max_length=512, description="The next_cursor of this very list.")]


class CommandIn(Schema):
    """A command to queue."""

    command: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\w.:-]+$")] = Field(
        examples=["execute_task"]
    )
    parameters: dict[str, Any] = Field(default_factory=dict)
    priority: Priority = Field(default="normal", description="Stored and shown; commands are taken by their ids.")


class QueuedOut(Schema):
    """A command that was queued."""

    command_id: str
    status: CommandStatus


class CommandOut(QueuedOut):
    """A command as it is now. `completed_at` is when it ended, in whichever status."""

    command: str
    parameters: dict[str, Any] | None
    priority: Priority
    result: Any
    error: str | None
    attempts: int = Field(description="How often it was reported as failed.")
    created_at: Instant
    started_at: Instant | None
    completed_at: Instant | None

    @classmethod
    def from_task(cls, task: Task) -> Self:
        """The command, with its parameters and result where the task has them."""
        has_failed = STATUSES[task.status] == "failed"
        return cls(
            command_id=task.id,
            status=STATUSES[task.status],
            command=task.type,
            parameters=task.payload,
            priority=next(word for word, number in PRIORITIES.items() if task.priority >= number),
            result=task.result if task.status is Status.COMPLETED else None,
            error=str((task.error or {}).get("message")) if has_failed else None,
            attempts=task.attempts,
            created_at=task.created_at,
            started_at=task.started_at if task.status is not Status.PENDING else None,
            completed_at=task.finished_at if task.is_terminal else None,
        )

    @classmethod
    def whole(cls, task: Task) -> Self:
        """The command with parameters and result that are stored apart."""
        command = cls.from_task(task)
        result = lifecycle.load_result(task) if command.status == "completed" else None
        return command.model_copy(update={"parameters": lifecycle.load_payload(task), "result": result})


class CommandList(Schema):
    """One page of commands, newest first. In a list, parameters or a result of over 100 KB are null."""

    commands: list[CommandOut]
    total: int = Field(description="The number of commands on all pages.")
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class ResultIn(Schema):
    """The result of a command."""

    result: Any = None


class FailureIn(Schema):
    """Why a command failed."""

    error: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    retry: bool = Field(
        default=False, strict=True, description="The command is queued again, unless it has failed three times."
    )


class QueueStats(Schema):
    """The commands by status, and how long they took."""

    queued: int
    processing: int
    completed: int
    failed: int
    avg_processing_time_ms: int | None = Field(
        description="Of the commands that were started and completed in the last one to two hours; null without any."
    )


class CleanupIn(Schema):
    """How old an ended command must be to be deleted."""

    older_than_days: int = Field(ge=0, le=3_650, strict=True, examples=[7])


class CleanupOut(Schema):
    """How many commands were deleted: at most 1,000 by one request."""

    deleted: int


@routes.post(status=201)
def queue_command(caller: Caller, body: CommandIn) -> Created[QueuedOut]:
    """Queue a command."""
    command_task = Submission(
        POOL, body.command, PRIORITIES[body.priority], body.parameters, manual=True, total_seconds=KEPT_SECONDS
    )
    task = submission.submit(caller.org, caller.subject, command_task)
    return Created(QueuedOut(command_id=task.id, status="queued"), location=f"/api/commands/{task.id}")


@routes.get()
def list_commands(
    caller: Caller, limit: Size = 50, status: CommandStatus | None = None, cursor: Cursor | None = None
) -> CommandList:
    """List commands, newest first."""
    statuses = frozenset(state for state, word in STATUSES.items() if word == status)
    page = listing.read_page(caller.org, POOL, Filter(statuses or None), limit, cursor)
    return CommandList(
        commands=[CommandOut.from_task(task) for task in page.tasks], total=page.total, next_cursor=page.cursor
    )


@routes.get("/stats/queue-stats")
def queue_statistics(caller: Caller) -> QueueStats:
    """Count the commands by status."""
    figures = recent.read_recent(caller.org, POOL)
    return QueueStats(
        queued=figures.gauges["pending"],
        processing=figures.gauges["active"],
        completed=figures.gauges["kept_completed"],
        failed=figures.gauges["kept_failed"],
        avg_processing_time_ms=figures.tasks.average_ms if figures.tasks["taken"] else None,
    )


@routes.post("/cleanup/clear-old")
def clear_old_commands(caller: Caller, body: CleanupIn) -> CleanupOut:
    """Delete commands that ended so many days ago. Queued and processing ones stay."""
    before = clock.now() - body.older_than_days * clock.DAY
    return CleanupOut(deleted=clean_up.delete_ended_before(caller.org, POOL, before))


@routes.get("/{command_id}")
def get_command(caller: Caller, command_id: CommandId) -> CommandOut:
    """Get a command as it is now."""
    return CommandOut.whole(lifecycle.get(caller.org, command_id, POOL))


@routes.post("/{command_id}/start", errors=[409])
def start_command(caller: Caller, command_id: CommandId) -> CommandOut:
    """Take a queued command: nobody else can take it from now on. An extension of the document.

    The subject of the token that took it gets the same answer again, so each process needs a subject of its own.
    """
    return CommandOut.whole(by_owner.begin(caller.org, command_id, POOL, caller.subject))


@routes.post("/{command_id}/complete", errors=[409])
def complete_command(caller: Caller, command_id: CommandId, body: ResultIn) -> CommandOut:
    """End a command with its result. The same request again gets the same answer."""
    return CommandOut.whole(by_owner.complete(caller.org, command_id, POOL, caller.subject, body.result))


@routes.post("/{command_id}/fail", errors=[409])
def fail_command(caller: Caller, command_id: CommandId, body: FailureIn) -> CommandOut:
    """Report that a command failed."""
    task = by_owner.fail(caller.org, command_id, POOL, caller.subject, body.error, retry=body.retry)
    return CommandOut.whole(task)


@routes.post("/{command_id}/cancel", status=204, errors=[409])
def cancel_command(caller: Caller, command_id: CommandId) -> None:
    """Cancel a command that has not ended."""
    lifecycle.cancel(caller.org, command_id, POOL, caller.subject)
