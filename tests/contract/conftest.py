from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from chalicelib.apis.processing import api
from tests.contract.documented import Documented
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import World, answer, world

REGISTRATION = {
    "name": "one",
    "endpoints": {"predict": "https://one.example/predict", "health": "https://one.example/health"},
    "apiKey": "key-of-one",
    "maxConcurrent": 10,
    "groups": ["production"],
}


@dataclass
class Scene:
    """A deployment in which every endpoint has something to work on."""

    house: World
    client: Client
    admin: str
    server: str
    running: str
    failed: str

    def identifier(self, endpoint: Documented) -> str:
        """The id of a thing on which the endpoint can succeed."""
        tasks = self.failed if endpoint.path.endswith("/retry") else self.running
        return tasks if endpoint.kind == "Task" else self.server

    def url(self, endpoint: Documented) -> str:
        """The endpoint's address of such a thing."""
        return endpoint.url(self.identifier(endpoint))


def scene_of(house: World) -> Scene:
    client, admin = Client(api, conformance(api)), token()
    house.servers["one.example"] = lambda *_: answer(202)
    server = client.post("/api/servers", REGISTRATION, token=admin).json["serverId"]
    running, failed = (
        client.post("/api/task", {"type": "video", "priority": 1}, token=admin).json["id"] for _ in range(2)
    )
    house.settle()
    client.put(f"/api/task/{running}", {"status": "PROCESSING", "progress": 45}, token=admin)
    client.put(f"/api/task/{failed}", {"status": "FAILED", "error": "broken", "retryable": False}, token=admin)
    house.settle()
    return Scene(house, client, admin, server, running, failed)


@pytest.fixture
def scene(house: World) -> Scene:
    """A scene of the test's own."""
    return scene_of(house)


@pytest.fixture(scope="module")
def shared() -> Iterator[Scene]:
    """One scene for a module whose tests leave it as it is; a module uses this one or `scene`, never both."""
    with world() as house:
        yield scene_of(house)
