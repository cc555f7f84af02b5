"""The support API's WebSockets (docs/live.md): workers that are handed tasks, and watchers of all tasks."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from chalicelib.apis.support.access import NAME, authenticate
from chalicelib.apis.support.voice import UPDATES
from chalicelib.domain.reports import reported_failure
from chalicelib.domain.tasks import Beat, Health, Holder
from chalicelib.edge import Caller, Channel, CodedErrors, Hears, Opening, Schema, error_frame
from chalicelib.engine import connections, live, sockets, tasks
from chalicelib.engine.connections import Connection
from chalicelib.engine.frames import Frame
from chalicelib.errors import Conflict, InvalidRequest, NotFound, YardmasterError

WORKER = "support.worker"
LONGEST_ID = 64
LONGEST_SEQUENCE = 15
"""Digits."""


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


class Ping(Schema):
    """A watcher keeps its connection from being idle."""


def _worker_connects(caller: Caller, opening: Opening) -> None:
    worker_id = opening.path_values["worker_id"]
    if len(worker_id) > LONGEST_ID:
        raise NotFound("Worker", worker_id[:LONGEST_ID])
    sockets.connect(Connection(opening.connection_id, caller.org, WORKER, NAME, worker_id))


def _signed(known: Connection, said: Sign) -> None:
    sockets.heard(known, Beat(said.status))


def _progressed(known: Connection, said: Progress) -> None:
    tasks.progress(known.org, said.task_id, _holder(known, said), said.progress, NAME)


def _done(known: Connection, said: Result) -> Frame:
    tasks.complete(known.org, NAME, said.task_id, _holder(known, said), said.result)
    return _accepted(said)


def _failed(known: Connection, said: Error) -> Frame:
    failure = reported_failure(said.error, said.retryable, said.retry_after)
    tasks.fail(known.org, said.task_id, _holder(known, said), failure, NAME)
    return _accepted(said)


def _holder(known: Connection, said: Report) -> Holder:
    assert known.worker_id is not None
    return Holder(known.worker_id, said.lease, said.attempt)


def _accepted(said: Report) -> Frame:
    return {"type": "accepted", "task_id": said.task_id, "attempt": said.attempt}


def _refused(error: YardmasterError, said: BaseModel | None) -> Frame:
    """A report that comes too late is rejected for good; any other error says what was wrong."""
    about = {"task_id": said.task_id, "attempt": said.attempt} if isinstance(said, Report) else {}
    if about and isinstance(error, Conflict | NotFound):
        return {"type": "rejected", "reason": error.code, **about, "message": error.message}
    return error_frame(error, CodedErrors()) | about


def _watcher_connects(caller: Caller, opening: Opening) -> None:
    live.watch(Connection(opening.connection_id, caller.org, UPDATES), _sequence(opening.query.get("since")))


def _sequence(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_SEQUENCE):
        raise InvalidRequest("since: must be a whole number of at least 0", fields={"since": "must be a whole number"})
    return int(text)


def _watcher_leaves(known: Connection) -> None:
    connections.forget(known.id)
    live.leave(known)


def _worker_leaves(known: Connection) -> None:
    connections.forget(known.id)
    sockets.disconnected(known)


channels = (
    Channel(
        name=WORKER,
        path="/worker/{worker_id}",
        authenticate=authenticate,
        opened=_worker_connects,
        hears={
            "progress": Hears(Progress, _progressed),
            "result": Hears(Result, _done),
            "error": Hears(Error, _failed),
            "pong": Hears(Sign, _signed),
            "ready": Hears(Sign, _signed),
        },
        refused=_refused,
        closed=_worker_leaves,
    ),
    Channel(
        name=UPDATES,
        path="/tasks/updates",
        authenticate=authenticate,
        opened=_watcher_connects,
        hears={"ping": Hears(Ping, lambda *_: {"type": "pong"})},
        refused=_refused,
        closed=_watcher_leaves,
    ),
)
