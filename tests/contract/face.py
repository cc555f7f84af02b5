"""One documented API as the contract tests see it: its document as data, and how it says what all APIs have to say."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from chalicelib.edge import Api, routes_of
from chalicelib.edge.api import VARIABLE
from tests.support.client import Client, Reply
from tests.support.world import World

EVERYONE = ("user", "server", "admin")


class Thing(NamedTuple):
    """Something in a scene; `kind` is its name in the words of its 404."""

    kind: str
    id: str


class Told(NamedTuple):
    """What an error says, whatever its shape. `fields` is None where a dialect names none."""

    code: str
    message: str
    fields: Mapping[str, str] | None = None
    status: int | None = None
    """The status and the request's id, where a dialect repeats them."""
    request_id: str | None = None


class Submitting(NamedTuple):
    """How a task comes in, and how it is read: endpoint ids, and where in the answer its id is."""

    post: str
    get: str
    id: str = "id"


class Paging(NamedTuple):
    """How an endpoint pages: where in the answer the list is, the bounds of its limit, and where the rest is."""

    items: str
    default: int
    most: int
    total: str = "total"
    cursor: str = "next_cursor"
    id: str = "id"


@dataclass(frozen=True)
class Documented:
    """One documented endpoint."""

    id: str
    auth: str = "required"
    """Who may call it, in the document's words: "required" is anyone known."""
    request: Any = None
    response: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    """As the document's example has it."""
    filters: Sequence[str] = ()
    """Further query parameters that it takes."""
    also: Sequence[Any] = ()
    """Further bodies that the document's clients send."""

    @property
    def method(self) -> str:
        return self.id.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.id.partition(" ")[2]

    @property
    def variables(self) -> list[str]:
        return VARIABLE.findall(self.path)

    def url(self, values: Mapping[str, str]) -> str:
        """Its address; `values` fill the path, and take the place of the example's in the query."""
        query = "&".join(f"{name}={values.get(name, example)}" for name, example in self.query.items())
        path = VARIABLE.sub(lambda match: values[match[1]], self.path)
        return f"{path}?{query}" if query else path


def pick(value: Any, where: str) -> Any:
    """What is there: `a.b` is the field b of the field a."""
    for name in where.split("."):
        value = value[name]
    return value


def without(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The body, but for one of its fields."""
    return {name: value for name, value in body.items() if name != field}


DOCUMENTATION = (Documented("GET /docs"), Documented("GET /openapi.json"))


@dataclass(frozen=True, eq=False, repr=False)
class Face:
    """One API. What has a default need be said only by an API that differs."""

    api: Api
    build: Callable[[World, Client, str], dict[str, Thing]]
    """Makes, as the holder of a token, what its endpoints can work on: the things by name."""
    on: Mapping[str, Mapping[str, str]]
    """Endpoint id -> variable of path or query -> name of the thing on which the endpoint can succeed."""
    read_error: Callable[[Any], Told]
    """Reads an error's JSON; raises AssertionError for any other shape than the documented."""
    codes: Mapping[Any, str]
    """Status, or (status, kind of thing) -> the code of such an error."""
    case: re.Pattern[str]
    """What names of fields look like."""
    instants: frozenset[str]
    """Fields that hold an instant."""
    instant: Callable[[int], Any]
    """How an instant, in epoch milliseconds, is written."""
    formats: Mapping[str, str]
    """Patterns: a text like the first in an example stands for any text like the second."""
    verbatim: frozenset[str] = frozenset()
    """Fields whose content is the caller's own, in the caller's own letter case."""
    exact: bool = False
    """Whether answers have the documented fields and no others, in the documented order."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """Endpoint id -> an example of what was decided where the document shows no answer."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Endpoint id -> status of success, where it is not 200."""
    located: Sequence[str] = ()
    """Endpoints whose answer says where the created thing is."""
    public: Sequence[str] = ()
    """Endpoints that need no credential, beside the documentation."""
    opens: bool = False
    """Whether OPEN_APIS may open it to anonymous callers."""
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Endpoint id -> who may call it, where that is not everyone."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """Endpoint id -> name of its limit, where that is not "default"."""
    spenders: Mapping[str, str] = field(default_factory=dict)
    """Name of a limit -> an endpoint with which to spend it."""
    missing: Sequence[tuple[str, str, Any]] = ()
    """(endpoint id, field, a body that lacks it)."""
    wrong: Sequence[tuple[str, str, Sequence[Any]]] = ()
    """(endpoint id, field, values that it cannot have)."""
    bases: Mapping[str, Any] = field(default_factory=dict)
    """Endpoint id -> a body that is right; wrong values are put into it."""
    wrong_queries: Sequence[tuple[str, str, Sequence[str]]] = ()
    """(endpoint id, query parameter, values that it cannot have)."""
    submitting: Submitting | None = None
    read_only: Mapping[str, Any] = field(default_factory=dict)
    """What a submitted task cannot say of itself."""
    paged: Mapping[str, Paging] = field(default_factory=dict)
    volatile: frozenset[str] = frozenset()
    """Fields that no two answers need have in common."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How its deployment differs from that of all tests."""

    @property
    def name(self) -> str:
        return self.api.name

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The document: `endpoints`, `rate_limits` (and their `window_seconds`), and what only this API has."""
        return dict(json.loads((Path(__file__).parent / "data" / f"{self.name}.json").read_text("utf-8")))

    @cached_property
    def endpoints(self) -> tuple[Documented, ...]:
        """The documented ones, and those that show the documentation, which every API has."""
        told = tuple(Documented(**endpoint) for endpoint in self.data["endpoints"])
        known = {endpoint.id for endpoint in told}
        return told + tuple(endpoint for endpoint in DOCUMENTATION if endpoint.id not in known)

    @cached_property
    def guarded(self) -> tuple[Documented, ...]:
        return tuple(one for one in self.endpoints if not self.is_public(one))

    def endpoint(self, identifier: str) -> Documented:
        [found] = [one for one in self.endpoints if one.id == identifier]
        return found

    def is_public(self, endpoint: Documented) -> bool:
        return endpoint in DOCUMENTATION or endpoint.id in self.public

    def status(self, endpoint: Documented) -> int:
        return self.statuses.get(endpoint.id, 200)

    def allowed(self, endpoint: Documented) -> Sequence[str]:
        return self.roles.get(endpoint.id, EVERYONE)

    def limit(self, endpoint: Documented) -> int:
        """How many such requests a minute the document allows."""
        return int(self.data["rate_limits"][self.limits.get(endpoint.id, "default")])

    def code(self, status: int, kind: str | None = None) -> str:
        return self.codes[status, kind] if (status, kind) in self.codes else self.codes[status]

    def refused(self, reply: Reply, status: int, kind: str | None = None) -> Told:
        """What a reply says that must be an error of this status. Raises AssertionError for any other reply."""
        assert reply.status == status, f"{reply.status}: {reply.text}"
        assert reply.headers["content-type"] == self.api.dialect.error_media_type
        told = self.read_error(reply.json)
        assert told.code == self.code(status, kind)
        assert told.status in (None, status)
        assert told.request_id in (None, reply.headers["x-request-id"])
        return told

    def alike(self, given: Any, example: Any, where: str = "") -> None:
        """Raise AssertionError unless `given` has every field of the example, each of its JSON type and format."""
        match example:
            case dict():
                self._alike_objects(given, example, where)
            case list():
                assert isinstance(given, list) and bool(given) is bool(example), where
                for number, one in enumerate(given):
                    self.alike(one, example[0], f"{where}[{number}]")
            case str():
                assert isinstance(given, str) and given, where
                for form, wanted in self.formats.items():
                    assert not re.fullmatch(form, example) or re.fullmatch(wanted, given), f"{where}: {given}"
            case None:
                assert given is None, f"{where}: {given}"
            case bool():
                assert isinstance(given, bool), where
            case _:
                assert isinstance(given, int | float) and not isinstance(given, bool), where
                assert isinstance(example, float) or isinstance(given, int), f"{where}: {given} is not whole"

    def _alike_objects(self, given: Any, example: dict[str, Any], where: str) -> None:
        assert isinstance(given, dict), where
        ids = [name for name in example if any(re.fullmatch(form, name) for form in self.formats)]
        assert not self.exact or ids or list(given) == list(example), f"{where}: {list(given)}"
        for name, value in example.items():
            # Ids as keys stand for any id.
            found = next(iter(given.values())) if name in ids else given[name]
            self.alike(found, value, f"{where}.{name}")

    def spelled(self, value: Any, ids: frozenset[str]) -> None:
        """Raise AssertionError for a field's name in another letter case; ids may be names too."""
        if isinstance(value, list):
            for one in value:
                self.spelled(one, ids)
        if isinstance(value, dict):
            for name, inner in value.items():
                assert self.case.fullmatch(name) or name in ids, name
                if name not in self.verbatim:
                    self.spelled(inner, ids)

    def steady(self, value: Any) -> Any:
        """The value without its volatile fields."""
        if isinstance(value, list):
            return [self.steady(one) for one in value]
        if isinstance(value, dict):
            return {name: self.steady(inner) for name, inner in value.items() if name not in self.volatile}
        return value

    def mounted(self) -> set[str]:
        return {f"{route.method} {route.path}" for route in routes_of(self.api)}
