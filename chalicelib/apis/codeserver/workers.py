"""Workers that write code: register one, remove it. The document has no endpoints for them; these are extensions.

A registered worker opens the WebSocket named in the answer (docs/reference/websockets.md).
"""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib import ids
from chalicelib.apis.codeserver.access import NAME, WORKERS
from chalicelib.apis.codeserver.languages import LANGUAGES, Language
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import Caller, Created, Routes, Schema
from chalicelib.engine.workers import registration, registry
from chalicelib.engine.workers.registration import Registration

routes = Routes("/api/workers", tag="Workers")

RUNS_TESTS = "runs_tests"
"""Field of a worker's metadata: whether it has a sandbox to run tests in."""

WorkerId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


def _in_order(languages: list[Language]) -> list[Language]:
    """Each language once; all of them for an empty list."""
    return [language for language in LANGUAGES if language in languages or not languages]


class WorkerIn(Schema):
    """A worker to register."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(examples=["code-worker-1"])
    languages: Annotated[list[Language], AfterValidator(_in_order)] = Field(
        default=[],
        validate_default=True,
        max_length=32,
        description="The languages that it writes; empty: all.",
        examples=[["python", "go"]],
    )
    max_concurrent: int = Field(
        default=1, ge=1, le=100, strict=True, description="How many tasks it performs at the same time."
    )
    version: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        default=None, description="Its program's version, which GET /api/config/agents shows.", examples=["1.0.0"]
    )
    runs_tests: bool = Field(
        default=False, strict=True, description="Whether it runs tests of code, which GET /api/config shows."
    )


class WorkerOut(Schema):
    """A registered worker, which can connect."""

    id: str = Field(examples=["8bce49d3-fe96-40c0-b66b-2b5c613575ab"])
    name: str
    languages: list[str]
    max_concurrent: int
    endpoint: str = Field(
        description="The URL of the WebSocket that the worker opens.", examples=["ws://localhost:8041/worker/8bce49d3"]
    )

    @classmethod
    def from_worker(cls, worker: Worker) -> "WorkerOut":
        return cls(
            id=worker.id,
            name=worker.name,
            languages=list(worker.capabilities),
            max_concurrent=worker.max_concurrent,
            endpoint=WORKERS.url(NAME, worker.id),
        )


class Unregistered(Schema):
    """A worker that was removed."""

    message: str = "Worker unregistered"
    id: str = Field(examples=["8bce49d3-fe96-40c0-b66b-2b5c613575ab"])


@routes.post(status=201)
def register_worker(caller: Caller, body: WorkerIn) -> Created[WorkerOut]:
    """Register a worker, so that it can connect."""
    worker = registration.register(caller.org, _registration(body, caller.plan))
    return Created(WorkerOut.from_worker(worker), location=f"/api/workers/{worker.id}")


def _registration(body: WorkerIn, plan: str) -> Registration:
    return Registration(
        pool=NAME,
        id_prefix="worker",
        id=ids.uuid(),
        name=body.name,
        capabilities=tuple(body.languages),
        metadata=({"version": body.version} if body.version is not None else {}) | {RUNS_TESTS: body.runs_tests},
        max_concurrent=body.max_concurrent,
        socket=True,
        plan=plan,
    )


@routes.delete("/{worker_id}")
def unregister_worker(caller: Caller, worker_id: WorkerId) -> Unregistered:
    """Remove a worker. Its tasks are queued again, and no attempt of them is counted."""
    registry.unregister(caller.org, NAME, worker_id)
    return Unregistered(id=worker_id)
