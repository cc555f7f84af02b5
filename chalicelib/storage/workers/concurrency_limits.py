"""The permits of a pool, in the `workers` table beside its workers: one item a key, with the tasks that hold one.

The set of holders is the count: a task that is added or removed twice counts once.
"""

from pynamodb.expressions.condition import Condition, size

from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.workers.table import CONCURRENCY_LIMIT_PREFIX, ConcurrencyLimitItem, org_pool


def _key(org: str, pool: str, key: str) -> ConcurrencyLimitItem:
    return ConcurrencyLimitItem(org_pool(org, pool), CONCURRENCY_LIMIT_PREFIX + key)


def acquire_write(org: str, pool: str, key: str, limit: int, task_id: str) -> Write:
    """The permit's half of a lease, on the condition that fewer than `limit` tasks hold one."""
    free: Condition = ConcurrencyLimitItem.holders.does_not_exist() | (size(ConcurrencyLimitItem.holders) < limit)
    actions = [ConcurrencyLimitItem.kind.set(ConcurrencyLimitItem), ConcurrencyLimitItem.holders.add({task_id})]
    return dynamodb.update(_key(org, pool, key), actions, free)


def release_write(org: str, pool: str, key: str, task_id: str) -> Write:
    """The permit's half of a lease's end, on the condition that the task holds one."""
    held: Condition = ConcurrencyLimitItem.holders.contains(task_id)
    return dynamodb.update(_key(org, pool, key), [ConcurrencyLimitItem.holders.delete({task_id})], held)


def holders_from_raw(raw: RawItem | None) -> frozenset[str]:
    """Who holds the permits of a key, by its item as a refusal has it."""
    return frozenset() if raw is None else frozenset(ConcurrencyLimitItem.from_raw_data(raw).holders or ())


def delete_idle_write(org: str, pool: str, key: str) -> Write:
    """The write that removes a key that no task holds a permit of."""
    return dynamodb.delete(
        _key(org, pool, key), ConcurrencyLimitItem.id.exists() & ConcurrencyLimitItem.holders.does_not_exist()
    )
