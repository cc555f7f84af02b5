"""Survey sessions: tasks with a permit for their platform, so that each platform has one session at a time; done by
workers of the same pool that offer the platform (docs/reference/survey-api.md).
"""

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.deliveries import notification
from chalicelib.domain.statistics import counters as rules
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.task import Needs, Permit, Task
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
"""How long it may take in all; those before it on its platform may take days."""
SESSIONS_PER_PLATFORM = 1
"""Sessions of a platform."""


class SessionRequest(NamedTuple):
    """A session to be held."""

    platform: str
    account_id: str
    survey_type: str
    notify: tuple[str, ...] = ()
    idempotency_key: str | None = None


class Platform(NamedTuple):
    """A platform as it is now, and its figures of this UTC day."""

    id: str
    name: str
    crew: list[Worker]  # who offers it, in rotation or not
    session: Task | None
    worker: Worker | None  # who holds it, whether it offers the platform or not
    queued: int
    today: Counts

    @property
    def permit(self) -> Permit:
        """What a session here needs."""
        return _concurrency_limit(self.id)


def start_session(org: str, pool: str, api: str, subject: str, asked: SessionRequest) -> Task:
    """Accept a session through an API; it waits until its platform is free and a worker there. One call.

    Raises InvalidRequest for an unknown platform or messenger, IdempotencyMismatch.
    """
    _require_known(asked.platform)
    notification.require_known(asked.notify, "notify")
    return submission.submit(org, subject, _submission(pool, api, asked))


def _submission(pool: str, api: str, asked: SessionRequest) -> Submission:
    permit = _concurrency_limit(asked.platform)
    said = {"platform": asked.platform, "account_id": asked.account_id, "survey_type": asked.survey_type}
    return Submission(
        pool=pool,
        type=TYPE,
        name=f"Survey session on {settings().survey_platforms[asked.platform]}, {asked.survey_type}",
        label=permit.key,
        priority=PRIORITY,
        payload=said,
        capabilities=(permit.key,),
        permit=permit,
        timeout_seconds=SESSION_SECONDS,
        total_seconds=TOTAL_SECONDS,
        notify=asked.notify,
        idempotency_key=asked.idempotency_key,
        api=api,
    )


def _concurrency_limit(platform: str) -> Permit:
    return Permit(platform_capability(platform), SESSIONS_PER_PLATFORM)


def _require_known(platform: str) -> None:
    known = settings().survey_platforms
    if platform not in known:
        what = f"unknown platform {platform!r}; known are {', '.join(known)}"
        raise InvalidRequest(f"platform: {what}", fields={"platform": what})


def platform_capability(platform: str) -> str:
    """The capability of a worker that holds sessions there; also the key of the platform's permit."""
    return f"{TYPE}:{platform}"


def workers_by_platform(org: str, pool: str) -> dict[str, list[Worker]]:
    """Every platform's id, and the workers that offer it. One call."""
    _, crew = pool_storage.find_with_workers(org, pool)
    return _group_by_platform(crew)


def list_platforms(org: str, pool: str) -> list[Platform]:
    """Every platform as it is now. Two calls, three while any session is under way."""
    memory, crew = pool_storage.find_with_workers(org, pool)
    offered, held, counts = _group_by_platform(crew), _find_sessions(memory), _read_counts(org, pool)
    known = {worker.id: worker for worker in crew}
    return [
        Platform(name, settings().survey_platforms[name], workers, session, _holder(session, known), *counts[name])
        for name, workers in offered.items()
        for session in [held.get(name)]
    ]


def _holder(session: Task | None, known: Mapping[str, Worker]) -> Worker | None:
    return known.get(session.worker_id or "") if session is not None else None


def _group_by_platform(crew: list[Worker]) -> dict[str, list[Worker]]:
    present = [worker for worker in crew if not worker.removed]
    return {
        name: [worker for worker in present if worker.offers(Needs(frozenset({platform_capability(name)})))]
        for name in settings().survey_platforms
    }


def _find_sessions(memory: Pool) -> dict[str, Task]:
    """The session that holds each platform's permit."""
    holders = {name: memory.permits.get(platform_capability(name), frozenset()) for name in settings().survey_platforms}
    wanted = [task_id for ids in holders.values() for task_id in ids]
    found = storage.find_many(wanted, whole=True) if wanted else {}
    return {name: found[task_id] for name, ids in holders.items() for task_id in ids if task_id in found}


def _read_counts(org: str, pool: str) -> Mapping[str, tuple[int, Counts]]:
    """By platform: how many sessions wait now, and the figures of this UTC day."""
    always, today = rules.lifetime_partition(org, pool), rules.day_partition(org, pool, rules.day_of(clock.now()))
    rows = {name: rules.label_row(platform_capability(name)) for name in settings().survey_platforms}
    found = stats.find_many((where, row) for row in rows.values() for where in (always, today))
    return {name: (found[always, row]["pending"], found[today, row]) for name, row in rows.items()}
