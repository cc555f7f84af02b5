"""What a pending task waits for (domain.waiting), as of now."""

from chalicelib import clock
from chalicelib.domain.tasks import waiting_reasons
from chalicelib.domain.tasks.task import Needs, Status, Task
from chalicelib.domain.tasks.worker import Pool, Worker
from chalicelib.engine.workers import builtin_worker
from chalicelib.storage.tasks import tasks as storage
from chalicelib.storage.workers import pools as pool_storage

MAX_LANES_READ = 20
"""The most lanes that are looked into at once for tasks that wait."""


def waiting_for(task: Task, kind: str = "worker", by_hand: str = "a worker to be assigned by its owner") -> str | None:
    """What the task waits for; None when it does not. `kind` is what the API calls a worker, `by_hand` what has to be
    done about a task that the engine does not place.

    One call for a task that waits for a worker, else none.
    """
    now = clock.now()
    before = waiting_reasons.unready_reason(task, now, by_hand)
    if before is not None or task.status is not Status.PENDING:
        return before
    pool, crew = pool_storage.find_with_workers(task.org, task.pool)
    return waiting_reasons.ready_reason(
        task, pool, builtin_worker.with_builtin_worker(task.org, task.pool, crew), now, kind
    )


def unserved_needs(pool: Pool, crew: list[Worker]) -> list[Needs]:
    """What tasks that wait need, where no live worker offers it. One call for each such need that the pool knows of, of
    at most MAX_LANES_READ; none where every need is served."""
    now = clock.now()
    live = [
        one
        for one in builtin_worker.with_builtin_worker(pool.org, pool.pool, crew)
        if waiting_reasons.is_live(one, now)
    ]
    lanes = [name for name, needs in pool.lanes.items() if not any(worker.can_serve(needs) for worker in live)]
    found = [name for name in sorted(lanes)[:MAX_LANES_READ] if storage.ready_candidates(pool.org, pool.pool, name, 1)]
    return [pool.lanes[name] for name in found]
