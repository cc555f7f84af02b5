"""Delete the ended tasks of a pool that ended long ago, before their retention is over."""

from collections.abc import Iterator
from itertools import islice

from chalicelib.domain.tasks.task import Status, Task
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.tasks import listing
from chalicelib.storage.tasks import tasks as storage

MAX_DELETED = 1_000
"""How many tasks one call deletes at most."""
TASKS_PER_TRANSACTION = 100
ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
"""One state of each phase that lists of ended tasks have."""


def delete_ended_before(org: str, pool: str, instant: int) -> int:
    """Delete up to MAX_DELETED tasks that ended before this instant; returns how many. Two calls for each hundred.

    A task that was replayed meanwhile stays.
    """
    old = list(islice(_ended_before(org, pool, instant), MAX_DELETED))
    starts = range(0, len(old), TASKS_PER_TRANSACTION)
    return sum(_delete(old[start : start + TASKS_PER_TRANSACTION]) for start in starts)


def _ended_before(org: str, pool: str, instant: int) -> Iterator[Task]:
    for status in ENDED:
        for row in listing.iterate_state(org, pool, status, f"{instant:013d}", TASKS_PER_TRANSACTION):
            if row.task is not None and (row.task.finished_at or instant) < instant:
                yield row.task


def _delete(tasks: list[Task]) -> int:
    try:
        storage.commit([storage.delete_write(task) for task in tasks])
    except ConditionFailed as error:
        unchanged = [task for task, has_changed in zip(tasks, error.failed, strict=True) if not has_changed]
        return _delete(unchanged) if unchanged else 0
    return len(tasks)
