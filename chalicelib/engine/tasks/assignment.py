"""Tasks that their owner assigns to a worker, starts and finishes by hand."""

from typing import Any

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.tasks import concurrency_limits, lifecycle
from chalicelib.errors import Conflict, NotFound, WorkerOffline
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.tasks import tasks as storage
from chalicelib.storage.workers import workers as worker_storage


def assign(org: str, pool: str, task_id: str, worker_id: str) -> Task:
    """Lease a pending task to this worker, whatever capabilities the worker has. Three calls.

    Raises NotFound for the task or the worker, WorkerOffline if the worker is offline or out of rotation, Conflict if
    the task is not pending, the worker has no free slot or the task's concurrency limit is reached.
    """

    def attempt() -> Task:
        task, worker = lifecycle.get(org, task_id, pool), _get_worker(org, pool, worker_id)
        held = transitions.assigned(task, worker, clock.now())
        _require_free_slot(worker)
        slot = worker_storage.take_slot_write(worker, held)
        try:
            storage.commit([storage.update_write(task, held), slot, *concurrency_limits.acquire_writes(held)])
        except ConditionFailed as error:
            concurrency_limits.raise_if_exhausted(held, error)
            if not lifecycle.is_already_written(error, held):
                raise StaleRead from None
        return held

    return optimistic.retry(attempt)


def _get_worker(org: str, pool: str, worker_id: str) -> Worker:
    worker = worker_storage.find(org, pool, worker_id)
    if worker is None or worker.removed:
        raise NotFound("Worker", worker_id)
    return worker


def _require_free_slot(worker: Worker) -> None:
    if not worker.can_be_assigned(clock.now()):
        raise WorkerOffline(f"Worker {worker.id} is offline or out of rotation: it can be given no task")
    if not worker.free_slots:
        raise Conflict(f"Worker {worker.id} has no room: it holds {len(worker.leases)} of {worker.max_concurrent}")


def start(org: str, pool: str, task_id: str) -> Task:
    """Record that the task's holder has begun. Two calls.

    Raises NotFound, Conflict unless the task is assigned and not begun.
    """
    return lifecycle.change(org, task_id, lambda task: transitions.started(task, clock.now()), pool=pool)


def finish(org: str, pool: str, task_id: str, holder: Holder | None, result: Any) -> Task:
    """Accept a task's result as `lifecycle.complete` does, and return the completed task. Two calls.

    Raises what `lifecycle.complete` raises.
    """
    task = lifecycle.get(org, task_id, pool)
    by = holder or lifecycle.current_holder(task)
    finished_at = lifecycle.complete(org, pool, task_id, by, result, is_alive=holder is not None)
    return transitions.completed(task, finished_at, result)
