"""The daily report of stuck items: it logs those that are more than ten minutes overdue."""

from chalicelib import clock
from chalicelib.observability import logger
from chalicelib.storage.aws import columns
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

STUCK_AFTER_MS = 10 * clock.MINUTE
MAX_REPORTED = 100


def report_stuck() -> list[str]:
    """Log and return the ids of tasks, workers and pools that are more than ten minutes overdue, at most 100."""
    before = clock.now() - STUCK_AFTER_MS
    overdue: list[str] = []
    for shard in columns.wake_shards():
        overdue += list(task_storage.due_ids(shard, before))
        overdue += [f"{org}#{pool}#{name}" for org, pool, name in worker_storage.find_due(shard, before)]
    if overdue:
        logger().error("Overdue items were found", extra={"count": len(overdue), "ids": overdue[:MAX_REPORTED]})
    return overdue[:MAX_REPORTED]
