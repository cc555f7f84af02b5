"""Take a worker out of rotation and put it back, and its availability. Pure functions: each returns the next worker, or
the same one if nothing changes."""

from dataclasses import replace
from enum import StrEnum

from chalicelib.domain.tasks import circuit_breaker
from chalicelib.domain.tasks.worker import Worker


class Rotation(StrEnum):
    """Which tasks a worker gets."""

    OPEN = "open"  # as many as it has free slots
    CLOSED = "closed"  # no new ones
    DRAINED = "drained"  # no new ones, and its leases are given back without a counted attempt


def with_rotation(worker: Worker, rotation: Rotation, now: int, reason: str | None = None) -> Worker:
    """The worker in this rotation. Opening it is also a sign of life. The reason is kept while the worker is out."""
    if rotation is Rotation.OPEN:
        return seen(with_maintenance(worker, False, now), now)
    return with_maintenance(worker, True, now, reason, drained=rotation is Rotation.DRAINED)


def with_maintenance(
    worker: Worker, maintenance: bool, now: int, reason: str | None = None, *, drained: bool = False
) -> Worker:
    """The worker out of rotation or back in. Its uptime counts while it is in rotation."""
    if (worker.maintenance, worker.maintenance_reason, worker.drained) == (maintenance, reason, drained):
        return worker
    since = worker.online_since
    if worker.maintenance or maintenance or not worker.alive:
        since = now if worker.alive and not maintenance else None
    return replace(
        worker,
        maintenance=maintenance,
        maintenance_reason=reason if maintenance else None,
        drained=drained,
        online_since=since,
        wake_at=now if drained else worker.wake_at,
    )


def seen(worker: Worker, now: int) -> Worker:
    """The worker after a sign of life just now: alive, whatever it was before."""
    return replace(
        circuit_breaker.answered(worker),
        alive=True,
        last_heartbeat_at=now,
        online_since=None if worker.maintenance else worker.online_since or now,
        wake_at=worker.wake_at or now + worker.heartbeat_timeout_ms,
    )


def availability_at(worker: Worker, now: int) -> str:
    """The worker's availability now: available only if it would get a task; offline also while it is silent or outside
    its hours; busy also while it rests, or finishes its tasks outside its hours."""
    availability = "offline" if worker.is_silent(now) else worker.availability
    if availability == "available" and not worker.can_take_tasks(now):
        return "busy" if worker.leases or worker.rest_until else "offline"
    return availability
