from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.messenger import api
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.messengers import SECRETS, Messengers, messengers


@dataclass
class Desk:
    """The API as its users see it, with every provider there is: everything goes through HTTP."""

    by: Messengers
    client: Client
    token: str

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, path, body, **({"token": self.token} | more))

    def told(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The answer to a request that must succeed, once everything has happened that can happen now."""
        reply = self.ask(method, path, body, **more)
        assert reply.status in (200, 202), reply.text
        self.by.world.settle()
        return reply.json

    def refused(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> str:
        """The message of the refusal of this status that a request must get."""
        reply = self.ask(method, path, body, **more)
        assert (reply.status, reply.json["status_code"]) == (status, status), reply.text
        return str(reply.json["message"])

    def notify(self, message: str = "Hello!", **said: Any) -> str:
        """The id of a notification that is younger than whatever was sent before."""
        self.by.world.clock.advance(1)
        return str(self.told("POST", "/api/notify", {"message": message} | said)["id"])

    def alert(self, severity: str, message: str = "Fire!", **said: Any) -> Any:
        return self.told("POST", "/api/alert", {"message": message, "severity": severity} | said)

    def history(self, query: str = "") -> list[Any]:
        return list(self.told("GET", f"/api/notifications{query}")["notifications"])

    def messenger(self, name: str) -> dict[str, Any]:
        found = self.told("GET", "/api/messengers")["messengers"]
        return dict(next(one for one in found if one["name"] == name))


@pytest.fixture
def desk(world: Any) -> Desk:
    documented = conformance(api)

    def watch(method: str, template: str, reply: Reply) -> None:
        documented(method, template, reply)
        told = reply.text + str(reply.headers)
        assert not [secret for secret in SECRETS if secret in told], "a credential is shown"

    return Desk(messengers(world), Client(api, watch), token("user"))
