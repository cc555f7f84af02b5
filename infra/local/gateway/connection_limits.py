"""How many connections this process holds at once, and which of them goes first where there are too many."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

MOST_CONNECTIONS = 1_000
SPARE_FILES = 100
"""Open files that connections leave to the rest of the process."""


class Connection(Protocol):
    """One that may be closed for another while it is idle."""

    def close(self) -> None: ...


class Connections:
    """Every connection of this process, in the order in which they came or were last idle. There are at most `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy: set[object] = set()
        self._turned_away: set[object] = set()
        self._holding: set[asyncio.Task[Any]] = set()
        self._idle: dict[Connection, None] = {}

    def enter(self, connection: "Connection") -> bool:
        """Count a new connection. Where there are too many, the one that is idle for longest is closed for it; False
        when none is."""
        if len(self._busy) + len(self._idle) >= self._most:
            oldest = next(iter(self._idle), None)
            if oldest is None:
                return False
            self.leave(oldest)
            oldest.close()
        self._idle[connection] = None
        return True

    def turn_away(self, connection: object) -> bool:
        """Whether a connection too many may stay until it has read that: where there are few of its kind."""
        if len(self._turned_away) >= SPARE_FILES // 2:
            return False
        self._turned_away.add(connection)
        return True

    def work(self, connection: object) -> None:
        """The connection carries a request, or a WebSocket: it stays."""
        self._idle.pop(connection, None)  # type: ignore[call-overload]
        self._busy.add(connection)

    def rest(self, connection: "Connection") -> None:
        """The connection waits for its client."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._idle[connection] = None

    def leave(self, connection: object) -> None:
        """The connection has ended."""
        self._idle.pop(connection, None)  # type: ignore[call-overload]
        self._busy.discard(connection)
        self._turned_away.discard(connection)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """The present task holds a WebSocket meanwhile."""
        task = asyncio.current_task()
        assert task is not None
        self._holding.add(task)
        try:
            yield
        finally:
            self._holding.discard(task)

    def cut_off(self) -> None:
        """Wait for no WebSocket any longer, nor for what a frame has begun."""
        for task in self._holding:
            task.cancel()


def most_connections() -> int:
    """As many as the process may have files open, less some, but no more than are useful."""
    try:
        import resource
    except ImportError:  # on Windows
        return MOST_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = files == resource.RLIM_INFINITY
    return MOST_CONNECTIONS if unlimited else max(SPARE_FILES, min(MOST_CONNECTIONS, files - SPARE_FILES))
