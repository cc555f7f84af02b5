"""Signing in and out over HTTP, for tests."""

from dataclasses import dataclass
from typing import Any

from tests.support.client import Client, Reply
from tests.support.people import PASSWORD
from tests.support.world import World

AUTH, KEYS, USERS = "/api/v1/auth", "/api/v1/auth/api-keys", "/api/v1/users"


@dataclass
class Accounts:
    """The API's accounts; whoever calls is named by token or key."""

    world: World
    client: Client

    def ask(self, method: str, path: str, body: Any = None, **who: Any) -> Reply:
        return self.client.request(method, path, body, **who)

    def told(self, method: str, path: str, body: Any = None, **who: Any) -> Any:
        """The data of the answer to a request that must succeed."""
        reply = self.ask(method, path, body, **who)
        assert reply.status in (200, 201), reply.text
        return reply.json["data"]

    def refused(self, status: int, method: str, path: str, body: Any = None, **who: Any) -> Any:
        """The error of the refusal of this status that a request must get."""
        reply = self.ask(method, path, body, **who)
        assert reply.status == status, reply.text
        return reply.json["error"]

    def login(self, email: str, password: str = PASSWORD) -> Any:
        return self.told("POST", f"{AUTH}/login", {"email": email, "password": password})
