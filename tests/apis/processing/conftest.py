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
class ProcessingApi:
    """A client of the processing API over HTTP, by default as an admin."""

    world: World
    client: Client
    admin: str
    user: str

    def register(self, name: str = "one", reply: Answering | outbound.Response | None = None, **fields: Any) -> str:
        """Register a server at https://<name>.example with the apiKey key-<name>. By default it accepts tasks and
        reports nothing."""
        answering = reply if reply is not None else answer(202)
        self.world.servers[f"{name}.example"] = answering if callable(answering) else lambda *_: answering
        body = {"name": name, "endpoints": {"predict": f"https://{name}.example/predict"}, "apiKey": f"key-{name}"}
        registered = self.client.post("/api/servers", body | fields, token=self.admin)
        assert registered.status == 201, registered.text
        self.world.settle()
        return registered.json["serverId"]

    def submit(self, headers: dict[str, str] | None = None, **fields: Any) -> str:
        created = self.client.post("/api/task", {"type": "t", "priority": 1} | fields, token=self.user, headers=headers)
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

    def last_handover(self, task_id: str) -> dict[str, Any]:
        """The body of the last hand-over of this task to a server."""
        bodies = [json.loads(body) for method, _, _, body in self.world.calls if method == "POST"]
        return [body for body in bodies if body["taskId"] == task_id][-1]

    def callback(self, task_id: str) -> str:
        """The path and query of the task's callbackUrl."""
        return self.last_handover(task_id)["callbackUrl"].removeprefix(BASE)

    def report(self, task_id: str, status: str = "COMPLETED", **fields: Any) -> Reply:
        """Send a report for the task's present holder, as an admin."""
        return self.client.put(f"/api/task/{task_id}", {"status": status, **fields}, token=self.admin)

    def beat(self, server_id: str, **fields: Any) -> Reply:
        return self.client.post(f"/api/servers/{server_id}/heartbeat", fields, token=self.admin)

    def reach(self, status: str) -> str:
        """Create a task and bring it into this status, on a server without other tasks."""
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
def processing_api(world: World) -> ProcessingApi:
    return ProcessingApi(
        world, Client(api, conformance(api)), token(plan="enterprise"), token("user", plan="enterprise")
    )
