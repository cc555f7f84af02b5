"""moto's queues with thousands of messages: each call reads all messages as rarely and as fast as possible.

moto counts all messages in three ways for each one sent or received, to read a setting that does not depend on their
number, and reads the clock for each message again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.sqs import models
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, SQSBackend

_ALL = Queue.BASE_ATTRIBUTES
_COUNTS = frozenset(name for name in _ALL if name.startswith("ApproximateNumberOf"))
_UNCOUNTED = [name for name in _ALL if name not in _COUNTS]
_send_by_moto, _describe_by_moto = SQSBackend.send_message, SQSBackend.get_queue_attributes


def replacements() -> list[tuple[Any, str, Any]]:
    """The replaced parts of moto: (owner, attribute, replacement)."""
    return [
        (Queue, "messages", property(_messages)),
        (Queue, "approximate_number_of_messages_delayed", property(_count_delayed)),
        (Queue, "approximate_number_of_messages_not_visible", property(_count_invisible)),
        (Queue, "delete_message", _delete),
        (SQSBackend, "send_message", _send),
        (SQSBackend, "get_queue_attributes", _describe),
    ]


def _messages(queue: Queue) -> list[Message]:
    now = models.unix_time_millis()
    return [message for message in queue._messages if now > message.visible_at and now >= message.delayed_until]


def _count_delayed(queue: Queue) -> int:
    now = models.unix_time_millis()
    return sum([now < message.delayed_until for message in queue._messages])


def _count_invisible(queue: Queue) -> int:
    now = models.unix_time_millis()
    return sum([now <= message.visible_at for message in queue._messages])


def _delete(queue: Queue, receipt: str) -> None:
    if receipt in queue.deleted_messages:
        return
    matching = [
        message
        for message in queue._messages
        if message.receipt_handle == receipt or receipt in message._old_receipt_handles
    ]
    if not matching:
        raise ReceiptHandleIsInvalid
    for message in matching:
        queue._messages.remove(message)
        queue.pending_messages.discard(message)
        queue.deleted_messages.update(message.all_receipt_handles)  # type: ignore[arg-type]


def _send(backend: SQSBackend, queue_name: str, *more: Any, **named: Any) -> Message:
    with _without_counts(backend, queue_name):
        return _send_by_moto(backend, queue_name, *more, **named)


def _describe(backend: SQSBackend, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
    if not _COUNTS.isdisjoint(attribute_names) or "All" in attribute_names:
        return _describe_by_moto(backend, queue_name, attribute_names)
    with _without_counts(backend, queue_name):
        return _describe_by_moto(backend, queue_name, attribute_names)


@contextmanager
def _without_counts(backend: SQSBackend, name: str) -> Iterator[None]:
    """Leave the counts out of the queue's attributes, until the end of the block."""
    own: Any = vars(backend.queues[name]) if name in backend.queues else {}
    own["BASE_ATTRIBUTES"] = _UNCOUNTED
    try:
        yield
    finally:
        own.pop("BASE_ATTRIBUTES", None)
