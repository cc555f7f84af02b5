"""An API as one value: its name, dialect and endpoints, who may call them, and how often."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from chalicelib.edge.dialects import Dialect
from chalicelib.edge.request import Request
from chalicelib.edge.routing import Endpoint, Routes

VARIABLE = re.compile(r"\{(\w+)\+?\}")
BEARER: Mapping[str, Mapping[str, str]] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
BEARER_OR_KEY: Mapping[str, Mapping[str, str]] = {
    **BEARER,
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class Caller(Protocol):
    """The caller: a handler's parameter of this type gets the authenticated principal."""

    @property
    def org(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def plan(self) -> str: ...


class AnsweredRequest(NamedTuple):
    """One answered request of a known caller."""

    org: str
    status: int
    milliseconds: float
    method: str
    route: str
    request_id: str
    subject: str


@dataclass(frozen=True)
class Limit:
    """At most `count` requests in `seconds`."""

    count: int
    seconds: int


class Admission(Protocol):
    """The rate limiter's decision about one request."""

    @property
    def allowed(self) -> bool: ...
    @property
    def limit(self) -> int: ...
    @property
    def remaining(self) -> int: ...
    @property
    def reset_at(self) -> int:
        """Epoch seconds at which the whole limit is free again."""

    @property
    def retry_after(self) -> int:
        """Whole seconds until a refused request can be admitted."""


@dataclass(frozen=True)
class Api:
    """One documented API.

    `authenticate` raises Unauthenticated for a request without a valid credential; `admit` counts one request of
    the caller against the named limit. `security` holds OpenAPI security schemes, of which any one suffices.
    `measure` is called with each answered request of a known caller. `authorize` raises Forbidden for a known
    caller who may not call an endpoint although its role may. `window_header` adds the limit's window to the headers.
    `exempt` says which requests are admitted although their limit is used up; they are counted, too.
    """

    name: str
    title: str
    version: str
    description: str
    port: int
    dialect: Dialect
    groups: tuple[Routes, ...]
    limits: Mapping[str, Limit]
    authenticate: Callable[[Request], Caller]
    admit: Callable[[Caller, str, Limit], Admission]
    security: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: BEARER_OR_KEY)
    measure: Callable[[AnsweredRequest], None] | None = None
    authorize: Callable[[Caller, Endpoint], None] | None = None
    window_header: bool = False
    exempt: Callable[[Endpoint, Request], bool] | None = None
    body_limit_bytes: int | None = None
    """The largest body that it accepts, where that is not the setting BODY_LIMIT_BYTES."""


def routes_of(api: Api) -> tuple[Endpoint, ...]:
    """Every endpoint of the API, in the order of its groups."""
    return tuple(endpoint for group in api.groups for endpoint in group.endpoints)


def check_routes(api: Api) -> None:
    """Raise ValueError for a route table that API Gateway would refuse or that contradicts itself."""
    endpoints = routes_of(api)
    _refuse_repeated("route", (f"{endpoint.method} {endpoint.path}" for endpoint in endpoints))
    _refuse_repeated("name", (endpoint.name for endpoint in endpoints))
    for endpoint in endpoints:
        _check_endpoint(api, endpoint)
    _refuse_rival_variables(endpoints)


def _check_endpoint(api: Api, endpoint: Endpoint) -> None:
    if not endpoint.path.startswith("/"):
        raise ValueError(f"{endpoint.name}: the path {endpoint.path!r} must start with '/'")
    if endpoint.path.endswith("/") and endpoint.path != "/":
        raise ValueError(f"{endpoint.name}: the path {endpoint.path!r} may not end in '/'")
    if not endpoint.public and endpoint.limit not in api.limits:
        raise ValueError(f"{endpoint.name}: {api.name} has no limit {endpoint.limit!r}")


def _refuse_repeated(what: str, keys: Iterable[str]) -> None:
    for key, count in Counter(keys).items():
        if count > 1:
            raise ValueError(f"the {what} {key!r} is used {count} times")


def _refuse_rival_variables(endpoints: Iterable[Endpoint]) -> None:
    seen: dict[str, str] = {}
    for endpoint in endpoints:
        for match in VARIABLE.finditer(endpoint.path):
            position = VARIABLE.sub("{}", endpoint.path[: match.start()])
            if seen.setdefault(position, match[0]) != match[0]:
                raise ValueError(f"{endpoint.path}: {seen[position]} is this position's name elsewhere")
