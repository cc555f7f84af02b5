"""One documented API as the contract tests see it: its document as data, and in what it differs from other APIs."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from chalicelib.edge import Api, routes_of
from tests.contract.documented import Allowance, Documented, ErrorDetails, Paging, Resource, Submitting
from tests.support.client import Client, Reply, token
from tests.support.world import World

DATA = Path(__file__).parent / "data"
EVERYONE = ("user", "server", "admin")
MULTIPLES = {"pro": 10, "enterprise": 100}
"""The factor by which a plan multiplies the documented limits; 1 for any other plan."""


def _caller(world: World, org: str) -> str:
    return token(org=org, plan="enterprise")


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _role_refusal(endpoint: Documented, allowed: Sequence[str]) -> str:
    few = f"{allowed[0].capitalize()} role required"
    return few if len(allowed) == 1 else f"One of these roles required: {', '.join(allowed)}"


def _put(example: Mapping[str, Any], where: str, value: Any) -> dict[str, Any]:
    """The example with another value at one place: `a.b` is the field b of the field a."""
    name, _, inner = where.partition(".")
    return {**example, name: _put(example[name], inner, value) if inner else value}


@dataclass(frozen=True, eq=False, repr=False)
class Face:
    """One API. A field with a default is set only by an API that differs from it."""

    api: Api
    build: Callable[[World, Client, str], dict[str, Resource]]
    """Creates, with the token of a caller, the resources that the endpoints need; returns them by name."""
    on: Mapping[str, Mapping[str, str]]
    """Endpoint id -> variable of path or query -> name of a resource on which the endpoint succeeds."""
    read_error: Callable[[Any], ErrorDetails]
    """Reads an error's JSON. Raises AssertionError for any other shape than the documented one."""
    codes: Mapping[Any, str]
    """Status, or (status, kind of resource) -> the code of such an error."""
    case: re.Pattern[str]
    """The pattern of field names."""
    instants: frozenset[str]
    """Fields that hold an instant."""
    instant: Callable[[int], Any]
    """Formats an instant, given in epoch milliseconds."""
    formats: Mapping[str, str]
    """Pattern -> pattern: where an example's text matches the first, an answer's text must match the second."""
    docs: str = "/docs"
    """Path of the documentation page."""
    caller: Callable[[World, str], str] = _caller
    """Creates an admin of an org with the largest plan; returns their token."""
    stands_for: Mapping[str, str] = field(default_factory=dict)
    """Text in the document's examples (body, query, header) -> name of the resource whose id replaces it."""
    invalid: int = 400
    """Status of a request that breaks a rule of its schema."""
    refusal: Callable[[Documented, Sequence[str]], str] = _role_refusal
    """The message for a caller who may not call an endpoint, given the roles that may."""
    refusals_count: bool = False
    """Whether a request that the endpoint refuses with 403 is counted against the rate limit."""
    strangers: Mapping[str, int] = field(default_factory=dict)
    """Endpoint id -> status for a permitted caller of an org without any resources, where it is not the usual one."""
    chosen: Sequence[str] = ()
    """Endpoints that create what their variable names, such as a file: nobody else's can be meant."""
    paths: Sequence[str] = ()
    """Endpoints whose variable is the path of a file."""
    robust: Sequence[str] = ()
    """Endpoints that answer 200 even when the database fails, and report the failure."""
    elsewhere: Sequence[str] = ()
    """Endpoints that do not call the database. Only their rate limiter does."""
    common: Sequence[str] = ()
    """Lists of what belongs to the deployment and not to an org: every org sees the same."""
    tiers: Mapping[str, Allowance] = field(default_factory=dict)
    """Plan -> its allowance, where plans do not multiply the documented limits. Any other plan counts as free."""
    raw: Sequence[str] = ()
    """Endpoints that answer with bytes or a stream of events."""
    pages: Sequence[str] = ()
    """Endpoints that answer with an HTML page, beside the documentation."""
    verbatim: frozenset[str] = frozenset()
    """Fields whose content comes from the caller, in any letter case."""
    exact: bool = False
    """Whether answers have exactly the documented fields, in the documented order."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """Endpoint id -> an example of the answer, where the document shows none."""
    decided: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Endpoint id -> place in the documented answer -> an example that replaces the documented value."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Endpoint id -> status of success, where it is not 200."""
    located: Sequence[str] = ()
    """Endpoints whose answer has a Location header."""
    public: Sequence[str] = ()
    """Endpoints that need no credential, beside the documentation."""
    own_words: Sequence[str] = ()
    """Endpoints whose errors follow a standard, not the API's document."""
    opens: bool = False
    """Whether the setting OPEN_APIS can open it to anonymous callers."""
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Endpoint id -> roles that may call it, where not all may."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """Endpoint id -> name of its rate limit, where that is not "default"."""
    spenders: Mapping[str, str] = field(default_factory=dict)
    """Name of a rate limit -> an endpoint that counts against it."""
    missing: Sequence[tuple[str, str, Any]] = ()
    """(endpoint id, field, a body that lacks it)."""
    wrong: Sequence[tuple[str, str, Sequence[Any]]] = ()
    """(endpoint id, field, invalid values)."""
    bases: Mapping[str, Any] = field(default_factory=dict)
    """Endpoint id -> a valid body, into which the invalid values are put."""
    closed: Sequence[str] = ()
    """Endpoints that refuse unknown fields of the body, where others ignore them."""
    wrong_queries: Sequence[tuple[str, str, Sequence[str]]] = ()
    """(endpoint id, query parameter, invalid values)."""
    submitting: Submitting | None = None
    read_only: Mapping[str, Any] = field(default_factory=dict)
    """Fields with values that a submitted task cannot set."""
    paged: Mapping[str, Paging] = field(default_factory=dict)
    examples: int = 5
    """Random cases for each operation in the ordinary test run, beside those at the bounds of its schema."""
    twins: Sequence[str] = ()
    """Paths that serve the endpoints of another path, with the same code and schemas."""
    volatile: frozenset[str] = frozenset()
    """Fields whose values may differ from one answer to the next."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from those of other tests."""

    @property
    def name(self) -> str:
        return self.api.name

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The document as data: `endpoints`, `rate_limits` (with `window_seconds`), and what only this API has.

        A large API has its endpoints by groups, each in a file of the folder with the API's name.
        """
        data: dict[str, Any] = _read(DATA / f"{self.name}.json")
        groups = [endpoint for path in sorted((DATA / self.name).glob("*.json")) for endpoint in _read(path)]
        return data | {"endpoints": [*data.get("endpoints", ()), *groups]}

    @cached_property
    def endpoints(self) -> tuple[Documented, ...]:
        """The documented endpoints, and the two that serve the documentation, which every API has."""
        documented = tuple(Documented(**endpoint) for endpoint in self.data["endpoints"])
        documented_ids = {endpoint.id for endpoint in documented}
        return documented + tuple(Documented(one) for one in self.documentation if one not in documented_ids)

    @property
    def documentation(self) -> tuple[str, str]:
        return f"GET {self.docs}", "GET /openapi.json"

    @cached_property
    def guarded_endpoints(self) -> tuple[Documented, ...]:
        return tuple(one for one in self.endpoints if not self.is_public(one))

    def endpoint(self, identifier: str) -> Documented:
        [found] = [one for one in self.endpoints if one.id == identifier]
        return found

    def described_endpoint(self, method: str, path: str) -> Documented:
        """The endpoint with this path in the OpenAPI document."""
        [found] = [one for one in self.endpoints if (one.method, one.described_path) == (method, path)]
        return found

    def is_public(self, endpoint: Documented) -> bool:
        return endpoint.id in self.documentation or endpoint.id in self.public

    def is_page(self, endpoint: Documented) -> bool:
        return endpoint.path == self.docs or endpoint.id in self.pages

    def status(self, endpoint: Documented) -> int:
        return self.statuses.get(endpoint.id, 200)

    def allowed_roles(self, endpoint: Documented) -> Sequence[str]:
        return self.roles.get(endpoint.id, EVERYONE)

    def answer(self, endpoint: Documented) -> Any:
        """An example of the endpoint's answer; None where there is none."""
        example = self.answers.get(endpoint.id, endpoint.response)
        for where, value in self.decided.get(endpoint.id, {}).items():
            example = _put(example, where, value)
        return example

    def allowance(self, endpoint: Documented, plan: str = "standard") -> Allowance:
        """How many requests to the endpoint the document allows in a window."""
        if self.tiers:
            return self.tiers.get(plan, self.tiers["free"])
        count = int(self.data["rate_limits"][self.limits.get(endpoint.id, "default")]) * MULTIPLES.get(plan, 1)
        return Allowance(count, count)

    @property
    def window(self) -> int:
        """The window of its rate limits, in seconds."""
        return int(self.data["rate_limits"].get("window_seconds", 60))

    def require_invalid(self, reply: Reply) -> ErrorDetails:
        """The error of a reply. Raises AssertionError unless it refuses a request that breaks its schema."""
        return self.require_refusal(reply, self.invalid)

    def code(self, status: int, kind: str | None = None) -> str:
        return self.codes[status, kind] if (status, kind) in self.codes else self.codes[status]

    def require_refusal(self, reply: Reply, status: int, kind: str | None = None) -> ErrorDetails:
        """The error of a reply. Raises AssertionError unless it is a documented error of this status."""
        assert reply.status == status, f"{reply.status}: {reply.text}"
        assert reply.headers["content-type"] == self.api.dialect.error_media_type
        error = self.read_error(reply.json)
        assert error.code == self.code(status, kind)
        assert error.status in (None, status)
        assert error.request_id in (None, reply.headers["x-request-id"])
        return error

    def require_shape(self, value: Any, example: Any, where: str = "") -> None:
        """Raise AssertionError unless `value` has every field of the example, each of its JSON type and format."""
        match example:
            case dict():
                self._require_object_shape(value, example, where)
            case list():
                assert isinstance(value, list) and bool(value) is bool(example), where
                for number, one in enumerate(value):
                    self._require_one_shape(one, example, f"{where}[{number}]")
            case str():
                assert isinstance(value, str) and value, where
                for form, accepted in self.formats.items():
                    assert not re.fullmatch(form, example) or re.fullmatch(accepted, value), f"{where}: {value}"
            case None:
                assert value is None, f"{where}: {value}"
            case bool():
                assert isinstance(value, bool), where
            case _:
                assert isinstance(value, int | float) and not isinstance(value, bool), where
                assert isinstance(example, float) or isinstance(value, int), f"{where}: {value} is not whole"

    def _require_one_shape(self, value: Any, examples: Sequence[Any], where: str) -> None:
        """Raise AssertionError unless the value has the shape of one of the examples."""
        *others, last = examples
        for example in others:
            with suppress(AssertionError):
                self.require_shape(value, example, where)
                return
        self.require_shape(value, last, where)

    def _require_object_shape(self, obj: Any, example: dict[str, Any], where: str) -> None:
        assert isinstance(obj, dict), where
        ids = [name for name in example if any(re.fullmatch(form, name) for form in self.formats)]
        assert not self.exact or ids or list(obj) == list(example), f"{where}: {list(obj)}"
        for name, value in example.items():
            # An id as a key of the example stands for any id.
            actual = next(iter(obj.values())) if name in ids else obj[name]
            self.require_shape(actual, value, f"{where}.{name}")

    def require_field_case(self, value: Any, ids: frozenset[str]) -> None:
        """Raise AssertionError for a field name in another letter case. `ids` may be keys, too."""
        if isinstance(value, list):
            for one in value:
                self.require_field_case(one, ids)
        if isinstance(value, dict):
            for name, inner in value.items():
                assert self.case.fullmatch(name) or name in ids, name
                if name not in self.verbatim:
                    self.require_field_case(inner, ids)

    def without_volatile_fields(self, value: Any) -> Any:
        """The value without its volatile fields."""
        if isinstance(value, list):
            return [self.without_volatile_fields(one) for one in value]
        if isinstance(value, dict):
            return {
                name: self.without_volatile_fields(inner) for name, inner in value.items() if name not in self.volatile
            }
        return value

    def mounted_routes(self) -> set[str]:
        return {f"{route.method} {route.path}" for route in routes_of(self.api)}
