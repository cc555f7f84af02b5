"""The surveys API's names for the engine's states."""

from collections.abc import Iterable
from typing import Literal

from chalicelib import clock
from chalicelib.domain.tasks import waiting_reasons
from chalicelib.domain.tasks.task import Needs, Status
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.surveys import Platform

SessionStatus = Literal["queued", "assigned", "running", "completed", "failed", "cancelled"]
PlatformStatus = Literal["active", "configured", "paused"]

SESSION_STATUS: dict[Status, SessionStatus] = {
    Status.PENDING: "queued",
    Status.LEASED: "assigned",
    Status.RUNNING: "running",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "failed",
    Status.CANCELLED: "cancelled",
}


def platform_status(workers: Iterable[Worker]) -> PlatformStatus:
    """The status of a platform that these workers offer: active while a live one is in rotation, paused while live ones
    are all out of rotation, else configured."""
    now = clock.now()
    live = [worker for worker in workers if worker.alive and not worker.is_silent(now)]
    if any(worker.is_online for worker in live):
        return "active"
    return "paused" if live else "configured"


def waiting_for(platform: Platform) -> str | None:
    """What the queued sessions of a platform wait for; None while none is queued."""
    if not platform.queued:
        return None
    if platform.session is not None:
        return waiting_reasons.limit_reason(platform.concurrency_limit, [platform.session.id])
    return waiting_reasons.missing_worker(
        platform.workers, Needs(frozenset({platform.concurrency_limit.key})), clock.now(), "worker"
    )
