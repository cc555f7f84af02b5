"""The limit on connections that this process holds at once, and which idle connection is closed to make room."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

MAX_CONNECTIONS = 1_000
SPARE_FILES = 100
"""Open files that are reserved for the rest of the process."""


class Connection(Protocol):
    """A connection that can be closed while it is idle."""

    def close(self) -> None: ...


class Connections:
    """The connections of this process, at most `max_connections`. Idle ones are ordered by when they became idle."""

    def __init__(self, max_connections: int) -> None:
        self._max_connections = max_connections
        self._busy: set[object] = set()
        self._refused: set[object] = set()
        self._websocket_tasks: set[asyncio.Task[Any]] = set()
        self._idle: dict[Connection, None] = {}

    def add(self, connection: "Connection") -> bool:
        """Count a new connection, which is idle. At the limit, the connection that has been idle for longest is closed.

        Returns False when the limit is reached and no connection is idle."""
        if len(self._busy) + len(self._idle) >= self._max_connections:
            oldest = next(iter(self._idle), None)
            if oldest is None:
                return False
            self.remove(oldest)
            oldest.close()
        self._idle[connection] = None
        return True

    def keep_for_refusal(self, connection: object) -> bool:
        """Count a connection above the limit. True when it may stay open until its client has read the refusal."""
        if len(self._refused) >= SPARE_FILES // 2:
            return False
        self._refused.add(connection)
        return True

    def set_busy(self, connection: object) -> None:
        """Record that the connection carries a request or a WebSocket: it is not closed for another one."""
        self._idle.pop(connection, None)  # type: ignore[call-overload]
        self._busy.add(connection)

    def set_idle(self, connection: "Connection") -> None:
        """Record that the connection waits for its client's next request."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._idle[connection] = None

    def remove(self, connection: object) -> None:
        """Forget a connection that has ended."""
        self._idle.pop(connection, None)  # type: ignore[call-overload]
        self._busy.discard(connection)
        self._refused.discard(connection)

    @contextmanager
    def websocket_task(self) -> Iterator[None]:
        """Count the current asyncio task as one that serves a WebSocket, so that `cancel_websockets` cancels it."""
        task = asyncio.current_task()
        assert task is not None
        self._websocket_tasks.add(task)
        try:
            yield
        finally:
            self._websocket_tasks.discard(task)

    def cancel_websockets(self) -> None:
        """Cancel the tasks of all WebSockets, and with them the frames that are being handled."""
        for task in self._websocket_tasks:
            task.cancel()


def connection_limit() -> int:
    """The number of files that the process may open less SPARE_FILES, at most MAX_CONNECTIONS."""
    try:
        import resource
    except ImportError:  # on Windows
        return MAX_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = files == resource.RLIM_INFINITY
    return MAX_CONNECTIONS if unlimited else max(SPARE_FILES, min(MAX_CONNECTIONS, files - SPARE_FILES))
