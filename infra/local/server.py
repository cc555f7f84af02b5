"""Several ASGI apps in this process, each on a port of 127.0.0.1, until a signal says stop."""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import uvicorn

HOST = "127.0.0.1"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_SECONDS = 1


class PortTaken(Exception):
    """Somebody listens there already."""


def listen(port: int) -> socket.socket:
    """A socket that listens on the port, 0 for any free one. Raises PortTaken."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen()
    except OSError as error:
        found.close()
        raise PortTaken(f"Port {port} is taken: {error.strerror}") from None
    return found


class _Server(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Signals are the process's business, not that of one of its servers."""
        return nullcontext()


def serve(apps: Sequence[tuple[socket.socket, Any]], ready: Callable[[], None]) -> None:
    """Serve each app on its socket; calls `ready` once all are served, returns after SIGINT or SIGTERM."""
    asyncio.run(_serve([(_server(app), found) for found, app in apps], ready))


def _server(app: Any) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


async def _serve(servers: Sequence[tuple[_Server, socket.socket]], ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, _stop, [server for server, _ in servers])
    running = asyncio.gather(*(server.serve(sockets=[found]) for server, found in servers))
    while not all(server.started for server, _ in servers):
        await asyncio.sleep(0.01)
    ready()
    await running


def _stop(servers: Sequence[_Server]) -> None:
    for server in servers:
        server.should_exit = True
