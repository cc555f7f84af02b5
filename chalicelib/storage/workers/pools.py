"""Each pool's settings and dispatch state, in the `workers` table beside the pool's workers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs
from chalicelib.domain.tasks.worker import Pool, Worker
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.columns import wake_shard
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.workers import workers as worker_storage
from chalicelib.storage.workers.table import (
    CONCURRENCY_LIMIT_PREFIX,
    POOL_KEY,
    ConcurrencyLimitItem,
    PoolItem,
    WorkerItem,
    WorkersTable,
    org_pool,
)


def find_with_workers(org: str, pool: str) -> tuple[Pool, list[Worker]]:
    """The pool, its concurrency limits and all its workers, as of now. One call for each megabyte."""
    state, workers, holders = Pool(org=org, pool=pool), [], {}
    with dynamodb.reading():
        for item in WorkersTable.query(org_pool(org, pool), consistent_read=True):
            if isinstance(item, PoolItem):
                state = parse(item)
            elif isinstance(item, WorkerItem):
                workers.append(worker_storage.parse(item))
            elif isinstance(item, ConcurrencyLimitItem):
                holders[item.id.removeprefix(CONCURRENCY_LIMIT_PREFIX)] = frozenset(item.holders or ())
    return replace(state, limit_holders=holders), workers


def find(org: str, pool: str) -> Pool:
    """The pool as of now, without its concurrency limits. One call."""
    with dynamodb.reading():
        try:
            return parse(PoolItem.get(org_pool(org, pool), POOL_KEY, consistent_read=True))
        except PoolItem.DoesNotExist:
            return Pool(org=org, pool=pool)


def parse(item: PoolItem) -> Pool:
    """The pool of a stored item."""
    lanes = {
        name: Needs(
            frozenset(lane.get("capabilities", ())),
            lane.get("group"),
            lane.get("worker"),
            _parse_concurrency_limit(lane.get("permit")),
        )
        for name, lane in item.lanes.as_dict().items()
    }
    weights = {name: int(weight) for name, weight in item.weights.as_dict().items()}
    return Pool(
        org=item.org,
        pool=item.pool,
        algorithm=item.algorithm,
        cursor=item.cursor,
        weights=weights,
        lanes=lanes,
        wake_at=None if item.wake_at is None else int(item.wake_at),
        departed_completed=int(item.departed_completed or 0),
        departed_failed=int(item.departed_failed or 0),
        watches=int(item.watches or 0),
    )


def _parse_concurrency_limit(stored: list[Any] | None) -> ConcurrencyLimit | None:
    return None if stored is None else ConcurrencyLimit(str(stored[0]), int(stored[1]))


def _lane_values(needs: Needs) -> dict[str, Any]:
    lane: dict[str, Any] = {"capabilities": sorted(needs.capabilities), "group": needs.group, "worker": needs.worker}
    lane["permit"] = None if needs.concurrency_limit is None else list(needs.concurrency_limit)
    return {name: value for name, value in lane.items() if value is not None}


def create_write(pool: Pool) -> Write:
    """The write that creates a pool's item; refused when there is one."""
    item = PoolItem(
        org_pool(pool.org, pool.pool),
        POOL_KEY,
        org=pool.org,
        pool=pool.pool,
        algorithm=pool.algorithm,
        weights=dict(pool.weights),
        lanes={name: _lane_values(needs) for name, needs in pool.lanes.items()},
        wake_at=pool.wake_at,
        wake_shard=wake_shard(org_pool(pool.org, pool.pool)) if pool.wake_at is not None else None,
    )
    return dynamodb.put(item, PoolItem.id.does_not_exist())


def _update_write(org: str, pool: str, actions: list[Action], and_if: Condition | None = None) -> Write:
    exists: Condition = PoolItem.id.exists()
    condition = exists if and_if is None else exists & and_if
    return dynamodb.update(PoolItem(org_pool(org, pool), POOL_KEY), actions, condition)


def set_algorithm_write(org: str, pool: str, algorithm: str) -> Write:
    """The write that sets the balancing algorithm and resets what the one before it stored."""
    return _update_write(
        org, pool, [PoolItem.algorithm.set(algorithm), PoolItem.weights.set({}), PoolItem.cursor.remove()]
    )


def add_removed_worker_counts_write(worker: Worker) -> Write:
    """The write that adds a removed worker's counters to its pool's; refused when the pool has no item yet."""
    actions: list[Action] = [
        PoolItem.departed_completed.add(worker.completed),
        PoolItem.departed_failed.add(worker.failed),
    ]
    return _update_write(worker.org, worker.pool, actions)


def dispatch_state_write(before: Pool, after: Pool) -> Write | None:
    """The write that stores what the next dispatch pass needs; None when nothing changed.

    A write that removes a lane or changes `wake_at` is refused when lanes were watched (`watch_lanes_write`) since
    `before` was read: this pass may not have seen their tasks.
    """
    actions: list[Action] = []
    if after.cursor != before.cursor and after.cursor is not None:
        actions.append(PoolItem.cursor.set(after.cursor))
    if after.weights != before.weights:
        actions.append(PoolItem.weights.set(dict(after.weights)))
    if after.wake_at != before.wake_at:
        actions += _wake_actions(after)
    actions += _lane_actions(before, after)
    is_conditional = after.wake_at != before.wake_at or bool(before.lanes.keys() - after.lanes.keys())
    return (
        _update_write(after.org, after.pool, actions, _unchanged_since(before) if is_conditional else None)
        if actions
        else None
    )


def _unchanged_since(before: Pool) -> Condition:
    watches: Condition = PoolItem.watches.does_not_exist()
    if before.watches:
        watches = PoolItem.watches == before.watches
    armed: Condition = PoolItem.wake_at.does_not_exist()
    if before.wake_at is not None:
        armed = PoolItem.wake_at == before.wake_at
    unchanged: Condition = watches & armed
    return unchanged


def watch_lanes_write(pool: Pool, lanes: Mapping[str, Needs], now: int) -> Write:
    """The write that adds the lanes to the pool and wakes it now; refused when the pool has no item yet."""
    # Lanes that the pool had when it was read are written too: a dispatch pass may have removed them since.
    lane_actions = [PoolItem.lanes[name].set(_lane_values(needs)) for name, needs in lanes.items()]
    return _update_write(
        pool.org, pool.pool, [*lane_actions, *_wake_actions(replace(pool, wake_at=now)), PoolItem.watches.add(1)]
    )


def _wake_actions(pool: Pool) -> list[Action]:
    if pool.wake_at is None:
        return [PoolItem.wake_at.remove(), PoolItem.wake_shard.remove()]
    return [PoolItem.wake_at.set(pool.wake_at), PoolItem.wake_shard.set(wake_shard(org_pool(pool.org, pool.pool)))]


def _lane_actions(before: Pool, after: Pool) -> list[Action]:
    added = [name for name in after.lanes if name not in before.lanes]
    removed = [name for name in before.lanes if name not in after.lanes]
    actions: list[Action] = [PoolItem.lanes[name].set(_lane_values(after.lanes[name])) for name in added]
    return actions + [PoolItem.lanes[name].remove() for name in removed]
