"""A request as the event that API Gateway (REST, proxy integration) makes of it, and the function's answer back."""

import base64
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from chalicelib import clock, ids
from chalicelib.edge import BINARY_TYPES
from infra.local.gateway.routing import Match

Scope = Mapping[str, Any]
"""ASGI's description of a connection."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_ABSOLUTE = re.compile(r"https?://([^/]*)(.*)", re.IGNORECASE)
"""A target as clients send it to proxies: it counts all the same, and its host in the place of the header's (RFC 9112,
3.2.2)."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request's head, read off its ASGI scope."""

    method: str
    path: str
    """Still percent-encoded."""
    query: str
    headers: tuple[tuple[str, str], ...]
    source: str
    """The client's address."""
    id: str

    @classmethod
    def of(cls, scope: Scope) -> "Incoming":
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        path = scope["raw_path"].decode("latin-1")
        if absolute := _ABSOLUTE.fullmatch(path):
            path = absolute[2] or "/"
            headers = [pair for pair in headers if pair[0] != "host"] + [("host", absolute[1])]
        return cls(
            method=scope.get("method", "GET"),  # what a WebSocket's handshake is, unsaid
            path=path,
            query=scope["query_string"].decode("latin-1"),
            headers=tuple(headers),
            source=(scope.get("client") or ("127.0.0.1", 0))[0],
            id=ids.uuid(),
        )

    def header(self, name: str) -> str | None:
        """The header's last value; `name` in lower case."""
        return dict(self.headers).get(name)


def event(request: Incoming, match: Match, body: bytes) -> dict[str, Any]:
    """The event for Lambda. HEAD arrives as GET: the functions know no HEAD, and the server drops the body."""
    query = parse_qsl(request.query, keep_blank_values=True)
    text, encoded = _text(body, request.header("content-type") or "")
    return {
        "resource": match.template,
        "path": request.path,
        "httpMethod": method(request),
        "headers": dict(request.headers),
        "multiValueHeaders": grouped(request.headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": grouped(query) or None,
        "pathParameters": dict(match.values) or None,
        "stageVariables": None,
        "requestContext": _context(request, match),
        "body": text,
        "isBase64Encoded": encoded,
    }


def method(request: Incoming) -> str:
    """The method whose endpoint answers the request."""
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


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Every name with all its values."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _text(body: bytes, content_type: str) -> tuple[str | None, bool]:
    """The body as text, and whether it was put into base64 for that: for its type, or because it is none."""
    if content_type.partition(";")[0].strip().lower() in BINARY_TYPES:
        return base64.b64encode(body).decode(), True
    try:
        return body.decode() or None, False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def content(answer: Mapping[str, Any]) -> bytes:
    """The body of a function's answer."""
    raw = str(answer.get("body") or "").encode()
    return base64.b64decode(raw) if answer.get("isBase64Encoded") else raw


def headers(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers of a function's answer, repeated ones repeated."""
    several = answer.get("multiValueHeaders") or {}
    single = [(name, str(value)) for name, value in (answer.get("headers") or {}).items() if name not in several]
    return single + [(name, str(value)) for name, values in several.items() for value in values]
