"""The permits of a pool, in the `workers` table beside its workers: one item a key, with the tasks that hold one.

The set of holders is the count: a task that is added or removed twice counts once.
"""

from pynamodb.expressions.condition import Condition, size

from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.workers.workers import PERMIT_PREFIX, PermitItem, org_pool


def _key(org: str, pool: str, key: str) -> PermitItem:
    return PermitItem(org_pool(org, pool), PERMIT_PREFIX + key)


def acquire_write(org: str, pool: str, key: str, limit: int, task_id: str) -> Write:
    """The permit's half of a lease, on the condition that fewer than `limit` tasks hold one."""
    free: Condition = PermitItem.holders.does_not_exist() | (size(PermitItem.holders) < limit)
    actions = [PermitItem.kind.set(PermitItem), PermitItem.holders.add({task_id})]
    return dynamodb.update(_key(org, pool, key), actions, free)


def release_write(org: str, pool: str, key: str, task_id: str) -> Write:
    """The permit's half of a lease's end, on the condition that the task holds one."""
    held: Condition = PermitItem.holders.contains(task_id)
    return dynamodb.update(_key(org, pool, key), [PermitItem.holders.delete({task_id})], held)


def holders_from_raw(raw: RawItem | None) -> frozenset[str]:
    """Who holds the permits of a key, by its item as a refusal has it."""
    return frozenset() if raw is None else frozenset(PermitItem.from_raw_data(raw).holders or ())


def delete_idle_write(org: str, pool: str, key: str) -> Write:
    """The write that removes a key that no task holds a permit of."""
    return dynamodb.delete(_key(org, pool, key), PermitItem.id.exists() & PermitItem.holders.does_not_exist())
