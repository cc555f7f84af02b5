"""Once a day: what is stuck is said aloud. Expiry of items and objects is TTL's and the bucket lifecycle's work."""

from chalicelib import clock
from chalicelib.observability import logger
from chalicelib.storage.aws import columns
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

STUCK_AFTER_MS = 10 * clock.MINUTE
MAX_REPORTED = 100


def report_stuck() -> list[str]:
    """Report what has been due for over ten minutes and was not done: ids of tasks, workers and pools, at most 100."""
    before = clock.now() - STUCK_AFTER_MS
    found: list[str] = []
    for shard in columns.wake_shards():
        found += list(task_storage.due_ids(shard, before))
        found += [f"{org}#{pool}#{name}" for org, pool, name in worker_storage.find_due(shard, before)]
    if found:
        logger().error("Overdue items were found", extra={"count": len(found), "ids": found[:MAX_REPORTED]})
    return found[:MAX_REPORTED]
