"""The `deliveries` table: each delivery of an event to a webhook, or of a notification to a messenger.

A delivery is stored in its receiver's partition, and the body of an event once for all its deliveries. Other items of
the table are in receiver_health.py (receivers in trouble) and notifications.py (idempotency keys, tallies). Ids of
deliveries sort by the time of the event and end with the event's id, so that the same event gives a receiver the same
delivery, however often it is announced.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, NamedTuple

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib import clock
from chalicelib.domain.deliveries.delivery import HEALTHY, TEST_EVENT, Attempt, Delivery, Health, parse_event_id
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.columns import CompactJson, wake_shard, wake_shards
from chalicelib.storage.aws.dynamodb import ConditionFailed, Item, RawItem, Write

RETENTION_MS = 30 * clock.DAY
PAGE = 100
ID_PREFIX = "dlv"


class WakeIndex(GlobalSecondaryIndex["DeliveryItem"]):
    """Deliveries by when they are due. Sparse and sharded. Messengers have their own shards, so that their deliveries
    can be counted and do not wait behind those of webhooks."""

    class Meta:
        index_name = "wake"
        projection = KeysOnlyProjection()

    wake_shard = UnicodeAttribute(hash_key=True)
    wake_at = NumberAttribute(range_key=True)


class FailedIndex(GlobalSecondaryIndex["DeliveryItem"]):
    """The failed deliveries of one receiver by age, without tests. Sparse."""

    class Meta:
        index_name = "failed"
        projection = KeysOnlyProjection()

    failed = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class DeliveryItem(Item):
    class Meta:
        setting = "deliveries_table"
        ttl = "expires_at"

    webhook = UnicodeAttribute(hash_key=True)  # the partition: of any receiver, an org's events or its health items
    id = UnicodeAttribute(range_key=True)
    org = UnicodeAttribute(null=True)
    event = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    attempts = CompactJson(null=True)
    tries = NumberAttribute(null=True)
    is_scheduled = BooleanAttribute(null=True, attr_name="turn")
    reason = UnicodeAttribute(null=True)
    receipts = CompactJson(null=True)
    version = NumberAttribute(null=True)
    created_at = NumberAttribute(null=True)
    wake_at = NumberAttribute(null=True)
    wake_shard = UnicodeAttribute(null=True)
    failed = UnicodeAttribute(null=True)
    expires_at_s = NumberAttribute(null=True, attr_name="expires_at")

    # Of an event: its body, as text.
    body = UnicodeAttribute(null=True)

    # Of a receiver's health; `next_free_at` is the first time for which no attempt is scheduled.
    failing_since = NumberAttribute(null=True)
    is_slow = BooleanAttribute(null=True, attr_name="slow")
    next_free_at = NumberAttribute(null=True, attr_name="next_turn")
    paused_until = NumberAttribute(null=True, attr_name="resting_until")
    unanswered = NumberAttribute(null=True)

    by_wake = WakeIndex()
    by_failure = FailedIndex()


_SAME_NAMED = tuple(field.name for field in fields(Delivery) if field.name not in ("receiver", "id"))


class Key(NamedTuple):
    """The key of a delivery."""

    org: str
    receiver: str
    id: str

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> "Key":
        return cls(delivery.org, delivery.receiver, delivery.id)


class AttemptData(NamedTuple):
    """What an attempt needs: deliveries by key, bodies by (org, event id), healths by (org, receiver)."""

    deliveries: Mapping[Key, Delivery]
    bodies: Mapping[tuple[str, str], str]
    healths: Mapping[tuple[str, str], Health]


def delivery_id(at: int, event_id: str) -> str:
    """The id of each delivery of an event that happened `at`."""
    return f"{_id_prefix(at)}_{event_id}"


def _id_prefix(at: int) -> str:
    return f"{ID_PREFIX}_{base64.b32hexencode(at.to_bytes(6)).decode().rstrip('=').lower()}"


def create_writes(
    org: str, event: str, body: str, deliveries: Sequence[Delivery], *, expires_at: int | None = None
) -> list[Write]:
    """The writes of an event's body and of its deliveries, for one transaction. It fails if the event exists."""
    expires_at_s = (expires_at or clock.now() + RETENTION_MS) // clock.SECOND
    text = DeliveryItem(events_partition(org), event, body=body, expires_at_s=expires_at_s)
    return [dynamodb.put(item, DeliveryItem.id.does_not_exist()) for item in (text, *map(to_item, deliveries))]


def replace_if_unchanged(old: Delivery, new: Delivery) -> Delivery | None:
    """Write `new` unless somebody else wrote since `old` was read. Returns the stored delivery, or None when there is
    none any more. One call."""
    try:
        dynamodb.commit(dynamodb.put(to_item(new), DeliveryItem.version == old.version))
    except ConditionFailed as refused:
        return from_raw(refused.items[0]) if refused.items[0] else None
    return new


def find(org: str, receiver: str, identifier: str) -> Delivery | None:
    """The delivery, or None. Other kinds of item are not found, even when the caller's `receiver` names a partition of
    theirs. One consistent read."""
    with dynamodb.reading():
        try:
            item = DeliveryItem.get(receiver_partition(org, receiver), identifier, consistent_read=True)
        except DeliveryItem.DoesNotExist:
            return None
    return parse(item) if item.status is not None else None


def load_attempt_data(keys: Iterable[Key]) -> AttemptData:
    """What the attempts of these deliveries need, read consistently. One call for each hundred items."""
    keys = list(keys)
    delivery_keys = {key: (receiver_partition(key.org, key.receiver), key.id) for key in keys}
    body_keys = {(key.org, event := parse_event_id(key.id)): (events_partition(key.org), event) for key in keys}
    health_keys = {(key.org, key.receiver): (health_partition(key.org), key.receiver) for key in keys}
    wanted = {*delivery_keys.values(), *body_keys.values(), *health_keys.values()}
    with dynamodb.reading():
        items = {(item.webhook, item.id): item for item in DeliveryItem.batch_get(list(wanted), consistent_read=True)}
    return AttemptData(
        {key: parse(items[item_key]) for key, item_key in delivery_keys.items() if item_key in items},
        {key: _body(items.get(item_key)) for key, item_key in body_keys.items()},
        {key: parse_health(items.get(item_key)) for key, item_key in health_keys.items()},
    )


def list_latest(org: str, receiver: str, limit: int) -> list[Delivery]:
    """The newest deliveries to a receiver. One call for each megabyte."""
    place = receiver_partition(org, receiver)
    with dynamodb.reading():
        items = DeliveryItem.query(place, scan_index_forward=False, limit=limit, page_size=limit)
        return [parse(item) for item in items]


def list_failed_ids(org: str, receiver: str, since: int = 0, *, limit: int, newest: bool = False) -> list[str]:
    """Ids of the failed deliveries of events since then, oldest first or newest first. One call; the index may lag."""
    place, begun = receiver_partition(org, receiver), DeliveryItem.id >= _id_prefix(since)
    with dynamodb.reading():
        rows = DeliveryItem.by_failure.query(place, begun, scan_index_forward=not newest, limit=limit, page_size=limit)
        return [row.id for row in rows]


def find_many(org: str, receiver: str, identifiers: Sequence[str]) -> list[Delivery]:
    """Those of the deliveries that exist, in the order of `identifiers`. One consistent call for each hundred."""
    keys = [Key(org, receiver, identifier) for identifier in identifiers]
    found = find_by_key(keys)
    return [found[key] for key in keys if key in found]


def find_by_key(keys: Iterable[Key]) -> dict[Key, Delivery]:
    """Those of the deliveries that exist. One consistent call for each hundred."""
    item_keys = {(receiver_partition(key.org, key.receiver), key.id): key for key in keys}
    with dynamodb.reading():
        items = DeliveryItem.batch_get(list(item_keys), consistent_read=True) if item_keys else ()
        return {item_keys[item.webhook, item.id]: parse(item) for item in items}


def find_due(shard: str, before: int, limit: int | None = None) -> Iterator[Key]:
    """Deliveries of one wake shard that were due before then, longest overdue first, at most `limit`. Read page by
    page."""
    with dynamodb.reading():
        page = min(PAGE, limit or PAGE)
        for row in DeliveryItem.by_wake.query(shard, DeliveryItem.wake_at < before, page_size=page, limit=limit):
            org, _, receiver = row.webhook.rpartition("#")
            yield Key(org, receiver, row.id)


def all_wake_shards() -> list[str]:
    """Every partition of the wake index, those of webhooks and those of messengers."""
    shards = wake_shards()
    return [*shards, *map(_messenger_shard, shards)]


def count_waiting(now: int, limit: int) -> tuple[int, int]:
    """How many deliveries to messengers are due, and how many are due later, of the first `limit` in each wake shard.
    One call for each shard; the index may lag."""
    with dynamodb.reading():
        due = [
            row.wake_at <= now
            for shard in wake_shards()
            for row in DeliveryItem.by_wake.query(_messenger_shard(shard), limit=limit, page_size=limit)
        ]
    return sum(due), len(due) - sum(due)


def _messenger_shard(shard: str) -> str:
    return f"{shard}#messengers"


def defer_due(key: Key, now: int, until: int) -> Delivery | None:
    """Move a due delivery to `until`, while a message about it is on its way. Returns None when it is not due any more.

    The version stays the same, so that earlier messages about it are still good.
    """
    item, due = DeliveryItem(receiver_partition(key.org, key.receiver), key.id), DeliveryItem.wake_at <= now
    write = dynamodb.update(item, [DeliveryItem.wake_at.set(until)], due)
    try:
        return from_raw(dynamodb.commit(write, returning="ALL_NEW"))
    except ConditionFailed:
        return None


def parse(item: DeliveryItem) -> Delivery:
    """The stored item as a value."""
    values: dict[str, Any] = {name: getattr(item, name) for name in _SAME_NAMED if name != "expires_at"}
    values |= {"id": item.id, "receiver": item.webhook.rpartition("#")[2]}
    values |= {"is_scheduled": bool(item.is_scheduled), "tries": int(item.tries or 0)}
    values["attempts"] = tuple(Attempt(**attempt) for attempt in item.attempts or ())
    values["receipts"] = tuple(item.receipts or ())
    values["expires_at"] = int(item.expires_at_s or 0) * clock.SECOND
    return Delivery(**values)


def from_raw(raw: RawItem) -> Delivery:
    """The raw item of a failed write, as a value."""
    return parse(DeliveryItem.from_raw_data(raw))


def to_item(delivery: Delivery) -> DeliveryItem:
    """The value as it is stored."""
    place = receiver_partition(delivery.org, delivery.receiver)
    values = {name: getattr(delivery, name) for name in _SAME_NAMED if name != "expires_at"}
    values |= {
        "attempts": [asdict(attempt) for attempt in delivery.attempts] or None,
        "receipts": list(delivery.receipts) or None,
        "is_scheduled": delivery.is_scheduled or None,
        "wake_shard": _wake_shard(delivery) if delivery.wake_at is not None else None,
        "failed": place if delivery.status == "failed" and delivery.event != TEST_EVENT else None,
        "expires_at_s": delivery.expires_at // clock.SECOND,
    }
    return DeliveryItem(place, delivery.id, **{name: value for name, value in values.items() if value is not None})


def _wake_shard(delivery: Delivery) -> str:
    shard = wake_shard(delivery.id)
    return _messenger_shard(shard) if delivery.kind == "messenger" else shard


def _body(item: DeliveryItem | None) -> str:
    return "" if item is None else str(item.body)


def parse_health(item: DeliveryItem | None) -> Health:
    """A receiver's health from its item; a receiver without one is healthy."""
    if item is None:
        return HEALTHY
    since, until = (None if at is None else int(at) for at in (item.failing_since, item.paused_until))
    unanswered = int(item.unanswered or 0)
    return Health(failing_since=since, is_slow=bool(item.is_slow), paused_until=until, unanswered=unanswered)


def receiver_partition(org: str, receiver: str) -> str:
    """Partition of the deliveries to one receiver."""
    return f"{org}#{receiver}"


def events_partition(org: str) -> str:
    """Partition of the bodies of an org's events and notifications."""
    return f"{org}#events"


def health_partition(org: str) -> str:
    """Partition of the health of an org's receivers."""
    return f"{org}#health"
