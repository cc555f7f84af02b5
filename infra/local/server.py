"""Several ASGI apps in this process, each on a port of 127.0.0.1, until a signal says stop."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import uvicorn

from infra.local import CannotRun

HOST = "127.0.0.1"
GRACE_SECONDS = 1


class PortTaken(CannotRun):
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
    servers = [(_server(app), found) for found, app in apps]
    with _until_signal([server for server, _ in servers]):
        asyncio.run(_serve(servers, ready))


@contextmanager
def _until_signal(servers: Sequence[_Server]) -> Iterator[None]:
    def stop(*_: object) -> None:
        for server in servers:
            server.should_exit = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


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
    running = asyncio.gather(*(server.serve(sockets=[found]) for server, found in servers))
    while not all(server.started for server, _ in servers):
        await asyncio.sleep(0.01)
    ready()
    await running
