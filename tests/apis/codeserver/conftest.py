from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis import codeserver
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import World


@dataclass
class CodeserverApi:
    """A client of the code server API over HTTP."""

    world: World
    client: Client
    token: str

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, path, body, **({"token": self.token} | more))

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Return the answer to a request that must succeed."""
        reply = self.request(method, path, body, **more)
        assert reply.status in (200, 201), reply.text
        return reply.json


@pytest.fixture
def codeserver_api(world: World) -> CodeserverApi:
    return CodeserverApi(world, Client(codeserver.api, conformance(codeserver.api)), token("user"))
