"""What can be done with a registered worker: heartbeat, take out of rotation, update, remove."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.tasks import circuit_breaker
from chalicelib.domain.tasks.rotation import Rotation, with_maintenance, with_rotation
from chalicelib.domain.tasks.worker import Heartbeat, Worker
from chalicelib.engine.documents import optimistic
from chalicelib.engine.tasks import payloads, worker_presence
from chalicelib.engine.workers import commands, worker_urls
from chalicelib.engine.workers.worker_urls import WorkerKey
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.workers import pools as pool_storage
from chalicelib.storage.workers import workers as storage

PING_MS = 20 * clock.SECOND
PINGS_IN_TIMEOUT = 4
_REPLACED_FIELDS = ("name", "type", "max_concurrent", "capabilities", "endpoints")
"""The fields of a WorkerChange that replace the worker's."""


class WorkerChange(NamedTuple):
    """A change of a worker by its owner; None leaves a field as it is."""

    rotation: Rotation | None = None  # OPEN counts as a heartbeat too
    reason: str | None = None  # why it is taken out of rotation
    name: str | None = None
    type: str | None = None
    metadata: Mapping[str, Any] | None = None  # merged key by key
    max_concurrent: int | None = None
    capabilities: tuple[str, ...] | None = None
    attempt_seconds: int | None = None  # 0: as long as the task allows
    hours: Mapping[str, Any] | None = None  # empty: always
    endpoints: Mapping[str, str] | None = None  # empty: it fetches its tasks itself


def list_workers(org: str, pool: str) -> list[Worker]:
    """All workers of a pool that are not removed, oldest first. Without the built-in worker."""
    _, workers = pool_storage.find_with_workers(org, pool)
    return sorted((w for w in workers if not w.removed and not w.is_built_in), key=lambda w: (w.registered_at, w.id))


def get(org: str, pool: str, worker_id: str, kind: str = "Worker") -> Worker:
    """The worker as of now. Raises NotFound("<kind>"), also for a removed one, another org's and the built-in one."""
    worker = storage.find(org, pool, worker_id)
    if worker is None or worker.removed or worker.is_built_in:
        raise NotFound(kind, worker_id)
    return worker


def record_heartbeat(
    org: str, pool: str, worker_id: str, beat: Heartbeat, kind: str = "Worker", *, connection: str | None = None
) -> Worker:
    """Store a worker's heartbeat; `connection` is the WebSocket over which it came, if it did. One call.

    Raises NotFound when the worker is not registered, or no longer has this connection.
    """
    now = clock.now()
    timeout_ms = ping_interval_ms() if connection is not None else settings().heartbeat_timeout_seconds * clock.SECOND
    try:
        worker = storage.record_heartbeat(org, pool, worker_id, beat, now, now + timeout_ms, connection)
    except ConditionFailed:
        raise NotFound(kind, worker_id) from None
    worker_presence.remember_recorded(org, pool, worker_id)
    if worker.suspended_until is not None and worker.online_since == now:
        change(org, pool, worker_id, _as_returned)
    if commands.without_stale_commands(worker, now) is not worker:
        change(org, pool, worker_id, lambda stored: commands.without_stale_commands(stored, clock.now()))
    return worker


def _as_returned(worker: Worker) -> Worker:
    """The worker after a heartbeat that ended its being offline: it may get one task without being probed first."""
    wake_at = worker.overdue_at if worker.wake_at is None else min(worker.wake_at, worker.overdue_at)
    return replace(circuit_breaker.answered(worker), wake_at=wake_at)


def ping_interval_ms() -> int:
    """Milliseconds without a message after which a connected worker is pinged: 20 s, or less with a short heartbeat
    timeout, so that four pings fit into it."""
    return min(PING_MS, settings().heartbeat_timeout_seconds * clock.SECOND // PINGS_IN_TIMEOUT)


def set_maintenance(
    org: str,
    pool: str,
    worker_id: str,
    maintenance: bool,
    reason: str | None = None,
    kind: str = "Worker",
) -> Worker:
    """Take a worker out of rotation, or put it back; its running tasks go on. Raises NotFound."""

    def decide(worker: Worker) -> Worker:
        return with_maintenance(worker, maintenance, clock.now(), reason)

    return _require(change(org, pool, worker_id, decide), kind, worker_id)


def update(
    org: str, pool: str, worker_id: str, requested: WorkerChange, kind: str = "Worker", *, by: str | None = None
) -> Worker:
    """Change a worker's fields; `by` is the user who changes them, where known. Two calls.

    One call more when it takes a URL that another worker had before. Raises NotFound, InvalidRequest when the metadata
    grow too large or an endpoint may not be called, Conflict for an endpoint of a worker that has a WebSocket, or one
    that another worker of the pool has.
    """
    endpoints = requested.endpoints or {}
    worker_urls.check_endpoints(endpoints)

    def decide(worker: Worker) -> Worker:
        changed = _with_change(worker, requested)
        payloads.require_small_metadata(changed.metadata)
        return worker if changed == worker else changed

    def write(claim: list[Write]) -> Worker | None:
        return change(org, pool, worker_id, decide, claim, by, strict=True)

    updated = worker_urls.write_with_claim(WorkerKey(org, pool, worker_id), endpoints, kind, write)
    return _require(updated, kind, worker_id)


def _with_change(worker: Worker, requested: WorkerChange) -> Worker:
    if worker.socket and requested.endpoints:
        raise Conflict(f"Worker {worker.id} gets its tasks over its WebSocket: it can have no endpoint")
    rotated_worker = (
        with_rotation(worker, requested.rotation, clock.now(), requested.reason)
        if requested.rotation is not None
        else worker
    )
    attempt_ms = worker.attempt_ms if requested.attempt_seconds is None else requested.attempt_seconds * clock.SECOND
    replaced = {name: value for name in _REPLACED_FIELDS if (value := getattr(requested, name)) is not None}
    return replace(
        rotated_worker,
        **replaced,
        metadata=worker.metadata if requested.metadata is None else {**(worker.metadata or {}), **requested.metadata},
        hours=worker.hours if requested.hours is None else requested.hours or None,
        attempt_ms=attempt_ms or None,
    )


def unregister(
    org: str, pool: str, worker_id: str, kind: str = "Worker", *, by: str | None = None, also: Sequence[Write] = ()
) -> None:
    """Remove a worker: it gets no new task, and its tasks are queued again without counting an attempt. Raises
    NotFound.

    `also` is written in the same transaction; `by` is the user who removes it, where known.
    """

    def decide(worker: Worker) -> Worker:
        return replace(worker, removed=True, online_since=None, wake_at=clock.now())

    _require(change(org, pool, worker_id, decide, also, by), kind, worker_id)


def _require(worker: Worker | None, kind: str, worker_id: str) -> Worker:
    if worker is None:
        raise NotFound(kind, worker_id)
    return worker


def change(
    org: str,
    pool: str,
    worker_id: str,
    decide: Callable[[Worker], Worker],
    also: Sequence[Write] = (),
    by: str | None = None,
    *,
    strict: bool = False,
) -> Worker | None:
    """Read the worker, apply `decide` and write, again if it was written in between; None when it does not exist.

    `also` is written in the same transaction; `by` is the user who makes the change, if one does. With `strict`,
    ConditionFailed is raised when only conditions of `also` do not hold.
    """

    def attempt() -> Worker | None:
        old = storage.find(org, pool, worker_id)
        if old is None or old.removed:
            return None
        new = decide(old)
        if new is old:
            return old
        new = replace(new, version=old.version + 1, updated_at=clock.now(), changed_by=by)
        optimistic.commit_change(new, storage.from_raw, [storage.update_write(old, new), *also], strict=strict)
        return new

    return optimistic.retry(attempt)
