"""A client of a mounted API, in this process: it sends what API Gateway (REST, proxy event v1) sends to Lambda."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partialmethod
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chalicelib.edge import Api, mount, routes_of
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


def answered_request(org: str, status: int, milliseconds: float, route: str = "/api/x") -> AnsweredRequest:
    """The record of a request that an API has answered."""
    return AnsweredRequest(org, status, milliseconds, "GET", route, "req_1")


@dataclass(frozen=True)
class Reply:
    """A response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: Sequence[str] = ()
    """Its Set-Cookie headers."""

    @property
    def json(self) -> Any:
        return json.loads(self.text)


Watch = Callable[[str, str, Reply], None]
"""Called with every (method, route template, reply)."""


class Client:
    """Calls the API's endpoints; `watch` sees every reply."""

    def __init__(self, api: Api, watch: Watch | None = None) -> None:
        self._app = mount(api)
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
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if key is not None:
            sent["X-API-Key"] = key
        content = body if isinstance(body, str | bytes | None) else json.dumps(body)
        template, values = self._resolve(urlsplit(url).path)
        raw = self._app(_event(method, url, template, values, sent, content), None)
        received = {name.lower(): text for name, text in raw["headers"].items()}
        reply = Reply(raw["statusCode"], received, raw["body"], raw["multiValueHeaders"].get("Set-Cookie", ()))
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
        given = path.split("/")
        for template in self._templates:
            pairs = list(zip(template.split("/"), given, strict=False))
            if len(pairs) == len(given) == template.count("/") + 1 and all(map(_matches, pairs)):
                values = {match[1]: have for want, have in pairs if (match := VARIABLE.fullmatch(want))}
                return template, values or None
        return path, None


def _matches(pair: tuple[str, str]) -> bool:
    wanted, given = pair
    return wanted == given or bool(given and VARIABLE.fullmatch(wanted))


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
        "queryStringParameters": {name: found[-1] for name, found in query.items()} or None,
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
