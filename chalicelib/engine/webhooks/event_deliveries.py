"""Events for webhooks: each event's body is stored once, with one delivery for each webhook that subscribed to it."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib import clock
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.deliveries import json_stringify
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.document import Document
from chalicelib.engine.deliveries.attempt_queue import enqueue_attempts
from chalicelib.engine.webhooks import endpoints
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.deliveries import deliveries as storage
from chalicelib.storage.deliveries.deliveries import Key

MAX_BODY_BYTES = 20_000
"""The size that Standard Webhooks advises; the longest members of larger data are left out."""


def create_deliveries(org: str, events: Sequence[PublicEvent]) -> None:
    """Store each event with a delivery for each subscribed webhook of the org, and enqueue their attempts.

    Repeating it is harmless: a stored event is not stored again, and its deliveries are enqueued only until they have
    been attempted. One call, one for each event that has subscribers, and one for each ten deliveries.
    """
    webhooks = endpoints.list_all(org) if events else []
    subscribed = ((event, endpoints.filter_subscribed(webhooks, event)) for event in events)
    enqueue_attempts([delivery for event, subscribers in subscribed for delivery in _create(event, subscribers)])


def _create(event: PublicEvent, webhooks: Sequence[Document]) -> list[Delivery]:
    if not webhooks:
        return []
    deliveries = [build_delivery(event, webhook) for webhook in webhooks]
    try:
        dynamodb.commit(*storage.create_writes(event.org, event.id, build_body(event), deliveries))
    except ConditionFailed:
        return _not_attempted(deliveries)
    return deliveries


def _not_attempted(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those of an event that was stored before which have not been attempted: their message may be lost."""
    stored = storage.find_by_key(map(Key.from_delivery, deliveries))
    return [delivery for delivery in stored.values() if delivery.version == 1]


def build_delivery(event: PublicEvent, webhook: Document) -> Delivery:
    """The delivery of a event to a webhook. The same event and webhook always give the same id."""
    now = clock.now()
    return Delivery(
        org=event.org,
        receiver=webhook.id,
        id=storage.delivery_id(event.at, event.id),
        event=event.topic,
        created_at=now,
        wake_at=now,
        expires_at=now + storage.RETENTION_MS,
    )


def build_body(event: PublicEvent) -> str:
    """The request's body (coordinaitor.md, "Webhook Payload"), as JSON that JavaScript writes back byte by byte.

    `abridged` names the members of the data that are left out so that the body fits into MAX_BODY_BYTES.
    """
    data, left_out = dict(event.data), list[str]()
    while len((body := _payload(event, data, left_out)).encode()) > MAX_BODY_BYTES:
        longest = max(
            filter(lambda name: name != "id", data), key=lambda name: len(json_stringify.stringify(data[name]))
        )
        del data[longest]
        left_out.append(longest)
    return body


def _payload(event: PublicEvent, data: Mapping[str, Any], left_out: Sequence[str]) -> str:
    payload: dict[str, Any] = {
        "event": event.topic,
        "timestamp": clock.iso(event.at),
        "data": data,
        "organization": {"id": event.org, "name": event.organization or event.org},
    }
    return json_stringify.stringify(payload | ({"abridged": list(left_out)} if left_out else {}))
