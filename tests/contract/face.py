"""One documented API as the contract tests see it: its document as data, and how it says what all APIs have to say."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from chalicelib.edge import Api, routes_of
from tests.contract.documented import Allowance, Documented, Paging, Submitting, Thing, Told
from tests.support.client import Client, Reply, token
from tests.support.world import World

EVERYONE = ("user", "server", "admin")
MULTIPLES = {"pro": 10, "enterprise": 100}
"""What a plan multiplies the documented limits by; any other has them as they are."""


def _caller(world: World, org: str) -> str:
    return token(org=org, plan="enterprise")


def _role_refused(endpoint: Documented, allowed: Sequence[str]) -> str:
    few = f"{allowed[0].capitalize()} role required"
    return few if len(allowed) == 1 else f"One of these roles required: {', '.join(allowed)}"


def _put(example: Mapping[str, Any], where: str, value: Any) -> dict[str, Any]:
    """The example with another value there: `a.b` is the field b of the field a."""
    name, _, inner = where.partition(".")
    return {**example, name: _put(example[name], inner, value) if inner else value}


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
    docs: str = "/docs"
    """Where the documentation's page is."""
    caller: Callable[[World, str], str] = _caller
    """Makes an org's admin, of the largest plan: their token."""
    stands_for: Mapping[str, str] = field(default_factory=dict)
    """What the document's examples have in bodies, queries and headers -> name of the thing that it stands for."""
    invalid: int = 400
    """Status of a request that breaks a rule of its schema."""
    refusal: Callable[[Documented, Sequence[str]], str] = _role_refused
    """What who may not call an endpoint is told, given the roles that may."""
    refusals_count: bool = False
    """Whether a request of who may not call the endpoint is counted against the limit."""
    strangers: Mapping[str, int] = field(default_factory=dict)
    """Endpoint id -> status for an admitted caller to whom nothing belongs, where that follows from nothing else."""
    robust: Sequence[str] = ()
    """Endpoints that answer, though what is underneath does not: they say so."""
    elsewhere: Sequence[str] = ()
    """Endpoints that ask no database: of what they do, the limiter alone does."""
    tiers: Mapping[str, Allowance] = field(default_factory=dict)
    """Plan -> what it allows, where plans do not multiply the documented limits; a plan that is not named is free."""
    pages: Sequence[str] = ()
    """Endpoints whose answer is a page for people, beside the documentation."""
    verbatim: frozenset[str] = frozenset()
    """Fields whose content is the caller's own, in the caller's own letter case."""
    exact: bool = False
    """Whether answers have the documented fields and no others, in the documented order."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """Endpoint id -> an example of what was decided where the document shows no answer."""
    decided: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Endpoint id -> where in the documented answer -> an example of what is there instead."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Endpoint id -> status of success, where it is not 200."""
    located: Sequence[str] = ()
    """Endpoints whose answer says where the created thing is."""
    public: Sequence[str] = ()
    """Endpoints that need no credential, beside the documentation."""
    own_words: Sequence[str] = ()
    """Endpoints whose errors a standard words."""
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
    examples: int = 10
    """Random cases for each operation in the ordinary suite, beside those at the edges of its schema."""
    twins: Sequence[str] = ()
    """Paths whose endpoints are those of another path: the same code with the same schemas."""
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
        return told + tuple(Documented(one) for one in self.documentation if one not in known)

    @property
    def documentation(self) -> tuple[str, str]:
        return f"GET {self.docs}", "GET /openapi.json"

    @cached_property
    def guarded(self) -> tuple[Documented, ...]:
        return tuple(one for one in self.endpoints if not self.is_public(one))

    def endpoint(self, identifier: str) -> Documented:
        [found] = [one for one in self.endpoints if one.id == identifier]
        return found

    def is_public(self, endpoint: Documented) -> bool:
        return endpoint.id in self.documentation or endpoint.id in self.public

    def is_page(self, endpoint: Documented) -> bool:
        return endpoint.path == self.docs or endpoint.id in self.pages

    def status(self, endpoint: Documented) -> int:
        return self.statuses.get(endpoint.id, 200)

    def allowed(self, endpoint: Documented) -> Sequence[str]:
        return self.roles.get(endpoint.id, EVERYONE)

    def answer(self, endpoint: Documented) -> Any:
        """An example of its answer; None where neither the document nor anybody since has said one."""
        example = self.answers.get(endpoint.id, endpoint.response)
        for where, value in self.decided.get(endpoint.id, {}).items():
            example = _put(example, where, value)
        return example

    def allowance(self, endpoint: Documented, plan: str = "standard") -> Allowance:
        """How many such requests the document allows in a window."""
        if self.tiers:
            return self.tiers.get(plan, self.tiers["free"])
        count = int(self.data["rate_limits"][self.limits.get(endpoint.id, "default")]) * MULTIPLES.get(plan, 1)
        return Allowance(count, count)

    @property
    def window(self) -> int:
        """Of its limits, in seconds."""
        return int(self.data["rate_limits"].get("window_seconds", 60))

    def unfit(self, reply: Reply) -> Told:
        """What a reply says that must refuse a request which breaks a rule of its schema."""
        return self.refused(reply, self.invalid)

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
