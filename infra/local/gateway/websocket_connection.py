"""One WebSocket connection: frames out, filled in by any thread, and frames in, handled one after another."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.storage.aws.websocket_api import ConnectionGone
from infra.local.gateway.proxy_event import Message, Receive, Send

Handle = Callable[[str | bytes], Awaitable[None]]
"""Does what a client's message asks for; raises nothing."""

REASON_LIMIT = 123
"""Bytes: what the protocol has room for."""


@dataclass(frozen=True, slots=True)
class Close:
    """How a connection ends: a code of RFC 6455, and why in words."""

    code: int
    reason: str = ""

    def message(self) -> Message:
        """As ASGI says it; a reason that is too long is cut."""
        reason = self.reason.encode()[:REASON_LIMIT].decode(errors="ignore")
        return {"type": "websocket.close", "code": self.code, "reason": reason}


CLOSED = Close(1000)
GOING_AWAY = Close(1001, "Going away")
TOO_SLOW = Close(1013, "Too slow: read what is sent")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may take, by default what API Gateway gives it; times in seconds."""

    idle: float = 600
    """Without a message either way."""
    life: float = 7200
    outgoing: int = 6000
    """Frames that wait for the client to read; one more, and the client is too slow. More than a watcher is told at
    once when it comes back."""
    patience: float = 5
    """For a client to take its connection's end."""


LIMITS = Limits()


class Outbox:
    """Frames on their way out. `put` and `end` may be called from any thread, the rest on the loop it was made on."""

    def __init__(self, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._frames: deque[str | Close] = deque()
        self._filled = asyncio.Event()
        self._limit = limit
        self._ended = False
        self.over: asyncio.Future[Close] = self._loop.create_future()
        """What `end` was called with, once it was."""

    def put(self, text: str) -> None:
        """Add a frame. Raises Gone after the end; a client that has too much to read already is at its end."""
        with self._lock:
            full = len(self._frames) >= self._limit
            if not (full or self._ended):
                self._frames.append(text)
                self._call(self._filled.set)
                return
        self.end(TOO_SLOW)
        raise ConnectionGone

    def end(self, close: Close) -> None:
        """Let `close` be the last that is sent, after what waits already. A second end changes nothing."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._frames.append(close)
            self._call(self._filled.set)
            self._call(self.over.set_result, close)

    async def get(self) -> str | Close:
        """The next frame, as soon as there is one; after a Close there is none."""
        while True:
            with self._lock:
                if self._frames:
                    return self._frames.popleft()
                self._filled.clear()
            await self._filled.wait()

    def _call(self, what: Callable[..., None], *values: object) -> None:
        # A loop that is closed has no connections left.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *values)


class Connection:
    """A connection whose client was let in. `post` and `end` may be called from any thread."""

    def __init__(self, receive: Receive, send: Send, handle: Handle, limits: Limits) -> None:
        self._receive, self._send, self._handle, self._limits = receive, send, handle, limits
        self._outbox = Outbox(limits.outgoing)
        self._opened = self._used = self._now()

    def post(self, text: str) -> None:
        """Send a text frame. Raises Gone when the connection has ended, or ends because its client is too slow."""
        self._outbox.put(text)

    def end(self, close: Close) -> None:
        """Close the connection once all that was posted is sent."""
        self._outbox.end(close)

    async def run(self) -> Close:
        """Complete the handshake and carry frames both ways until the connection has ended; returns how it did."""
        with suppress(OSError):  # the client left meanwhile, as will be read
            await self._send({"type": "websocket.accept"})
        reading, writing = asyncio.create_task(self._read()), asyncio.create_task(self._write())
        try:
            await self._until_over(reading)
            return await self._farewell(reading, writing)
        finally:
            self._outbox.end(GOING_AWAY)
            reading.cancel()
            writing.cancel()

    async def _until_over(self, reading: asyncio.Task[Close]) -> None:
        """Return when the client has left or the end was asked for, by itself if time is up."""
        over = self._outbox.over
        while not (reading.done() or over.done()):
            left = self._left()
            if left <= 0:
                self.end(GOING_AWAY)
            await asyncio.wait({reading, over}, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED)

    async def _farewell(self, reading: asyncio.Task[Close], writing: asyncio.Task[None]) -> Close:
        """How it ended, once the client was told; one that does not read is not waited for."""
        await asyncio.wait({reading, writing}, timeout=self._limits.patience, return_when=asyncio.FIRST_COMPLETED)
        if reading.done() or writing.done():
            # The server reads the close it was given to send as the connection's end.
            return await reading
        return self._outbox.over.result()

    async def _read(self) -> Close:
        while (message := await self._receive())["type"] == "websocket.receive":
            self._used = self._now()
            text = message.get("text")
            await self._handle(message["bytes"] if text is None else text)
        lost = message["code"] == 1005 and "reason" not in message  # uvicorn's word for a connection cut off
        return Close(1006 if lost else message["code"], message.get("reason") or "")

    async def _write(self) -> None:
        frame: str | Close = ""
        # uvicorn raises RuntimeError for a connection that it has closed itself, OSError for one that is lost.
        with suppress(OSError, RuntimeError):
            while not isinstance(frame, Close):
                frame = await self._outbox.get()
                await self._send(_message(frame))
                self._used = self._now()

    def _left(self) -> float:
        return min(self._used + self._limits.idle, self._opened + self._limits.life) - self._now()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _message(frame: str | Close) -> Message:
    return frame.message() if isinstance(frame, Close) else {"type": "websocket.send", "text": frame}
