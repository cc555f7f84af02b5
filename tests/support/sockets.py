"""WebSocket connections in memory: what each was sent."""

import json
from dataclasses import dataclass, field
from typing import Any

from chalicelib.storage.aws.websocket_api import ConnectionGone


@dataclass
class FakeSockets:
    """What the gateway promises. A connection that is not open is gone."""

    sent: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Connection -> the frames that reached it; kept after its end."""
    open: set[str] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)
    """Those that the world ended, in order."""

    def connect(self, connection_id: str) -> list[dict[str, Any]]:
        """A client's connection is open; returns what it will be sent."""
        self.open.add(connection_id)
        return self.sent.setdefault(connection_id, [])

    def drop(self, connection_id: str) -> None:
        """The client is gone, and nobody says so."""
        self.open.discard(connection_id)

    def post(self, connection_id: str, text: str) -> None:
        if connection_id not in self.open:
            raise ConnectionGone(connection_id)
        self.sent[connection_id].append(json.loads(text))

    def close(self, connection_id: str) -> None:
        if connection_id in self.open:
            self.open.discard(connection_id)
            self.closed.append(connection_id)
