"""Several ASGI apps in this process, each on a port of 127.0.0.1, until a signal says stop."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import uvicorn

from chalicelib.storage.aws.websocket_api import MAX_MESSAGE_BYTES
from infra.local import CannotRun
from infra.local.gateway.connection_limits import Connections, most_connections
from infra.local.gateway.http_protocol import LIMITS, Bounded, BoundedSocket, Limits

HOST = "127.0.0.1"
GRACE_SECONDS = 5
"""How long the end waits for requests that are being answered."""
FAREWELL_SECONDS = 1
"""How long it waits for WebSockets."""

Ending = Callable[[], Awaitable[None]]


class PortTaken(CannotRun):
    """Somebody listens there already."""


def listen(port: int) -> socket.socket:
    """A socket that listens on the port, 0 for any free one. Raises PortTaken."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. An answer in two pieces would wait 40 ms for the client to acknowledge the first.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        found.bind((HOST, port))
        found.listen()
    except OSError as error:
        found.close()
        raise PortTaken(f"Port {port} is taken: {error.strerror}") from None
    return found


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, connections: Connections, ending: Ending) -> None:
        super().__init__(config)
        self._connections, self._ending = connections, ending

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Signals are the process's business, not that of one of its servers."""
        return nullcontext()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._ending()
        asyncio.get_running_loop().call_later(FAREWELL_SECONDS, self._connections.cut_off)
        await super().shutdown(sockets)


async def _nothing() -> None:
    """Nothing is to be done before the end."""


class Servers:
    """Several apps, each served on its socket.

    `ending` is awaited once they are to stop, while connections are still open. Requests that are being answered have
    GRACE_SECONDS then; what takes longer is cut off. There are at most `most` connections, to all of them together.
    """

    def __init__(
        self,
        apps: Sequence[tuple[socket.socket, Any]],
        ending: Ending = _nothing,
        limits: Limits = LIMITS,
        most: int | None = None,
    ) -> None:
        connections = Connections(most or most_connections())
        self._servers = [
            (_Server(_config(app, connections, limits), connections, ending), found) for found, app in apps
        ]

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop`; calls `ready` once all apps are served."""
        asyncio.run(self._run(ready))

    def stop(self) -> None:
        """End `run` soon, and at once when called again. May be called from any thread, and by a signal's handler."""
        for server, _ in self._servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    async def _run(self, ready: Callable[[], None]) -> None:
        running = asyncio.gather(*(server.serve(sockets=[found]) for server, found in self._servers))
        while not all(server.started for server, _ in self._servers):
            await asyncio.sleep(0.01)
        ready()
        await running


def serve(apps: Sequence[tuple[socket.socket, Any]], ready: Callable[[], None], ending: Ending = _nothing) -> None:
    """Serve the apps as Servers does, in the main thread; returns after SIGINT or SIGTERM."""
    servers = Servers(apps, ending)
    with _until_signal(servers):
        servers.run(ready)


@contextmanager
def _until_signal(servers: Servers) -> Iterator[None]:
    def stop(*_: object) -> None:
        servers.stop()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _config(app: Any, connections: Connections, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=partial(Bounded, connections, limits),  # type: ignore[arg-type]
        ws=partial(BoundedSocket, connections, limits),  # type: ignore[arg-type]
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=None,
        # API Gateway compresses nothing.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        # Nobody stands before this server: who says so in a header would choose the address that limits go by.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
