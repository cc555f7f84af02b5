"""One WebSocket connection: any thread adds outgoing frames, incoming frames are handled one after another."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.storage.aws.websocket_api import ConnectionGone
from infra.local.gateway.proxy_event import Message, Receive, Send

Handle = Callable[[str | bytes], Awaitable[None]]
"""Handles one message of the client; raises nothing."""

REASON_LIMIT = 123
"""The longest reason that the protocol allows, in bytes."""


@dataclass(frozen=True, slots=True)
class Close:
    """Why a connection ends: a code of RFC 6455 and a text."""

    code: int
    reason: str = ""

    def message(self) -> Message:
        """The ASGI message. A reason over REASON_LIMIT bytes is cut."""
        reason = self.reason.encode()[:REASON_LIMIT].decode(errors="ignore")
        return {"type": "websocket.close", "code": self.code, "reason": reason}


CLOSED = Close(1000)
GOING_AWAY = Close(1001, "Going away")
TOO_SLOW = Close(1013, "Too slow: read what is sent")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on a connection, by default those of API Gateway; times in seconds."""

    idle: float = 600
    """How long a connection may be without a message in either direction."""
    life: float = 7200
    outgoing: int = 6000
    """How many frames may wait for the client; one more closes the connection as too slow. It is more than a
    subscriber gets at once when it resumes from a cursor."""
    patience: float = 5
    """How long the server waits for the client to answer the close frame."""


LIMITS = Limits()


class Outbox:
    """Outgoing frames. Any thread may call `put` and `end`; only the loop that made the outbox may use the rest."""

    def __init__(self, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._frames: deque[str | Close] = deque()
        self._filled = asyncio.Event()
        self._limit = limit
        self._ended = False
        self.closed: asyncio.Future[Close] = self._loop.create_future()
        """Set by the first `end` to its argument."""

    def put(self, text: str) -> None:
        """Add a frame. Raises ConnectionGone after `end`. A full outbox ends the connection with TOO_SLOW."""
        with self._lock:
            full = len(self._frames) >= self._limit
            if not (full or self._ended):
                self._frames.append(text)
                self._call(self._filled.set)
                return
        self.end(TOO_SLOW)
        raise ConnectionGone

    def end(self, close: Close) -> None:
        """Send `close` after the frames that already wait, and nothing after it. A second call changes nothing."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._frames.append(close)
            self._call(self._filled.set)
            self._call(self.closed.set_result, close)

    async def get(self) -> str | Close:
        """Wait for the next frame and return it. Nothing follows a Close."""
        while True:
            with self._lock:
                if self._frames:
                    return self._frames.popleft()
                self._filled.clear()
            await self._filled.wait()

    def _call(self, what: Callable[..., None], *values: object) -> None:
        # RuntimeError: the loop is closed, and has no connections left.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *values)


class Connection:
    """A connection of an accepted client. `post` and `end` may be called from any thread."""

    def __init__(self, receive: Receive, send: Send, handle: Handle, limits: Limits) -> None:
        self._receive, self._send, self._handle, self._limits = receive, send, handle, limits
        self._outbox = Outbox(limits.outgoing)
        self._opened = self._used = self._now()

    def post(self, text: str) -> None:
        """Send a text frame. Raises ConnectionGone when the connection has ended, or when its client is too slow."""
        self._outbox.put(text)

    def end(self, close: Close) -> None:
        """Close the connection after all posted frames are sent."""
        self._outbox.end(close)

    async def run(self) -> Close:
        """Complete the handshake and exchange frames until the connection ends. Returns why it ended."""
        with suppress(OSError):  # the client has left; `_read` gets the disconnect
            await self._send({"type": "websocket.accept"})
        reading, writing = asyncio.create_task(self._read()), asyncio.create_task(self._write())
        try:
            await self._wait_until_closed(reading)
            return await self._finish_close(reading, writing)
        finally:
            self._outbox.end(GOING_AWAY)
            reading.cancel()
            writing.cancel()

    async def _wait_until_closed(self, reading: asyncio.Task[Close]) -> None:
        """Wait until the client has left or `end` was called. Calls `end` when a time limit is reached."""
        closed = self._outbox.closed
        while not (reading.done() or closed.done()):
            left = self._seconds_left()
            if left <= 0:
                self.end(GOING_AWAY)
            await asyncio.wait({reading, closed}, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED)

    async def _finish_close(self, reading: asyncio.Task[Close], writing: asyncio.Task[None]) -> Close:
        """Wait up to `patience` for the client to answer the close frame. Returns why the connection ended."""
        await asyncio.wait({reading, writing}, timeout=self._limits.patience, return_when=asyncio.FIRST_COMPLETED)
        if reading.done() or writing.done():
            # After uvicorn has sent a close frame, it also delivers it to `_read` as the disconnect.
            return await reading
        return self._outbox.closed.result()

    async def _read(self) -> Close:
        while (message := await self._receive())["type"] == "websocket.receive":
            self._used = self._now()
            text = message.get("text")
            await self._handle(message["bytes"] if text is None else text)
        lost = message["code"] == 1005 and "reason" not in message  # uvicorn's message for a broken connection
        return Close(1006 if lost else message["code"], message.get("reason") or "")

    async def _write(self) -> None:
        frame: str | Close = ""
        # uvicorn raises RuntimeError for a connection that it has closed itself, OSError for one that is lost.
        with suppress(OSError, RuntimeError):
            while not isinstance(frame, Close):
                frame = await self._outbox.get()
                await self._send(_message(frame))
                self._used = self._now()

    def _seconds_left(self) -> float:
        return min(self._used + self._limits.idle, self._opened + self._limits.life) - self._now()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _message(frame: str | Close) -> Message:
    return frame.message() if isinstance(frame, Close) else {"type": "websocket.send", "text": frame}
