"""A client's WebSocket as the events that API Gateway (WebSocket API, proxy integration) makes of it."""

import base64
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from chalicelib import clock, ids
from infra.local.gateway import proxy_event
from infra.local.gateway.proxy_event import Incoming

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever is at the other end of a connection."""

    handshake: Incoming
    id: str = field(default_factory=lambda: ids.new("socket"))
    """Of the connection."""
    since: int = field(default_factory=clock.now)
    """Epoch milliseconds."""

    def connects(self) -> Event:
        """The event of the handshake, the only one that shows headers and query.

        API Gateway knows no paths: the path travels in the query parameter `path`, decoded, instead of any sent.
        """
        given = parse_qsl(self.handshake.query, keep_blank_values=True)
        query = [(name, value) for name, value in given if name != "path"] + [("path", unquote(self.handshake.path))]
        return {
            "headers": dict(self.handshake.headers),
            "multiValueHeaders": proxy_event.grouped(self.handshake.headers),
            "queryStringParameters": dict(query),
            "multiValueQueryStringParameters": proxy_event.grouped(query),
            "requestContext": self._context("$connect", "CONNECT", self.handshake.id),
            "isBase64Encoded": False,
        }

    def sends(self, data: str | bytes, request_id: str) -> Event:
        """The event of a message; a binary one travels in base64."""
        return {
            "requestContext": self._context("$default", "MESSAGE", request_id) | {"messageId": ids.uuid()},
            "body": base64.b64encode(data).decode() if isinstance(data, bytes) else data,
            "isBase64Encoded": isinstance(data, bytes),
        }

    def leaves(self, code: int, reason: str) -> Event:
        """The event of the connection's end, whoever ended it."""
        ended = {"disconnectStatusCode": code, "disconnectReason": reason}
        return {
            "requestContext": self._context("$disconnect", "DISCONNECT", ids.uuid()) | ended,
            "isBase64Encoded": False,
        }

    def _context(self, route: str, kind: str, request_id: str) -> dict[str, Any]:
        now = clock.now()
        return {
            "routeKey": route,
            "eventType": kind,
            "connectionId": self.id,
            "connectedAt": self.since,
            "requestId": request_id,
            "extendedRequestId": request_id,
            "requestTime": clock.utc(now).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": now,
            "messageDirection": "IN",
            "apiId": "local",
            "stage": "local",
            "domainName": self.handshake.header("host") or "127.0.0.1",
            "identity": {"sourceIp": self.handshake.source, "userAgent": self.handshake.header("user-agent")},
        }
