"""Find the endpoint of a path by API Gateway's rules: a literal goes before a variable, a variable before `{name+}`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote


class Routed(Protocol):
    """The part of an endpoint that routing needs."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Match:
    """The endpoints of a path, by method."""

    template: str
    """As in the route, such as `/api/task/{id}`."""
    methods: Mapping[str, Routed]
    values: Mapping[str, str]
    """Variable -> its value in the path, still percent-encoded."""


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    variables: dict[str, "_Node"] = field(default_factory=dict)
    template: str = ""
    methods: dict[str, Routed] = field(default_factory=dict)


class Router:
    """A tree of the endpoints' path templates."""

    def __init__(self, endpoints: Iterable[Routed]) -> None:
        self._root = _Node()
        for endpoint in endpoints:
            self._add(endpoint)

    def match(self, path: str) -> Match | None:
        """Find the endpoints of the percent-encoded `path`, with or without a slash at its end; None if none has it."""
        return next(_matches(self._root, _segments(path.removesuffix("/")), {}), None)

    def _add(self, endpoint: Routed) -> None:
        node = self._root
        for segment in _segments(endpoint.path.removesuffix("/")):
            children = node.variables if segment.startswith("{") else node.literals
            node = children.setdefault(segment.strip("{}"), _Node())
        node.template = endpoint.path
        node.methods[endpoint.method] = endpoint


def _segments(path: str) -> list[str]:
    return path.split("/")[1:]


def _matches(node: _Node, segments: list[str], values: dict[str, str]) -> Iterator[Match]:
    if not segments:
        if node.methods:
            yield Match(node.template, node.methods, values)
        return
    first, rest = segments[0], segments[1:]
    if literal := node.literals.get(unquote(first)):
        yield from _matches(literal, rest, values)
    yield from _match_variables(node, first, rest, values)


def _match_variables(node: _Node, first: str, rest: list[str], values: dict[str, str]) -> Iterator[Match]:
    for name, child in sorted(node.variables.items(), key=lambda item: item[0].endswith("+")):
        if name.endswith("+") and (first or rest):
            yield from _matches(child, [], values | {name.removesuffix("+"): "/".join([first, *rest])})
        elif first:
            yield from _matches(child, rest, values | {name: first})
