from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib import config
from chalicelib.edge import Api
from chalicelib.engine.security import passwords
from chalicelib.engine.security.rate_limits import Admission
from tests.contract.documented import Documented, Thing
from tests.contract.face import Face
from tests.contract.faces import FACES
from tests.support.client import ORG, Client, Reply, token
from tests.support.conformance import conformance
from tests.support.passwords import CHEAP
from tests.support.rewind import rewinding
from tests.support.world import World, new_world

STRANGER = {"org": "umbra"}


@dataclass(repr=False)
class Scene:
    """A deployment in which every endpoint of one API has something to work on."""

    face: Face
    world: World
    client: Client
    """Calls the API as it is, but as often as it likes: each limiter's call would double the cost of most tests."""
    limited: Client
    """Calls the API as it is."""
    admin: str
    things: dict[str, Thing]
    empty: dict[str, Any]
    """What each endpoint that takes no id showed to a stranger before anything was there."""

    def values(self, endpoint: Documented) -> dict[str, str]:
        """The ids of things on which the endpoint can succeed."""
        return {variable: self.things[name].id for variable, name in self.face.on.get(endpoint.id, {}).items()}

    def kind(self, endpoint: Documented, variable: str) -> str:
        return self.things[self.face.on[endpoint.id][variable]].kind

    def filled(self, endpoint: Documented) -> Documented:
        """The endpoint, whose examples name things that are there."""
        return endpoint.filled({text: self.things[name].id for text, name in self.face.stands_for.items()})

    def url(self, endpoint: Documented, **instead: str) -> str:
        return self.filled(endpoint).url(self.values(endpoint) | instead)

    def nowhere(self, endpoint: Documented) -> str:
        """An address of the endpoint with ids that nothing has."""
        return endpoint.url(dict.fromkeys(self.face.on.get(endpoint.id, {}), "nowhere"))

    def send(self, endpoint: Documented, body: Any = ..., *, token: str | None = None, **more: Any) -> Reply:
        """The documented request, or another body, by the admin, or by another; `values` are other ids."""
        url = self.url(endpoint, **more.pop("values", {}))
        known = None if self.face.is_public(endpoint) else self.admin
        return self.call(endpoint, url, body, token=known if token is None else token, **more)

    def call(self, endpoint: Documented, url: str | None = None, body: Any = ..., **more: Any) -> Reply:
        """The documented request, or another address or body, by whoever is named."""
        known, client = self.filled(endpoint), more.pop("by", self.client)
        content, headers = known.sent(known.request if body is ... else body)
        headers = {**headers, **known.headers, **more.pop("headers", {})}
        return client.request(endpoint.method, url or self.url(endpoint), content, headers=headers, **more)

    def probe(self) -> Documented:
        """A guarded endpoint that only shows something."""
        return next(one for one in self.face.guarded if one.method == "GET" and not one.variables)


def scene_of(face: Face, world: World) -> Scene:
    watch, admin = conformance(face.api), face.caller(world, ORG)
    client, limited = Client(unlimited(face.api), watch), Client(face.api, watch)
    empty = {one.id: client.get(one.url({}), token=token(**STRANGER)).json for one in shown(face)}
    return Scene(face, world, client, limited, admin, face.build(world, client, admin), empty)


def unlimited(api: Api) -> Api:
    """The API, which admits everybody it knows, with headers that say so."""
    return replace(api, admit=lambda caller, name, limit: Admission(True, limit.count, limit.count, 0, 0))


def shown(face: Face) -> list[Documented]:
    """What can be looked at without an id."""
    return [one for one in face.guarded if one.method == "GET" and not one.variables]


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """One scene of an API for a module, whose tests leave it as it is."""
    before = passwords.use_cost(CHEAP)
    with new_world() as world:
        # What the world changed it puts back at its end, and this with it.
        config.replace(**request.param.settings)
        yield scene_of(request.param, world)
    passwords.use_cost(before)


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """The same scene for a test that may do with it what it likes."""
    with rewinding(shared.world):
        yield shared


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Within each module one API after the other, so that each makes its scene once; pytest would change to and fro."""
    places = [place for place, item in enumerate(items) if _face_of(item)]
    chosen = sorted((items[place] for place in places), key=lambda item: (item.path, FACES.index(_face_of(item))))
    for place, item in zip(places, chosen, strict=True):
        items[place] = item


def _face_of(item: pytest.Item) -> Any:
    found = item.callspec.params.get("shared") if hasattr(item, "callspec") else None
    return found if isinstance(found, Face) else None
