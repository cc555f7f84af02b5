from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib import config
from tests.contract.face import Documented, Face, Thing
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.rewind import rewound
from tests.support.world import World, world

STRANGER = {"org": "umbra"}


@dataclass(repr=False)
class Scene:
    """A deployment in which every endpoint of one API has something to work on."""

    face: Face
    house: World
    client: Client
    admin: str
    things: dict[str, Thing]
    empty: dict[str, Any]
    """What each endpoint that takes no id showed to a stranger before anything was there."""

    def values(self, endpoint: Documented) -> dict[str, str]:
        """The ids of things on which the endpoint can succeed."""
        return {variable: self.things[name].id for variable, name in self.face.on.get(endpoint.id, {}).items()}

    def kind(self, endpoint: Documented, variable: str) -> str:
        return self.things[self.face.on[endpoint.id][variable]].kind

    def url(self, endpoint: Documented, **instead: str) -> str:
        return endpoint.url(self.values(endpoint) | instead)

    def nowhere(self, endpoint: Documented) -> str:
        """An address of the endpoint with ids that nothing has."""
        return endpoint.url(dict.fromkeys(self.face.on.get(endpoint.id, {}), "nowhere"))

    def send(self, endpoint: Documented, body: Any = ..., *, token: str | None = None, **more: Any) -> Reply:
        """The documented request, or another body, by the admin, or by another; `values` are other ids."""
        url = self.url(endpoint, **more.pop("values", {}))
        content = endpoint.request if body is ... else body
        return self.client.request(endpoint.method, url, content, token=self.admin if token is None else token, **more)

    def probe(self) -> Documented:
        """A guarded endpoint that only shows something."""
        return next(one for one in self.face.guarded if one.method == "GET" and not one.variables)


def scene_of(face: Face, house: World) -> Scene:
    client, admin = Client(face.api, conformance(face.api)), token(plan="enterprise")
    empty = {one.id: client.get(one.url({}), token=token(**STRANGER)).json for one in shown(face)}
    return Scene(face, house, client, admin, face.build(house, client, admin), empty)


def shown(face: Face) -> list[Documented]:
    """What can be looked at without an id."""
    return [one for one in face.guarded if one.method == "GET" and not one.variables]


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """One scene of an API for a module, whose tests leave it as it is."""
    with world() as house:
        # What the world changed it puts back at its end, and this with it.
        config.replace(**request.param.settings)
        yield scene_of(request.param, house)


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """The same scene for a test that may do with it what it likes."""
    with rewound(shared.house):
        yield shared
