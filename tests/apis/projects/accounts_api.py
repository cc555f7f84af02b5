"""A client for signing in and out over HTTP, for tests."""

from dataclasses import dataclass
from typing import Any

from tests.support.client import Client, Reply
from tests.support.people import PASSWORD
from tests.support.world import World

AUTH, KEYS, USERS = "/api/v1/auth", "/api/v1/auth/api-keys", "/api/v1/users"


@dataclass
class AccountsApi:
    """Accounts over HTTP; each request names its token or key."""

    world: World
    client: Client

    def request(self, method: str, path: str, body: Any = None, **who: Any) -> Reply:
        return self.client.request(method, path, body, **who)

    def call(self, method: str, path: str, body: Any = None, **who: Any) -> Any:
        """Return the data of the response to a request that must succeed."""
        reply = self.request(method, path, body, **who)
        assert reply.status in (200, 201), reply.text
        return reply.json["data"]

    def expect_error(self, status: int, method: str, path: str, body: Any = None, **who: Any) -> Any:
        """Return the error of a request that must be refused with this status."""
        reply = self.request(method, path, body, **who)
        assert reply.status == status, reply.text
        return reply.json["error"]

    def login(self, email: str, password: str = PASSWORD) -> Any:
        return self.call("POST", f"{AUTH}/login", {"email": email, "password": password})
