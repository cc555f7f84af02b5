"""Taking a worker out of rotation and putting it back, as pure rules: each answers the worker as it must be next, or
the worker itself when nothing changes. And what may be expected of it now."""

from dataclasses import replace
from enum import StrEnum

from chalicelib.domain.tasks import circuit_breaker
from chalicelib.domain.tasks.worker import Worker


class Rotation(StrEnum):
    """What a worker may be given."""

    OPEN = "open"  # all that it has room for
    CLOSED = "closed"  # nothing new
    DRAINED = "drained"  # nothing new, and its leases go back unburned


def with_rotation(worker: Worker, rotation: Rotation, now: int, reason: str | None = None) -> Worker:
    """In this rotation from now on; opening it is also a sign of life. The reason is kept while it is out."""
    if rotation is Rotation.OPEN:
        return seen(with_maintenance(worker, False, now), now)
    return with_maintenance(worker, True, now, reason, drained=rotation is Rotation.DRAINED)


def with_maintenance(
    worker: Worker, maintenance: bool, now: int, reason: str | None = None, *, drained: bool = False
) -> Worker:
    """Out of rotation, or back in; its uptime is counted while it is in."""
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
    """Heard of just now, whatever it was before."""
    return replace(
        circuit_breaker.answered(worker),
        alive=True,
        last_heartbeat_at=now,
        online_since=None if worker.maintenance else worker.online_since or now,
        wake_at=worker.wake_at or now + worker.heartbeat_timeout_ms,
    )


def availability_at(worker: Worker, now: int) -> str:
    """Its standing as of now: available only where it would be given a task; offline also while it is silent or
    outside its hours; busy also while it rests, or finishes what it has outside its hours."""
    standing = "offline" if worker.is_silent(now) else worker.availability
    if standing == "available" and not worker.can_take_tasks(now):
        return "busy" if worker.leases or worker.rest_until else "offline"
    return standing
