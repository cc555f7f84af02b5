"""Finding a WebSocket connection by its id, which is all that API Gateway sends with a frame."""

from chalicelib import clock
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.storage.connections import connections as storage
from chalicelib.storage.connections.connections import Connection

__all__ = ["Connection", "find", "forget"]

_cached: TtlCache[str, Connection] = TtlCache(2 * clock.HOUR)
"""By id, for as long as API Gateway lets a connection last."""


def find(connection_id: str) -> Connection | None:
    """The connection, or None when it was never accepted. It never changes, so each process reads it once."""
    cached = _cached.get(connection_id)
    if cached is not None:
        return cached
    connection = storage.find(connection_id)
    return None if connection is None else _cached.put(connection_id, connection)


def forget(connection_id: str) -> None:
    """Drop an ended connection from the cache."""
    _cached.remove(connection_id)
