"""Collect pieces of code into chunks, about one for each 300 ms."""

import asyncio
from collections.abc import Callable

INTERVAL_SECONDS = 0.3
MAX_CHARACTERS = 6_000
"""The most characters of a chunk. At up to four bytes each they fit into a WebSocket frame of API Gateway (32 KB)."""


class ChunkBuffer:
    """Sends text at once if the last chunk is older than the interval; otherwise collects it until then."""

    def __init__(self, emit: Callable[[str], None], interval: float = INTERVAL_SECONDS) -> None:
        self._emit, self._interval = emit, interval
        self._held: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Add a piece of text to the chunk."""
        if not text:
            return
        self._held.append(text)
        if self._timer is None:
            self._pass_on()

    def flush(self) -> None:
        """Send the collected text, and stop."""
        self.stop()
        self._send()

    def stop(self) -> None:
        """Cancel the timer: nothing more is sent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pass_on(self) -> None:
        self._timer = None
        if self._held:
            self._send()
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._pass_on)

    def _send(self) -> None:
        text = "".join(self._held)
        self._held.clear()
        for start in range(0, len(text), MAX_CHARACTERS):
            self._emit(text[start : start + MAX_CHARACTERS])
