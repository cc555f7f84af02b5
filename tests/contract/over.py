"""Parametrize a test over APIs and their endpoints."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from chalicelib.edge.schemas import JSON
from tests.contract.documented import Documented
from tests.contract.face import Face
from tests.contract.faces import FACES


def faces(*, where: Callable[[Face], Any] = bool) -> pytest.MarkDecorator:
    """Run the test for each API, in its scene."""
    chosen = [face for face in FACES if where(face)]
    return pytest.mark.parametrize("shared", chosen, indirect=True, ids=[face.name for face in chosen])


def each(
    choose: Callable[[Face], Iterable[Any]], name: str = "endpoint", label: Callable[[Any], str] = lambda one: one.id
) -> pytest.MarkDecorator:
    """Run the test for each item that `choose` returns of each API, in its scene. The argument `name` is the item."""
    cases = [(face, item) for face in FACES for item in choose(face)]
    ids = [f"{face.name}: {label(one)}" for face, one in cases]
    return pytest.mark.parametrize(("shared", name), cases, indirect=["shared"], ids=ids, scope="module")


def guarded_endpoints(face: Face) -> Iterable[Documented]:
    return face.guarded_endpoints


def with_resource(face: Face) -> Iterable[Documented]:
    """Endpoints that take a resource's id, in the path or in the query."""
    return [one for one in face.endpoints if face.on.get(one.id)]


def with_found_resource(face: Face) -> Iterable[Documented]:
    """Endpoints that take the id of a resource which must be there, and is an org's."""
    return [one for one in with_resource(face) if one.id not in face.chosen and not face.is_public(one)]


def with_body(face: Face) -> Iterable[Documented]:
    return [one for one in face.guarded_endpoints if one.request is not None]


def with_json(face: Face) -> Iterable[Documented]:
    return [one for one in face.endpoints if one.request is not None and one.sent_as == JSON]
