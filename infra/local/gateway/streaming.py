"""Send answers in parts: each part when it is made, until the last one, or until the client leaves or the server ends.

The next part is made when the client has read all but 64 KiB (the connection's buffer) of what was sent. A client that
reads nothing for Limits.answer seconds is disconnected (http_protocol.py).

A stream that has nothing new is asked again after a write of what it is about: to ask is to read tables, and each of
seventy idle streams took a hundredth of a core when it was asked every second.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, suppress

from chalicelib import clock
from chalicelib.edge import OpenStream, Pauses
from infra.local.gateway.proxy_event import Message, Receive, Send
from infra.local.moto import write_signals

MAX_SECONDS = 900.0
"""How long one answer may take; API Gateway's response streaming has the same limit. The client then sends a new
request."""

GATHER_SECONDS = 0.05
"""Writes within this time make a stream be asked once."""
IDLE_SECONDS = 5.0
"""After this time a stream is asked again without a write: a comment may be due."""


class Streaming:
    """Sends the streams of one API. Parts are made in the threads of `pool`; making one never waits for events."""

    def __init__(self, pool: Executor, max_seconds: float = MAX_SECONDS) -> None:
        self._pool, self._max_seconds = pool, max_seconds
        self._open: set[_Wakeup] = set()

    def end(self) -> None:
        """End every stream after its current part."""
        for wakeup in self._open:
            wakeup.end()

    async def send(
        self,
        stream: OpenStream,
        start: Message,
        method: str,
        receive: Receive,
        send: Send,
        subjects: Sequence[str] = (),
    ) -> None:
        """Send the stream's parts, then close the stream. `subjects` are the ids of what it is about; without any it is
        asked again and again.

        After an error the final ASGI message is not sent, so that the server closes the connection."""
        wakeup = _Wakeup()
        self._open.add(wakeup)
        watch = asyncio.create_task(_watch(receive, wakeup))
        try:
            await send(start)
            if method == "HEAD" or await self._send_parts(stream, wakeup, send, subjects):
                await send({"type": "http.response.body"})
        finally:
            self._open.discard(wakeup)
            watch.cancel()
            self._pool.submit(stream.close)

    async def _send_parts(self, stream: OpenStream, wakeup: "_Wakeup", send: Send, subjects: Sequence[str]) -> bool:
        """Send the parts. False after an error; True after the last part, after `wakeup.end` and after MAX_SECONDS."""
        until, pauses, loop = clock.steady() + self._max_seconds * clock.SECOND, Pauses(), asyncio.get_running_loop()
        with ExitStack() as listening:
            for subject in subjects:
                listening.enter_context(write_signals.listening(subject, wakeup))
            while not wakeup.is_ending and clock.steady() < until:
                try:
                    part = await loop.run_in_executor(self._pool, next, stream, None)
                except Exception:  # noqa: BLE001 - the stream has logged it
                    return False
                if part is None:
                    return True
                if part:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                if pause := pauses.after(part):
                    await asyncio.sleep(GATHER_SECONDS)
                    await wakeup.wait(IDLE_SECONDS if subjects else pause)
        return True


class _Wakeup:
    """Wakes a stream: to be asked for its next part, or to end. It is set at first, because the first part may have
    been made before anybody listened to writes."""

    def __init__(self) -> None:
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
        self._event.set()
        self.is_ending = False

    def set(self) -> None:
        """Have the stream asked. May be called from any thread."""
        with suppress(RuntimeError):  # the loop has ended, and the stream with it
            self._loop.call_soon_threadsafe(self._event.set)

    def end(self) -> None:
        self.is_ending = True
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for `seconds`, or until it is set or ended."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        self._event.clear()


async def _watch(receive: Receive, wakeup: _Wakeup) -> None:
    """End the stream once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    wakeup.end()
