from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.messenger import api
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.messengers import SECRETS, Messengers, messengers


@dataclass
class MessengerApi:
    """A client of the messenger API over HTTP, with fakes of all providers."""

    providers: Messengers
    client: Client
    token: str

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, path, body, **({"token": self.token} | more))

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Return the answer to a request that must succeed, after everything that can happen now has happened."""
        reply = self.request(method, path, body, **more)
        assert reply.status in (200, 202), reply.text
        self.providers.world.settle()
        return reply.json

    def expect_error(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> str:
        """Return the message of a request that must be refused with this status."""
        reply = self.request(method, path, body, **more)
        assert (reply.status, reply.json["status_code"]) == (status, status), reply.text
        return str(reply.json["message"])

    def notify(self, message: str = "Hello!", **fields: Any) -> str:
        """Send a notification that is younger than all earlier ones, and return its id."""
        self.providers.world.clock.advance(1)
        return str(self.call("POST", "/api/notify", {"message": message} | fields)["id"])

    def alert(self, severity: str, message: str = "Fire!", **fields: Any) -> Any:
        return self.call("POST", "/api/alert", {"message": message, "severity": severity} | fields)

    def history(self, query: str = "") -> list[Any]:
        return list(self.call("GET", f"/api/notifications{query}")["notifications"])

    def messenger(self, name: str) -> dict[str, Any]:
        listed = self.call("GET", "/api/messengers")["messengers"]
        return dict(next(one for one in listed if one["name"] == name))


@pytest.fixture
def messenger_api(world: Any) -> MessengerApi:
    documented = conformance(api)

    def watch(method: str, template: str, reply: Reply) -> None:
        documented(method, template, reply)
        answer = reply.text + str(reply.headers)
        assert not [secret for secret in SECRETS if secret in answer], "a credential is shown"

    return MessengerApi(messengers(world), Client(api, watch), token("user"))
