"""HTTP connections with the limits that a server on the open internet needs: on time, size and number.

uvicorn parses with h11 and leaves the rest to a proxy in front of it. This module does the proxy's part. It limits how
long a client may take to send a request's head and body and to read the answer, and how many connections there are at
once. It refuses requests whose end two parsers could place differently. It answers clients that have shut down their
sending side.
"""

import asyncio
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from infra.local.gateway.connection_limits import Connections


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on one client; times in seconds."""

    head: float = 10
    """From the connection's beginning, or the first byte of a later request, to the end of the request's head."""
    body: float = 30
    """From the end of the head to the end of the body."""
    answer: float = 30
    """How long a client may read nothing of what was sent."""
    idle: float = 60
    """Between two requests."""
    linger: float = 2
    """How long a refused client's further bytes are read and discarded, so that it finishes and reads the answer."""
    head_bytes: int = 16 * 1024
    """Of request line and headers; API Gateway accepts 10 KB of headers."""


LIMITS = Limits()
_ECHOED_INPUT = re.compile(r":? (?:bytearray\()?b['\"].*", re.DOTALL)
"""The part of h11's messages that repeats bytes of the request, which may be a credential."""


class _StrictConnection(h11.Connection):
    """h11's connection, which also refuses a large head that arrives at once, and a body with two lengths."""

    def __init__(self, head_bytes: int) -> None:
        super().__init__(h11.SERVER, head_bytes)
        self._head_bytes = head_bytes
        self.wants_body = True
        """Whether the answer to the latest request has a body; an answer to HEAD has none."""

    def next_event(self) -> Any:
        """Return h11's next event. Raises RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.wants_body = event.method != b"HEAD"
            self._check(event)
        return event

    @property
    def waits_for_head(self) -> bool:
        """Whether the next request's head is not complete yet."""
        return self.their_state is h11.IDLE

    @property
    def has_unread_data(self) -> bool:
        """Whether bytes have arrived that are not handled yet."""
        return bool(self.trailing_data[0])

    def _check(self, request: h11.Request) -> None:
        names = [name for name, _ in request.headers]
        size = len(request.method) + len(request.target) + sum(len(a) + len(b) for a, b in request.headers)
        if size > self._head_bytes:
            raise h11.RemoteProtocolError("The head is too large", error_status_hint=431)
        if b"transfer-encoding" in names and b"content-length" in names:
            # RFC 9112, 6.1: a proxy that reads only one of them finds another end of the request.
            raise h11.RemoteProtocolError("Send Content-Length or Transfer-Encoding, not both")
        if b"transfer-encoding" in names and request.http_version < b"1.1":
            raise h11.RemoteProtocolError("HTTP/1.0 has no Transfer-Encoding")
        if request.http_version > b"1.1":
            raise h11.RemoteProtocolError("This server speaks HTTP/1.1", error_status_hint=505)


class _Timer:
    """At most one callback that is called later."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        return self._handle is not None

    def set(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` after `seconds`, instead of the callback that was set before."""
        self.clear()
        self._handle = self._loop.call_later(seconds, then)

    def clear(self) -> None:
        """Cancel the callback that is set, if any."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class BoundedHttpProtocol(H11Protocol):
    """One HTTP connection, within limits."""

    conn: _StrictConnection

    def __init__(self, connections: Connections, limits: Limits = LIMITS, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.conn = _StrictConnection(limits.head_bytes)
        self.timeout_keep_alive = limits.idle  # type: ignore[assignment]
        self._connections, self._limits = connections, limits
        self._reading, self._writing = _Timer(self.loop), _Timer(self.loop)
        self._half_closed = self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the new connection, and start the time limit of its first request's head."""
        super().connection_made(transport)
        if self._connections.add(self):
            self._reading.set(self._limits.head, self._time_out)
        elif self._connections.keep_for_refusal(self):
            self._refuse(503, "Too many connections.")
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._reading.clear()
        self._writing.clear()
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        if self.conn.waits_for_head and not self.conn.has_unread_data:
            data = data.lstrip(b"\r\n")  # empty lines before a request mean nothing (RFC 9112, 2.2)
            if not data:
                return
        if self.conn.waits_for_head and not self._reading.is_running:
            self._reading.set(self._limits.head, self._time_out)
        super().data_received(data)

    def handle_events(self) -> None:
        """Handle the received events, then start the time limit of the part that comes next."""
        before = self.cycle
        super().handle_events()
        if self._refused or self.transport.get_protocol() is not self:
            return
        if self.cycle is not before:
            self._connections.set_busy(self)
            self._reading.set(self._limits.body, self._time_out)
        if not self.conn.waits_for_head and self.conn.their_state is not h11.SEND_BODY:
            self._reading.clear()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Handle the end of what the client sends. A complete request is still answered.

        A streamed answer that has begun ends: the client has probably left, and only a failing write would show it."""
        is_unanswered = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        is_streaming = is_unanswered and self.cycle.response_started and not self.flow.write_paused
        self._half_closed = is_unanswered and not is_streaming and not self._refused
        return self._half_closed

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            # asyncio waits without a limit for the client to read the rest.
            self._writing.set(self._limits.answer, self.transport.abort)
        elif self.cycle.response_complete and self._half_closed:
            self.transport.close()
        elif self.cycle.response_complete:
            self._connections.set_idle(self)
            if self.conn.has_unread_data:
                self._unset_keepalive_if_required()
                self._reading.set(self._limits.head, self._time_out)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._reading.clear()
        self._connections.remove(self)
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request. The connection ends, because the next request's beginning is unknown."""
        error = sys.exc_info()[1]
        detail = f" {_ECHOED_INPUT.sub('', str(error))}." if isinstance(error, h11.RemoteProtocolError) else ""
        self._refuse(getattr(error, "error_status_hint", 400), msg + detail)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.set(self._limits.answer, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.clear()

    def shutdown(self) -> None:
        """End the connection after the answer that is being sent."""
        if self._refused:
            self.transport.abort()
        elif self.cycle is not None and self.cycle.more_body:
            self._refuse(503, "The server is shutting down.")
        else:
            super().shutdown()

    def close(self) -> None:
        """End the idle connection."""
        self.transport.close()

    def _time_out(self) -> None:
        """Answer 408 to a request that took too long. A connection without a request is closed without an answer."""
        if self.conn.waits_for_head and not self.conn.has_unread_data:
            self.transport.close()
        else:
            self._refuse(408, "The request took too long.")

    def _refuse(self, status: int, message: str) -> None:
        """Send an error and ignore further bytes. The connection ends when the client closes it, or after `linger`."""
        self._refused = True
        self._reading.clear()
        may_answer = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not may_answer:
            self.transport.abort()
            return
        self._write_answer(status, message)
        self.transport.write_eof()
        self._writing.set(self._limits.linger, self.transport.abort)

    def _write_answer(self, status: int, message: str) -> None:
        """Write an answer without h11, which may be in any state."""
        body = f"{message}\n".encode() if self.conn.wants_body else b""
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket. It counts as a connection, and is aborted when its client stops reading."""

    def __init__(self, connections: Connections, limits: Limits = LIMITS, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._connections, self._limits = connections, limits
        self._writing = _Timer(self.loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.set_busy(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writing.clear()
        self._connections.remove(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.set(self._limits.answer, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.clear()

    async def run_asgi(self) -> None:
        with self._connections.websocket_task():
            await super().run_asgi()

    def shutdown(self) -> None:
        """End the connection, at the latest after `linger`, even if the client does not read the close frame."""
        super().shutdown()
        self._writing.set(self._limits.linger, self.transport.abort)
