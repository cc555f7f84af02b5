"""One group of endpoints of an API for the contract tests. The face of a large API is the sum of its groups."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tests.contract.documented import Paging, Resource
from tests.support.client import Client
from tests.support.world import World

Build = Callable[[World, Client, str], dict[str, Resource]]


@dataclass(frozen=True)
class Group:
    """The fields have the meaning of the same fields of tests.contract.face.Face."""

    build: Build
    on: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stands_for: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    instants: frozenset[str] = frozenset()
    verbatim: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()
    answers: Mapping[str, Any] = field(default_factory=dict)
    decided: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    strangers: Mapping[str, int] = field(default_factory=dict)
    bases: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    paged: Mapping[str, Paging] = field(default_factory=dict)
    chosen: Sequence[str] = ()
    paths: Sequence[str] = ()
    raw: Sequence[str] = ()
    located: Sequence[str] = ()
    elsewhere: Sequence[str] = ()
    common: Sequence[str] = ()
    public: Sequence[str] = ()
    closed: Sequence[str] = ()
    missing: Sequence[tuple[str, str, Any]] = ()
    wrong: Sequence[tuple[str, str, Sequence[Any]]] = ()
    wrong_queries: Sequence[tuple[str, str, Sequence[str]]] = ()


def merge(groups: Sequence[Group]) -> dict[str, Any]:
    """The arguments of a Face that has these groups."""
    merged = {one.name: _sum(getattr(group, one.name) for group in groups) for one in fields(Group)[1:]}
    return merged | {"build": _build_all(groups)}


def _sum(values: Iterable[Any]) -> Any:
    first, *others = values
    for other in others:
        first = first | other if isinstance(first, Mapping | frozenset) else (*first, *other)
    return first


def _build_all(groups: Sequence[Group]) -> Build:
    def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
        """What each group builds."""
        built: dict[str, Resource] = {}
        for group in groups:
            built |= group.build(world, client, caller)
        return built

    return build
