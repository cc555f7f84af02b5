"""The bundle `live` on this machine: its functions, and the hub through which the engine reaches WebSockets."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from chalicelib.apis.websockets import CHANNELS
from chalicelib.storage.aws import websocket_api
from infra.bundles import LIVE
from infra.local.gateway.websockets import Hub, Live
from infra.local.lambdas import functions
from infra.local.moto import call_turns

THREADS = 32
"""For frames. Requests have other threads: a caller that waits for a task must not delay the worker's result."""


@contextmanager
def hub() -> Iterator[Hub]:
    """Provide the hub of this process's WebSockets. The engine posts messages through it within the block."""
    module = functions.load(LIVE)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="frame", initializer=call_turns.serve_requests)
    connections = Hub(Live(module.connect, module.message, module.disconnect), pool)
    websocket_api.use_sockets(connections)
    try:
        yield connections
    finally:
        websocket_api.use_sockets(None)
        pool.shutdown(wait=False, cancel_futures=True)


def prefix(api: str) -> str:
    """The prefix of an API's WebSocket paths where all APIs share one address."""
    return next((channel.prefix for channel in CHANNELS.get(api, ())), "")


def paths(api: str) -> tuple[str, ...]:
    """The path templates at which an API's clients open WebSockets."""
    return tuple(channel.path for channel in CHANNELS.get(api, ()))
