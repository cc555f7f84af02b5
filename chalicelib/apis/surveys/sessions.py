"""Sessions: start them, and see how they go (delqhi-platform.md, "Start Survey Session", "Get Status")."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.surveys.access import NAME, POOL
from chalicelib.apis.surveys.states import SESSION_STATUS, PlatformStatus, SessionStatus, platform_status, waiting_for
from chalicelib.domain.tasks.task import Task
from chalicelib.edge import Caller, Created, Header, NaiveInstant, Routes, Schema
from chalicelib.engine import surveys
from chalicelib.engine.surveys import Platform, SessionRequest

routes = Routes("/api", tag="Sessions")

Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
AccountId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]


class SessionIn(Schema):
    """A session to be held."""

    platform: Word = Field(description="One of those that /api/platforms lists.", examples=["swagbucks"])
    account_id: AccountId = Field(description="Whose; handed to the worker as it is.", examples=["account-uuid"])
    survey_type: Word = Field(default="daily", description="Handed to the worker as it is.", examples=["daily"])
    notify: list[Word] = Field(
        default=[],
        max_length=4,
        description="The messengers by which people are told how it ended: telegram, whatsapp, discord, or all.",
        examples=[["telegram"]],
    )


class SessionOut(Schema):
    """A session. Its id is that of the coordinator's task that it is."""

    session_id: str = Field(examples=["task_abc123"])
    platform: str
    account_id: str
    survey_type: str
    status: SessionStatus
    created_at: NaiveInstant


class CurrentSession(SessionOut):
    """The session that a worker holds; `started_at` is when the worker began."""

    started_at: NaiveInstant | None

    @classmethod
    def of(cls, task: Task) -> Self:
        return cls(
            session_id=task.id,
            **task.payload,
            status=SESSION_STATUS[task.status],
            created_at=task.created_at,
            started_at=task.started_at,
        )


class WorkerRow(Schema):
    """The worker that holds the session."""

    id: str
    name: str


class Counted(Schema):
    """Sessions that wait and that are held now, and those that ended on this UTC day. Counts follow within seconds."""

    queued: int
    active: int
    completed: int
    failed: int
    cancelled: int


class PlatformOut(Schema):
    """A platform, its counts, and the session that a worker holds there, if any does."""

    id: str
    name: str
    status: PlatformStatus
    sessions: Counted
    waiting_for: str | None = Field(
        description="What those that are queued wait for; null while none is.",
        examples=["its turn on survey:swagbucks: 1 of 1 in use by task_abc123"],
    )
    session: CurrentSession | None
    worker: WorkerRow | None

    @classmethod
    def of(cls, found: Platform) -> Self:
        worker = found.worker
        return cls(
            id=found.id,
            name=found.name,
            status=platform_status(found.crew),
            sessions=_session_counts(found),
            waiting_for=waiting_for(found),
            session=CurrentSession.of(found.session) if found.session is not None else None,
            worker=WorkerRow(id=worker.id, name=worker.name) if worker is not None else None,
        )


def _session_counts(found: Platform) -> Counted:
    return Counted(
        queued=found.queued,
        active=int(found.session is not None),
        completed=found.today["completed"],
        failed=found.today["failed"] + found.today["timed_out"],
        cancelled=found.today["cancelled"],
    )


class StatusOut(Schema):
    """All platforms, and the counts of them together."""

    status: Literal["active"] = "active"
    mode: Literal["one_worker_per_platform"] = "one_worker_per_platform"
    sessions: Counted
    platforms: list[PlatformOut]
    timestamp: NaiveInstant


@routes.post("/start", status=201, errors=[409])
def start_session(caller: Caller, body: SessionIn, idempotency_key: IdempotencyKey = None) -> Created[SessionOut]:
    """Start a session.

    It is queued, and held as soon as its platform has no other session and a worker offers it. The same
    Idempotency-Key with the same body gives the same answer, with another body 409.
    """
    asked = SessionRequest(body.platform, body.account_id, body.survey_type, tuple(body.notify), idempotency_key)
    task = surveys.start_session(caller.org, POOL, NAME, caller.subject, asked)
    said = body.model_dump(exclude={"notify"})
    return Created(
        SessionOut(session_id=task.id, **said, status="queued", created_at=task.created_at), location="/api/status"
    )


@routes.get("/status")
def get_status(caller: Caller) -> StatusOut:
    """Count the sessions, and see which one is held on each platform and by whom."""
    rows = [PlatformOut.of(found) for found in surveys.list_platforms(caller.org, POOL)]
    return StatusOut(sessions=_total_counts(rows), platforms=rows, timestamp=clock.now())


def _total_counts(rows: list[PlatformOut]) -> Counted:
    return Counted(**{name: sum(getattr(row.sessions, name) for row in rows) for name in Counted.model_fields})
