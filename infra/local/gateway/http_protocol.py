"""HTTP on the wire as a server on the open internet would have it: bounded in time, size and number, and strict.

uvicorn parses by h11 and leaves out what a proxy in front of it would do. This is that part: how long a client may take
for a request's head and body and to read the answer, how many connections there are at once, which requests are refused
because two readers could disagree on where they end, and answers to clients that have shut down their sending side.
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
    """What one client may take; times in seconds."""

    head: float = 10
    """From the connection's beginning, or the first byte of a further request, to the end of the request's head."""
    body: float = 30
    """From there to the end of the body."""
    answer: float = 30
    """For the client to take what was sent, once it takes nothing."""
    idle: float = 60
    """Between two requests."""
    linger: float = 2
    """For what a refused client goes on sending: it is thrown away, so that its sender comes to read the answer."""
    head_bytes: int = 16 * 1024
    """Request line and headers; API Gateway takes 10 KB of headers."""


LIMITS = Limits()
_REPEATED = re.compile(r":? (?:bytearray\()?b['\"].*", re.DOTALL)
"""What h11's messages repeat of a request, which may be a credential."""


class _Strict(h11.Connection):
    """h11, which also refuses heads that are too large though they came at once, and bodies with two lengths."""

    def __init__(self, head_bytes: int) -> None:
        super().__init__(h11.SERVER, head_bytes)
        self._head_bytes = head_bytes
        self.wants_body = True
        """Whether the answer to the latest request has a body: that to HEAD has none."""

    def next_event(self) -> Any:
        """The next event, as h11 has it. Raises RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.wants_body = event.method != b"HEAD"
            self._check(event)
        return event

    @property
    def waits_for_head(self) -> bool:
        """Whether the next request's head is not there yet."""
        return self.their_state is h11.IDLE

    @property
    def begun(self) -> bool:
        """Whether something has come that is not dealt with."""
        return bool(self.trailing_data[0])

    def _check(self, request: h11.Request) -> None:
        names = [name for name, _ in request.headers]
        size = len(request.method) + len(request.target) + sum(len(a) + len(b) for a, b in request.headers)
        if size > self._head_bytes:
            raise h11.RemoteProtocolError("The head is too large", error_status_hint=431)
        if b"transfer-encoding" in names and b"content-length" in names:
            # RFC 9112, 6.1: whoever reads only one of them ends the request elsewhere.
            raise h11.RemoteProtocolError("Send Content-Length or Transfer-Encoding, not both")
        if b"transfer-encoding" in names and request.http_version < b"1.1":
            raise h11.RemoteProtocolError("HTTP/1.0 has no Transfer-Encoding")
        if request.http_version > b"1.1":
            raise h11.RemoteProtocolError("This server speaks HTTP/1.1", error_status_hint=505)


class _Timer:
    """At most one thing to happen later."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        return self._handle is not None

    def set(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` after so many seconds, instead of what was set before."""
        self.clear()
        self._handle = self._loop.call_later(seconds, then)

    def clear(self) -> None:
        """Nothing is to happen."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Bounded(H11Protocol):
    """One connection, within limits."""

    conn: _Strict

    def __init__(self, connections: Connections, limits: Limits = LIMITS, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.conn = _Strict(limits.head_bytes)
        self.timeout_keep_alive = limits.idle  # type: ignore[assignment]
        self._all, self._limits = connections, limits
        self._reading, self._writing = _Timer(self.loop), _Timer(self.loop)
        self._half_closed = self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come, and has to say something soon."""
        super().connection_made(transport)
        if self._all.enter(self):
            self._reading.set(self._limits.head, self._late)
        elif self._all.turn_away(self):
            self._refuse(503, "Too many connections.")
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._reading.clear()
        self._writing.clear()
        self._all.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        if self.conn.waits_for_head and not self.conn.begun:
            data = data.lstrip(b"\r\n")  # empty lines before a request mean nothing (RFC 9112, 2.2)
            if not data:
                return
        if self.conn.waits_for_head and not self._reading.running:
            self._reading.set(self._limits.head, self._late)
        super().data_received(data)

    def handle_events(self) -> None:
        """Deal with what has come; then the client has so long for what comes next."""
        before = self.cycle
        super().handle_events()
        if self._refused or self.transport.get_protocol() is not self:
            return
        if self.cycle is not before:
            self._all.work(self)
            self._reading.set(self._limits.body, self._late)
        if not self.conn.waits_for_head and self.conn.their_state is not h11.SEND_BODY:
            self._reading.clear()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more. What it has asked for in full is still answered."""
        asked = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        self._half_closed = asked and not self._refused
        return self._half_closed

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            # asyncio waits for ever for the client to take the rest.
            self._writing.set(self._limits.answer, self.transport.abort)
        elif self.cycle.response_complete and self._half_closed:
            self.transport.close()
        elif self.cycle.response_complete:
            self._all.rest(self)
            if self.conn.begun:
                self._unset_keepalive_if_required()
                self._reading.set(self._limits.head, self._late)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._reading.clear()
        self._all.leave(self)
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no proper request; the connection ends, for nobody knows where the next one would begin."""
        error = sys.exc_info()[1]
        detail = f" {_REPEATED.sub('', str(error))}." if isinstance(error, h11.RemoteProtocolError) else ""
        self._refuse(getattr(error, "error_status_hint", 400), msg + detail)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.set(self._limits.answer, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.clear()

    def shutdown(self) -> None:
        """End the connection, after the answer that is under way."""
        if self._refused:
            self.transport.abort()
        elif self.cycle is not None and self.cycle.more_body:
            self._refuse(503, "The server is shutting down.")
        else:
            super().shutdown()

    def close(self) -> None:
        """End the connection, which is idle."""
        self.transport.close()

    def _late(self) -> None:
        """The client took too long for its request; one that has not begun any may be about to, and is told nothing."""
        if self.conn.waits_for_head and not self.conn.begun:
            self.transport.close()
        else:
            self._refuse(408, "The request took too long.")

    def _refuse(self, status: int, message: str) -> None:
        """Answer, and hear no more of it; the connection ends when the client has closed it, or soon."""
        self._refused = True
        self._reading.clear()
        may_answer = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not may_answer:
            self.transport.abort()
            return
        self._say(status, message)
        self.transport.write_eof()
        self._writing.set(self._limits.linger, self.transport.abort)

    def _say(self, status: int, message: str) -> None:
        """Write an answer past h11, whose state may be any."""
        body = f"{message}\n".encode() if self.conn.wants_body else b""
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)


class BoundedSocket(WebSocketsSansIOProtocol):
    """A WebSocket: it counts as a connection, and its client has to read."""

    def __init__(self, connections: Connections, limits: Limits = LIMITS, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._all, self._limits = connections, limits
        self._writing = _Timer(self.loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._all.work(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writing.clear()
        self._all.leave(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.set(self._limits.answer, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.clear()

    async def run_asgi(self) -> None:
        with self._all.holding():
            await super().run_asgi()

    def shutdown(self) -> None:
        """End the connection, whether or not the client reads that it does."""
        super().shutdown()
        self._writing.set(self._limits.linger, self.transport.abort)
