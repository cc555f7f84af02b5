"""Tasks: create, list, assign, start, complete, cancel (delqhi-platform.md, "Tasks API")."""

import json
from dataclasses import replace
from typing import Annotated, Any, Self, get_args

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from chalicelib.apis.coordinator.access import NAME
from chalicelib.apis.coordinator.states import (
    ENGINE_PRIORITY,
    ENGINE_STATUS,
    GENERAL,
    PRIORITY,
    TASK_STATUS,
    Kind,
    Priority,
    RecognitionKind,
    TaskStatus,
)
from chalicelib.apis.coordinator.workers import MAX_WORD_CHARS, WorkerId
from chalicelib.config import settings
from chalicelib.domain.tasks.reported_failure import MAX_DETAILS_CHARS, MAX_MESSAGE_CHARS, reported_failure
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.edge import Caller, Created, Header, NaiveInstant, Routes, Schema
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.tasks import assignment, listing, payload_checks, payloads, submission, worker_presence
from chalicelib.engine.tasks import lifecycle as tasks
from chalicelib.engine.tasks.listing import Filter
from chalicelib.engine.tasks.submission import Submission

routes = Routes("/api/tasks", tag="Tasks")

TaskId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
Size = Annotated[int, Field(ge=1, le=100, description="The most tasks in the answer.")]
Cursor = Annotated[str, Field(max_length=512, description="The next_cursor of this very list.")]
MAX_CAPABILITIES = 32
MAX_SHOWN_CHARS = 5_800_000
"""Of a task's payload and result, as the JSON within JSON that Lambda sends, 6 MB with all else."""


def _required_capabilities(metadata: dict[str, Any]) -> list[str] | None:
    """The list `capabilities` of a task's metadata; None without one."""
    names = metadata.get("capabilities")
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _check_capabilities(metadata: dict[str, Any]) -> dict[str, Any]:
    names = _required_capabilities(metadata) or []
    if len(names) > MAX_CAPABILITIES or not all(1 <= len(name) <= MAX_WORD_CHARS for name in names):
        raise ValueError(f"capabilities must be at most {MAX_CAPABILITIES} words of 1 to {MAX_WORD_CHARS} characters")
    return metadata


def _check_error_size(error: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(error, dict) and len(json.dumps(error)) > MAX_DETAILS_CHARS:
        raise ValueError(f"must be at most {MAX_DETAILS_CHARS} characters as JSON")
    return error


Reason = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=MAX_MESSAGE_CHARS)] | dict[str, Any],
    AfterValidator(_check_error_size),
]


class TaskIn(Schema):
    """A task to create."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(examples=["solve-captcha-batch-1"])
    type: Kind | RecognitionKind = Field(
        examples=["captcha"], description="Yardmaster itself performs the types that begin with `recognition:`."
    )
    priority: Priority = Field(default="normal", examples=["high"])
    payload: dict[str, Any] = Field(
        default_factory=dict,
        validate_default=True,
        description="Sent to the worker unchanged. A recognition task needs the fields of that endpoint of the "
        "recognition API.",
    )
    metadata: Annotated[dict[str, Any], AfterValidator(_check_capabilities)] = Field(
        default_factory=dict,
        description="Your own data, at most 16,000 characters as JSON. For an automatic assignment, a worker must have "
        "all words of the list `capabilities`; without it, it must have the task's type, unless that is general.",
    )
    auto_assign: bool = Field(
        default=False,
        strict=True,
        description="Yardmaster assigns the task as soon as a worker that can perform it has a free slot. It does so "
        "with every recognition task.",
    )

    @field_validator("payload")
    @classmethod
    def _as_its_performer_needs(cls, payload: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "type" in info.data:
            payload_checks.validate_payload(NAME, info.data["type"], payload)
        return payload

    @property
    def is_recognition(self) -> bool:
        """Whether Yardmaster performs the task itself."""
        return self.type in get_args(RecognitionKind)


class TaskOut(Schema):
    """A task as it is now. `completed_at` is when it ended, in whichever status."""

    id: str = Field(examples=["task_abc123"])
    name: str
    type: str
    status: TaskStatus
    priority: Priority
    payload: dict[str, Any] | None
    metadata: dict[str, Any]
    assigned_worker: str | None
    created_at: NaiveInstant
    started_at: NaiveInstant | None
    completed_at: NaiveInstant | None
    result: Any
    error: str | dict[str, Any] | None

    @classmethod
    def from_task(cls, task: Task) -> Self:
        """The task with its payload and result, which are read when they are stored apart."""
        payload, result = tasks.load_payload(task), tasks.load_result(task)
        return cls.from_row(replace(task, payload=_payload_beside(payload, result), result=result))

    @classmethod
    def from_row(cls, task: Task) -> Self:
        """The task as it was read, without a payload or result that is stored apart."""
        has_started = task.status not in (Status.PENDING, Status.LEASED)
        return cls(
            id=task.id,
            name=task.name or "",
            type=task.type,
            status=TASK_STATUS[task.status],
            priority=PRIORITY[task.priority],
            payload=task.payload,
            metadata=task.metadata or {},
            assigned_worker=task.worker_id if task.status is not Status.PENDING else None,
            created_at=task.created_at,
            started_at=task.started_at if has_started else None,
            completed_at=task.finished_at if task.is_terminal else None,
            result=task.result if task.status is Status.COMPLETED else None,
            error=_error(task),
        )


def _payload_beside(payload: Any, result: Any) -> Any:
    """The payload; None where it does not fit into an answer beside the result, which its owner does not have."""
    if result is None or len(json.dumps(payloads.compact_json([payload, result]))) <= MAX_SHOWN_CHARS:
        return payload
    return None


def _error(task: Task) -> str | dict[str, Any] | None:
    """Why the task failed: the worker's own error, or the engine's message."""
    if TASK_STATUS[task.status] != "failed" or task.error is None:
        return None
    error: str | dict[str, Any] = task.error.get("details", task.error["message"])
    return error


class TaskDetail(TaskOut):
    """A task as it is now, and what it waits for."""

    waiting_for: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="In words, while the task is pending; else left out.",
        examples=["a worker to be assigned by its owner"],
    )

    @classmethod
    def from_task(cls, task: Task) -> Self:
        return cls(**dict(TaskOut.from_task(task)), waiting_for=waiting_for(task))


class TaskList(Schema):
    """One page of tasks, newest first. In a list, a payload or result of over 100 KB is null: get the task to see
    it."""

    tasks: list[TaskOut]
    total: int = Field(description="The number of tasks on all pages.")
    limit: int
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class OutcomeIn(Schema):
    """How a task ended: with an error it failed, without one it was completed."""

    result: Any = Field(default=None, examples=[{"solution": "abc123"}])
    error: Reason | None = Field(default=None, description="Why it failed. The result is then not stored.")


@routes.post(status=201, errors=[409])
def create_task(caller: Caller, body: TaskIn, idempotency_key: IdempotencyKey = None) -> Created[TaskOut]:
    """Create a task.

    The task waits until you assign a worker; with `auto_assign` the service assigns one. The same Idempotency-Key with
    the same body gives the same answer, with another body 409."""
    task = submission.submit(caller.org, caller.subject, _submission(body, idempotency_key))
    # A repeated request gets the first answer again, however far the task has come since.
    first_answer = TaskOut.from_row(replace(task, status=Status.PENDING, payload=body.payload))
    return Created(first_answer, location=f"/api/tasks/{task.id}")


def _submission(body: TaskIn, idempotency_key: str | None) -> Submission:
    names = _required_capabilities(body.metadata)
    if names is None:
        names = [] if body.type == GENERAL else [body.type]
    return Submission(
        pool=NAME,
        name=body.name,
        type=body.type,
        priority=ENGINE_PRIORITY[body.priority],
        payload=body.payload,
        metadata=body.metadata,
        capabilities=tuple(names),
        manual=not (body.auto_assign or body.is_recognition or NAME in settings().auto_assign),
        idempotency_key=idempotency_key,
    )


@routes.get()
def list_tasks(
    caller: Caller,
    status: TaskStatus | None = None,
    worker_id: WorkerId | None = None,
    limit: Size = 10,
    cursor: Cursor | None = None,
) -> TaskList:
    """List tasks, newest first. A task must match all filters.

    The tasks of a worker have another order: first those that it holds, then those that it ended, latest first.
    """
    filters = Filter(ENGINE_STATUS[status] if status is not None else None, worker_id)
    page = listing.read_page(caller.org, NAME, filters, limit, cursor)
    rows = [TaskOut.from_row(task) for task in page.tasks]
    return TaskList(tasks=rows, total=page.total, limit=limit, next_cursor=page.cursor)


@routes.get("/{task_id}")
def get_task(caller: Caller, task_id: TaskId) -> TaskDetail:
    """Get a task as it is now, and what it waits for."""
    return TaskDetail.from_task(tasks.get(caller.org, task_id, NAME))


@routes.put("/{task_id}/assign", errors=[409])
def assign_task(caller: Caller, task_id: TaskId, worker_id: WorkerId) -> TaskOut:
    """Assign a pending task to a worker that is online and has a free slot."""
    return TaskOut.from_task(assignment.assign(caller.org, NAME, task_id, worker_id))


@routes.put("/{task_id}/start", errors=[409])
def start_task(caller: Caller, task_id: TaskId) -> TaskOut:
    """Mark an assigned task as running."""
    return TaskOut.from_task(assignment.start(caller.org, NAME, task_id))


@routes.put("/{task_id}/complete", errors=[409])
def complete_task(caller: Caller, task_id: TaskId, body: OutcomeIn, worker_id: WorkerId | None = None) -> TaskOut:
    """End an assigned or running task with its result, or, without another attempt, with an error.

    The same request again gets the same answer; another outcome is refused with 409. If you name the worker, the task
    ends only if that worker holds it.
    """
    holder = Holder(worker_id) if worker_id is not None else None
    with worker_presence.recording_report(caller.org, NAME, holder, proven=False):
        if body.error is None:
            return TaskOut.from_task(assignment.finish(caller.org, NAME, task_id, holder, body.result))
        failure = reported_failure(body.error, retryable=False)
        return TaskOut.from_task(tasks.fail(caller.org, task_id, holder, failure, NAME))


@routes.delete("/{task_id}", errors=[409])
def cancel_task(caller: Caller, task_id: TaskId) -> TaskOut:
    """Cancel a task that has not ended. A worker that holds it gets a command to stop it."""
    return TaskOut.from_task(tasks.cancel(caller.org, task_id, NAME))
