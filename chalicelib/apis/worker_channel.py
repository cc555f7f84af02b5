"""The WebSocket of workers (docs/reference/websockets.md), which is the same in every API that has one."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from chalicelib.apis.chunk_fields import ChunkFields
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder
from chalicelib.domain.tasks.worker import Health, Heartbeat
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
from chalicelib.engine.chunks import chunks
from chalicelib.engine.live import connections
from chalicelib.engine.live.connections import Connection
from chalicelib.engine.live.frames import Frame
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import websocket_workers
from chalicelib.errors import Conflict, NotFound, YardmasterError

MAX_ID_CHARS = 64


class Sign(Schema):
    """A heartbeat: the worker answers a ping (pong), or sends it unasked (ready)."""

    type: Literal["pong", "ready"]
    status: Health = Health.HEALTHY


class Report(Schema):
    """A worker's report about a task that it was sent, identified by its attempt and optionally by its lease."""

    task_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    attempt: int = Field(ge=1, le=2**53, strict=True)
    lease: int | None = Field(default=None, ge=1, le=2**53, strict=True)


class Progress(Report):
    """The worker has started the task, or has made progress."""

    progress: float | None = Field(default=None, ge=0, le=100, strict=True, description="Percent.")


class Result(Report):
    """The worker has completed the task."""

    result: Any

    @property
    def value(self) -> Any:
        """The result as JSON."""
        return self.result

    def count_usage(self, org: str) -> None:
        """Count what the worker used for the result, which was accepted; each time that the worker sends it."""


class Error(Report):
    """The attempt has failed."""

    error: str | dict[str, Any]
    retryable: bool = Field(default=True, strict=True, description="false ends the task at once.")
    retry_after: float | None = Field(
        default=None, ge=0, le=86_400, strict=True, description="Seconds until the next attempt."
    )
    timed_out: bool = Field(
        default=False, strict=True, description="The worker ended the attempt because its time was over."
    )


class ChunkFrame(Report, ChunkFields):
    """The next piece of the output of a task that is in work."""


def worker_channel(endpoint: WorkerEndpoint, result: type[Result] = Result, *, takes_chunks: bool = False) -> Channel:
    """The channel to which an API's workers connect. `result` is the model of the frame with a result; `takes_chunks`
    says whether somebody reads a task's output while it is made."""

    def handle_connect(caller: Caller, request: ConnectRequest) -> None:
        [worker_id] = request.path_values.values()
        if len(worker_id) > MAX_ID_CHARS:
            raise NotFound("Worker", worker_id[:MAX_ID_CHARS])
        websocket_workers.connect(
            Connection(request.connection_id, caller.org, endpoint.name, endpoint.pool, worker_id)
        )

    return Channel(
        name=endpoint.name,
        path=endpoint.path,
        authenticate=endpoint.authenticate,
        on_connect=handle_connect,
        frame_handlers={
            "progress": FrameHandler(Progress, _handle_progress),
            "result": FrameHandler(result, _handle_result),
            "error": FrameHandler(Error, _handle_error),
            "pong": FrameHandler(Sign, _handle_sign),
            "ready": FrameHandler(Sign, _handle_sign),
            **({"chunk": FrameHandler(ChunkFrame, _handle_chunk)} if takes_chunks else {}),
        },
        render_error=_refusal_frame,
        on_disconnect=_handle_disconnect,
        prefix=endpoint.prefix,
    )


def _handle_sign(connection: Connection, sign: Sign) -> None:
    websocket_workers.record_heartbeat(connection, Heartbeat(sign.status))


def _handle_progress(connection: Connection, report: Progress) -> None:
    lifecycle.report_progress(
        connection.org, report.task_id, _holder(connection, report), report.progress, _pool(connection)
    )


def _handle_result(connection: Connection, report: Result) -> Frame:
    lifecycle.complete(connection.org, _pool(connection), report.task_id, _holder(connection, report), report.value)
    report.count_usage(connection.org)
    return _accepted_frame(report)


def _handle_chunk(connection: Connection, report: ChunkFrame) -> None:
    holder = _holder(connection, report)
    chunks.append(connection.org, _pool(connection), report.task_id, holder, report.chunk)


def _handle_error(connection: Connection, report: Error) -> Frame:
    failure = reported_failure(report.error, report.retryable, report.retry_after, timed_out=report.timed_out)
    lifecycle.fail(connection.org, report.task_id, _holder(connection, report), failure, _pool(connection))
    return _accepted_frame(report)


def _holder(connection: Connection, report: Report) -> Holder:
    assert connection.worker_id is not None
    return Holder(connection.worker_id, report.lease, report.attempt)


def _accepted_frame(report: Report) -> Frame:
    return {"type": "accepted", "task_id": report.task_id, "attempt": report.attempt}


def _refusal_frame(error: YardmasterError, message: BaseModel | None) -> Frame:
    """`rejected` for a report about a task that the worker no longer holds; else an error frame with what was wrong."""
    about = {"task_id": message.task_id, "attempt": message.attempt} if isinstance(message, Report) else {}
    if about and isinstance(error, Conflict | NotFound):
        return {"type": "rejected", "reason": error.code, **about, "message": error.message}
    return error_frame(error, CodedErrors()) | about


def _pool(connection: Connection) -> str:
    assert connection.pool is not None
    return connection.pool


def _handle_disconnect(connection: Connection) -> None:
    connections.forget(connection.id)
    websocket_workers.disconnect(connection)
