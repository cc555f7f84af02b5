"""The survey API's words for the engine's states."""

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


def platform_status(crew: Iterable[Worker]) -> PlatformStatus:
    """active while a live worker in rotation offers it, paused while live ones do that are all out of rotation, else
    configured."""
    now = clock.now()
    live = [worker for worker in crew if worker.alive and not worker.silent(now)]
    if any(worker.online for worker in live):
        return "active"
    return "paused" if live else "configured"


def waiting_for(found: Platform) -> str | None:
    """What the sessions wait for that are queued on a platform; None while none is."""
    if not found.queued:
        return None
    if found.session is not None:
        return waiting_reasons.turn(found.permit, [found.session.id])
    return waiting_reasons.missing(found.crew, Needs(frozenset({found.permit.key})), clock.now(), "worker")
