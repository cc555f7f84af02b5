"""The `tasks` table: one item a task, and the two questions asked of all of them.

ready   which tasks of a lane may be dispatched now, in order of urgency and age
wake    which tasks are due
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from pynamodb.attributes import JSONAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.tasks import MAX_PRIORITY, Holder, Status, Task
from chalicelib.storage import base
from chalicelib.storage.base import Item, RawItem, Write

PAGE = 100


class CompactJson(JSONAttribute):
    """JSON text without padding: stored bytes are money."""

    def serialize(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class ReadyIndex(GlobalSecondaryIndex["TaskItem"]):
    """Ready tasks of one lane, most urgent first, then oldest first. Sparse."""

    class Meta:
        index_name = "ready"
        projection = IncludeProjection(["avoid_worker"])

    ready_lane = UnicodeAttribute(hash_key=True)
    ready_rank = UnicodeAttribute(range_key=True)


class WakeIndex(GlobalSecondaryIndex["TaskItem"]):
    """Tasks by the moment at which something must happen to them. Sparse and sharded."""

    class Meta:
        index_name = "wake"
        projection = KeysOnlyProjection()

    wake_shard = UnicodeAttribute(hash_key=True)
    wake_at = NumberAttribute(range_key=True)


class TaskItem(Item):
    class Meta:
        setting = "tasks_table"
        stream = True
        ttl = "expires_at"

    id = UnicodeAttribute(hash_key=True)
    org = UnicodeAttribute()
    pool = UnicodeAttribute()
    lane = UnicodeAttribute()
    type = UnicodeAttribute()
    status = UnicodeAttribute()
    priority = NumberAttribute()
    version = NumberAttribute()
    epoch = NumberAttribute()
    attempts = NumberAttribute()
    max_attempts = NumberAttribute()
    allowance = NumberAttribute()
    capabilities = ListAttribute[str](null=True)
    group = UnicodeAttribute(null=True)
    payload = CompactJson(null=True)
    payload_ref = UnicodeAttribute(null=True)
    metadata = CompactJson(null=True)
    result = CompactJson(null=True)
    result_ref = UnicodeAttribute(null=True)
    error = CompactJson(null=True)
    progress = NumberAttribute(null=True)
    worker_id = UnicodeAttribute(null=True)
    avoid_worker = UnicodeAttribute(null=True)
    start_to_close_ms = NumberAttribute()
    schedule_to_start_ms = NumberAttribute()
    heartbeat_ms = NumberAttribute(null=True)
    deadline = NumberAttribute()
    run_at = NumberAttribute(null=True)
    created_at = NumberAttribute()
    updated_at = NumberAttribute()
    ready_at = NumberAttribute(null=True)
    leased_at = NumberAttribute(null=True)
    started_at = NumberAttribute(null=True)
    beat_at = NumberAttribute(null=True)
    deliver_by = NumberAttribute(null=True)
    finished_at = NumberAttribute(null=True)
    wake_at = NumberAttribute(null=True)
    body_hash = UnicodeAttribute(null=True)
    submitted_by = UnicodeAttribute(null=True)

    # What only storage knows: index keys, and when retention ends (epoch seconds).
    ready_lane = UnicodeAttribute(null=True)
    ready_rank = UnicodeAttribute(null=True)
    wake_shard = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)

    by_readiness = ReadyIndex()
    by_wake = WakeIndex()


_FIELDS = tuple(field.name for field in fields(Task))
_DERIVED = ("ready_lane", "ready_rank", "wake_shard", "expires_at")
_LARGE = ("payload", "result")


def ready_lane(org: str, pool: str, lane: str) -> str:
    """Partition of the ready index: one lane of one pool of one org."""
    return f"{org}#{pool}#{lane}"


def ready_rank(task: Task) -> str:
    """Sort key of the ready index: urgency first, then age, then id."""
    return f"{MAX_PRIORITY - task.priority}#{task.ready_at:013d}#{task.id}"


def wake_shards() -> list[str]:
    """Every partition of the wake indexes."""
    return [f"wake#{number}" for number in range(settings().wake_shards)]


def wake_shard(identifier: str) -> str:
    """The partition of the wake index that this item belongs to."""
    return f"wake#{zlib.crc32(identifier.encode()) % settings().wake_shards}"


def _derived(task: Task) -> dict[str, Any]:
    ready, wakes = task.ready, task.wake_at is not None
    kept_until = (task.finished_at or 0) // 1000 + settings().retention_days * 86_400
    return {
        "ready_lane": ready_lane(task.org, task.pool, task.lane) if ready else None,
        "ready_rank": ready_rank(task) if ready else None,
        "wake_shard": wake_shard(task.id) if wakes else None,
        "expires_at": kept_until if task.terminal else None,
    }


def _values(task: Task) -> dict[str, Any]:
    """The task as attribute values, derived ones included."""
    values = {name: getattr(task, name) for name in _FIELDS}
    values["status"], values["capabilities"] = str(task.status), list(task.capabilities) or None
    return values | _derived(task)


def parse(item: TaskItem) -> Task:
    """The stored item as a value."""
    values = {name: getattr(item, name) for name in _FIELDS}
    values["status"], values["capabilities"] = Status(item.status), tuple(item.capabilities or ())
    return Task(**values)


def from_raw(raw: RawItem) -> Task:
    """A raw item, of a stream record or a refused write, as a value."""
    return parse(TaskItem.from_raw_data(raw))


def from_image(raw: RawItem) -> Task:
    """A stream record's image without its payload and result, which no effect depends on."""
    return from_raw({name: value for name, value in raw.items() if name not in _LARGE})


def create(task: Task) -> None:
    """Store a new task. Raises Refused, with the item, when there is one of this id already."""
    item = TaskItem(**{name: value for name, value in _values(task).items() if value is not None})
    base.commit(base.put(item, TaskItem.id.does_not_exist()))


def find(task_id: str) -> Task | None:
    """The task as of now, or None; a task past its retention is gone, whether or not it was swept away yet."""
    with base.reading():
        try:
            item = TaskItem.get(task_id, consistent_read=True)
        except TaskItem.DoesNotExist:
            return None
    return None if _expired(item) else parse(item)


def _expired(item: TaskItem) -> bool:
    return item.expires_at is not None and item.expires_at * clock.SECOND <= clock.now()


def find_many(task_ids: Iterable[str], *, whole: bool = False) -> dict[str, Task]:
    """Those of the tasks that exist, as of now, by id; without payload and result unless `whole`."""
    names = None if whole else [name for name in _FIELDS if name not in _LARGE]
    with base.reading():
        found = TaskItem.batch_get(list(task_ids), consistent_read=True, attributes_to_get=names)
        return {item.id: parse(item) for item in found}


def changed(old: Task, new: Task) -> Write:
    """The write from `old` to `new`, on the condition that nobody wrote since `old` was read."""
    unchanged = (TaskItem.version == old.version) & (TaskItem.org == old.org)
    return base.update(TaskItem(old.id), _difference(old, new), unchanged)


def ended(task_id: str, org: str, holder: Holder, changes: dict[str, Any]) -> Write:
    """The blind write that ends a held task, on the condition that this holder has it."""
    actions: list[Action] = [TaskItem.version.add(1)]
    actions += [_action(name, value) for name, value in changes.items()]
    return base.update(TaskItem(task_id), actions, _held_by(holder, org))


def _held_by(holder: Holder, org: str) -> Condition:
    held: Condition = TaskItem.status.is_in(str(Status.LEASED), str(Status.RUNNING))
    mine: Condition = held & (TaskItem.org == org) & (TaskItem.worker_id == holder.worker_id)
    return mine if holder.epoch is None else mine & (TaskItem.epoch == holder.epoch)


def completion(now: int, result: Any, result_ref: str | None) -> dict[str, Any]:
    """The attribute changes of domain.states.completed, which need no knowledge of the task."""
    return {
        "status": str(Status.COMPLETED),
        "result": result,
        "result_ref": result_ref,
        "progress": 100,
        "error": None,
        "finished_at": now,
        "updated_at": now,
        "wake_at": None,
        "wake_shard": None,
        "deliver_by": None,
        "expires_at": now // 1000 + settings().retention_days * 86_400,
    }


def _difference(old: Task, new: Task) -> list[Action]:
    before, after = _values(old), _values(new)
    return [_action(name, after[name]) for name in (*_FIELDS, *_DERIVED) if before[name] != after[name]]


def _action(name: str, value: Any) -> Action:
    attribute = getattr(TaskItem, name)
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action


class Candidate(NamedTuple):
    """A row of the ready index."""

    task_id: str
    rank: str
    avoid_worker: str | None


def ready(org: str, pool: str, lane: str, limit: int) -> list[Candidate]:
    """The first `limit` ready tasks of a lane, most urgent and oldest first. One call; the index may lag."""
    with base.reading():
        rows = TaskItem.by_readiness.query(ready_lane(org, pool, lane), limit=limit, page_size=limit)
        return [Candidate(row.id, row.ready_rank, row.avoid_worker) for row in rows]


def due(shard: str, now: int) -> Iterator[str]:
    """Ids of the tasks of one wake shard that are due, longest overdue first; read page by page."""
    with base.reading():
        for row in TaskItem.by_wake.query(shard, TaskItem.wake_at <= now, page_size=PAGE):
            yield row.id


def commit(writes: Sequence[Write]) -> None:
    """Carry out the writes as one. Raises Refused."""
    base.commit(*writes)
