"""Whether workers are still there, and what becomes of the tasks of those that are not."""

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
from chalicelib.engine.workers import commands, pools, registry, worker_urls
from chalicelib.engine.workers import websocket_workers as worker_sockets
from chalicelib.errors import NotFound
from chalicelib.observability import logger
from chalicelib.providers.http import outbound
from chalicelib.storage.access import table as directory
from chalicelib.storage.aws import dynamodb, websocket_api
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workers import workers as storage

PROBE_TIMEOUT_SECONDS = 5.0


def settle(org: str, pool: str, worker_id: str) -> None:
    """Do what is due on a worker: probe it when its heartbeat is overdue or a hand-over did not arrive, take its tasks
    back when it is gone, find out whether it is back."""
    worker = storage.find(org, pool, worker_id)
    if worker is None:
        return
    if worker.removed:
        _bury(worker)
    elif not worker.alive:
        _settle_offline(worker)
    elif worker.drained and worker.leases:
        _drain(worker)
    elif worker.suspended_until is not None and worker.suspended_until <= clock.now():
        _probe_suspended(worker)
    elif worker.overdue_at <= clock.now() and not circuit_breaker.is_being_probed(worker):
        _judge(worker)
    elif worker.connection is not None and _due(worker):
        worker_sockets.ping(worker)
    else:
        registry.change(org, pool, worker_id, _rearmed)


def _due(worker: Worker) -> bool:
    return worker.wake_at is not None and worker.wake_at <= clock.now()


def _rearmed(worker: Worker) -> Worker:
    now = clock.now()
    resting = worker.rest_until if worker.rest_until is not None and worker.rest_until > now else None
    kept = commands.without_stale(worker, now)
    wake_at = worker.overdue_at if worker.overdue_at > now else now + worker.heartbeat_timeout_ms
    if worker.connection is not None:
        wake_at = now + registry.ping_ms() if worker.wake_at is None or _due(worker) else worker.wake_at
    if worker.suspended_until is not None:
        wake_at = min(wake_at, worker.suspended_until)
    armed = replace(kept, rest_until=resting, wake_at=wake_at)
    return worker if armed == worker else armed


def _judge(worker: Worker) -> None:
    """Its heartbeat is overdue: one probe decides whether it is still there."""
    if _answers(worker):
        _note_answer(worker)
        return
    gone = registry.change(worker.org, worker.pool, worker.id, _offline_if_overdue)
    if gone is not None and not gone.alive:
        _take_offline(gone, worker.connection)


def _note_answer(worker: Worker) -> None:
    registry.change(worker.org, worker.pool, worker.id, lambda found: _rearmed(circuit_breaker.answered(found)))


def _offline_if_overdue(worker: Worker) -> Worker:
    return _offline(worker) if worker.alive and worker.overdue_at <= clock.now() else worker


def _offline(worker: Worker) -> Worker:
    return replace(worker, alive=False, connection=None, online_since=None, rest_until=None, wake_at=clock.now())


def _take_offline(worker: Worker, connection: str | None) -> None:
    logger().warning("A worker is offline", extra={"worker_id": worker.id, "org": worker.org})
    if connection is not None:
        websocket_api.close(connection)
    _evict(worker)


def _probe_suspended(worker: Worker) -> None:
    """A hand-over did not arrive: find out whether the worker can be reached now. If not, it waits longer, or is
    offline."""
    if _answers(worker):
        _note_answer(worker)
        return
    found = registry.change(worker.org, worker.pool, worker.id, _still_unreached)
    if found is not None and not found.alive:
        _take_offline(found, None)


def _still_unreached(worker: Worker) -> Worker:
    if not worker.alive:
        return worker
    found = circuit_breaker.unreached(worker, clock.now())
    return _offline(found) if circuit_breaker.is_gone(found) else found


def _settle_offline(worker: Worker) -> None:
    """Take back what it holds. A worker that is called is also asked, ever more rarely, whether it is back."""
    if worker.leases or not worker.pushed or worker.suspended_until is None:
        _evict(worker)
    elif worker.suspended_until <= clock.now():
        rule = _online_again if _answers(worker) else _still_offline
        registry.change(worker.org, worker.pool, worker.id, rule)


def _online_again(worker: Worker) -> Worker:
    """Online again; its first hand-over shows whether it can be given more."""
    now = clock.now()
    if worker.alive:
        return worker
    return _rearmed(replace(seen(worker, now), unreached=1, unreached_since=now))


def _still_offline(worker: Worker) -> Worker:
    return worker if worker.alive else circuit_breaker.unreached(replace(worker, wake_at=None), clock.now())


def _answers(worker: Worker) -> bool:
    """Whether the worker can be called now: its `health` answers 200, or, where it has none, `predict` answers
    OPTIONS with anything."""
    health, predict = worker.endpoints.get("health"), worker.endpoints.get("predict")
    if health is not None:
        return _asked(worker, "GET", health) == 200
    return predict is not None and _asked(worker, "OPTIONS", predict) is not None


def _asked(worker: Worker, method: str, url: str) -> int | None:
    """The status of the answer; None without one."""
    try:
        key = registry.api_key(worker)
        headers = {"X-API-Key": key} if key else {}
        answer = outbound.send(
            method, url, headers=headers, body=b"", timeout=PROBE_TIMEOUT_SECONDS, needs_body=outbound.never
        )
    except (outbound.Unreachable, encryption.Unsealable):
        return None
    return answer.status


def _evict(worker: Worker) -> None:
    """A dead worker's tasks go back, an attempt burned each; then it sleeps until it is heard of again, or probed."""
    _take_back_all(worker, Failure(Reason.WORKER_LOST, "The worker was lost: it gave no sign of life"))
    registry.change(worker.org, worker.pool, worker.id, _asleep)


def _asleep(worker: Worker) -> Worker:
    if worker.alive or worker.leases:
        return worker
    idle = replace(worker, wake_at=None, suspended_until=None)
    return circuit_breaker.unreached(idle, clock.now()) if worker.pushed else idle


def _drain(worker: Worker) -> None:
    """A drained worker's tasks go back unburned."""
    _take_back_all(worker, ReleaseReason.WORKER_DRAINED)
    registry.change(worker.org, worker.pool, worker.id, _rearmed)


def _bury(worker: Worker) -> None:
    """A removed worker's tasks go back unburned; then the worker and its key are forgotten."""
    _take_back_all(worker, ReleaseReason.WORKER_REMOVED)
    if worker.connection is not None:
        websocket_api.close(worker.connection)
    left = storage.find(worker.org, worker.pool, worker.id)
    if left is not None and not left.leases:
        worker_urls.free(left)
        with suppress(ConditionFailed):  # written meanwhile, so it is still due, or gone already
            dynamodb.commit(storage.delete_write(left), directory.unlisted(worker.id), *pools.keep_counts(left))


def _take_back_all(worker: Worker, why: Failure | ReleaseReason) -> None:
    for task_id, epoch in worker.leases.items():
        try:
            lifecycle.revoke_lease(worker.org, task_id, Holder(worker.id, epoch), why)
        except NotFound:
            logger().error("A lease names a task that is gone", extra={"task_id": task_id, "worker_id": worker.id})
