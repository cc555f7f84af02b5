"""The bundle `live` on this machine: its functions behind a hub, through which the engine reaches connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from chalicelib.apis.live import CHANNELS
from chalicelib.storage import sockets
from infra.bundles import LIVE
from infra.local import engine, turns
from infra.local.sockets import Hub, Live

THREADS = 32
"""For frames, apart from those of requests: a caller who waits for a task must not hold up its worker's result."""


@contextmanager
def hub() -> Iterator[Hub]:
    """The hub of this process's connections; the engine posts through it meanwhile."""
    module = engine.load(LIVE)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="frame", initializer=turns.serve_requests)
    made = Hub(Live(module.connect, module.message, module.disconnect), pool)
    sockets.use(made)
    try:
        yield made
    finally:
        sockets.use(None)
        pool.shutdown(wait=False, cancel_futures=True)


def paths(api: str) -> tuple[str, ...]:
    """The templates at which an API's clients open WebSockets."""
    return tuple(channel.path for channel in CHANNELS.get(api, ()))
