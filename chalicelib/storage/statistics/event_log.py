"""The `events` table: the event log, with a partition for each hour of each pool so that an hour can be recounted."""

from collections.abc import Iterator

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.changes.effects import Event, EventKind
from chalicelib.domain.statistics.counters import HOUR_MS
from chalicelib.domain.statistics.task_lines import LEVELS
from chalicelib.domain.tasks.task import Phase
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Item, Write


class TaskIndex(GlobalSecondaryIndex["EventItem"]):
    """The events of one task, by time. Sparse: only pools with a log."""

    class Meta:
        index_name = "task"
        projection = AllProjection()

    task = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class EventItem(Item):
    class Meta:
        setting = "events_table"
        ttl = "expires_at"

    bucket = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    org = UnicodeAttribute()
    pool = UnicodeAttribute()
    kind = UnicodeAttribute()
    subject = UnicodeAttribute()
    version = NumberAttribute()
    at = NumberAttribute()
    worker_id = UnicodeAttribute(null=True)
    attempt = NumberAttribute(null=True)
    label = UnicodeAttribute(null=True)
    left = UnicodeAttribute(null=True)
    running = BooleanAttribute(null=True)
    attempt_failed = BooleanAttribute(attr_name="burned")
    waited_ms = NumberAttribute(null=True)
    took_ms = NumberAttribute(null=True)
    whole_ms = NumberAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    awaiting = NumberAttribute(null=True)
    quality = NumberAttribute(null=True)
    since = NumberAttribute(null=True)
    completed = NumberAttribute(null=True)
    failed = NumberAttribute(null=True)
    expires_at = NumberAttribute()
    task = UnicodeAttribute(null=True)  # of a line of a log

    by_task = TaskIndex()


_FIELDS = Event.__slots__
_DEFAULTS = {"running": False, "awaiting": 0, "completed": 0, "failed": 0}
"""Values that are not stored."""


def hour_partition(org: str, pool: str, instant: int) -> str:
    """Partition of the hour of `instant` (epoch milliseconds)."""
    return f"{org}#{pool}#{instant // HOUR_MS}"


def log_write(event: Event) -> Write:
    """The write of one event, refused when it is in the log: its id has the subject and its version."""
    values = {name: getattr(event, name) for name in _FIELDS}
    item = EventItem(
        hour_partition(event.org, event.pool, event.at),
        f"{event.at:013d}#{event.subject}#{event.version:08d}",
        # The event of a task removed by retention is as old as the task, but has to be kept like others.
        expires_at=max(event.at, clock.now()) // 1000 + settings().retention_days * 86_400,
        **{name: value for name, value in values.items() if value is not None and value != _DEFAULTS.get(name)},
    )
    item.kind = str(event.kind)
    if event.pool in settings().logged_pools and event.kind in LEVELS:
        item.task = _task_partition(event.org, event.pool, event.subject)
    return dynamodb.put(item, EventItem.id.does_not_exist())


def _task_partition(org: str, pool: str, task_id: str) -> str:
    return f"{org}#{pool}#{task_id}"


def read_task(org: str, pool: str, task_id: str) -> list[Event]:
    """The events of a task of a pool with a log, in order of time. One call; the index may lag."""
    with dynamodb.reading():
        return [parse(item) for item in EventItem.by_task.query(_task_partition(org, pool, task_id))]


def read_hour(org: str, pool: str, instant: int) -> Iterator[Event]:
    """The events of the hour of `instant`, in order of time, as of now."""
    with dynamodb.reading():
        for item in EventItem.query(hour_partition(org, pool, instant), consistent_read=True):
            yield parse(item)


def parse(item: EventItem) -> Event:
    """The event of a stored item."""
    values = {name: getattr(item, name) for name in _FIELDS}
    values |= {name: default for name, default in _DEFAULTS.items() if values[name] is None}
    return Event(**(values | {"kind": EventKind(item.kind), "left": Phase(item.left) if item.left else None}))
