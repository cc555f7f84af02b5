"""What a connection is for, by its id alone: all that API Gateway says with a frame."""

from chalicelib.storage.connections import connections as storage
from chalicelib.storage.connections.connections import Connection

__all__ = ["Connection", "find", "forget"]

_KEPT = 10_000
_known: dict[str, Connection] = {}


def find(connection_id: str) -> Connection | None:
    """The connection, or None when it was never let in. It never changes, so that each process asks once."""
    found = _known.get(connection_id) or storage.find(connection_id)
    if found is not None:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[connection_id] = found
    return found


def forget(connection_id: str) -> None:
    """The connection has ended."""
    _known.pop(connection_id, None)
