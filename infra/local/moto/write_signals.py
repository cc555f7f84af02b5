"""Each write to a table or queue wakes those who wait for it, so that they need not poll."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

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


class Settable(Protocol):
    """What is set when something was written: an event."""

    def set(self) -> None: ...


_listeners: list[tuple[bytes, Settable]] = []


@contextmanager
def listening(name: str, event: Settable) -> Iterator[None]:
    """Set `event` after each write to the table or queue `name`, or of what has the id `name`, until the end of the
    block. It is set in the thread that writes."""
    entry = (name.encode(), event)
    _listeners.append(entry)
    try:
        yield
    finally:
        _listeners.remove(entry)


def signal_write(operation: str, body: str | bytes) -> None:
    """Wake each listener whose name is anywhere in the body of a write. Waking one without a reason does no harm."""
    if operation in _WRITES:
        raw = body.encode() if isinstance(body, str) else body
        for name, event in tuple(_listeners):  # others begin and end meanwhile
            if name in raw:
                event.set()
