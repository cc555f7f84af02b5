"""Tasks: create, read, report, retry, cancel (task-processing.md, "Tasks")."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.apis.processing.access import NAME
from chalicelib.apis.processing.states import TASK_STATUS, TaskStatus
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import MAX_PRIORITY, Holder, Task
from chalicelib.edge import Caller, CamelSchema, Created, Header, Query, Routes
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.tasks import completion_wait, lifecycle, submission, worker_presence
from chalicelib.engine.tasks.submission import Submission
from chalicelib.errors import Forbidden

routes = Routes("/api/task", tag="Tasks")

Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
TaskId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
SafeInteger = Annotated[int, Field(ge=-(2**53), le=2**53)]


def _rounded(percent: float) -> int | float:
    """45 rather than 45.0, and no more digits than DynamoDB can store."""
    return int(percent) if percent.is_integer() else round(percent, 3)


Percent = Annotated[float, Field(ge=0, le=100, strict=True), AfterValidator(_rounded)]


class TaskIn(CamelSchema):
    """A task to process."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(examples=["video-processing"])
    priority: int = Field(ge=0, le=MAX_PRIORITY, strict=True, description="Larger is more urgent.", examples=[1])
    payload: dict[str, Any] = Field(default_factory=dict, description="The data for the server, passed on unchanged.")
    capabilities: list[Word] = Field(
        default=[], max_length=32, description="Capabilities that the server must have, all of them."
    )
    is_async: bool = Field(
        default=True,
        strict=True,
        alias="async",
        description="false: wait up to 20 seconds for the task's end, then answer with the task as it is. At most ten "
        "requests of an organization wait at once; further ones are answered at once.",
    )
    group: Word | None = Field(default=None, description="The group to which the server must belong.")
    max_attempts: int | None = Field(
        default=None, ge=1, le=25, strict=True, description="Maximum number of attempts; 3 by default."
    )
    timeout_seconds: int | None = Field(
        default=None,
        ge=1,
        le=86_400,
        strict=True,
        description="Longest time from handover to end of one attempt; 900 by default.",
    )
    run_at: int | None = Field(
        default=None,
        ge=0,
        le=32_503_680_000_000,
        strict=True,
        description="Do not start before this instant, in epoch milliseconds.",
    )
    metadata: dict[Word, Word | SafeInteger | float | bool | None] | None = Field(default=None, max_length=50)


class TaskCreated(CamelSchema):
    """A task that was accepted."""

    id: str = Field(examples=["task_abc123"])
    status: TaskStatus = Field(examples=["PENDING"])
    created_at: int = Field(examples=[1704556800000])
    updated_at: int = Field(examples=[1704556800000])


class TaskError(CamelSchema):
    """Why the latest attempt failed."""

    code: str
    message: str
    details: Any = None


class TaskRow(TaskCreated):
    """A task in a list. Instants are in epoch milliseconds, the progress in percent."""

    type: str
    priority: int
    progress: int | float | None = Field(default=None, examples=[45])
    server_id: str | None = Field(default=None, examples=["server_xyz789"])
    attempt: int
    max_attempts: int
    run_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    error: TaskError | None = None
    metadata: dict[str, Any] | None = None

    @classmethod
    def row_from_task(cls, task: Task, **more: Any) -> Self:
        """The task as a row, with more fields for a subclass."""
        return cls(
            id=task.id,
            status=TASK_STATUS[task.status],
            created_at=task.created_at,
            updated_at=task.updated_at,
            type=task.type,
            priority=task.priority,
            progress=task.progress if not task.is_held else task.progress or 0,
            server_id=task.worker_id,
            attempt=task.attempt,
            max_attempts=task.max_attempts,
            run_at=task.run_at,
            started_at=task.leased_at,
            finished_at=task.finished_at,
            error=TaskError(**task.error) if task.error else None,
            metadata=task.metadata,
            **more,
        )


class TaskOut(TaskRow):
    """A task. Instants are in epoch milliseconds, the progress in percent."""

    result: Any = None
    waiting_for: str | None = Field(
        default=None,
        description="While the task is PENDING: what it waits for.",
        examples=["room on a server that offers gpu: all 2 are busy (4 of 4 slots in use)"],
    )

    @classmethod
    def from_task(cls, task: Task) -> Self:
        """The task with its result and with what it waits for. At most two calls."""
        return cls.row_from_task(task, result=lifecycle.load_result(task), waiting_for=waiting_for(task, "server"))


class ReportIn(CamelSchema):
    """A server's report on a task that it holds."""

    status: Literal["PROCESSING", "COMPLETED", "FAILED"] | None = Field(default=None, examples=["COMPLETED"])
    progress: Percent | None = Field(default=None, description="Percent.")
    result: Any = Field(default=None, description="With COMPLETED: the result for the client.")
    error: str | dict[str, Any] | None = Field(default=None, description="With FAILED: the reason.")
    retryable: bool = Field(default=True, strict=True, description="With FAILED: false ends the task without a retry.")
    retry_after: float | None = Field(
        default=None,
        ge=0,
        le=86_400,
        strict=True,
        description="With FAILED: seconds until the next attempt, instead of the backoff.",
    )


class Reported(CamelSchema):
    """A report that was accepted."""

    message: str = "Task updated"
    task_id: str
    status: TaskStatus


class TaskMessage(CamelSchema):
    """A change of a task that was made."""

    message: str
    task_id: str = Field(examples=["task_abc123"])


@routes.post("", status=201, limit="task_creation", errors=[409, 413])
def create_task(caller: Caller, body: TaskIn, idempotency_key: IdempotencyKey = None) -> Created[TaskCreated | TaskOut]:
    """Create a task.

    The same Idempotency-Key with the same body returns the same task; with another body, the answer is 409.
    """
    task = submission.submit(caller.org, caller.subject, _submission(body, idempotency_key))
    location = f"/api/task/{task.id}"
    if not body.is_async:
        return Created(TaskOut.from_task(completion_wait.wait_until_ended(task)), location=location)
    created = TaskCreated(id=task.id, status="PENDING", created_at=task.created_at, updated_at=task.created_at)
    return Created(created, location=location)


def _submission(body: TaskIn, idempotency_key: str | None) -> Submission:
    return Submission(
        pool=NAME,
        type=body.type,
        priority=body.priority,
        payload=body.payload,
        capabilities=tuple(body.capabilities),
        group=body.group,
        metadata=body.metadata,
        max_attempts=body.max_attempts,
        timeout_seconds=body.timeout_seconds,
        run_at=body.run_at,
        idempotency_key=idempotency_key,
    )


@routes.get("/{id}")
def get_task(caller: Caller, id: TaskId) -> TaskOut:
    """Get a task's status, progress and result, or what it waits for."""
    return TaskOut.from_task(lifecycle.get(caller.org, id, NAME))


@routes.put("/{id}", role=("server", "admin"), errors=[409, 413])
def update_task(
    caller: Caller,
    id: TaskId,
    body: ReportIn,
    server_id: Annotated[str | None, Query("serverId"), Field(min_length=1, max_length=128)] = None,
    lease: Annotated[int | None, Field(ge=0, le=2**53)] = None,
) -> Reported:
    """Report progress, the result or a failure, as the server that holds the task.

    The callbackUrl of the handover contains `serverId` and `lease`. A report of a lease that has ended is refused.
    """
    holder = _holder(caller, server_id, lease)
    with worker_presence.recording_report(caller.org, NAME, holder, proven=caller.role == "server"):
        return Reported(task_id=id, status=_report(caller.org, id, holder, body))


def _report(org: str, task_id: str, holder: Holder | None, body: ReportIn) -> TaskStatus:
    """Apply a report. Returns the task's status after it."""
    if body.status == "COMPLETED":
        lifecycle.complete(org, NAME, task_id, holder, body.result, is_alive=holder is not None)
        return "COMPLETED"
    if body.status == "FAILED":
        failure = reported_failure(body.error, body.retryable, body.retry_after)
        return TASK_STATUS[lifecycle.fail(org, task_id, holder, failure, NAME).status]
    return TASK_STATUS[lifecycle.report_progress(org, task_id, holder, body.progress, NAME).status]


def _holder(caller: Caller, server_id: str | None, lease: int | None) -> Holder | None:
    """The holder for which the report is made: the calling server, or for an admin the named server. None: the current
    holder."""
    if caller.role == "admin":
        return Holder(server_id, lease) if server_id is not None else None
    if server_id not in (None, caller.subject):
        raise Forbidden(f"Server {caller.subject} may not report for server {server_id}")
    return Holder(caller.subject, lease)


@routes.post("/{id}/retry", errors=[409])
def retry_task(caller: Caller, id: TaskId) -> TaskMessage:
    """Queue a failed or timed out task again, with fresh attempts."""
    lifecycle.replay(caller.org, id, NAME)
    return TaskMessage(message="Task queued for retry", task_id=id)


@routes.post("/{id}/cancel", errors=[409])
def cancel_task(caller: Caller, id: TaskId) -> TaskMessage:
    """Cancel a pending or processing task."""
    lifecycle.cancel(caller.org, id, NAME)
    return TaskMessage(message="Task cancelled", task_id=id)
