from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis import coordinator, surveys
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import World


@dataclass
class Desk:
    """The API as its users see it, and the coordinator's as its workers do: everything goes through HTTP."""

    world: World
    client: Client
    workers: Client
    token: str

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, path, body, **({"token": self.token} | more))

    def start(self, platform: str = "swagbucks", **said: Any) -> str:
        reply = self.ask("POST", "/api/start", {"platform": platform, "account_id": "a-1"} | said)
        assert reply.status == 201, reply.text
        self.world.settle()
        return str(reply.json["session_id"])

    def platform(self, name: str = "swagbucks") -> Any:
        [found] = [one for one in self.ask("GET", "/api/status").json["platforms"] if one["id"] == name]
        return found

    def statuses(self) -> dict[str, str]:
        return {one["id"]: one["status"] for one in self.ask("GET", "/api/platforms").json["platforms"]}

    def work(self, method: str, path: str, body: Any = None) -> Any:
        """A request of a worker to the coordinator API, which must succeed."""
        reply = self.workers.request(method, path, body, token=self.token)
        assert reply.status in (200, 201), reply.text
        self.world.settle()
        return reply.json

    def register(self, *platforms: str, room: int = 1) -> str:
        body = {
            "name": "Arbeiter-1",
            "type": "survey",
            "capabilities": [f"survey:{one}" for one in platforms],
            "metadata": {"max_concurrent": room},
        }
        return str(self.work("POST", "/api/workers", body)["id"])

    def mine(self, worker: str) -> list[str]:
        found = self.work("GET", f"/api/tasks?worker_id={worker}&status=assigned")["tasks"]
        return [task["id"] for task in found]


@pytest.fixture
def desk(world: World) -> Desk:
    clients = [Client(one.api, conformance(one.api)) for one in (surveys, coordinator)]
    return Desk(world, clients[0], clients[1], token("user"))
