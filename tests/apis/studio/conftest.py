from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.studio import api
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import World


@dataclass
class StudioApi:
    """A client of the studio API: everything goes through HTTP."""

    world: World
    client: Client
    token: str

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, path, body, **({"token": self.token} | more))

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The body of the response to a request that must succeed; None without one."""
        reply = self.request(method, path, body, **more)
        assert reply.status in (200, 201, 204), reply.text
        return reply.json if reply.text else None

    def expect_error(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> str:
        """The message of a request that must be refused with this status."""
        reply = self.request(method, path, body, **more)
        assert (reply.status, reply.json["status"]) == (status, status), reply.text
        return str(reply.json["detail"])


@pytest.fixture
def studio_api(world: World) -> StudioApi:
    return StudioApi(world, Client(api, conformance(api)), token("user"))
