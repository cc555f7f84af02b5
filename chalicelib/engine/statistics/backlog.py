"""What a dispatch pass measures, once a minute, of a pool in which tasks wait: how long the oldest one has been ready,
and whether some ask for what no registered worker has.

A pass sees the head of each lane, so the age is that of the most urgent tasks; one behind them may be older.
"""

from collections.abc import Sequence

from chalicelib.domain.tasks.task import Needs, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.observability import count, logger, measure

OLDEST = "OldestReadyTaskAge"
"""Seconds, of the oldest ready task that a look at a pool found without a worker."""
UNSERVED = "LanesNobodyServes"
"""How many lanes of the pool (sets of needs) have ready tasks that no registered worker could take, even if it were
free and online."""
NAMED = 10
"""How many such lanes the log names, each by one of its tasks."""


def measure_backlog(waiting: Sequence[Task], workers: Sequence[Worker], now: int) -> None:
    """Measure what a pass left: `waiting` are ready tasks for which there was no room. No call."""
    if not waiting:
        return
    measure(OLDEST, max(now - task.ready_at for task in waiting if task.ready_at is not None))
    unserved = unserved_lanes(waiting, workers)
    count(UNSERVED, len(unserved))
    if unserved:
        logger().warning("No registered worker can take these tasks", extra=_told(unserved))


def unserved_lanes(waiting: Sequence[Task], workers: Sequence[Worker]) -> list[Task]:
    """One task of each lane that no registered worker could serve."""
    registered = [worker for worker in workers if not worker.removed]
    by_lane = {task.lane: task for task in waiting}
    return [task for task in by_lane.values() if not _can_serve(registered, task.needs)]


def _can_serve(workers: Sequence[Worker], needs: Needs) -> bool:
    return any(worker.offers(needs) for worker in workers)


def _told(unserved: Sequence[Task]) -> dict[str, object]:
    first = unserved[0]
    lanes = [
        {
            "task": task.id,
            "capabilities": sorted(task.needs.capabilities),
            "group": task.needs.group,
            "worker": task.needs.worker,
        }
        for task in unserved[:NAMED]
    ]
    return {"org": first.org, "pool": first.pool, "count": len(unserved), "lanes": lanes}
