"""A client of a mounted API, in this process: it sends what API Gateway (REST, proxy event v1) sends to Lambda."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partialmethod
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chalicelib.edge import Api, binary_types, mount, routes_of
from chalicelib.edge.api import VARIABLE, AnsweredRequest
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal

ORG = "acme"
MONTH = 30 * 86_400


def token(
    role: str = "admin", org: str = ORG, subject: str = "dev", plan: str = "standard", seconds: int = MONTH
) -> str:
    """A signed token of this caller."""
    return authentication.issue_token(Principal(org, subject, role, plan), seconds)


def answered_request(
    org: str, status: int, milliseconds: float, route: str = "/api/x", subject: str = "dev"
) -> AnsweredRequest:
    """The record of a request that an API has answered."""
    return AnsweredRequest(org, status, milliseconds, "GET", route, "req_1", subject)


@dataclass(frozen=True)
class Reply:
    """A response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: Sequence[str] = ()
    """Its Set-Cookie headers."""
    content: bytes = b""
    """The body as it was sent."""

    @property
    def json(self) -> Any:
        return json.loads(self.text)


Watch = Callable[[str, str, Reply], None]
"""Called with every (method, route template, reply)."""


class Client:
    """Calls the API's endpoints; `watch` sees every reply."""

    def __init__(self, api: Api, watch: Watch | None = None) -> None:
        self._app = mount(api)
        self._all_binary = "*/*" in binary_types(api)
        self._templates = sorted({endpoint.path for endpoint in routes_of(api)}, key=lambda path: "{" in path)
        self._watch = watch

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request. A body of text or bytes is sent as it is, any other as JSON."""
        request_headers = {"Content-Type": "application/json", **(headers or {})}
        if token is not None:
            request_headers["Authorization"] = f"Bearer {token}"
        if key is not None:
            request_headers["X-API-Key"] = key
        content = body if isinstance(body, str | bytes | None) else json.dumps(body)
        if self._all_binary and isinstance(content, str):
            content = content.encode()
        template, values = self._resolve(urlsplit(url).path)
        raw = self._app(_event(method, url, template, values, request_headers, content), None)
        received = {name.lower(): text for name, text in raw["headers"].items()}
        cookies = raw["multiValueHeaders"].get("Set-Cookie", ())
        content = base64.b64decode(raw["body"]) if raw.get("isBase64Encoded") else raw["body"].encode()
        reply = Reply(raw["statusCode"], received, content.decode(errors="replace"), cookies, content)
        if self._watch:
            self._watch(method, template, reply)
        return reply

    get = partialmethod(request, "GET")
    post = partialmethod(request, "POST")
    put = partialmethod(request, "PUT")
    delete = partialmethod(request, "DELETE")

    def template(self, path: str) -> str:
        """The template that API Gateway would choose for a path; the path itself if none matches."""
        return self._resolve(path)[0]

    def _resolve(self, path: str) -> tuple[str, dict[str, str] | None]:
        """The template that API Gateway would choose, and the variables, still percent-encoded, as it passes them."""
        for template in self._templates:
            expected = template.split("/")
            is_greedy = template.endswith("+}")
            # The event's path keeps the slash at its end, the variable does not.
            segments = path.removesuffix("/").split("/", len(expected) - 1) if is_greedy else path.split("/")
            pairs = list(zip(expected, segments, strict=False))
            if len(pairs) == len(segments) == len(expected) and all(map(_is_match, pairs)):
                values = {match[1]: segment for expected, segment in pairs if (match := VARIABLE.fullmatch(expected))}
                return template, values or None
        return path, None


def _is_match(pair: tuple[str, str]) -> bool:
    expected, segment = pair
    return expected == segment or bool(segment and VARIABLE.fullmatch(expected))


def _event(
    method: str, url: str, template: str, values: Any, headers: Mapping[str, str], body: str | bytes | None
) -> dict[str, Any]:
    parts = urlsplit(url)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return {
        "resource": template,
        "path": parts.path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values_of_name[-1] for name, values_of_name in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": values,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": template,
            "httpMethod": method,
            "path": f"/api{parts.path}",
            "stage": "api",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }
