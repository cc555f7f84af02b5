"""A client of one API with one caller's token. Each API's own client is built on it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.support.client import Client, Reply
from tests.support.world import World


@dataclass
class ApiClient:
    """Everything goes through HTTP."""

    succeeds: ClassVar[Collection[int]] = (200, 201)
    """The statuses of requests that succeed."""
    error_fields: ClassVar[tuple[str, str]] = ("status_code", "message")
    """Where an error's body has its status and its message."""

    world: World
    client: Client
    token: str

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, path, body, **({"token": self.token} | more))

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The body of the answer to a request that must succeed; None without one."""
        reply = self.request(method, path, body, **more)
        assert reply.status in self.succeeds, reply.text
        return reply.json if reply.text else None

    def expect_error(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> str:
        """The message of a request that must be refused with this status."""
        reply = self.request(method, path, body, **more)
        status_field, message_field = self.error_fields
        assert (reply.status, reply.json[status_field]) == (status, status), reply.text
        return str(reply.json[message_field])
