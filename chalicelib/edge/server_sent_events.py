"""Server-sent events (HTML Living Standard, section 9.2) as the parts of a Stream."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from chalicelib import clock

RETRY_MS = 1_000
"""How long a client waits before it comes back."""
KEEP_ALIVE_MS = 10_000
"""After so long without an event a comment is sent, so that nothing between client and server takes the connection for
dead, and the server notices that the client has left."""


class ServerEvent(NamedTuple):
    """One event. A client that comes back sends the `id` of its latest one as Last-Event-ID."""

    event: str
    data: Any
    """Sent as JSON, in one line."""
    id: str

    def __bytes__(self) -> bytes:
        data = json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self.id}\nevent: {self.event}\ndata: {data}\n\n".encode()


def event_stream(events: Iterator[ServerEvent | None]) -> Iterator[bytes]:
    """The events as parts; None is an empty part, or a comment from time to time."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    sent_at = clock.steady()
    for event in events:
        is_silent = event is None and clock.steady() - sent_at < KEEP_ALIVE_MS
        if not is_silent:
            sent_at = clock.steady()
        yield b"" if is_silent else b": keep-alive\n\n" if event is None else bytes(event)
