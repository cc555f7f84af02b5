"""Workers: register, heartbeat, take out of rotation, count (delqhi-platform.md, "Workers API")."""

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints

from chalicelib import clock, ids
from chalicelib.apis.coordinator.access import NAME
from chalicelib.apis.coordinator.states import GENERAL, ROTATION, Kind, WorkerStatus, worker_status
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.edge import Caller, Created, NaiveInstant, Routes, Schema
from chalicelib.engine.workers import commands, completion_reports, pools, registration
from chalicelib.engine.workers import registry as workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workers.registry import WorkerChange

routes = Routes("/api/workers", tag="Workers")

WorkerId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
MAX_WORD_CHARS = 64
Word = Annotated[str, StringConstraints(min_length=1, max_length=MAX_WORD_CHARS)]
CommandId = Annotated[str, StringConstraints(max_length=64, pattern=r"^(drain|task_[a-z0-9]+:[0-9]+)$")]


class WorkerMetadata(Schema):
    """The worker's own data, at most 16,000 characters as JSON. Yardmaster reads only `max_concurrent`."""

    model_config = ConfigDict(extra="allow")

    max_concurrent: int = Field(
        default=1, ge=1, le=500, strict=True, description="How many tasks the worker performs at the same time."
    )

    @property
    def as_sent(self) -> dict[str, Any]:
        """The fields of the request, without defaults."""
        return self.model_dump(exclude_unset=True)

    @property
    def max_concurrent_if_sent(self) -> int | None:
        """`max_concurrent` if the request has it."""
        return self.max_concurrent if "max_concurrent" in self.model_fields_set else None


class WorkerIn(Schema):
    """A worker to register."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(examples=["Arbeiter-1"])
    type: Kind = Field(description="The worker gets tasks of this type.", examples=["general"])
    capabilities: list[Word] = Field(default=[], max_length=64, examples=[["scraping", "browser"]])
    metadata: WorkerMetadata = Field(default_factory=WorkerMetadata)


class WorkerOut(Schema):
    """A registered worker."""

    id: str = Field(examples=["8bce49d3-fe96-40c0-b66b-2b5c613575ab"])
    name: str
    type: str
    status: WorkerStatus
    capabilities: list[str]
    metadata: dict[str, Any]
    registered_at: NaiveInstant
    last_heartbeat: NaiveInstant
    tasks_completed: int
    tasks_failed: int

    @classmethod
    def from_worker(cls, worker: Worker, **more: Any) -> Self:
        return cls(
            id=worker.id,
            name=worker.name,
            type=worker.type or GENERAL,
            status=worker_status(worker),
            capabilities=list(worker.capabilities),
            metadata=worker.metadata or {},
            registered_at=worker.registered_at,
            last_heartbeat=worker.last_heartbeat_at,
            tasks_completed=worker.completed,
            tasks_failed=worker.failed,
            **more,
        )


class WorkerList(Schema):
    """All registered workers, oldest first."""

    workers: list[WorkerOut]
    total: int
    next_cursor: str | None = Field(default=None, description="Always null: a list of workers is one page.")


class WorkerUpdate(Schema):
    """The fields to change; the others stay as they are."""

    status: WorkerStatus | None = Field(
        default=None,
        description="busy: the worker gets no new task. offline: it gets no new task, and its tasks are queued again. "
        "online: it gets tasks again.",
        examples=["busy"],
    )
    metadata: WorkerMetadata | None = Field(
        default=None,
        description="Merged into the stored metadata, key by key.",
        examples=[{"current_task": "task-123"}],
    )


class HeartbeatIn(Schema):
    """What a worker can send with its heartbeat."""

    receipts: list[CommandId] = Field(
        default=[], max_length=100, description="Ids of the commands that the worker has carried out."
    )


class Command(Schema):
    """A command to the worker. It is repeated until its id comes back in `receipts`, for at most 15 minutes."""

    id: str
    type: Literal["cancel", "drain"]
    task_id: str | None = None
    attempt: int | None = None


class HeartbeatOut(WorkerOut):
    """The worker as it is now, and the commands to it."""

    commands: list[Command]


class Unregistered(Schema):
    """A worker that was removed."""

    message: str = "Worker unregistered"
    id: str = Field(examples=["8bce49d3-fe96-40c0-b66b-2b5c613575ab"])


class Summary(Schema):
    """The registered workers by status, and the tasks that all workers, the removed ones too, completed and failed."""

    total_workers: int = Field(examples=[3])
    online: int = Field(examples=[2])
    busy: int = Field(examples=[1])
    offline: int = Field(examples=[0])
    total_tasks_completed: int = Field(examples=[150])
    total_tasks_failed: int = Field(examples=[5])
    timestamp: NaiveInstant


@routes.post(status=201)
def register_worker(caller: Caller, body: WorkerIn) -> Created[WorkerOut]:
    """Register a worker."""
    request = Registration(
        pool=NAME,
        id_prefix="worker",
        id=ids.uuid(),
        name=body.name,
        type=body.type,
        capabilities=tuple(body.capabilities),
        metadata=body.metadata.as_sent,
        max_concurrent=body.metadata.max_concurrent,
        plan=caller.plan,
    )
    worker = registration.register(caller.org, request)
    return Created(WorkerOut.from_worker(worker), location=f"/api/workers/{worker.id}")


@routes.get()
def list_workers(caller: Caller) -> WorkerList:
    """List all registered workers."""
    rows = [WorkerOut.from_worker(worker) for worker in workers.list_workers(caller.org, NAME)]
    return WorkerList(workers=rows, total=len(rows))


@routes.get("/stats/summary")
def worker_statistics(caller: Caller) -> Summary:
    """Count the workers by status, and the tasks that they completed and failed."""
    summary = pools.summarize(caller.org, NAME)
    by_status = Counter(worker_status(worker) for worker in summary.workers)
    return Summary(
        total_workers=len(summary.workers),
        online=by_status["online"],
        busy=by_status["busy"],
        offline=by_status["offline"],
        total_tasks_completed=summary.completed,
        total_tasks_failed=summary.failed,
        timestamp=clock.now(),
    )


@routes.get("/{worker_id}")
def get_worker(caller: Caller, worker_id: WorkerId) -> WorkerOut:
    """Get a worker as it is now."""
    return WorkerOut.from_worker(workers.get(caller.org, NAME, worker_id))


@routes.put("/{worker_id}")
def update_worker(caller: Caller, worker_id: WorkerId, body: WorkerUpdate) -> WorkerOut:
    """Change a worker's status or metadata."""
    change = WorkerChange(
        rotation=ROTATION[body.status] if body.status is not None else None,
        metadata=body.metadata.as_sent if body.metadata is not None else None,
        max_concurrent=body.metadata.max_concurrent_if_sent if body.metadata is not None else None,
    )
    return WorkerOut.from_worker(workers.update(caller.org, NAME, worker_id, change))


@routes.delete("/{worker_id}")
def unregister_worker(caller: Caller, worker_id: WorkerId) -> Unregistered:
    """Remove a worker. Its tasks are queued again, and no attempt of them is counted."""
    workers.unregister(caller.org, NAME, worker_id)
    return Unregistered(id=worker_id)


@routes.post("/{worker_id}/heartbeat")
def worker_heartbeat(caller: Caller, worker_id: WorkerId, body: HeartbeatIn | None = None) -> HeartbeatOut:
    """Report that a worker is alive. The answer has the commands to it."""
    receipts = dict.fromkeys(name for name in (body.receipts if body else ()) if name != "drain")
    worker = workers.record_heartbeat(caller.org, NAME, worker_id, Heartbeat(Health.HEALTHY, receipts=tuple(receipts)))
    return HeartbeatOut.from_worker(
        worker, commands=[Command(**command) for command in commands.pending_commands(worker)]
    )


@routes.post("/{worker_id}/task/complete", errors=[409])
def worker_completed_task(caller: Caller, worker_id: WorkerId, success: bool = True) -> WorkerOut:
    """Count a task that a worker completed or failed.

    If the worker holds exactly one task, that task ends so, without a result. If it holds none, only its counter grows.
    If it holds several, the answer is 409: complete the task by its id.
    """
    return WorkerOut.from_worker(
        completion_reports.report_outcome(caller.org, NAME, worker_id, "completed" if success else "failed")
    )
