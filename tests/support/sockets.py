"""WebSocket connections in memory, with the frames that each received."""

import json
from dataclasses import dataclass, field
from typing import Any

from chalicelib.storage.aws.websocket_api import ConnectionGone


@dataclass
class FakeSockets:
    """The API Gateway's interface to connections. Sending to one that is not open raises ConnectionGone."""

    sent: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Connection -> the frames that reached it; kept after its end."""
    open: set[str] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)
    """The connections that Yardmaster closed, in order."""

    def connect(self, connection_id: str) -> list[dict[str, Any]]:
        """Open a client's connection. Returns the list of frames that it receives, which grows."""
        self.open.add(connection_id)
        return self.sent.setdefault(connection_id, [])

    def drop(self, connection_id: str) -> None:
        """Lose the client's connection without a disconnect event."""
        self.open.discard(connection_id)

    def post(self, connection_id: str, text: str) -> None:
        if connection_id not in self.open:
            raise ConnectionGone(connection_id)
        self.sent[connection_id].append(json.loads(text))

    def close(self, connection_id: str) -> None:
        if connection_id in self.open:
            self.open.discard(connection_id)
            self.closed.append(connection_id)
