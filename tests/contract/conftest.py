from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib import config
from chalicelib.edge import Api
from chalicelib.engine.security import passwords
from chalicelib.engine.security.rate_limits import Admission
from tests.contract.documented import Documented, Resource
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
    """A deployment with the resources that every endpoint of one API needs."""

    face: Face
    world: World
    client: Client
    """Calls the API without its rate limiter, whose calls would double the time of most tests."""
    limited: Client
    """Calls the API with its rate limiter."""
    admin: str
    resources: dict[str, Resource]
    empty: dict[str, Any]
    """Endpoint id -> answer to another tenant before any resource existed, for each endpoint that takes no id."""

    def values(self, endpoint: Documented) -> dict[str, str]:
        """The ids of resources on which the endpoint succeeds."""
        return {variable: self.resources[name].id for variable, name in self.face.on.get(endpoint.id, {}).items()}

    def kind(self, endpoint: Documented, variable: str) -> str:
        return self.resources[self.face.on[endpoint.id][variable]].kind

    def with_ids(self, endpoint: Documented) -> Documented:
        """The endpoint with the scene's ids in its examples."""
        return endpoint.with_ids({text: self.resources[name].id for text, name in self.face.stands_for.items()})

    def url(self, endpoint: Documented, **instead: str) -> str:
        return self.with_ids(endpoint).url(self.values(endpoint) | instead)

    def nowhere(self, endpoint: Documented) -> str:
        """The endpoint's URL with ids that do not exist."""
        return endpoint.url(dict.fromkeys(self.face.on.get(endpoint.id, {}), "nowhere"))

    def send(self, endpoint: Documented, body: Any = ..., *, token: str | None = None, **more: Any) -> Reply:
        """Send the documented request as the admin. `body`, `token` and `values` (ids) replace what is documented."""
        url = self.url(endpoint, **more.pop("values", {}))
        known = None if self.face.is_public(endpoint) else self.admin
        return self.call(endpoint, url, body, token=known if token is None else token, **more)

    def call(self, endpoint: Documented, url: str | None = None, body: Any = ..., **more: Any) -> Reply:
        """Send the documented request without a credential. `url`, `body` and more replace what is documented."""
        known, client = self.with_ids(endpoint), more.pop("by", self.client)
        content, headers = known.encode(known.request if body is ... else body)
        headers = {**headers, **known.headers, **more.pop("headers", {})}
        return client.request(endpoint.method, url or self.url(endpoint), content, headers=headers, **more)

    def probe(self) -> Documented:
        """An endpoint that needs a credential and only reads; an API without one has none that writes."""
        return next(iter(listings(self.face)), self.face.guarded_endpoints[0])


def scene_of(face: Face, world: World) -> Scene:
    watch, admin = conformance(face.api), face.caller(world, ORG)
    client, limited = Client(without_limits(face.api), watch), Client(face.api, watch)
    empty = {one.id: client.get(one.url({}), token=token(**STRANGER)).json for one in listings(face)}
    return Scene(face, world, client, limited, admin, face.build(world, client, admin), empty)


def without_limits(api: Api) -> Api:
    """The API with a rate limiter that admits every request."""
    return replace(api, admit=lambda caller, name, limit: Admission(True, limit.count, limit.count, 0, 0))


def listings(face: Face) -> list[Documented]:
    """GET endpoints that take no id and need a credential."""
    return [one for one in face.guarded_endpoints if one.method == "GET" and not one.variables]


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """One scene of an API for a test module. Its tests do not change it."""
    before = passwords.use_cost(CHEAP)
    with new_world() as world:
        # The world restores all settings at its end, this one too.
        config.replace(**request.param.settings)
        yield scene_of(request.param, world)
    passwords.use_cost(before)


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """The same scene for a test that changes it. All changes are undone at the end."""
    with rewinding(shared.world):
        yield shared


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests of each module by API, so that each API builds its scene once."""
    places = [place for place, item in enumerate(items) if _face_of(item)]
    chosen = sorted((items[place] for place in places), key=lambda item: (item.path, FACES.index(_face_of(item))))
    for place, item in zip(places, chosen, strict=True):
        items[place] = item


def _face_of(item: pytest.Item) -> Any:
    found = item.callspec.params.get("shared") if hasattr(item, "callspec") else None
    return found if isinstance(found, Face) else None
