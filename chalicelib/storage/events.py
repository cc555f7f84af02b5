"""The `events` table: the log, one partition for each hour of each pool, so that an hour can be recounted."""

from collections.abc import Iterator

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.config import settings
from chalicelib.domain.effects import Event, Kind
from chalicelib.domain.statistics import HOUR_MS
from chalicelib.storage import base
from chalicelib.storage.base import Item, Write


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
    burned = BooleanAttribute()
    waited_ms = NumberAttribute(null=True)
    took_ms = NumberAttribute(null=True)
    since = NumberAttribute(null=True)
    expires_at = NumberAttribute()


_FIELDS = Event.__slots__


def bucket(org: str, pool: str, instant: int) -> str:
    """Partition of the hour that holds `instant`."""
    return f"{org}#{pool}#{instant // HOUR_MS}"


def logged(event: Event) -> Write:
    """The write of one entry, refused when it is in the log already: its id is the subject and its version."""
    item = EventItem(
        bucket(event.org, event.pool, event.at),
        f"{event.at:013d}#{event.subject}#{event.version:08d}",
        expires_at=event.at // 1000 + settings().retention_days * 86_400,
        **{name: getattr(event, name) for name in _FIELDS if getattr(event, name) is not None},
    )
    item.kind = str(event.kind)
    return base.put(item, EventItem.id.does_not_exist())


def hour(org: str, pool: str, instant: int) -> Iterator[Event]:
    """The entries of the hour that holds `instant`, in order of time, as of now."""
    with base.reading():
        for item in EventItem.query(bucket(org, pool, instant), consistent_read=True):
            yield parse(item)


def parse(item: EventItem) -> Event:
    """The stored item as a value."""
    values = {name: getattr(item, name) for name in _FIELDS}
    return Event(**(values | {"kind": Kind(item.kind)}))
