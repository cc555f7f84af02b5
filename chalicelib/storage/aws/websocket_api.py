"""Send messages to connected WebSocket clients, through API Gateway's management API."""

from functools import cache
from typing import Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config import settings
from chalicelib.errors import Unavailable

MAX_MESSAGE_BYTES = 128 * 1024
"""The largest message that API Gateway passes on."""


class ConnectionGone(Exception):
    """The connection has ended."""


class Sockets(Protocol):
    """The holder of the connections, as the engine needs it."""

    def post(self, connection_id: str, text: str) -> None:
        """Send a text frame. Raises Gone."""

    def close(self, connection_id: str) -> None:
        """End the connection, if it still exists."""


class GatewaySockets:
    """API Gateway itself. Raises Unavailable when it does not answer."""

    def __init__(self) -> None:
        config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
        self._client = boto3.client(
            "apigatewaymanagementapi",
            region_name=settings().region,
            endpoint_url=settings().sockets_endpoint,
            config=config,
        )

    def post(self, connection_id: str, text: str) -> None:
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=text.encode())
        except self._client.exceptions.GoneException:
            raise ConnectionGone(connection_id) from None
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("The WebSocket gateway cannot be reached; try again") from error

    def close(self, connection_id: str) -> None:
        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except self._client.exceptions.GoneException:
            return
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("The WebSocket gateway cannot be reached; try again") from error


_sockets: Sockets | None = None


@cache
def client() -> GatewaySockets:
    """The process's client of API Gateway."""
    return GatewaySockets()


def use_sockets(sockets: Sockets | None) -> None:
    """Reach connections through `sockets` from now on; None for API Gateway itself."""
    global _sockets
    _sockets = sockets


def post(connection_id: str, text: str) -> None:
    """Send a text frame to a client. Raises Gone, Unavailable."""
    (_sockets or client()).post(connection_id, text)


def close(connection_id: str) -> None:
    """End a connection, if it still exists. Raises Unavailable."""
    (_sockets or client()).close(connection_id)
