"""Notifications, in the `deliveries` table.

The deliveries of a notification are stored in deliveries.py's way, with the provider as their receiver. The
notification itself is stored once for all of them, among the org's events, with an id that sorts by age. Beside it are
the idempotency keys, each for as long as it may be repeated, and each provider's tally.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib import clock
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.deliveries.notification import Notification
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Item, Write
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries.deliveries import DeliveryItem

ID_PREFIX = "ntf"
KEY_RETENTION_MS = clock.DAY


class TallyItem(Item):
    """The results of a provider's notifications so far, of one org."""

    class Meta:
        setting = "deliveries_table"

    webhook = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    sent = NumberAttribute(null=True)
    failed = NumberAttribute(null=True)
    last_success = NumberAttribute(null=True)
    last_error = UnicodeAttribute(null=True)
    last_error_at = NumberAttribute(null=True)


class ProviderTally(NamedTuple):
    """Counts of notifications that ended at a provider, and its latest success and error, in epoch milliseconds."""

    sent: int = 0
    failed: int = 0
    last_success: int | None = None
    last_error: str | None = None
    last_error_at: int | None = None


class KeyUse(NamedTuple):
    """The notification that an idempotency key was used for."""

    notification_id: str
    fingerprint: str


def create(
    org: str, notification: Notification, deliveries_of_it: Sequence[Delivery], key: str | None, fingerprint: str
) -> KeyUse | None:
    """Write a notification and its deliveries, all or none. One call. If the key was used before, nothing is written
    and its earlier use is returned.

    All ids are new, so that a conflict about anything but the key means that this very write was made before and its
    answer was lost.
    """
    writes = deliveries.create_writes(org, notification.id, _text(notification), deliveries_of_it)
    try:
        dynamodb.commit(*([_key_write(org, key, notification.id, fingerprint)] if key is not None else []), *writes)
    except ConditionFailed as refused:
        if key is not None and refused.items[0] is not None:
            return KeyUse(*json.loads(refused.items[0]["body"]["S"]))
    return None


def find_key_use(org: str, key: str) -> KeyUse | None:
    """The use of an idempotency key that may still be repeated, or None. One consistent read."""
    with dynamodb.reading():
        try:
            item = DeliveryItem.get(_keys_partition(org), key, consistent_read=True)
        except DeliveryItem.DoesNotExist:
            return None
    is_over = int(item.expires_at_s or 0) <= clock.now() // clock.SECOND
    return None if is_over else KeyUse(*json.loads(str(item.body)))


def _keys_partition(org: str) -> str:
    return f"{org}#keys"


def _key_write(org: str, key: str, notification_id: str, fingerprint: str) -> Write:
    body, now_s = json.dumps([notification_id, fingerprint]), clock.now() // clock.SECOND
    item = DeliveryItem(_keys_partition(org), key, body=body, expires_at_s=now_s + KEY_RETENTION_MS // clock.SECOND)
    return dynamodb.put(item, DeliveryItem.id.does_not_exist() | (DeliveryItem.expires_at_s <= now_s))


def find(org: str, identifier: str) -> Notification | None:
    """The notification, or None. One consistent read."""
    with dynamodb.reading():
        try:
            return parse(DeliveryItem.get(deliveries.events_partition(org), identifier, consistent_read=True).body)
        except DeliveryItem.DoesNotExist:
            return None


def list_page(org: str, before: str | None, limit: int) -> list[Notification]:
    """The newest notifications, or the newest of those before an id. One consistent call."""
    first, last = f"{ID_PREFIX}_", before or f"{ID_PREFIX}_~"
    with dynamodb.reading():
        # A range includes its ends: `before` itself is left out below.
        items = DeliveryItem.query(
            deliveries.events_partition(org),
            DeliveryItem.id.between(first, last),
            consistent_read=True,
            scan_index_forward=False,
            limit=limit + 1,
            page_size=limit + 1,
        )
        return [parse(str(item.body)) for item in items if item.id != before][:limit]


def parse(text: str) -> Notification:
    """The stored text of a notification, as a value."""
    return Notification(**json.loads(text))


def _text(notification: Notification) -> str:
    return json.dumps(notification._asdict(), ensure_ascii=False, separators=(",", ":"))


def record_outcome(org: str, provider: str, now: int, *, error: str | None = None, ended: bool = True) -> None:
    """Record a provider's success or its error. Count the notification as sent or failed, unless it is retried (`ended`
    is false). One call, separate from the delivery's own: if the process dies between the two, a count is lost, never
    a message."""
    if error is None:
        actions = [TallyItem.sent.add(1), TallyItem.last_success.set(now)]
    else:
        actions = [TallyItem.last_error.set(error), TallyItem.last_error_at.set(now)]
        actions += [TallyItem.failed.add(1)] if ended else []
    anything = TallyItem.id.exists() | TallyItem.id.does_not_exist()
    dynamodb.commit(dynamodb.update(TallyItem(_tally_partition(org), provider), actions, anything))


def find_tallies(org: str) -> dict[str, ProviderTally]:
    """The tallies of the providers that have sent or failed. One consistent call."""
    with dynamodb.reading():
        return {item.id: _parse_tally(item) for item in TallyItem.query(_tally_partition(org), consistent_read=True)}


def _parse_tally(item: TallyItem) -> ProviderTally:
    success, failure = (None if at is None else int(at) for at in (item.last_success, item.last_error_at))
    return ProviderTally(int(item.sent or 0), int(item.failed or 0), success, item.last_error, failure)


def _tally_partition(org: str) -> str:
    return f"{org}#messengers"
