"""moto's queues with thousands of messages in them: no call looks at all of them more often than it must, nor longer.

moto counts all messages in three ways for each one sent or received, to know a setting that has nothing to do with
their number; and it asks the clock for each message anew.
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


def ways() -> list[tuple[Any, str, Any]]:
    """What stands in for moto's: (where, its name, ours)."""
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
    return [one for one in queue._messages if now > one.visible_at and now >= one.delayed_until]


def _count_delayed(queue: Queue) -> int:
    now = models.unix_time_millis()
    return sum([now < one.delayed_until for one in queue._messages])


def _count_invisible(queue: Queue) -> int:
    now = models.unix_time_millis()
    return sum([now <= one.visible_at for one in queue._messages])


def _delete(queue: Queue, receipt: str) -> None:
    if receipt in queue.deleted_messages:
        return
    found = [one for one in queue._messages if one.receipt_handle == receipt or receipt in one._old_receipt_handles]
    if not found:
        raise ReceiptHandleIsInvalid
    for message in found:
        queue._messages.remove(message)
        queue.pending_messages.discard(message)
        queue.deleted_messages.update(message.all_receipt_handles)  # type: ignore[arg-type]


def _send(backend: SQSBackend, queue_name: str, *more: Any, **named: Any) -> Message:
    with _uncounted(backend, queue_name):
        return _send_by_moto(backend, queue_name, *more, **named)


def _describe(backend: SQSBackend, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
    if not _COUNTS.isdisjoint(attribute_names) or "All" in attribute_names:
        return _describe_by_moto(backend, queue_name, attribute_names)
    with _uncounted(backend, queue_name):
        return _describe_by_moto(backend, queue_name, attribute_names)


@contextmanager
def _uncounted(backend: SQSBackend, name: str) -> Iterator[None]:
    """Meanwhile the queue's attributes are those without its counts."""
    own: Any = vars(backend.queues[name]) if name in backend.queues else {}
    own["BASE_ATTRIBUTES"] = _UNCOUNTED
    try:
        yield
    finally:
        own.pop("BASE_ATTRIBUTES", None)
