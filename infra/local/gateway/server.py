"""Serve several ASGI apps in this process, each on a port of 127.0.0.1, until SIGINT or SIGTERM."""

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
from infra.local.gateway.connection_limits import Connections, connection_limit
from infra.local.gateway.http_protocol import LIMITS, BoundedHttpProtocol, BoundedWebSocketProtocol, Limits

HOST = "127.0.0.1"
GRACE_SECONDS = 5
"""How long the shutdown waits for requests that are being answered."""
WEBSOCKET_GRACE_SECONDS = 1
"""How long the shutdown waits for WebSockets."""

BeforeStop = Callable[[], Awaitable[None]]


class PortTaken(CannotRun):
    """Another process listens on the port."""


def listen(port: int) -> socket.socket:
    """Open a socket that listens on the port; 0 takes any free one. Raises PortTaken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit TCP_NODELAY. Without it an answer in two pieces waits 40 ms for the first acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortTaken(f"Port {port} is taken: {error.strerror}") from None
    return listener


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, connections: Connections, before_stop: BeforeStop) -> None:
        super().__init__(config)
        self._connections, self._before_stop = connections, before_stop

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Capture no signals: `_until_signal` handles them for all servers of the process."""
        return nullcontext()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._before_stop()
        asyncio.get_running_loop().call_later(WEBSOCKET_GRACE_SECONDS, self._connections.cancel_websockets)
        await super().shutdown(sockets)


async def _do_nothing() -> None:
    """The default of `before_stop`."""


class Servers:
    """Serves several apps, each on its socket, with at most `max_connections` connections to all of them together.

    At the stop, `before_stop` is awaited while connections are still open. Then requests that are being answered have
    GRACE_SECONDS; longer ones are cancelled.
    """

    def __init__(
        self,
        apps: Sequence[tuple[socket.socket, Any]],
        before_stop: BeforeStop = _do_nothing,
        limits: Limits = LIMITS,
        max_connections: int | None = None,
    ) -> None:
        connections = Connections(max_connections or connection_limit())
        self._servers = [
            (_Server(_config(app, connections, limits), connections, before_stop), listener) for listener, app in apps
        ]

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop` is called. Calls `ready` once all apps are served."""
        asyncio.run(self._run(ready))

    def stop(self) -> None:
        """Stop gracefully; a second call stops at once. May be called from any thread and by signal handlers."""
        for server, _ in self._servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    async def _run(self, ready: Callable[[], None]) -> None:
        running = asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in self._servers))
        while not all(server.started for server, _ in self._servers):
            await asyncio.sleep(0.01)
        ready()
        await running


def serve(
    apps: Sequence[tuple[socket.socket, Any]], ready: Callable[[], None], before_stop: BeforeStop = _do_nothing
) -> None:
    """Serve the apps as Servers does, in the main thread; returns after SIGINT or SIGTERM."""
    servers = Servers(apps, before_stop)
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
        http=partial(BoundedHttpProtocol, connections, limits),  # type: ignore[arg-type]
        ws=partial(BoundedWebSocketProtocol, connections, limits),  # type: ignore[arg-type]
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=None,
        # API Gateway compresses nothing.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        # There is no proxy in front. A client that sends such headers would choose the address that rate limits count.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
