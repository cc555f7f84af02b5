from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.messenger import api
from tests.support.api_client import ApiClient
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.messengers import SECRETS, Messengers, messengers


@dataclass
class MessengerApi(ApiClient):
    """A client of the messenger API over HTTP, with fakes of all providers."""

    succeeds = (200, 202)

    providers: Messengers

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """As of other APIs, after everything that can happen now has happened."""
        answer = super().call(method, path, body, **more)
        self.world.settle()
        return answer

    def notify(self, message: str = "Hello!", **fields: Any) -> str:
        """Send a notification that is younger than all earlier ones, and return its id."""
        self.world.clock.advance(1)
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

    return MessengerApi(world, Client(api, watch), token("user"), messengers(world))
