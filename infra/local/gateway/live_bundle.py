"""The bundle `live` on this machine: its functions behind a hub, through which the engine reaches connections."""

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
"""For frames, apart from those of requests: a caller who waits for a task must not hold up its worker's result."""


@contextmanager
def hub() -> Iterator[Hub]:
    """The hub of this process's connections; the engine posts through it meanwhile."""
    module = functions.load(LIVE)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="frame", initializer=call_turns.serve_requests)
    made = Hub(Live(module.connect, module.message, module.disconnect), pool)
    websocket_api.use_sockets(made)
    try:
        yield made
    finally:
        websocket_api.use_sockets(None)
        pool.shutdown(wait=False, cancel_futures=True)


def paths(api: str) -> tuple[str, ...]:
    """The templates at which an API's clients open WebSockets."""
    return tuple(channel.path for channel in CHANNELS.get(api, ()))
