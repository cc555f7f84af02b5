"""The concurrency limits of a pool, in the `workers` table: one item for each key, with the ids of its held tasks.

The size of that set is the count, so that a task that is added or removed twice counts once.
"""

from pynamodb.expressions.condition import Condition, size

from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.workers.table import CONCURRENCY_LIMIT_PREFIX, ConcurrencyLimitItem, org_pool


def _key(org: str, pool: str, key: str) -> ConcurrencyLimitItem:
    return ConcurrencyLimitItem(org_pool(org, pool), CONCURRENCY_LIMIT_PREFIX + key)


def acquire_write(org: str, pool: str, key: str, limit: int, task_id: str) -> Write:
    """Build the write that counts a leased task, on the condition that fewer than `limit` tasks are counted."""
    is_free: Condition = ConcurrencyLimitItem.holders.does_not_exist() | (size(ConcurrencyLimitItem.holders) < limit)
    actions = [ConcurrencyLimitItem.kind.set(ConcurrencyLimitItem), ConcurrencyLimitItem.holders.add({task_id})]
    return dynamodb.update(_key(org, pool, key), actions, is_free)


def release_write(org: str, pool: str, key: str, task_id: str) -> Write:
    """Build the write that no longer counts a task, on the condition that it is counted."""
    is_counted: Condition = ConcurrencyLimitItem.holders.contains(task_id)
    return dynamodb.update(_key(org, pool, key), [ConcurrencyLimitItem.holders.delete({task_id})], is_counted)


def holders_from_raw(raw: RawItem | None) -> frozenset[str]:
    """The ids of a key's held tasks, from its raw item in a refused write."""
    return frozenset() if raw is None else frozenset(ConcurrencyLimitItem.from_raw_data(raw).holders or ())


def delete_idle_write(org: str, pool: str, key: str) -> Write:
    """Build the write that deletes a key without held tasks."""
    return dynamodb.delete(
        _key(org, pool, key), ConcurrencyLimitItem.id.exists() & ConcurrencyLimitItem.holders.does_not_exist()
    )
