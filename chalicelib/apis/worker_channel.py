"""The WebSocket of workers (docs/reference/websockets.md), which every API that has one serves in the same words."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder
from chalicelib.domain.tasks.worker import Beat, Health
from chalicelib.edge import (
    Caller,
    Channel,
    CodedErrors,
    ConnectRequest,
    FrameHandler,
    Schema,
    WorkerEndpoint,
    error_frame,
)
from chalicelib.engine.live import connections
from chalicelib.engine.live.connections import Connection
from chalicelib.engine.live.frames import Frame
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import websocket_workers
from chalicelib.errors import Conflict, NotFound, YardmasterError

MAX_ID_CHARS = 64


class Sign(Schema):
    """The worker is there: the answer to a ping, or unasked."""

    type: Literal["pong", "ready"]
    status: Health = Health.HEALTHY


class Report(Schema):
    """What a worker says of a task that it was handed: by its attempt, and if it likes by its lease."""

    task_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    attempt: int = Field(ge=1, le=2**53, strict=True)
    lease: int | None = Field(default=None, ge=1, le=2**53, strict=True)


class Progress(Report):
    """It has begun, or is further on."""

    progress: float | None = Field(default=None, ge=0, le=100, strict=True, description="Percent.")


class Result(Report):
    """It is done."""

    result: Any


class Error(Report):
    """The attempt has failed."""

    error: str | dict[str, Any]
    retryable: bool = Field(default=True, strict=True, description="false ends the task at once.")
    retry_after: float | None = Field(
        default=None, ge=0, le=86_400, strict=True, description="Seconds until the next attempt."
    )


def worker_channel(door: WorkerEndpoint) -> Channel:
    """What is served where workers connect."""

    def opened(caller: Caller, opening: ConnectRequest) -> None:
        [worker_id] = opening.path_values.values()
        if len(worker_id) > MAX_ID_CHARS:
            raise NotFound("Worker", worker_id[:MAX_ID_CHARS])
        websocket_workers.connect(Connection(opening.connection_id, caller.org, door.name, door.pool, worker_id))

    return Channel(
        name=door.name,
        path=door.path,
        authenticate=door.authenticate,
        on_connect=opened,
        frame_handlers={
            "progress": FrameHandler(Progress, _handle_progress),
            "result": FrameHandler(Result, _handle_result),
            "error": FrameHandler(Error, _handle_error),
            "pong": FrameHandler(Sign, _handle_sign),
            "ready": FrameHandler(Sign, _handle_sign),
        },
        render_error=_refusal_frame,
        on_disconnect=_handle_disconnect,
    )


def _handle_sign(known: Connection, said: Sign) -> None:
    websocket_workers.record_heartbeat(known, Beat(said.status))


def _handle_progress(known: Connection, said: Progress) -> None:
    lifecycle.report_progress(known.org, said.task_id, _holder(known, said), said.progress, _pool(known))


def _handle_result(known: Connection, said: Result) -> Frame:
    lifecycle.complete(known.org, _pool(known), said.task_id, _holder(known, said), said.result)
    return _accepted_frame(said)


def _handle_error(known: Connection, said: Error) -> Frame:
    failure = reported_failure(said.error, said.retryable, said.retry_after)
    lifecycle.fail(known.org, said.task_id, _holder(known, said), failure, _pool(known))
    return _accepted_frame(said)


def _holder(known: Connection, said: Report) -> Holder:
    assert known.worker_id is not None
    return Holder(known.worker_id, said.lease, said.attempt)


def _accepted_frame(said: Report) -> Frame:
    return {"type": "accepted", "task_id": said.task_id, "attempt": said.attempt}


def _refusal_frame(error: YardmasterError, said: BaseModel | None) -> Frame:
    """A report that comes too late is rejected for good; any other error says what was wrong."""
    about = {"task_id": said.task_id, "attempt": said.attempt} if isinstance(said, Report) else {}
    if about and isinstance(error, Conflict | NotFound):
        return {"type": "rejected", "reason": error.code, **about, "message": error.message}
    return error_frame(error, CodedErrors()) | about


def _pool(known: Connection) -> str:
    assert known.pool is not None
    return known.pool


def _handle_disconnect(known: Connection) -> None:
    connections.forget(known.id)
    websocket_workers.disconnect(known)
