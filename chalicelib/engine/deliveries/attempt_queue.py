"""The queues of attempts, and the wakeups of deliveries that are due later. The queue `webhooks` is for webhooks,
`notifications` for messengers and social platforms.

A message names a delivery and a version of it. Each attempt writes a new version, so that all other messages about the
version before are stale and nothing that was acknowledged is sent again.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.config import settings
from chalicelib.domain.changes.effects import Wakeup, WakeupKind
from chalicelib.domain.deliveries import delivery as webhook_rules
from chalicelib.domain.deliveries import notification as messenger_rules
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.social import publishing as post_rules
from chalicelib.engine.changes import queue_messages
from chalicelib.storage.aws import sqs
from chalicelib.storage.aws.sqs import Message
from chalicelib.storage.deliveries import deliveries as storage
from chalicelib.storage.deliveries.deliveries import AttemptData, Key


class Batch(NamedTuple):
    """A batch of messages: the key that each names, the due deliveries among these, and what their attempts need."""

    keys: Sequence[Key]
    due: Sequence[Delivery]
    data: AttemptData


def enqueue_attempts(deliveries: Iterable[Delivery]) -> None:
    """Have attempts made of these versions of the deliveries. One call for each ten of a queue."""
    queues: dict[str, list[Message]] = {settings().webhooks_queue: [], settings().notifications_queue: []}
    for delivery in deliveries:
        queue = settings().webhooks_queue if delivery.kind == "webhook" else settings().notifications_queue
        queues[queue].append(_fifo_message(delivery))
    for queue, messages in queues.items():
        sqs.send(queue, messages)


def _fifo_message(delivery: Delivery) -> Message:
    body = attempt_message(delivery)
    # A second message about a version has another wake_at, so that the queue does not drop it as a duplicate.
    return queue_messages.fifo_message(body, _group(delivery), *map(str, body.values()), str(delivery.wake_at))


def _group(delivery: Delivery) -> str:
    """Critical notifications have a group of their own."""
    if delivery.kind == "webhook":
        return message_group(delivery, webhook_rules.MESSAGE_GROUPS)
    if delivery.kind == "platform":
        return message_group(delivery, post_rules.MESSAGE_GROUPS)
    if delivery.event == "critical":
        return f"{message_group(delivery, 1)}#critical"
    return message_group(delivery, messenger_rules.MESSAGE_GROUPS)


def message_group(delivery: Delivery, groups: int) -> str:
    """The FIFO group of a delivery's messages: one of the `groups` groups of its receiver."""
    return f"{delivery.org}#{delivery.receiver}#{zlib.crc32(delivery.id.encode()) % groups}"


def attempt_message(delivery: Delivery) -> dict[str, Any]:
    """The body of a message that has an attempt made of this version. `webhook` is any receiver: the name in messages
    is older than messengers."""
    return {"org": delivery.org, "webhook": delivery.receiver, "id": delivery.id, "version": delivery.version}


def load_batch(messages: Sequence[Mapping[str, Any]]) -> Batch:
    """Read what the messages are about. Stale messages make no delivery due. One call for each hundred items."""
    keys = [Key(body["org"], body["webhook"], body["id"]) for body in messages]
    versions = {(key, body["version"]) for key, body in zip(keys, messages, strict=True)}
    data = storage.load_attempt_data(set(keys))
    due = [
        delivery
        for key, delivery in data.deliveries.items()
        if delivery.status == "pending" and (key, delivery.version) in versions
    ]
    return Batch(keys, due, data)


def enqueue_wakeup(delivery: Delivery) -> None:
    """Have a delivery attempted when it is due. The sweep finds it if that is more than 15 minutes ahead."""
    if delivery.wake_at is not None:
        kind, org, receiver = WakeupKind.DELIVERY, delivery.org, delivery.receiver
        wakeup = Wakeup(kind=kind, org=org, pool=receiver, id=delivery.id, at=delivery.wake_at)
        queue_messages.enqueue_wakeups([wakeup])
