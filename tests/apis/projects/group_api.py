"""A client of one group of endpoints of the projects API, with one caller's token."""

from dataclasses import dataclass
from typing import Any, ClassVar

from tests.support.client import Client, Reply
from tests.support.world import World


@dataclass
class GroupApi:
    """The endpoints below `base`. A path that begins with /api is used as it is."""

    base: ClassVar[str]

    world: World
    client: Client
    token: str

    def request(self, method: str, path: str = "", body: Any = None, **more: Any) -> Reply:
        """Send a request."""
        url = path if path.startswith("/api") else self.base + path
        return self.client.request(method, url, body, **({"token": self.token} | more))

    def call(self, method: str, path: str = "", body: Any = None, **more: Any) -> Any:
        """Return the data of the response to a request that must succeed."""
        reply = self.request(method, path, body, **more)
        assert reply.status in (200, 201), reply.text
        return reply.json["data"]

    def expect_error(self, status: int, method: str, path: str = "", body: Any = None, **more: Any) -> Any:
        """Return the error of a request that must be refused with this status."""
        reply = self.request(method, path, body, **more)
        assert reply.status == status, reply.text
        return reply.json["error"]
