"""Sessions: start them, and see their progress (delqhi-platform.md, "Start Survey Session", "Get Status")."""

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
    """A session to start."""

    platform: Word = Field(description="One of those that /api/platforms lists.", examples=["swagbucks"])
    account_id: AccountId = Field(
        description="The account to use; sent to the worker unchanged.", examples=["account-uuid"]
    )
    survey_type: Word = Field(default="daily", description="Sent to the worker unchanged.", examples=["daily"])
    notify: list[Word] = Field(
        default=[],
        max_length=4,
        description="The messengers that get a notification when it ends: telegram, whatsapp, discord, or all.",
        examples=[["telegram"]],
    )


class SessionOut(Schema):
    """A session. Its id is the id of its task in the coordinator API."""

    session_id: str = Field(examples=["task_abc123"])
    platform: str
    account_id: str
    survey_type: str
    status: SessionStatus
    created_at: NaiveInstant


class CurrentSession(SessionOut):
    """The session that a worker holds. `started_at` is when the worker started it."""

    started_at: NaiveInstant | None

    @classmethod
    def from_task(cls, task: Task) -> Self:
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
    """Sessions that wait and that are held now, and those that ended on this UTC day. Counts are updated within
    seconds."""

    queued: int
    active: int
    completed: int
    failed: int
    cancelled: int


class PlatformOut(Schema):
    """A platform, its counts, and the session that a worker holds there, if there is one."""

    id: str
    name: str
    status: PlatformStatus
    sessions: Counted
    waiting_for: str | None = Field(
        description="What the queued sessions wait for; null while none is queued.",
        examples=["its turn on survey:swagbucks: 1 of 1 in use by task_abc123"],
    )
    session: CurrentSession | None
    worker: WorkerRow | None

    @classmethod
    def from_platform(cls, platform: Platform) -> Self:
        worker = platform.worker
        return cls(
            id=platform.id,
            name=platform.name,
            status=platform_status(platform.workers),
            sessions=_session_counts(platform),
            waiting_for=waiting_for(platform),
            session=CurrentSession.from_task(platform.session) if platform.session is not None else None,
            worker=WorkerRow(id=worker.id, name=worker.name) if worker is not None else None,
        )


def _session_counts(platform: Platform) -> Counted:
    return Counted(
        queued=platform.queued,
        active=int(platform.session is not None),
        completed=platform.today["completed"],
        failed=platform.today["failed"] + platform.today["timed_out"],
        cancelled=platform.today["cancelled"],
    )


class StatusOut(Schema):
    """All platforms, and the sums of their counts."""

    status: Literal["active"] = "active"
    mode: Literal["one_worker_per_platform"] = "one_worker_per_platform"
    sessions: Counted
    platforms: list[PlatformOut]
    timestamp: NaiveInstant


@routes.post("/start", status=201, errors=[409])
def start_session(caller: Caller, body: SessionIn, idempotency_key: IdempotencyKey = None) -> Created[SessionOut]:
    """Start a session.

    It is queued until its platform has no other session and a worker that offers the platform can take it. The same
    Idempotency-Key with the same body gives the same answer, with another body 409.
    """
    request = SessionRequest(body.platform, body.account_id, body.survey_type, tuple(body.notify), idempotency_key)
    task = surveys.start_session(caller.org, POOL, NAME, caller.subject, request)
    fields = body.model_dump(exclude={"notify"})
    return Created(
        SessionOut(session_id=task.id, **fields, status="queued", created_at=task.created_at), location="/api/status"
    )


@routes.get("/status")
def get_status(caller: Caller) -> StatusOut:
    """Count the sessions, and show the one that is held on each platform and the worker that holds it."""
    rows = [PlatformOut.from_platform(platform) for platform in surveys.list_platforms(caller.org, POOL)]
    return StatusOut(sessions=_total_counts(rows), platforms=rows, timestamp=clock.now())


def _total_counts(rows: list[PlatformOut]) -> Counted:
    return Counted(**{name: sum(getattr(row.sessions, name) for row in rows) for name in Counted.model_fields})
