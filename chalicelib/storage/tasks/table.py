"""The `tasks` table: one item for each task, and one index for each question about many tasks.

place   the tasks of a lane that may be leased now, by urgency and age; and the tasks that a worker holds or ended.
        One index serves both, because a task is never in both: it waits in a lane, then it belongs to a worker.
wake    the tasks that are due
age     the tasks of a pool, youngest first
phase   the tasks of a pool in one phase, of those that are held in one state, youngest first
"""

import json
from dataclasses import fields
from typing import Any

from pynamodb.attributes import BooleanAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.tasks.task import (
    HELD,
    MAX_PRIORITY,
    PHASES,
    Approval,
    ApprovalState,
    ConcurrencyLimit,
    Phase,
    Status,
    Task,
)
from chalicelib.storage.aws.columns import CompactJson, wake_shard
from chalicelib.storage.aws.dynamodb import Item, RawItem


class PlaceIndex(GlobalSecondaryIndex["TaskItem"]):
    """The queued tasks of one lane, most urgent first, then oldest first; or the tasks that a worker holds or ended."""

    class Meta:
        index_name = "place"
        projection = KeysOnlyProjection()

    place = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


class WakeIndex(GlobalSecondaryIndex["TaskItem"]):
    """Tasks by the instant at which a transition may be due. Sparse and sharded."""

    class Meta:
        index_name = "wake"
        projection = KeysOnlyProjection()

    wake_shard = UnicodeAttribute(hash_key=True)
    wake_at = NumberAttribute(range_key=True)


LISTED_FIELDS = (
    "id", "org", "pool", "type", "name", "label", "manual", "status", "priority", "version", "epoch", "attempts",
    "max_attempts", "capabilities", "group", "payload", "payload_ref", "metadata", "result", "result_ref", "error",
    "progress", "worker_id", "run_at", "created_at", "updated_at", "leased_at", "started_at", "finished_at",
    "submitted_by", "bulky", "expires_at",
)  # fmt: skip
"""What a row of a list shows, so that a page is one call. Long payloads and results take one more call."""
PROJECTED = tuple(name for name in LISTED_FIELDS if name != "id")


class AgeIndex(GlobalSecondaryIndex["TaskItem"]):
    """The tasks of a pool by age."""

    class Meta:
        index_name = "age"
        projection = IncludeProjection(list(PROJECTED))

    owner = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class PhaseIndex(GlobalSecondaryIndex["TaskItem"]):
    """The tasks of a pool in one phase, or in one held state, by age."""

    class Meta:
        index_name = "phase"
        projection = IncludeProjection(list(PROJECTED))

    shelf = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


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
    name = UnicodeAttribute(null=True)
    label = UnicodeAttribute(null=True)
    manual = BooleanAttribute(null=True)
    wanted_worker = UnicodeAttribute(null=True)
    approval = CompactJson(null=True)
    concurrency_limit = CompactJson(attr_name="permit", null=True)
    parent = UnicodeAttribute(null=True)
    steps = ListAttribute[str](null=True)
    terms = ListAttribute[str](null=True)
    notify = ListAttribute[str](null=True)
    status = UnicodeAttribute()
    priority = NumberAttribute()
    version = NumberAttribute()
    edits = NumberAttribute(null=True)
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
    person = UnicodeAttribute(null=True)
    changed_by = UnicodeAttribute(null=True)
    failed_on = ListAttribute[str](null=True)
    start_to_close_ms = NumberAttribute()
    attempt_ms = NumberAttribute(null=True)
    schedule_to_start_ms = NumberAttribute()
    heartbeat_ms = NumberAttribute(null=True)
    deadline = NumberAttribute()
    due_at = NumberAttribute(null=True)
    overdue = BooleanAttribute(null=True)
    run_at = NumberAttribute(null=True)
    created_at = NumberAttribute()
    updated_at = NumberAttribute()
    ready_at = NumberAttribute(null=True)
    waited_since = NumberAttribute(null=True)
    release_reason = UnicodeAttribute(null=True)
    leased_at = NumberAttribute(null=True)
    started_at = NumberAttribute(null=True)
    beat_at = NumberAttribute(null=True)
    deliver_by = NumberAttribute(null=True)
    finished_at = NumberAttribute(null=True)
    wake_at = NumberAttribute(null=True)
    body_hash = UnicodeAttribute(null=True)
    submitted_by = UnicodeAttribute(null=True)

    # What only storage knows: index keys, when retention ends (epoch seconds), and where a payload or result stands
    # that is too long for the rows of a list.
    place = UnicodeAttribute(null=True)
    rank = UnicodeAttribute(null=True)
    owner = UnicodeAttribute(null=True)
    age = UnicodeAttribute(null=True)
    shelf = UnicodeAttribute(null=True)
    wake_shard = UnicodeAttribute(null=True)
    expires_at_s = NumberAttribute(null=True, attr_name="expires_at")
    payload_long = CompactJson(null=True)
    result_long = CompactJson(null=True)
    bulky = BooleanAttribute(null=True)

    by_place = PlaceIndex()
    by_wake = WakeIndex()
    by_age = AgeIndex()
    by_phase = PhaseIndex()


FIELDS = tuple(field.name for field in fields(Task))
_OMITTED_WHEN_FALSE = ("manual", "overdue", "edits")
"""Fields that are stored only if they are true or above 0."""
_TEXT_LISTS = ("steps", "terms", "notify", "failed_on")
LARGE_FIELDS = ("payload", "result", "payload_long", "result_long")
MAX_LISTED_CHARS = 4_000
"""Characters of JSON. A longer payload or result is not copied into the indexes of lists."""


def lane_partition(org: str, pool: str, lane: str) -> str:
    """Partition key of the place index: one lane of one pool of one org."""
    return f"{org}#{pool}#{lane}"


def worker_partition(org: str, pool: str, worker_id: str) -> str:
    """Partition key of the place index: the tasks that one worker holds, or held up to their end."""
    return f"{org}#{pool}@{worker_id}"


def queue_rank(task: Task) -> str:
    """Sort key in a lane: urgency first, then age, then id."""
    return f"{MAX_PRIORITY - task.priority}#{task.ready_at:013d}#{task.id}"


PHASE_ORDER = {Phase.HELD: "4", Phase.COMPLETED: "3", Phase.FAILED: "2", Phase.CANCELLED: "1"}
"""A worker's tasks are read in descending order: first held ones, then completed ones, and so on."""


def worker_rank(phase: Phase, since: int, task_id: str) -> str:
    """Sort key among a worker's tasks: by phase, then by when the task was leased or ended."""
    return f"{PHASE_ORDER[phase]}#{since:013d}#{task_id}"


def age_key(task: Task) -> str:
    """Sort key by age. It is unique, so that a page can begin after it."""
    return f"{task.created_at:013d}#{task.id}"


def _index_values(task: Task) -> dict[str, Any]:
    place, rank = _place_and_rank(task)
    has_lists, has_state_lists = is_listed(task.pool), is_listed_by_state(task.pool)
    return {
        "place": place,
        "rank": rank,
        "owner": f"{task.org}#{task.pool}" if has_lists else None,
        "age": age_key(task) if has_state_lists else None,
        "shelf": state_partition(task.org, task.pool, task.status) if has_state_lists else None,
        "wake_shard": wake_shard(task.id) if task.wake_at is not None else None,
        "expires_at_s": expiry_s(task.pool, task.finished_at or 0) if task.is_terminal else None,
    }


def is_managed(pool: str) -> bool:
    """Whether the pool's tasks are kept until a caller deletes them, searched by content, and announced."""
    return pool in settings().managed_pools


def is_searched(pool: str) -> bool:
    """Whether the pool's tasks are in the search index: in managed and in searched pools."""
    return is_managed(pool) or pool in settings().searched_pools


def expiry_s(pool: str, finished_at: int) -> int | None:
    """When the retention of a task is over that ended at this instant, in epoch seconds; None in a managed pool."""
    return None if is_managed(pool) else finished_at // clock.SECOND + settings().retention_days * 86_400


def is_listed(pool: str) -> bool:
    """Whether the pool's tasks are in all indexes of lists. Tasks of other pools cost nothing for them."""
    return pool in settings().listed_pools


def is_listed_by_state(pool: str) -> bool:
    """Whether the pool's tasks can be listed by their state: in listed and in watched pools."""
    return is_listed(pool) or pool in settings().watched_pools


def state_partition(org: str, pool: str, status: Status) -> str:
    """Partition key of the phase index. Each held state has its own: few of thousands of held tasks may be leased and
    not begun, and a list of these must not read all."""
    return f"{org}#{pool}#{status if status in HELD else PHASES[status]}"


def _place_and_rank(task: Task) -> tuple[str | None, str | None]:
    if task.is_queued:
        return lane_partition(task.org, task.pool, task.lane), queue_rank(task)
    if task.worker_id is None or task.phase is Phase.PENDING or not is_listed(task.pool):
        return None, None
    since = (task.leased_at if task.is_held else task.finished_at) or task.updated_at
    return worker_partition(task.org, task.pool, task.worker_id), worker_rank(task.phase, since, task.id)


def task_values(task: Task) -> dict[str, Any]:
    """The task as attribute values, with those of the indexes, without payload and result."""
    values = {name: getattr(task, name) for name in FIELDS if name not in LARGE_FIELDS}
    values["status"], values["capabilities"] = str(task.status), list(task.capabilities) or None
    values |= {name: getattr(task, name) or None for name in _OMITTED_WHEN_FALSE}
    values |= {name: list(getattr(task, name)) or None for name in _TEXT_LISTS}
    return values | _index_values(task)


def large_values(task: Task) -> dict[str, Any]:
    """Payload and result as attribute values, each in one of two attributes."""
    values = large_value("payload", task.payload) | large_value("result", task.result)
    return values | {"bulky": is_bulky(values)}


def large_value(name: str, value: Any) -> dict[str, Any]:
    """The two attributes of a payload or result: `<name>`, which is copied into the indexes, or `<name>_long`."""
    is_long = value is not None and len(json.dumps(value, separators=(",", ":"), ensure_ascii=False)) > MAX_LISTED_CHARS
    return {name: None if is_long else value, f"{name}_long": value if is_long else None}


def is_bulky(values: dict[str, Any]) -> bool | None:
    """True if the payload or result is missing in the indexes, else None, which is not stored."""
    return any(values.get(name) is not None for name in ("payload_long", "result_long")) or None


def parse(item: TaskItem) -> Task:
    """Parse a stored item."""
    values = {name: getattr(item, name) for name in FIELDS}
    values["status"], values["capabilities"] = Status(item.status), tuple(item.capabilities or ())
    values |= {"manual": bool(item.manual), "overdue": bool(item.overdue), "edits": int(item.edits or 0)}
    values |= {name: tuple(getattr(item, name) or ()) for name in _TEXT_LISTS}
    values["concurrency_limit"] = ConcurrencyLimit(*item.concurrency_limit) if item.concurrency_limit else None
    values["approval"] = _parse_approval(item.approval)
    for name in ("payload", "result"):
        values[name] = values[name] if values[name] is not None else getattr(item, f"{name}_long")
    return Task(**values)


def _parse_approval(stored: list[Any] | None) -> Approval | None:
    return Approval(ApprovalState(stored[0]), *stored[1:]) if stored else None


def from_raw(raw: RawItem) -> Task:
    """Parse a raw item of a stream record or of a refused write."""
    return parse(TaskItem.from_raw_data(raw))


def from_image(raw: RawItem) -> Task:
    """Parse a stream record's image without payload and result, on which no effect depends."""
    return from_raw({name: value for name, value in raw.items() if name not in LARGE_FIELDS})


def is_expired(item: TaskItem) -> bool:
    """Whether the item is past its retention, though DynamoDB may not have deleted it yet."""
    return item.expires_at_s is not None and item.expires_at_s * clock.SECOND <= clock.now()
