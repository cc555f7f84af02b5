"""Tasks: submit and follow (customer-service.md, "Task Management")."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from chalicelib.apis.support.access import NAME
from chalicelib.apis.support.figures import duration
from chalicelib.apis.support.states import PRIORITY, TASK_STATUS, Priority, TaskStatus
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.edge import Caller, Header, Routes, Schema
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.statistics import wait_estimate
from chalicelib.engine.tasks import lifecycle, payload_checks
from chalicelib.engine.tasks.submission import Submission

routes = Routes("/task", tag="Tasks")

Word = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
TaskId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]


class TaskData(Schema):
    """The task's data. The worker gets all of it unchanged."""

    model_config = ConfigDict(extra="allow")

    priority: Priority = "normal"
    channel: Word | None = Field(
        default=None, description="Where the task came from; /channels has the figures of each channel."
    )
    customer_id: Any = None


class TaskIn(Schema):
    """A task to process. Yardmaster itself performs `sentiment_analysis`, which needs `data.text` of 1 to 20,000
    characters. A task of any other type waits for a connected worker whose `config.types` names that type."""

    type: Word = Field(examples=["sentiment_analysis"])
    data: TaskData = Field(
        default_factory=TaskData,
        validate_default=True,
        examples=[{"text": "Great service!", "channel": "chat", "customer_id": "CUST123", "priority": "high"}],
    )

    @field_validator("data")
    @classmethod
    def _as_its_performer_needs(cls, data: TaskData, info: ValidationInfo) -> TaskData:
        if "type" in info.data:
            payload_checks.validate_payload(NAME, info.data["type"], _payload(data))
        return data


def _payload(data: TaskData) -> dict[str, Any]:
    return data.model_dump(exclude_unset=True)


class TaskAccepted(Schema):
    """A task that was accepted."""

    task_id: str = Field(examples=["task_1234567890"])
    status: Literal["accepted"] = "accepted"
    queue_position: int = Field(
        ge=0,
        description="Among the waiting tasks of its type: 1 is the next; 0 means that it no longer waits.",
        examples=[1],
    )
    estimated_process_time: str = Field(
        description="From now to the task's end, estimated from recent tasks.", examples=["2s"]
    )


class TaskError(Schema):
    """Why the task failed."""

    code: str = Field(examples=["WORKER_FAILED"])
    message: str


class TaskOut(Schema):
    """A task as it is now: `result` once it is completed, `error` once it has failed, `progress` in percent while it is
    processed and if its worker reports it, and `waiting_for`, in words, while it is queued."""

    task_id: str = Field(examples=["task_1234567890"])
    status: TaskStatus
    progress: float | None = Field(default=None, examples=[45])
    result: Any = Field(
        default=None, examples=[{"sentiment": "positive", "confidence": 0.95, "processing_time": "1.5s"}]
    )
    error: TaskError | None = None
    waiting_for: str | None = Field(
        default=None, examples=["a live worker that offers translation: none of the 2 registered workers does"]
    )

    @classmethod
    def from_task(cls, task: Task) -> "TaskOut":
        status = TASK_STATUS[task.status]
        error = TaskError(code=task.error["code"].upper(), message=task.error["message"]) if task.error else None
        return cls(
            task_id=task.id,
            status=status,
            progress=task.progress if status == "processing" else None,
            result=lifecycle.load_result(task) if task.status is Status.COMPLETED else None,
            error=error if status == "failed" else None,
            waiting_for=waiting_for(task),
        )


@routes.post("", status=202, errors=[409, 413, 503])
def submit_task(caller: Caller, body: TaskIn, idempotency_key: IdempotencyKey = None) -> TaskAccepted:
    """Submit a task.

    The same Idempotency-Key with the same body gives the same task, with another body 409.
    """
    task, estimate = wait_estimate.submit_with_estimate(caller.org, caller.subject, _submission(body, idempotency_key))
    return TaskAccepted(
        task_id=task.id,
        queue_position=estimate.position,
        estimated_process_time=duration(estimate.remaining_ms),
    )


def _submission(body: TaskIn, idempotency_key: str | None) -> Submission:
    payload = _payload(body.data)
    payload_checks.require_inline_size(payload, "data")
    return Submission(
        pool=NAME,
        type=body.type,
        priority=PRIORITY[body.data.priority],
        payload=payload,
        capabilities=(body.type,),
        label=body.data.channel,
        idempotency_key=idempotency_key,
    )


@routes.get("/{task_id}")
def get_task(caller: Caller, task_id: TaskId) -> TaskOut:
    """Get a task's status and its result, or what it waits for."""
    return TaskOut.from_task(lifecycle.get(caller.org, task_id, NAME))
