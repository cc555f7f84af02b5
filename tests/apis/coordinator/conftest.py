from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.coordinator import api
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import World

TASK = {"name": "solve", "type": "captcha"}
RESULT = {"solution": "abc123"}


@dataclass
class Desk:
    """The API as its users see it: everything goes through HTTP."""

    world: World
    client: Client
    token: str

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, path, body, **({"token": self.token} | more))

    def told(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The answer to a request that must succeed."""
        reply = self.ask(method, path, body, **more)
        assert reply.status in (200, 201), reply.text
        return reply.json

    def refused(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> str:
        """The message of the refusal of this status that a request must get."""
        reply = self.ask(method, path, body, **more)
        assert (reply.status, reply.json["status_code"]) == (status, status), reply.text
        return str(reply.json["message"])

    def register(self, room: int = 1, **said: Any) -> str:
        body = {"name": "Arbeiter-1", "type": "general", "metadata": {"max_concurrent": room}} | said
        worker_id = self.told("POST", "/api/workers", body)["id"]
        self.world.settle()
        return str(worker_id)

    def worker(self, worker_id: str) -> dict[str, Any]:
        return dict(self.told("GET", f"/api/workers/{worker_id}"))

    def turn(self, worker_id: str, status: str) -> dict[str, Any]:
        changed = self.told("PUT", f"/api/workers/{worker_id}", {"status": status})
        self.world.settle()
        return dict(changed)

    def beat(self, worker_id: str, *receipts: str) -> dict[str, Any]:
        body = {"receipts": receipts} if receipts else None
        return dict(self.told("POST", f"/api/workers/{worker_id}/heartbeat", body))

    def summary(self) -> dict[str, Any]:
        found = self.told("GET", "/api/workers/stats/summary")
        del found["timestamp"]
        return dict(found)

    def create(self, headers: dict[str, str] | None = None, **said: Any) -> str:
        task_id = self.told("POST", "/api/tasks", TASK | said, headers=headers)["id"]
        self.world.settle()
        return str(task_id)

    def task(self, task_id: str) -> dict[str, Any]:
        """The task as every endpoint shows it."""
        found = self.detail(task_id)
        found.pop("waiting_for", None)
        return found

    def detail(self, task_id: str) -> dict[str, Any]:
        """The task with what it waits for."""
        return dict(self.told("GET", f"/api/tasks/{task_id}"))

    def assign(self, task_id: str, worker_id: str) -> dict[str, Any]:
        return dict(self.told("PUT", f"/api/tasks/{task_id}/assign?worker_id={worker_id}"))

    def complete(self, task_id: str, query: str = "", **said: Any) -> dict[str, Any]:
        return dict(self.told("PUT", f"/api/tasks/{task_id}/complete{query}", {"result": RESULT, "error": None} | said))

    def reach(self, status: str, worker_id: str) -> str:
        """A task in this status; the worker has room for it."""
        task_id = self.create()
        if status != "pending":
            self.assign(task_id, worker_id)
        if status == "running":
            self.told("PUT", f"/api/tasks/{task_id}/start")
        elif status == "completed":
            self.complete(task_id)
        elif status == "failed":
            self.complete(task_id, error="broken")
        elif status == "cancelled":
            self.told("DELETE", f"/api/tasks/{task_id}")
        self.world.settle()
        assert self.task(task_id)["status"] == status
        return task_id


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world, Client(api, conformance(api)), token("user"))
