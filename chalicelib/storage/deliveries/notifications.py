"""Notifications, in the `deliveries` table: what is said, once for all providers, and each provider's deliveries of it.

A provider's deliveries stand where a webhook's would, under the provider's name. What is said stands among the events,
with ids in order of age; beside it, for as long as they may be repeated, the idempotency keys; and what each provider
has done.
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

PREFIX = "ntf"
KEYS_KEPT = clock.DAY


class TallyItem(Item):
    """What a provider has done for an org so far."""

    class Meta:
        setting = "deliveries_table"

    webhook = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    sent = NumberAttribute(null=True)
    failed = NumberAttribute(null=True)
    last_success = NumberAttribute(null=True)
    last_error = UnicodeAttribute(null=True)
    last_error_at = NumberAttribute(null=True)


class Tally(NamedTuple):
    """Counts of notifications that ended, and the latest news; instants in epoch milliseconds."""

    sent: int = 0
    failed: int = 0
    last_success: int | None = None
    last_error: str | None = None
    last_error_at: int | None = None


class Known(NamedTuple):
    """What an idempotency key was used for."""

    notification: str
    fingerprint: str


def created(org: str, made: Notification, found: Sequence[Delivery], key: str | None, fingerprint: str) -> Known | None:
    """Write down a notification and its deliveries, all or none. One call. Where the key was used before nothing is
    written, and what it was used for is answered. A refusal of anything but the key is this very write, whose answer
    was lost: all the ids are new."""
    writes = deliveries.created(org, made.id, _text(made), found)
    try:
        dynamodb.commit(*([_noted(org, key, made.id, fingerprint)] if key is not None else []), *writes)
    except ConditionFailed as refused:
        if key is not None and refused.items[0] is not None:
            return Known(*json.loads(refused.items[0]["body"]["S"]))
    return None


def _noted(org: str, key: str, notification: str, fingerprint: str) -> Write:
    said = json.dumps([notification, fingerprint])
    expires_at = (clock.now() + KEYS_KEPT) // clock.SECOND
    free = DeliveryItem.id.does_not_exist() | (DeliveryItem.expires_at <= clock.now() // clock.SECOND)
    return dynamodb.put(DeliveryItem(f"{org}#keys", key, body=said, expires_at=expires_at), free)


def find(org: str, identifier: str) -> Notification | None:
    """The notification, or None. One call."""
    with dynamodb.reading():
        try:
            return parse(DeliveryItem.get(deliveries.events(org), identifier, consistent_read=True).body)
        except DeliveryItem.DoesNotExist:
            return None


def page(org: str, before: str | None, limit: int) -> list[Notification]:
    """The newest notifications, or the newest of those before an id. One call."""
    first, last = f"{PREFIX}_", before or f"{PREFIX}_~"
    with dynamodb.reading():
        # A range holds its ends: `before` itself is left out below.
        found = DeliveryItem.query(
            deliveries.events(org),
            DeliveryItem.id.between(first, last),
            consistent_read=True,
            scan_index_forward=False,
            limit=limit + 1,
            page_size=limit + 1,
        )
        return [parse(str(item.body)) for item in found if item.id != before][:limit]


def parse(text: str) -> Notification:
    """A notification, as it is kept."""
    return Notification(**json.loads(text))


def _text(made: Notification) -> str:
    return json.dumps(made._asdict(), ensure_ascii=False, separators=(",", ":"))


def tallied(org: str, provider: str, now: int, *, error: str | None = None, ended: bool = True) -> None:
    """Count a notification that `ended`: sent, or failed where there is an error; note the error in any case. One call,
    apart from the delivery's own: a death between the two costs a count, never a message."""
    if error is None:
        actions = [TallyItem.sent.add(1), TallyItem.last_success.set(now)]
    else:
        actions = [TallyItem.last_error.set(error), TallyItem.last_error_at.set(now)]
        actions += [TallyItem.failed.add(1)] if ended else []
    anything = TallyItem.id.exists() | TallyItem.id.does_not_exist()
    dynamodb.commit(dynamodb.update(TallyItem(_tallies(org), provider), actions, anything))


def tallies(org: str) -> dict[str, Tally]:
    """What each provider has done that has done anything. One call."""
    with dynamodb.reading():
        return {item.id: _tally(item) for item in TallyItem.query(_tallies(org), consistent_read=True)}


def _tally(item: TallyItem) -> Tally:
    success, failure = (None if at is None else int(at) for at in (item.last_success, item.last_error_at))
    return Tally(int(item.sent or 0), int(item.failed or 0), success, item.last_error, failure)


def _tallies(org: str) -> str:
    return f"{org}#messengers"
