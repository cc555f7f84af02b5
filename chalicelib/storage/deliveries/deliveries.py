"""The `deliveries` table: what is sent to each webhook and through each messenger, attempt by attempt, until it arrived
or was given up.

A delivery stands at its webhook's or messenger's; beside it the bytes of an event, once for all that get it. Others
of the table's items are in endpoint_health.py (which receivers fail) and notifications.py (keys, tallies). The ids of
deliveries are ordered by when the event happened and end with the event's id, so that the same event gives a webhook
the same delivery, however often it is announced.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, NamedTuple

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib import clock
from chalicelib.domain.deliveries.delivery import TEST, WELL, Attempt, Delivery, Health, event_of
from chalicelib.domain.deliveries.notification import PROVIDERS
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.columns import CompactJson, wake_shard, wake_shards
from chalicelib.storage.aws.dynamodb import ConditionFailed, Item, RawItem, Write

RETENTION = 30 * clock.DAY
PAGE = 100
PREFIX = "dlv"


class WakeIndex(GlobalSecondaryIndex["DeliveryItem"]):
    """Deliveries by the moment at which they must be tried again. Sparse and sharded, messengers' apart from webhooks',
    so that they can be counted, and wait behind none of those."""

    class Meta:
        index_name = "wake"
        projection = KeysOnlyProjection()

    wake_shard = UnicodeAttribute(hash_key=True)
    wake_at = NumberAttribute(range_key=True)


class FailedIndex(GlobalSecondaryIndex["DeliveryItem"]):
    """The deliveries that were given up, of one webhook, by age; no tests. Sparse."""

    class Meta:
        index_name = "failed"
        projection = KeysOnlyProjection()

    failed = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class DeliveryItem(Item):
    class Meta:
        setting = "deliveries_table"
        ttl = "expires_at"

    webhook = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    org = UnicodeAttribute(null=True)
    event = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    attempts = CompactJson(null=True)
    tries = NumberAttribute(null=True)
    turn = BooleanAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    receipts = CompactJson(null=True)
    version = NumberAttribute(null=True)
    created_at = NumberAttribute(null=True)
    wake_at = NumberAttribute(null=True)
    wake_shard = UnicodeAttribute(null=True)
    failed = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)  # epoch seconds

    # Of an event: its bytes, as text.
    body = UnicodeAttribute(null=True)

    # Of a webhook's health; `next_turn` is the first moment that nobody has been given yet.
    failing_since = NumberAttribute(null=True)
    slow = BooleanAttribute(null=True)
    next_turn = NumberAttribute(null=True)
    resting_until = NumberAttribute(null=True)
    unanswered = NumberAttribute(null=True)

    by_wake = WakeIndex()
    by_failure = FailedIndex()


_FIELDS = tuple(field.name for field in fields(Delivery))


class Key(NamedTuple):
    """Where a delivery is."""

    org: str
    webhook: str
    id: str


class Load(NamedTuple):
    """What it takes to make an attempt: deliveries by key, bodies by (org, event id), healths by (org, webhook)."""

    deliveries: Mapping[Key, Delivery]
    bodies: Mapping[tuple[str, str], str]
    healths: Mapping[tuple[str, str], Health]


def identifier(at: int, event_id: str) -> str:
    """The id of an event's delivery; `at` is when it happened."""
    return f"{_stamp(at)}_{event_id}"


def _stamp(at: int) -> str:
    return f"{PREFIX}_{base64.b32hexencode(at.to_bytes(6)).decode().rstrip('=').lower()}"


def created(org: str, event: str, body: str, found: Sequence[Delivery]) -> list[Write]:
    """The writes of an event's bytes and of its deliveries, all or none; refused when the event is known."""
    expires_at = (clock.now() + RETENTION) // clock.SECOND
    text = DeliveryItem(events(org), event, body=body, expires_at=expires_at)
    return [dynamodb.put(item, DeliveryItem.id.does_not_exist()) for item in (text, *map(_item, found))]


def replaced(old: Delivery, new: Delivery) -> Delivery | None:
    """Write `new` unless somebody wrote since `old` was read; answers what stands now, None when it is gone."""
    try:
        dynamodb.commit(dynamodb.put(_item(new), DeliveryItem.version == old.version))
    except ConditionFailed as refused:
        return from_raw(refused.items[0]) if refused.items[0] else None
    return new


def find(org: str, webhook: str, identifier: str) -> Delivery | None:
    """The delivery as of now, or None; no other kind of item, whatever the webhook is called."""
    with dynamodb.reading():
        try:
            item = DeliveryItem.get(desk(org, webhook), identifier, consistent_read=True)
        except DeliveryItem.DoesNotExist:
            return None
    return parse(item) if item.status is not None else None


def load(keys: Iterable[Key]) -> Load:
    """Everything about these deliveries, as of now. One call for each hundred items."""
    wanted = list(keys)
    places = {
        *((desk(key.org, key.webhook), key.id) for key in wanted),
        *((events(key.org), event_of(key.id)) for key in wanted),
        *((healths(key.org), key.webhook) for key in wanted),
    }
    with dynamodb.reading():
        items = {(item.webhook, item.id): item for item in DeliveryItem.batch_get(list(places), consistent_read=True)}
    desks = {key: items.get((desk(key.org, key.webhook), key.id)) for key in wanted}
    return Load(
        {key: parse(item) for key, item in desks.items() if item is not None},
        {(key.org, event_of(key.id)): _body(items.get((events(key.org), event_of(key.id)))) for key in wanted},
        {(key.org, key.webhook): health(items.get((healths(key.org), key.webhook))) for key in wanted},
    )


def latest(org: str, webhook: str, limit: int) -> list[Delivery]:
    """The newest deliveries of a webhook. One call for each megabyte."""
    with dynamodb.reading():
        found = DeliveryItem.query(desk(org, webhook), scan_index_forward=False, limit=limit, page_size=limit)
        return [parse(item) for item in found]


def given_up(org: str, webhook: str, since: int = 0, *, limit: int, newest: bool = False) -> list[str]:
    """Ids of the deliveries that were given up of events since then, oldest first or newest first. One call; the index
    may lag."""
    begun = DeliveryItem.id >= _stamp(since)
    with dynamodb.reading():
        rows = DeliveryItem.by_failure.query(
            desk(org, webhook), begun, scan_index_forward=not newest, limit=limit, page_size=limit
        )
        return [row.id for row in rows]


def find_many(org: str, webhook: str, identifiers: Sequence[str]) -> list[Delivery]:
    """Those of the deliveries that exist, as of now, in the order of their ids given. One call for each hundred."""
    keys = [Key(org, webhook, one) for one in identifiers]
    found = by_key(keys)
    return [found[key] for key in keys if key in found]


def by_key(keys: Iterable[Key]) -> dict[Key, Delivery]:
    """Those of the deliveries that exist, as of now. One call for each hundred."""
    places = {(desk(key.org, key.webhook), key.id): key for key in keys}
    with dynamodb.reading():
        found = DeliveryItem.batch_get(list(places), consistent_read=True) if places else ()
        return {places[item.webhook, item.id]: parse(item) for item in found}


def due(shard: str, before: int, limit: int | None = None) -> Iterator[Key]:
    """Deliveries of one wake shard that were due before then, at most so many, longest overdue first; read page by
    page."""
    with dynamodb.reading():
        page = min(PAGE, limit or PAGE)
        for row in DeliveryItem.by_wake.query(shard, DeliveryItem.wake_at < before, page_size=page, limit=limit):
            org, _, webhook = row.webhook.rpartition("#")
            yield Key(org, webhook, row.id)


def shards() -> list[str]:
    """Every partition of the wake index: webhooks' and messengers'."""
    found = wake_shards()
    return [*found, *map(_messengers, found)]


def waiting(now: int, most: int) -> tuple[int, int]:
    """How many deliveries to messengers are due, and how many are not yet: the first `most` of each wake shard are
    counted. One call for each shard; the index may lag."""
    with dynamodb.reading():
        found = [
            row.wake_at <= now
            for shard in wake_shards()
            for row in DeliveryItem.by_wake.query(_messengers(shard), limit=most, page_size=most)
        ]
    return sum(found), len(found) - sum(found)


def _messengers(shard: str) -> str:
    return f"{shard}#messengers"


def reminded(key: Key, now: int, until: int) -> Delivery | None:
    """Leave a delivery that is due to the message that is sent for it, until then; None when it is not due any more.

    Its version stays, so that messages sent before are not stale: where many wait, each has its turn.
    """
    due = DeliveryItem.wake_at <= now
    write = dynamodb.update(DeliveryItem(desk(key.org, key.webhook), key.id), [DeliveryItem.wake_at.set(until)], due)
    try:
        return from_raw(dynamodb.commit(write, returning="ALL_NEW"))
    except ConditionFailed:
        return None


def parse(item: DeliveryItem) -> Delivery:
    """The stored item as a value."""
    values: dict[str, Any] = {name: getattr(item, name) for name in _FIELDS}
    values |= {"webhook": item.webhook.rpartition("#")[2], "turn": bool(item.turn), "tries": int(item.tries or 0)}
    values["attempts"] = tuple(Attempt(**one) for one in item.attempts or ())
    values["receipts"] = tuple(item.receipts or ())
    values["expires_at"] = int(item.expires_at or 0) * clock.SECOND
    return Delivery(**values)


def from_raw(raw: RawItem) -> Delivery:
    """The raw item of a refused write, as a value."""
    return parse(DeliveryItem.from_raw_data(raw))


def _item(found: Delivery) -> DeliveryItem:
    place = desk(found.org, found.webhook)
    values = {name: getattr(found, name) for name in _FIELDS if name not in ("webhook", "id")}
    values |= {
        "attempts": [asdict(one) for one in found.attempts] or None,
        "receipts": list(found.receipts) or None,
        "turn": found.turn or None,
        "wake_shard": _wake_shard(found) if found.wake_at is not None else None,
        "failed": place if found.status == "failed" and found.event != TEST else None,
        "expires_at": found.expires_at // clock.SECOND,
    }
    return DeliveryItem(place, found.id, **{name: value for name, value in values.items() if value is not None})


def _wake_shard(found: Delivery) -> str:
    shard = wake_shard(found.id)
    return _messengers(shard) if found.webhook in PROVIDERS else shard


def _body(item: DeliveryItem | None) -> str:
    return "" if item is None else str(item.body)


def health(item: DeliveryItem | None) -> Health:
    """How a webhook or messenger is doing, by its item."""
    if item is None:
        return WELL
    since, rest = (None if at is None else int(at) for at in (item.failing_since, item.resting_until))
    unanswered = int(item.unanswered or 0)
    return Health(failing_since=since, slow=bool(item.slow), resting_until=rest, unanswered=unanswered)


def desk(org: str, webhook: str) -> str:
    """Partition of the deliveries to one webhook, or through one messenger."""
    return f"{org}#{webhook}"


def events(org: str) -> str:
    """Partition of what an org's deliveries carry."""
    return f"{org}#events"


def healths(org: str) -> str:
    """Partition of how an org's webhooks and messengers are doing."""
    return f"{org}#health"
