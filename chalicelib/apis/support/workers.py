"""Workers: register one, list them (customer-service.md, "Worker Management"). A registered worker opens the WebSocket
named in the answer, and is online as long as it answers."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.support.access import NAME, WORKERS
from chalicelib.apis.support.figures import duration
from chalicelib.apis.support.states import WorkerStatus, worker_status
from chalicelib.apis.support.tasks import Word
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine.workers import registration
from chalicelib.engine.workers import registry as workers
from chalicelib.engine.workers.registration import Registration

routes = Routes("/workers", tag="Workers")

Number = Annotated[int, Field(ge=0, le=2**53, strict=True)]
Name = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
WorkerId = Number | Name


class WorkerConfig(Schema):
    """What a worker can perform."""

    max_tasks: int = Field(
        default=1, ge=1, le=500, strict=True, description="How many tasks it performs at the same time.", examples=[100]
    )
    timeout: int | None = Field(
        default=None,
        ge=1,
        le=86_400,
        strict=True,
        description="The longest that it may take for a task, in seconds; 900 if left out.",
        examples=[30],
    )
    types: list[Word] = Field(default=[], max_length=64, description="The task types that it performs.")


class WorkerIn(Schema):
    """A worker to start. If it is registered already, its config is replaced."""

    worker_id: WorkerId = Field(
        description="A number, or a word of at most 64 letters, digits, - and _; digits alone are that number.",
        examples=[3],
    )
    config: WorkerConfig = Field(default_factory=WorkerConfig, examples=[{"max_tasks": 100, "timeout": 30}])


class WorkerStarted(Schema):
    """A worker that can connect now."""

    worker_id: WorkerId = Field(examples=[3])
    status: Literal["started"] = "started"
    endpoint: str = Field(
        description="The URL of the WebSocket that the worker opens.", examples=["ws://localhost:8003/worker/3"]
    )


class WorkerOut(Schema):
    """A registered worker."""

    id: WorkerId
    status: WorkerStatus = Field(description="active: holds a task; idle: connected; offline: not connected.")
    tasks_processed: int = Field(description="Attempts that it completed or failed.", examples=[150])
    uptime: str = Field(description="Time since it came online; 0s while it is offline.", examples=["2h 30m"])
    current_load: float = Field(description="The tasks it holds, as a share of its max_tasks.", examples=[0.75])

    @classmethod
    def from_worker(cls, worker: Worker) -> "WorkerOut":
        status = worker_status(worker)
        since = worker.online_since if status != "offline" else None
        return cls(
            id=_number_if_decimal(worker.id),
            status=status,
            tasks_processed=worker.completed + worker.failed,
            uptime=duration(clock.now() - since if since is not None else 0),
            current_load=round(len(worker.leases) / worker.max_concurrent, 4),
        )


class WorkerList(Schema):
    """The registered workers, oldest first."""

    total_workers: int = Field(examples=[3])
    active_workers: int = Field(description="Those of status active.", examples=[2])
    workers: list[WorkerOut]


@routes.get("")
def list_workers(caller: Caller) -> WorkerList:
    """Get the status of all workers."""
    rows = [WorkerOut.from_worker(worker) for worker in workers.list_workers(caller.org, NAME)]
    active = sum(worker.status == "active" for worker in rows)
    return WorkerList(total_workers=len(rows), active_workers=active, workers=rows)


@routes.post("", status=201, errors=[409])
def start_worker(caller: Caller, body: WorkerIn) -> WorkerStarted:
    """Register a worker, so that it can connect."""
    worker = registration.register_or_update(caller.org, _registration(body, caller.plan))
    return WorkerStarted(worker_id=body.worker_id, endpoint=WORKERS.url(NAME, worker.id))


def _registration(body: WorkerIn, plan: str) -> Registration:
    return Registration(
        pool=NAME,
        id_prefix="worker",
        id=str(body.worker_id),
        name=f"worker {body.worker_id}",
        max_concurrent=body.config.max_tasks,
        capabilities=tuple(body.config.types),
        attempt_seconds=body.config.timeout,
        socket=True,
        plan=plan,
    )


def _number_if_decimal(worker_id: str) -> int | str:
    """The worker's id as a number if it is one."""
    return int(worker_id) if worker_id.isdecimal() and str(int(worker_id)) == worker_id else worker_id
