"""The events that API Gateway (WebSocket API, proxy integration) makes of a client's WebSocket."""

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
    """A client and its connection."""

    handshake: Incoming
    id: str = field(default_factory=lambda: ids.new("socket"))
    """The connection's id."""
    since: int = field(default_factory=clock.now)
    """Epoch milliseconds."""

    def connect_event(self) -> Event:
        """The event of the handshake, the only one with headers and query.

        A WebSocket API has no paths: the decoded path is in the query parameter `path`, and replaces one that was sent.
        """
        sent = parse_qsl(self.handshake.query, keep_blank_values=True)
        query = [(name, value) for name, value in sent if name != "path"] + [("path", unquote(self.handshake.path))]
        return {
            "headers": dict(self.handshake.headers),
            "multiValueHeaders": proxy_event.group_by_name(self.handshake.headers),
            "queryStringParameters": dict(query),
            "multiValueQueryStringParameters": proxy_event.group_by_name(query),
            "requestContext": self._context("$connect", "CONNECT", self.handshake.id),
            "isBase64Encoded": False,
        }

    def message_event(self, data: str | bytes, request_id: str) -> Event:
        """The event of a message. A binary message is in base64."""
        return {
            "requestContext": self._context("$default", "MESSAGE", request_id) | {"messageId": ids.uuid()},
            "body": base64.b64encode(data).decode() if isinstance(data, bytes) else data,
            "isBase64Encoded": isinstance(data, bytes),
        }

    def disconnect_event(self, code: int, reason: str) -> Event:
        """The event of the connection's end, whichever side ended it."""
        status = {"disconnectStatusCode": code, "disconnectReason": reason}
        return {
            "requestContext": self._context("$disconnect", "DISCONNECT", ids.uuid()) | status,
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
