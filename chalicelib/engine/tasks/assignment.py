"""Tasks whose owner says who does them, when they begin, and how they end."""

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
    """Lease a pending task to this worker, whatever the worker is able to do. Three calls.

    Raises NotFound for either, Conflict when the task is not pending, the worker is full or no permit is left,
    WorkerOffline when the worker is not there or out of rotation.
    """

    def attempt() -> Task:
        task, worker = lifecycle.get(org, task_id, pool), _get_worker(org, pool, worker_id)
        held = transitions.assigned(task, worker, clock.now())
        _require_free_slot(worker)
        slot = worker_storage.take_slot_write(worker, held)
        try:
            storage.commit([storage.update_write(task, held), slot, *concurrency_limits.acquire_writes(held)])
        except ConditionFailed as refused:
            concurrency_limits.raise_if_exhausted(held, refused)
            if not lifecycle.is_already_written(refused, held):
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
        raise WorkerOffline(f"Worker {worker.id} is offline or out of rotation: it can be given nothing")
    if not worker.free_slots:
        raise Conflict(f"Worker {worker.id} has no room: it holds {len(worker.leases)} of {worker.max_concurrent}")


def start(org: str, pool: str, task_id: str) -> Task:
    """Note that the holder has begun. Two calls. Raises NotFound, Conflict unless it is assigned and not begun yet."""
    return lifecycle.change(org, task_id, lambda task: transitions.started(task, clock.now()), pool=pool)


def finish(org: str, pool: str, task_id: str, holder: Holder | None, outcome: Any) -> Task:
    """Accept a task's result as `tasks.complete` does, and answer the task as it then is. Two calls.

    Raises what `tasks.complete` raises.
    """
    task = lifecycle.get(org, task_id, pool)
    by = holder or lifecycle.current_holder(task)
    ended_at = lifecycle.complete(org, pool, task_id, by, outcome, is_alive=holder is not None)
    return transitions.completed(task, ended_at, outcome)
