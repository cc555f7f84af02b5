import json
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.processing import api
from chalicelib.providers.http import outbound
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import Reply as Answering
from tests.support.world import World, answer

BASE = "https://api.example"
RESULT = {"output_url": "https://example.com/processed.mp4", "duration": 120}


@dataclass
class Desk:
    """The API as its users see it: everything goes through HTTP, as an admin unless another token is named."""

    world: World
    client: Client
    admin: str
    user: str

    def register(self, name: str = "one", reply: Answering | outbound.Response | None = None, **said: Any) -> str:
        """A server at https://<name>.example with the apiKey key-<name>; by default it accepts and says no more."""
        given = reply if reply is not None else answer(202)
        self.world.servers[f"{name}.example"] = given if callable(given) else lambda *_: given
        body = {"name": name, "endpoints": {"predict": f"https://{name}.example/predict"}, "apiKey": f"key-{name}"}
        registered = self.client.post("/api/servers", body | said, token=self.admin)
        assert registered.status == 201, registered.text
        self.world.settle()
        return registered.json["serverId"]

    def submit(self, headers: dict[str, str] | None = None, **said: Any) -> str:
        created = self.client.post("/api/task", {"type": "t", "priority": 1} | said, token=self.user, headers=headers)
        assert created.status == 201, created.text
        self.world.settle()
        return created.json["id"]

    def task(self, task_id: str) -> dict[str, Any]:
        return self.client.get(f"/api/task/{task_id}", token=self.user).json

    def server(self, server_id: str) -> dict[str, Any]:
        [found] = [one for one in self.servers() if one["id"] == server_id]
        return found

    def servers(self, query: str = "") -> list[dict[str, Any]]:
        return self.client.get(f"/api/servers{query}", token=self.admin).json["servers"]

    def handed(self, task_id: str) -> dict[str, Any]:
        """What the server got with this task the last time."""
        bodies = [json.loads(body) for method, _, _, body in self.world.calls if method == "POST"]
        return [body for body in bodies if body["taskId"] == task_id][-1]

    def callback(self, task_id: str) -> str:
        """The path and query of the task's callbackUrl."""
        return self.handed(task_id)["callbackUrl"].removeprefix(BASE)

    def report(self, task_id: str, status: str = "COMPLETED", **said: Any) -> Reply:
        """The present holder's report, by an admin."""
        return self.client.put(f"/api/task/{task_id}", {"status": status, **said}, token=self.admin)

    def beat(self, server_id: str, **said: Any) -> Reply:
        return self.client.post(f"/api/servers/{server_id}/heartbeat", said, token=self.admin)

    def reach(self, status: str) -> str:
        """A task in this status; the server that may be needed holds nothing else."""
        if status != "PENDING" and not self.servers():
            self.register(maxConcurrent=10)
        task_id = self.submit(timeoutSeconds=60, maxAttempts=1, capabilities=["none"] if status == "PENDING" else [])
        if status == "COMPLETED":
            self.report(task_id, result=RESULT)
        elif status == "FAILED":
            self.report(task_id, "FAILED", error="broken")
        elif status == "TIMEOUT":
            self.world.advance(61)
            self.world.advance(60)
        elif status == "CANCELLED":
            self.client.post(f"/api/task/{task_id}/cancel", token=self.user)
        self.world.settle()
        assert self.task(task_id)["status"] == status
        return task_id


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world, Client(api, conformance(api)), token(plan="enterprise"), token("user", plan="enterprise"))
