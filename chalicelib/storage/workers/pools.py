"""The dispatcher's memory of each pool, in the `workers` table beside the pool's workers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.tasks.task import Needs, Permit
from chalicelib.domain.tasks.worker import Pool, Worker
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.tasks.table import wake_shard
from chalicelib.storage.workers import workers as worker_storage
from chalicelib.storage.workers.workers import (
    PERMIT_PREFIX,
    POOL_KEY,
    PermitItem,
    PoolItem,
    WorkerItem,
    WorkersTable,
    org_pool,
)


def crew(org: str, pool: str) -> tuple[Pool, list[Worker]]:
    """The pool's memory and all its workers, as of now. One call for each megabyte."""
    memory, workers, permits = Pool(org=org, pool=pool), [], {}
    with dynamodb.reading():
        for item in WorkersTable.query(org_pool(org, pool), consistent_read=True):
            if isinstance(item, PoolItem):
                memory = parse(item)
            elif isinstance(item, WorkerItem):
                workers.append(worker_storage.parse(item))
            elif isinstance(item, PermitItem):
                permits[item.id.removeprefix(PERMIT_PREFIX)] = frozenset(item.holders or ())
    return replace(memory, permits=permits), workers


def memory(org: str, pool: str) -> Pool:
    """The pool's memory as of now, without its permits. One call."""
    with dynamodb.reading():
        try:
            return parse(PoolItem.get(org_pool(org, pool), POOL_KEY, consistent_read=True))
        except PoolItem.DoesNotExist:
            return Pool(org=org, pool=pool)


def parse(item: PoolItem) -> Pool:
    """The pool's stored memory as a value."""
    lanes = {
        name: Needs(
            frozenset(lane.get("capabilities", ())), lane.get("group"), lane.get("worker"), _permit(lane.get("permit"))
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


def _permit(stored: list[Any] | None) -> Permit | None:
    return None if stored is None else Permit(str(stored[0]), int(stored[1]))


def _lane(needs: Needs) -> dict[str, Any]:
    lane: dict[str, Any] = {"capabilities": sorted(needs.capabilities), "group": needs.group, "worker": needs.worker}
    lane["permit"] = None if needs.permit is None else list(needs.permit)
    return {name: value for name, value in lane.items() if value is not None}


def created(pool: Pool) -> Write:
    """The write of a pool's first memory."""
    item = PoolItem(
        org_pool(pool.org, pool.pool),
        POOL_KEY,
        org=pool.org,
        pool=pool.pool,
        algorithm=pool.algorithm,
        weights=dict(pool.weights),
        lanes={name: _lane(needs) for name, needs in pool.lanes.items()},
        wake_at=pool.wake_at,
        wake_shard=wake_shard(org_pool(pool.org, pool.pool)) if pool.wake_at is not None else None,
    )
    return dynamodb.put(item, PoolItem.id.does_not_exist())


def _update(org: str, pool: str, actions: list[Action], unchanged: Condition | None = None) -> Write:
    there: Condition = PoolItem.id.exists()
    condition = there if unchanged is None else there & unchanged
    return dynamodb.update(PoolItem(org_pool(org, pool), POOL_KEY), actions, condition)


def algorithm_set(org: str, pool: str, algorithm: str) -> Write:
    """The write of another algorithm, which starts with a clean memory."""
    return _update(org, pool, [PoolItem.algorithm.set(algorithm), PoolItem.weights.set({}), PoolItem.cursor.remove()])


def departed(worker: Worker) -> Write:
    """The write that keeps a removed worker's counters with its pool, refused when the pool has no memory yet."""
    actions: list[Action] = [
        PoolItem.departed_completed.add(worker.completed),
        PoolItem.departed_failed.add(worker.failed),
    ]
    return _update(worker.org, worker.pool, actions)


def memory_kept(before: Pool, after: Pool) -> Write | None:
    """The write of what a dispatch pass must leave to the next; None when nothing changed.

    It forgets a lane, or moves the pool's next look, only if nobody has put more tasks under that look since `before`
    was read: the pass may not have seen them.
    """
    actions: list[Action] = []
    if after.cursor != before.cursor and after.cursor is not None:
        actions.append(PoolItem.cursor.set(after.cursor))
    if after.weights != before.weights:
        actions.append(PoolItem.weights.set(dict(after.weights)))
    if after.wake_at != before.wake_at:
        actions += _wake(after)
    actions += _lanes_kept(before, after)
    careful = after.wake_at != before.wake_at or bool(before.lanes.keys() - after.lanes.keys())
    return _update(after.org, after.pool, actions, _unwatched_since(before) if careful else None) if actions else None


def _unwatched_since(before: Pool) -> Condition:
    watches: Condition = PoolItem.watches.does_not_exist()
    if before.watches:
        watches = PoolItem.watches == before.watches
    armed: Condition = PoolItem.wake_at.does_not_exist()
    if before.wake_at is not None:
        armed = PoolItem.wake_at == before.wake_at
    unchanged: Condition = watches & armed
    return unchanged


def watching(known: Pool, lanes: Mapping[str, Needs], now: int) -> Write:
    """The write by which the pool knows these lanes and is looked at now; refused when it has no memory yet."""
    # Also those that it knew when it was read: a pass may have forgotten them since.
    named = [PoolItem.lanes[name].set(_lane(needs)) for name, needs in lanes.items()]
    return _update(known.org, known.pool, [*named, *_wake(replace(known, wake_at=now)), PoolItem.watches.add(1)])


def _wake(pool: Pool) -> list[Action]:
    if pool.wake_at is None:
        return [PoolItem.wake_at.remove(), PoolItem.wake_shard.remove()]
    return [PoolItem.wake_at.set(pool.wake_at), PoolItem.wake_shard.set(wake_shard(org_pool(pool.org, pool.pool)))]


def _lanes_kept(before: Pool, after: Pool) -> list[Action]:
    opened = [name for name in after.lanes if name not in before.lanes]
    closed = [name for name in before.lanes if name not in after.lanes]
    actions: list[Action] = [PoolItem.lanes[name].set(_lane(after.lanes[name])) for name in opened]
    return actions + [PoolItem.lanes[name].remove() for name in closed]
