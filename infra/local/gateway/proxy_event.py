"""Convert requests to the events of API Gateway (REST, proxy integration), and functions' answers to responses."""

import base64
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from chalicelib import clock, ids
from infra.local.gateway.routing import Match

Scope = Mapping[str, Any]
"""ASGI's description of a connection."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_ABSOLUTE = re.compile(r"https?://([^/]*)(.*)", re.IGNORECASE)
"""A request target in absolute form. Its host replaces the one of the header (RFC 9112, 3.2.2)."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request's head."""

    method: str
    path: str
    """Still percent-encoded."""
    query: str
    headers: tuple[tuple[str, str], ...]
    source: str
    """The client's address."""
    id: str

    @classmethod
    def from_scope(cls, scope: Scope) -> "Incoming":
        """Build it from an ASGI scope."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        path = scope["raw_path"].decode("latin-1")
        if absolute := _ABSOLUTE.fullmatch(path):
            path = absolute[2] or "/"
            headers = [pair for pair in headers if pair[0] != "host"] + [("host", absolute[1])]
        return cls(
            method=scope.get("method", "GET"),  # the scope of a WebSocket has no method; its handshake is a GET
            path=path,
            query=scope["query_string"].decode("latin-1"),
            headers=tuple(headers),
            source=(scope.get("client") or ("127.0.0.1", 0))[0],
            id=ids.uuid(),
        )

    def header(self, name: str) -> str | None:
        """The header's last value; `name` in lower case."""
        return dict(self.headers).get(name)


def event(request: Incoming, match: Match, body: bytes, binary_types: Collection[str]) -> dict[str, Any]:
    """Build the event for Lambda. HEAD becomes GET: the functions have no HEAD, and the server drops the body.

    A body of one of `binary_types`, which may be `*/*`, is in base64.
    """
    query = parse_qsl(request.query, keep_blank_values=True)
    text, encoded = _text(body, request.header("content-type") or "", binary_types)
    return {
        "resource": match.template,
        "path": request.path,
        "httpMethod": method(request),
        "headers": dict(request.headers),
        "multiValueHeaders": group_by_name(request.headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": group_by_name(query) or None,
        "pathParameters": dict(match.values) or None,
        "stageVariables": None,
        "requestContext": _context(request, match),
        "body": text,
        "isBase64Encoded": encoded,
    }


def method(request: Incoming) -> str:
    """The method of the endpoint that answers the request."""
    return "GET" if request.method == "HEAD" else request.method


def _context(request: Incoming, match: Match) -> dict[str, Any]:
    return {
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": request.header("host") or "127.0.0.1",
        "httpMethod": method(request),
        "identity": {"sourceIp": request.source, "userAgent": request.header("user-agent")},
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestId": request.id,
        "requestTimeEpoch": clock.now(),
        "resourcePath": match.template,
        "stage": "local",
    }


def group_by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """All values of each name."""
    values_by_name: dict[str, list[str]] = {}
    for name, value in pairs:
        values_by_name.setdefault(name, []).append(value)
    return values_by_name


def _text(body: bytes, content_type: str, binary_types: Collection[str]) -> tuple[str | None, bool]:
    """The body as text, and whether that text is base64: for a binary type, or for bytes that are not UTF-8."""
    if not body:
        return None, False
    if not {content_type.partition(";")[0].strip().lower(), "*/*"}.isdisjoint(binary_types):
        return base64.b64encode(body).decode(), True
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def content(answer: Mapping[str, Any]) -> bytes:
    """The body of a function's answer."""
    raw = str(answer.get("body") or "").encode()
    return base64.b64decode(raw) if answer.get("isBase64Encoded") else raw


def headers(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers of a function's answer, one pair for each value."""
    repeated = answer.get("multiValueHeaders") or {}
    single = [(name, str(value)) for name, value in (answer.get("headers") or {}).items() if name not in repeated]
    return single + [(name, str(value)) for name, values in repeated.items() for value in values]
