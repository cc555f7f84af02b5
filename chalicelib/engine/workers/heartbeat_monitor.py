"""Checking a worker: whether it is still online, and giving the tasks of a lost, drained or removed one to others."""

from contextlib import suppress
from dataclasses import replace

from chalicelib import clock
from chalicelib.domain.tasks import circuit_breaker
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.rotation import seen
from chalicelib.domain.tasks.task import Holder
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.security import encryption
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import commands, pools, registration, registry, websocket_workers, worker_urls
from chalicelib.errors import NotFound
from chalicelib.observability import logger
from chalicelib.providers.http import outbound
from chalicelib.storage.access import table as directory
from chalicelib.storage.aws import dynamodb, websocket_api
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workers import workers as storage

PROBE_TIMEOUT_SECONDS = 5.0


def check_worker(org: str, pool: str, worker_id: str) -> None:
    """Do what is due for a worker: probe it when its heartbeat is overdue or a handover did not arrive, take its tasks
    back when it is offline, and probe whether it is back."""
    worker = storage.find(org, pool, worker_id)
    if worker is None:
        return
    if worker.removed:
        _delete_removed(worker)
    elif worker.is_built_in:
        registry.change(org, pool, worker_id, _after_its_rest)
    elif not worker.alive:
        _check_offline(worker)
    elif worker.drained and worker.leases:
        _drain(worker)
    elif worker.suspended_until is not None and worker.suspended_until <= clock.now():
        _probe_suspended(worker)
    elif worker.overdue_at <= clock.now() and not circuit_breaker.is_being_probed(worker):
        _check_overdue(worker)
    elif worker.connection is not None and _is_due(worker):
        websocket_workers.ping(worker)
    else:
        registry.change(org, pool, worker_id, _with_next_check)


def _is_due(worker: Worker) -> bool:
    return worker.wake_at is not None and worker.wake_at <= clock.now()


def _with_next_check(worker: Worker) -> Worker:
    now = clock.now()
    rest_until = worker.rest_until if worker.rest_until is not None and worker.rest_until > now else None
    current = commands.without_stale_commands(worker, now)
    wake_at = worker.overdue_at if worker.overdue_at > now else now + worker.heartbeat_timeout_ms
    if worker.connection is not None:
        wake_at = now + registry.ping_interval_ms() if worker.wake_at is None or _is_due(worker) else worker.wake_at
    if worker.suspended_until is not None:
        wake_at = min(wake_at, worker.suspended_until)
    checked = replace(current, rest_until=rest_until, wake_at=wake_at)
    return worker if checked == worker else checked


def _after_its_rest(worker: Worker) -> Worker:
    """The built-in worker when it has rested. It sends no heartbeats, and is not checked again."""
    has_rested = worker.rest_until is not None and worker.rest_until <= clock.now()
    return replace(worker, rest_until=None, wake_at=None) if has_rested else worker


def _check_overdue(worker: Worker) -> None:
    """The heartbeat is overdue: one probe decides whether the worker is still online."""
    if _probe(worker):
        _record_answer(worker)
        return
    changed = registry.change(worker.org, worker.pool, worker.id, _as_offline_if_overdue)
    if changed is not None and not changed.alive:
        _handle_lost(changed, worker.connection)


def _record_answer(worker: Worker) -> None:
    registry.change(
        worker.org, worker.pool, worker.id, lambda stored: _with_next_check(circuit_breaker.answered(stored))
    )


def _as_offline_if_overdue(worker: Worker) -> Worker:
    return _as_offline(worker) if worker.alive and worker.overdue_at <= clock.now() else worker


def _as_offline(worker: Worker) -> Worker:
    return replace(worker, alive=False, connection=None, online_since=None, rest_until=None, wake_at=clock.now())


def _handle_lost(worker: Worker, connection: str | None) -> None:
    logger().warning("A worker is offline", extra={"worker_id": worker.id, "org": worker.org})
    if connection is not None:
        websocket_api.close(connection)
    _evict(worker)


def _probe_suspended(worker: Worker) -> None:
    """A handover did not arrive: probe whether the worker can be reached now. If not, it gets no task for longer, or is
    marked offline."""
    if _probe(worker):
        _record_answer(worker)
        return
    changed = registry.change(worker.org, worker.pool, worker.id, _next_after_failed_probe)
    if changed is not None and not changed.alive:
        _handle_lost(changed, None)


def _next_after_failed_probe(worker: Worker) -> Worker:
    if not worker.alive:
        return worker
    unreached = circuit_breaker.unreached(worker, clock.now())
    return _as_offline(unreached) if circuit_breaker.should_go_offline(unreached) else unreached


def _check_offline(worker: Worker) -> None:
    """Take back the tasks of an offline worker. One with a URL is also probed, at growing intervals, whether it is
    back."""
    if worker.leases or not worker.has_task_endpoint or worker.suspended_until is None:
        _evict(worker)
    elif worker.suspended_until <= clock.now():
        decide = _as_online_again if _probe(worker) else _as_still_offline
        registry.change(worker.org, worker.pool, worker.id, decide)


def _as_online_again(worker: Worker) -> Worker:
    """The worker online again, with one failed handover counted: it gets one task, which decides about further ones."""
    now = clock.now()
    if worker.alive:
        return worker
    return _with_next_check(replace(seen(worker, now), unreached=1, unreached_since=now))


def _as_still_offline(worker: Worker) -> Worker:
    return worker if worker.alive else circuit_breaker.unreached(replace(worker, wake_at=None), clock.now())


def _probe(worker: Worker) -> bool:
    """Call the worker: True when its `health` endpoint answers 200 or, if it has none, when its `predict` endpoint
    answers an OPTIONS request with any status. One HTTP request."""
    health, predict = worker.endpoints.get("health"), worker.endpoints.get("predict")
    if health is not None:
        return _request_status(worker, "GET", health) == 200
    return predict is not None and _request_status(worker, "OPTIONS", predict) is not None


def _request_status(worker: Worker, method: str, url: str) -> int | None:
    """The status of the answer; None when there is none."""
    try:
        key = registration.read_api_key(worker)
        headers = {"X-API-Key": key} if key else {}
        answer = outbound.send(
            method, url, headers=headers, body=b"", timeout=PROBE_TIMEOUT_SECONDS, needs_body=outbound.never
        )
    except (outbound.Unreachable, encryption.CannotUnseal):
        return None
    return answer.status


def _evict(worker: Worker) -> None:
    """Take back the tasks of a lost worker, counting a failed attempt of each; then leave it until its next heartbeat
    or probe."""
    _take_back_tasks(worker, Failure(Reason.WORKER_LOST, "The worker was lost: it gave no sign of life"))
    registry.change(worker.org, worker.pool, worker.id, _as_idle)


def _as_idle(worker: Worker) -> Worker:
    if worker.alive or worker.leases:
        return worker
    idle = replace(worker, wake_at=None, suspended_until=None)
    return circuit_breaker.unreached(idle, clock.now()) if worker.has_task_endpoint else idle


def _drain(worker: Worker) -> None:
    """Take back a drained worker's tasks, without counting an attempt."""
    _take_back_tasks(worker, ReleaseReason.WORKER_DRAINED)
    registry.change(worker.org, worker.pool, worker.id, _with_next_check)


def _delete_removed(worker: Worker) -> None:
    """Take back a removed worker's tasks, without counting an attempt; then delete the worker and its API key."""
    _take_back_tasks(worker, ReleaseReason.WORKER_REMOVED)
    if worker.connection is not None:
        websocket_api.close(worker.connection)
    current = storage.find(worker.org, worker.pool, worker.id)
    if current is not None and not current.leases:
        worker_urls.free_url(current)
        with suppress(ConditionFailed):  # it was written meanwhile and is checked again, or is deleted already
            dynamodb.commit(
                storage.delete_write(current),
                directory.remove_from_directory_write(worker.id),
                *pools.removed_worker_counts_writes(current),
            )


def _take_back_tasks(worker: Worker, reason: Failure | ReleaseReason) -> None:
    for task_id, epoch in worker.leases.items():
        try:
            lifecycle.revoke_lease(worker.org, task_id, Holder(worker.id, epoch), reason)
        except NotFound:
            logger().error(
                "A worker holds a lease on a task that does not exist",
                extra={"task_id": task_id, "worker_id": worker.id},
            )
