"""A worker reports that it completed or failed a task, without naming the task."""

from chalicelib import clock
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.tasks import lifecycle, worker_presence
from chalicelib.engine.workers import registry
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workers import workers as storage
from chalicelib.storage.workers.workers import Outcome


def report_outcome(org: str, pool: str, worker_id: str, outcome: Outcome) -> Worker:
    """End the only task that the worker holds with this outcome, without a result or another attempt. When it holds no
    task, only its counter grows. The report counts as a heartbeat.

    Returns the worker with the report applied. One call when it holds no task. Raises NotFound, Conflict when it holds
    several tasks, LeaseLost when it has just lost the only one.
    """
    try:
        now = clock.now()
        write = storage.idle_report_write(org, pool, worker_id, outcome, now, worker_presence.overdue_at(now))
        return storage.from_raw(dynamodb.commit(write, returning="ALL_NEW"))
    except ConditionFailed as refused:
        raw = refused.items[0]
    worker = storage.from_raw(raw) if raw is not None and storage.is_worker(raw) else None
    if worker is None or worker.removed:
        raise NotFound("Worker", worker_id)
    _end_only_task(worker, outcome)
    return registry.get(org, pool, worker_id)


def _end_only_task(worker: Worker, outcome: Outcome) -> None:
    if len(worker.leases) > 1:
        task_ids = ", ".join(sorted(worker.leases))
        raise Conflict(
            f"Worker {worker.id} holds several tasks: complete the one that has ended by its id, of {task_ids}"
        )
    [(task_id, epoch)] = worker.leases.items()
    holder = Holder(worker.id, epoch)
    if outcome == "completed":
        lifecycle.complete(worker.org, worker.pool, task_id, holder, None, is_alive=True)
    else:
        worker_presence.record(worker.org, worker.pool, worker.id, known=worker)
        lifecycle.fail(worker.org, task_id, holder, reported_failure(None, retryable=False))
