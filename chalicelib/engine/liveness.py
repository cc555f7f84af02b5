"""Whether workers are still there, and what becomes of the tasks of those that are not."""

from contextlib import suppress
from dataclasses import replace

from chalicelib import clock
from chalicelib.domain.states import Failure, Reason
from chalicelib.domain.tasks import Holder, Worker
from chalicelib.engine import commands, pools, sealing, tasks, worker_urls, workers
from chalicelib.engine import sockets as worker_sockets
from chalicelib.errors import NotFound
from chalicelib.observability import logger
from chalicelib.providers import outbound
from chalicelib.storage import access as directory
from chalicelib.storage import base, sockets
from chalicelib.storage import workers as storage
from chalicelib.storage.base import Refused

PROBE_TIMEOUT_SECONDS = 5.0


def settle(org: str, pool: str, worker_id: str) -> None:
    """Do what is due on a worker: probe it when its heartbeat is overdue, take its tasks back when it is gone."""
    worker = storage.find(org, pool, worker_id)
    if worker is None:
        return
    if worker.removed:
        _bury(worker)
    elif not worker.alive:
        _evict(worker)
    elif worker.drained and worker.leases:
        _drain(worker)
    elif worker.overdue_at <= clock.now():
        _judge(worker)
    elif worker.connection is not None and _due(worker):
        worker_sockets.ping(worker)
    else:
        workers.change(org, pool, worker_id, _rearmed)


def _due(worker: Worker) -> bool:
    return worker.wake_at is not None and worker.wake_at <= clock.now()


def _rearmed(worker: Worker) -> Worker:
    now = clock.now()
    resting = worker.rest_until if worker.rest_until is not None and worker.rest_until > now else None
    kept = commands.without_stale(worker, now)
    wake_at = worker.overdue_at if worker.overdue_at > now else now + worker.heartbeat_timeout_ms
    if worker.connection is not None:
        wake_at = now + workers.ping_ms() if worker.wake_at is None or _due(worker) else worker.wake_at
    armed = replace(kept, rest_until=resting, wake_at=wake_at)
    return worker if armed == worker else armed


def _judge(worker: Worker) -> None:
    """Its heartbeat is overdue: one probe decides whether it is still there."""
    if _answers(worker):
        workers.change(worker.org, worker.pool, worker.id, _rearmed)
        return
    gone = workers.change(worker.org, worker.pool, worker.id, _offline)
    if gone is None or gone.alive:
        return
    logger().warning("A worker is offline", extra={"worker_id": worker.id, "org": worker.org})
    if worker.connection is not None:
        sockets.close(worker.connection)
    _evict(gone)


def _offline(worker: Worker) -> Worker:
    if worker.overdue_at > clock.now():
        return worker
    return replace(worker, alive=False, connection=None, online_since=None, rest_until=None, wake_at=clock.now())


def _answers(worker: Worker) -> bool:
    url = worker.endpoints.get("health")
    if url is None:
        return False
    try:
        key = workers.api_key(worker)
        headers = {"X-API-Key": key} if key else {}
        answer = outbound.send(
            "GET", url, headers=headers, body=b"", timeout=PROBE_TIMEOUT_SECONDS, needs_body=outbound.never
        )
        return answer.status == 200
    except (outbound.Unreachable, sealing.Unsealable):
        return False


def _evict(worker: Worker) -> None:
    """A dead worker's tasks go back, an attempt burned each; then it sleeps until it is heard of again."""
    _take_back_all(worker, Failure(Reason.WORKER_LOST, "The worker was lost: its heartbeat stopped"))
    workers.change(worker.org, worker.pool, worker.id, _asleep)


def _asleep(worker: Worker) -> Worker:
    return worker if worker.alive or worker.leases else replace(worker, wake_at=None)


def _drain(worker: Worker) -> None:
    """A drained worker's tasks go back unburned."""
    _take_back_all(worker, None)
    workers.change(worker.org, worker.pool, worker.id, _rearmed)


def _bury(worker: Worker) -> None:
    """A removed worker's tasks go back unburned; then the worker and its key are forgotten."""
    _take_back_all(worker, None)
    if worker.connection is not None:
        sockets.close(worker.connection)
    left = storage.find(worker.org, worker.pool, worker.id)
    if left is not None and not left.leases:
        worker_urls.free(left)
        with suppress(Refused):  # written meanwhile, so it is still due, or gone already
            base.commit(storage.deleted(left), directory.unlisted(worker.id), *pools.keep_counts(left))


def _take_back_all(worker: Worker, failure: Failure | None) -> None:
    for task_id, epoch in worker.leases.items():
        try:
            tasks.take_back(worker.org, task_id, Holder(worker.id, epoch), failure)
        except NotFound:
            logger().error("A lease names a task that is gone", extra={"task_id": task_id, "worker_id": worker.id})
