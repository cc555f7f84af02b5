"""Survey sessions. A session is a task with a concurrency limit for its platform, so that each platform has one session
at a time; workers of the same pool that offer the platform perform it (docs/reference/survey-api.md).
"""

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.deliveries import notification
from chalicelib.domain.statistics import counters as rules
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs, Task
from chalicelib.domain.tasks.worker import Pool, Worker
from chalicelib.engine.tasks import submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.errors import InvalidRequest
from chalicelib.storage.statistics import counters as stats
from chalicelib.storage.tasks import tasks as storage
from chalicelib.storage.workers import pools as pool_storage

TYPE = "survey"
PRIORITY = 4
SESSION_SECONDS = 4 * 3600
"""How long one attempt at a session may take."""
TOTAL_SECONDS = 7 * 86_400
"""How long a session may take in all: those before it on its platform may take days."""
SESSIONS_PER_PLATFORM = 1
"""The concurrency limit of each platform."""


class SessionRequest(NamedTuple):
    """A session to start."""

    platform: str
    account_id: str
    survey_type: str
    notify: tuple[str, ...] = ()
    idempotency_key: str | None = None


class Platform(NamedTuple):
    """A platform as it is now, and its counts of this UTC day."""

    id: str
    name: str
    workers: list[Worker]  # the workers that offer it, in rotation or not
    session: Task | None
    worker: Worker | None  # the worker that holds the session, whether it offers the platform or not
    queued: int
    today: Counts

    @property
    def concurrency_limit(self) -> ConcurrencyLimit:
        """The limit under which the platform's sessions run."""
        return _concurrency_limit(self.id)


def start_session(org: str, pool: str, api: str, subject: str, request: SessionRequest) -> Task:
    """Create a session through an API. It waits until its platform is free and a worker can take it. One call.

    Raises InvalidRequest for an unknown platform or messenger, IdempotencyMismatch.
    """
    _require_known(request.platform)
    notification.require_known(request.notify, "notify")
    return submission.submit(org, subject, _submission(pool, api, request))


def _submission(pool: str, api: str, request: SessionRequest) -> Submission:
    limit = _concurrency_limit(request.platform)
    payload = {"platform": request.platform, "account_id": request.account_id, "survey_type": request.survey_type}
    return Submission(
        pool=pool,
        type=TYPE,
        name=f"Survey session on {settings().survey_platforms[request.platform]}, {request.survey_type}",
        label=limit.key,
        priority=PRIORITY,
        payload=payload,
        capabilities=(limit.key,),
        concurrency_limit=limit,
        timeout_seconds=SESSION_SECONDS,
        total_seconds=TOTAL_SECONDS,
        notify=request.notify,
        idempotency_key=request.idempotency_key,
        api=api,
    )


def _concurrency_limit(platform: str) -> ConcurrencyLimit:
    return ConcurrencyLimit(platform_capability(platform), SESSIONS_PER_PLATFORM)


def _require_known(platform: str) -> None:
    known = settings().survey_platforms
    if platform not in known:
        problem = f"unknown platform {platform!r}; known are {', '.join(known)}"
        raise InvalidRequest(f"platform: {problem}", fields={"platform": problem})


def platform_capability(platform: str) -> str:
    """The capability that a worker needs for sessions on the platform; also the key of the platform's concurrency
    limit."""
    return f"{TYPE}:{platform}"


def workers_by_platform(org: str, pool: str) -> dict[str, list[Worker]]:
    """The workers that offer each platform, by the platform's id. One call."""
    _, workers = pool_storage.find_with_workers(org, pool)
    return _group_by_platform(workers)


def list_platforms(org: str, pool: str) -> list[Platform]:
    """Every platform as it is now. Two calls, three while any session is held."""
    pool_state, workers = pool_storage.find_with_workers(org, pool)
    offered, sessions, counts = _group_by_platform(workers), _find_sessions(pool_state), _read_counts(org, pool)
    by_id = {worker.id: worker for worker in workers}
    return [
        Platform(name, settings().survey_platforms[name], offering, session, _holder(session, by_id), *counts[name])
        for name, offering in offered.items()
        for session in [sessions.get(name)]
    ]


def _holder(session: Task | None, workers: Mapping[str, Worker]) -> Worker | None:
    return workers.get(session.worker_id or "") if session is not None else None


def _group_by_platform(workers: list[Worker]) -> dict[str, list[Worker]]:
    present = [worker for worker in workers if not worker.removed]
    return {
        name: [worker for worker in present if worker.can_serve(Needs(frozenset({platform_capability(name)})))]
        for name in settings().survey_platforms
    }


def _find_sessions(pool: Pool) -> dict[str, Task]:
    """The session that each platform's concurrency limit counts, by the platform's id."""
    holders = {
        name: pool.limit_holders.get(platform_capability(name), frozenset()) for name in settings().survey_platforms
    }
    session_ids = [task_id for ids in holders.values() for task_id in ids]
    sessions = storage.find_many(session_ids, whole=True) if session_ids else {}
    return {name: sessions[task_id] for name, ids in holders.items() for task_id in ids if task_id in sessions}


def _read_counts(org: str, pool: str) -> Mapping[str, tuple[int, Counts]]:
    """How many sessions wait now, and the counts of this UTC day, by the platform's id."""
    always, today = rules.lifetime_partition(org, pool), rules.day_partition(org, pool, rules.day_of(clock.now()))
    rows = {name: rules.label_row(platform_capability(name)) for name in settings().survey_platforms}
    counts = stats.find_many((where, row) for row in rows.values() for where in (always, today))
    return {name: (counts[always, row]["pending"], counts[today, row]) for name, row in rows.items()}
