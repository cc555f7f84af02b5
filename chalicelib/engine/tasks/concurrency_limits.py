"""Permits: limits on how many tasks of one key the workers of a pool hold at once, of all its workers together.

A task takes its permit in the transaction that leases it and gives it back in the one that ends the lease, however it
ends: whoever dies in between has done both or neither. The tasks of a key queue in lanes of their own, so that those
that wait for a permit stand in nobody's way; the end of a lease nudges the pool, so that the next one follows at once.
A task without a permit pays nothing for any of it.
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
"""How many keys that nobody uses a pool may keep before they are forgotten; the next lease makes them again."""


def acquire_writes(held: Task) -> list[Write]:
    """The write of the permit that this lease takes, if it needs one: the third of its transaction."""
    if held.concurrency_limit is None:
        return []
    return [
        storage.acquire_write(held.org, held.pool, held.concurrency_limit.key, held.concurrency_limit.limit, held.id)
    ]


def release_writes(old: Task) -> list[Write]:
    """The write of the permit that the end of this lease gives back, if it has one."""
    return (
        []
        if old.concurrency_limit is None
        else [storage.release_write(old.org, old.pool, old.concurrency_limit.key, old.id)]
    )


def raise_if_exhausted(held: Task, refused: ConditionFailed) -> None:
    """Raise Conflict where a lease was refused for want of a permit alone."""
    if held.concurrency_limit is not None and refused.failed == (False, False, True):
        holders = storage.holders_from_raw(refused.items[2])
        raise Conflict(f"Task {held.id} waits for {waiting_reasons.limit_reason(held.concurrency_limit, holders)}")


def delete_idle(pool: Pool) -> None:
    """Remove keys that no task holds a permit of, once there are too many. No call otherwise."""
    idle = sorted(key for key, holders in pool.limit_holders.items() if not holders)
    if len(idle) <= MAX_IDLE_KEYS:
        return
    for key in idle[MAX_IDLE_KEYS:]:
        with suppress(ConditionFailed):
            dynamodb.commit(storage.delete_idle_write(pool.org, pool.pool, key))
