"""Backlog metrics that a dispatch pass measures once a minute in a pool with waiting tasks.

They are the age of the oldest ready task, and the number of lanes whose needs no registered worker meets. A pass reads
the head of each lane, so the age is that of the most urgent tasks; less urgent ones may be older.
"""

from collections.abc import Sequence

from chalicelib.domain.tasks.task import Needs, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.observability import count, logger, measure

OLDEST_METRIC = "OldestReadyTaskAge"
"""Metric: how long the oldest of the ready tasks without a worker has been ready."""
UNSERVED_METRIC = "LanesNobodyServes"
"""Metric: lanes of the pool whose ready tasks no registered worker can take, even when it is free and online."""
MAX_LOGGED_LANES = 10
"""Such lanes that the log names, each by one of its tasks."""


def measure_backlog(waiting: Sequence[Task], workers: Sequence[Worker], now: int) -> None:
    """Send the metrics of a pass: `waiting` are the ready tasks that found no free worker. No call."""
    if not waiting:
        return
    measure(OLDEST_METRIC, max(now - task.ready_at for task in waiting if task.ready_at is not None))
    unserved = find_unserved_lanes(waiting, workers)
    count(UNSERVED_METRIC, len(unserved))
    if unserved:
        logger().warning("No registered worker can take these tasks", extra=_log_fields(unserved))


def find_unserved_lanes(waiting: Sequence[Task], workers: Sequence[Worker]) -> list[Task]:
    """One task of each lane that no registered worker can serve."""
    registered = [worker for worker in workers if not worker.removed]
    by_lane = {task.lane: task for task in waiting}
    return [task for task in by_lane.values() if not _can_serve(registered, task.needs)]


def _can_serve(workers: Sequence[Worker], needs: Needs) -> bool:
    return any(worker.can_serve(needs) for worker in workers)


def _log_fields(unserved: Sequence[Task]) -> dict[str, object]:
    first = unserved[0]
    lanes = [
        {
            "task": task.id,
            "capabilities": sorted(task.needs.capabilities),
            "group": task.needs.group,
            "worker": task.needs.worker,
        }
        for task in unserved[:MAX_LOGGED_LANES]
    ]
    return {"org": first.org, "pool": first.pool, "count": len(unserved), "lanes": lanes}
