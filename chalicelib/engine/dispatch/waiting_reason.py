"""What a pending task waits for now, in words (`domain.tasks.waiting_reasons`)."""

from chalicelib import clock
from chalicelib.domain.tasks import waiting_reasons
from chalicelib.domain.tasks.task import Needs, Status, Task
from chalicelib.domain.tasks.worker import Pool, Worker
from chalicelib.engine.workers import builtin_worker
from chalicelib.storage.tasks import tasks as storage
from chalicelib.storage.workers import pools as pool_storage

MAX_LANES_READ = 20
"""Lanes that are read at most to find waiting tasks."""


def waiting_for(task: Task, kind: str = "worker", by_hand: str = "a worker to be assigned by its owner") -> str | None:
    """Return what the task waits for, or None if it does not wait.

    `kind` is what the API calls a worker; `by_hand` says what its owner must do about a task that the dispatcher does
    not lease. One call for a task that waits for a worker, else none.
    """
    now = clock.now()
    reason = waiting_reasons.unready_reason(task, now, by_hand)
    if reason is not None or task.status is not Status.PENDING:
        return reason
    pool, workers = pool_storage.find_with_workers(task.org, task.pool)
    return waiting_reasons.ready_reason(
        task, pool, builtin_worker.with_builtin_worker(task.org, task.pool, workers), now, kind
    )


def unserved_needs(pool: Pool, workers: list[Worker]) -> list[Needs]:
    """Return the needs of waiting tasks that no live worker can serve. One call for each lane of the pool that no live
    worker can serve, at most MAX_LANES_READ."""
    now = clock.now()
    live = [
        worker
        for worker in builtin_worker.with_builtin_worker(pool.org, pool.pool, workers)
        if waiting_reasons.is_live(worker, now)
    ]
    lanes = [name for name, needs in pool.lanes.items() if not any(worker.can_serve(needs) for worker in live)]
    read = sorted(lanes)[:MAX_LANES_READ]
    return [pool.lanes[lane] for lane in read if storage.ready_candidates(pool.org, pool.pool, lane, 1)]
