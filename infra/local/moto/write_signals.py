"""Who waits for a table or a queue is woken by the call that wrote to it: no latency, and no busy polling."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_WRITES = frozenset(
    {
        "BatchWriteItem",
        "DeleteItem",
        "PutItem",
        "SendMessage",
        "SendMessageBatch",
        "TransactWriteItems",
        "UpdateItem",
    }
)
_listeners: list[tuple[bytes, Event]] = []


@contextmanager
def listening(name: str, event: Event) -> Iterator[None]:
    """Set `event` after each write to the table or queue `name`, until the end."""
    entry = (name.encode(), event)
    _listeners.append(entry)
    try:
        yield
    finally:
        _listeners.remove(entry)


def tell(operation: str, body: str | bytes) -> None:
    """A call was made. A listener's name anywhere in its body wakes it: once too often is harmless."""
    if operation in _WRITES:
        raw = body.encode() if isinstance(body, str) else body
        for name, event in _listeners:
            if name in raw:
                event.set()
