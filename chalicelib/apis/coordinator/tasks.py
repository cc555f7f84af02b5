"""Tasks: create, list, assign, start, complete, cancel (delqhi-platform.md, "Tasks API")."""

import json
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.apis.coordinator.access import NAME
from chalicelib.apis.coordinator.states import (
    ENGINE_PRIORITY,
    ENGINE_STATUS,
    GENERAL,
    PRIORITY,
    TASK_STATUS,
    Kind,
    Priority,
    TaskStatus,
)
from chalicelib.apis.coordinator.workers import MAX_WORD_CHARS, WorkerId
from chalicelib.config import settings
from chalicelib.domain.tasks.reported_failure import LARGEST_DETAILS, LONGEST_MESSAGE, reported_failure
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.edge import Caller, Created, Header, NaiveInstant, Routes, Schema
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.tasks import assignment, listing, submission, worker_presence
from chalicelib.engine.tasks import lifecycle as tasks
from chalicelib.engine.tasks.listing import Filter
from chalicelib.engine.tasks.submission import Submission

routes = Routes("/api/tasks", tag="Tasks")

TaskId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
Size = Annotated[int, Field(ge=1, le=100, description="The most tasks to answer.")]
Cursor = Annotated[str, Field(max_length=512, description="The next_cursor of this very list.")]
MAX_CAPABILITIES = 32


def _required_capabilities(metadata: dict[str, Any]) -> list[str] | None:
    """The capabilities that a task's metadata name; None when they name none."""
    named = metadata.get("capabilities")
    return named if isinstance(named, list) and all(isinstance(one, str) for one in named) else None


def _check_capabilities(metadata: dict[str, Any]) -> dict[str, Any]:
    needs = _required_capabilities(metadata) or []
    if len(needs) > MAX_CAPABILITIES or not all(1 <= len(one) <= MAX_WORD_CHARS for one in needs):
        raise ValueError(f"capabilities must be at most {MAX_CAPABILITIES} words of 1 to {MAX_WORD_CHARS} characters")
    return metadata


def _check_error_size(error: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(error, dict) and len(json.dumps(error)) > LARGEST_DETAILS:
        raise ValueError(f"must be at most {LARGEST_DETAILS} characters as JSON")
    return error


Reason = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_MESSAGE)] | dict[str, Any],
    AfterValidator(_check_error_size),
]


class TaskIn(Schema):
    """A task to be done."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(examples=["solve-captcha-batch-1"])
    type: Kind = Field(examples=["captcha"])
    priority: Priority = Field(default="normal", examples=["high"])
    payload: dict[str, Any] = Field(default_factory=dict, description="What the worker gets, as it is.")
    metadata: Annotated[dict[str, Any], AfterValidator(_check_capabilities)] = Field(
        default_factory=dict,
        description="Notes, at most 16,000 characters as JSON. `capabilities`, a list of words, is what a worker must "
        "have to be given the task by itself; without it, the task's type is, unless that is general.",
    )
    auto_assign: bool = Field(
        default=False, strict=True, description="Assign it by itself, as soon as a worker that can do it has room."
    )


class TaskOut(Schema):
    """A task as it is now. `completed_at` is when it ended, however it did."""

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
    def of(cls, task: Task) -> Self:
        """The task with all it carries, wherever that is kept."""
        return cls.row(replace(task, payload=tasks.load_payload(task), result=tasks.load_result(task)))

    @classmethod
    def row(cls, task: Task) -> Self:
        """The task with what is kept beside it."""
        begun = task.status not in (Status.PENDING, Status.LEASED)
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
            started_at=task.started_at if begun else None,
            completed_at=task.finished_at if task.terminal else None,
            result=task.result if task.status is Status.COMPLETED else None,
            error=_error(task),
        )


def _error(task: Task) -> str | dict[str, Any] | None:
    """Why it failed: as the worker said it, or in the engine's words."""
    if TASK_STATUS[task.status] != "failed" or task.error is None:
        return None
    reason: str | dict[str, Any] = task.error.get("details", task.error["message"])
    return reason


class TaskDetail(TaskOut):
    """A task as it is now, and what it waits for."""

    waiting_for: str | None = Field(
        default=None,
        exclude_if=lambda words: words is None,
        description="While it is pending, in words; else it is left out.",
        examples=["a worker to be assigned by its owner"],
    )

    @classmethod
    def of(cls, task: Task) -> Self:
        shown = TaskOut.of(task)
        return cls(**dict(shown), waiting_for=waiting_for(task))


class TaskList(Schema):
    """One page of tasks, youngest first. In a list, a payload or result of over 100 KB is null: get the task."""

    tasks: list[TaskOut]
    total: int = Field(description="Of all pages.")
    limit: int
    next_cursor: str | None = Field(description="Leads to the next page; null on the last.")


class OutcomeIn(Schema):
    """How a task ended: with an error it failed, without one it was completed."""

    result: Any = Field(default=None, examples=[{"solution": "abc123"}])
    error: Reason | None = Field(default=None, description="Why it failed. Its result is not kept then.")


@routes.post(status=201, errors=[409])
def create_task(caller: Caller, body: TaskIn, idempotency_key: IdempotencyKey = None) -> Created[TaskOut]:
    """Create a task.

    It waits until a worker is assigned, or with `auto_assign` is assigned by itself. The same Idempotency-Key with the
    same body gives the same answer, with another body 409.
    """
    task = submission.submit(caller.org, caller.subject, _submission(body, idempotency_key))
    # The first answer again, however far the task has come since.
    fresh = TaskOut.row(replace(task, status=Status.PENDING, payload=body.payload))
    return Created(fresh, location=f"/api/tasks/{task.id}")


def _submission(body: TaskIn, idempotency_key: str | None) -> Submission:
    needs = _required_capabilities(body.metadata)
    if needs is None:
        needs = [] if body.type == GENERAL else [body.type]
    return Submission(
        pool=NAME,
        name=body.name,
        type=body.type,
        priority=ENGINE_PRIORITY[body.priority],
        payload=body.payload,
        metadata=body.metadata,
        capabilities=tuple(needs),
        manual=not (body.auto_assign or NAME in settings().auto_assign),
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
    """List tasks, youngest first; filters combine.

    Those of a worker are listed in another order: first what it holds, then what it ended, latest first.
    """
    wanted = Filter(ENGINE_STATUS[status] if status is not None else None, worker_id)
    page = listing.read_page(caller.org, NAME, wanted, limit, cursor)
    rows = [TaskOut.row(task) for task in page.tasks]
    return TaskList(tasks=rows, total=page.total, limit=limit, next_cursor=page.cursor)


@routes.get("/{task_id}")
def get_task(caller: Caller, task_id: TaskId) -> TaskDetail:
    """Get a task as it is now, and what it waits for."""
    return TaskDetail.of(tasks.get(caller.org, task_id, NAME))


@routes.put("/{task_id}/assign", errors=[409])
def assign_task(caller: Caller, task_id: TaskId, worker_id: WorkerId) -> TaskOut:
    """Assign a pending task to a worker that is there and has room."""
    return TaskOut.of(assignment.assign(caller.org, NAME, task_id, worker_id))


@routes.put("/{task_id}/start", errors=[409])
def start_task(caller: Caller, task_id: TaskId) -> TaskOut:
    """Note that the worker has begun with an assigned task."""
    return TaskOut.of(assignment.start(caller.org, NAME, task_id))


@routes.put("/{task_id}/complete", errors=[409])
def complete_task(caller: Caller, task_id: TaskId, body: OutcomeIn, worker_id: WorkerId | None = None) -> TaskOut:
    """End an assigned or running task: with its result, or for good with an error.

    The same once more is accepted and answered alike, another outcome is refused. Name the worker, and the task is
    ended only if that worker holds it.
    """
    holder = Holder(worker_id) if worker_id is not None else None
    with worker_presence.recording_report(caller.org, NAME, holder, proven=False):
        if body.error is None:
            return TaskOut.of(assignment.finish(caller.org, NAME, task_id, holder, body.result))
        failure = reported_failure(body.error, retryable=False)
        return TaskOut.of(tasks.fail(caller.org, task_id, holder, failure, NAME))


@routes.delete("/{task_id}", errors=[409])
def cancel_task(caller: Caller, task_id: TaskId) -> TaskOut:
    """Cancel a task that has not ended; a worker that holds it is told."""
    return TaskOut.of(tasks.cancel(caller.org, task_id, NAME))
