"""Concurrency limits: how many tasks of one key all workers of a pool together may hold at once.

The transaction that leases a task counts it, and the one that ends the lease counts it no longer, so that a process
that dies does neither by halves. The tasks of a key wait in lanes of their own, so that they hold up no others.
The end of a lease requests a dispatch, so that the next task of the key follows at once. A task without a limit costs
nothing more.
"""

from contextlib import suppress

from chalicelib.domain.tasks import waiting_reasons
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Pool
from chalicelib.errors import Conflict
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.workers import concurrency_limits as storage

MAX_IDLE_KEYS = 50
"""Unused keys that a pool keeps; more are deleted. The next lease of a task of the key makes the key again."""


def acquire_writes(held: Task) -> list[Write]:
    """Build the write that counts a leased task under its limit, if it has one: the third of its transaction."""
    limit = held.concurrency_limit
    return [] if limit is None else [storage.acquire_write(held.org, held.pool, limit.key, limit.limit, held.id)]


def release_writes(old: Task) -> list[Write]:
    """Build the write that no longer counts a task under its limit, if it has one, for the end of its lease."""
    limit = old.concurrency_limit
    return [] if limit is None else [storage.release_write(old.org, old.pool, limit.key, old.id)]


def raise_if_exhausted(held: Task, error: ConditionFailed) -> None:
    """Raise Conflict if a lease was refused only because the task's concurrency limit is reached."""
    if held.concurrency_limit is not None and error.failed == (False, False, True):
        holders = storage.holders_from_raw(error.items[2])
        raise Conflict(f"Task {held.id} waits for {waiting_reasons.limit_reason(held.concurrency_limit, holders)}")


def delete_idle(pool: Pool) -> None:
    """Delete the keys beyond MAX_IDLE_KEYS under which no task is counted. One call for each; else none."""
    idle = sorted(key for key, holders in pool.limit_holders.items() if not holders)
    if len(idle) <= MAX_IDLE_KEYS:
        return
    for key in idle[MAX_IDLE_KEYS:]:
        with suppress(ConditionFailed):
            dynamodb.commit(storage.delete_idle_write(pool.org, pool.pool, key))
