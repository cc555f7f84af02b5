"""Over which APIs and endpoints a test goes."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from chalicelib.edge.schemas import JSON
from tests.contract.documented import Documented
from tests.contract.face import Face
from tests.contract.faces import FACES


def faces(*, where: Callable[[Face], Any] = bool) -> pytest.MarkDecorator:
    """Over the APIs, in their scenes."""
    chosen = [face for face in FACES if where(face)]
    return pytest.mark.parametrize("shared", chosen, indirect=True, ids=[face.name for face in chosen])


def each(
    choose: Callable[[Face], Iterable[Any]], name: str = "endpoint", said: Callable[[Any], str] = lambda one: one.id
) -> pytest.MarkDecorator:
    """Over something of each API, in its scene: the argument `name` is what was chosen."""
    cases = [(face, one) for face in FACES for one in choose(face)]
    ids = [f"{face.name}: {said(one)}" for face, one in cases]
    return pytest.mark.parametrize(("shared", name), cases, indirect=["shared"], ids=ids, scope="module")


def guarded(face: Face) -> Iterable[Documented]:
    return face.guarded


def of_one(face: Face) -> Iterable[Documented]:
    """Endpoints that name a thing, in the path or in the query."""
    return [one for one in face.endpoints if face.on.get(one.id)]


def with_body(face: Face) -> Iterable[Documented]:
    return [one for one in face.guarded if one.request is not None]


def with_json(face: Face) -> Iterable[Documented]:
    return [one for one in face.endpoints if one.request is not None and one.sent_as == JSON]
