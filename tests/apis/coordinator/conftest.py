from typing import Any

import pytest

from chalicelib.apis.coordinator import api
from tests.support.api_client import ApiClient
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import World

TASK = {"name": "solve", "type": "captcha"}
RESULT = {"solution": "abc123"}


class CoordinatorApi(ApiClient):
    """A client of the coordinator API over HTTP."""

    def register(self, max_concurrent: int = 1, **fields: Any) -> str:
        body = {"name": "Arbeiter-1", "type": "general", "metadata": {"max_concurrent": max_concurrent}} | fields
        worker_id = self.call("POST", "/api/workers", body)["id"]
        self.world.settle()
        return str(worker_id)

    def worker(self, worker_id: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/api/workers/{worker_id}"))

    def set_status(self, worker_id: str, status: str) -> dict[str, Any]:
        changed = self.call("PUT", f"/api/workers/{worker_id}", {"status": status})
        self.world.settle()
        return dict(changed)

    def heartbeat(self, worker_id: str, *receipts: str) -> dict[str, Any]:
        body = {"receipts": receipts} if receipts else None
        return dict(self.call("POST", f"/api/workers/{worker_id}/heartbeat", body))

    def summary(self) -> dict[str, Any]:
        summary = self.call("GET", "/api/workers/stats/summary")
        del summary["timestamp"]
        return dict(summary)

    def create(self, headers: dict[str, str] | None = None, **fields: Any) -> str:
        task_id = self.call("POST", "/api/tasks", TASK | fields, headers=headers)["id"]
        self.world.settle()
        return str(task_id)

    def task(self, task_id: str) -> dict[str, Any]:
        """Return the task, which every endpoint must show alike."""
        task = self.detail(task_id)
        task.pop("waiting_for", None)
        return task

    def detail(self, task_id: str) -> dict[str, Any]:
        """Return the task with the reason why it waits."""
        return dict(self.call("GET", f"/api/tasks/{task_id}"))

    def assign(self, task_id: str, worker_id: str) -> dict[str, Any]:
        return dict(self.call("PUT", f"/api/tasks/{task_id}/assign?worker_id={worker_id}"))

    def complete(self, task_id: str, query: str = "", **fields: Any) -> dict[str, Any]:
        return dict(
            self.call("PUT", f"/api/tasks/{task_id}/complete{query}", {"result": RESULT, "error": None} | fields)
        )

    def create_in_status(self, status: str, worker_id: str) -> str:
        """Create a task and bring it into this status, on a worker with a free slot."""
        task_id = self.create()
        if status != "pending":
            self.assign(task_id, worker_id)
        if status == "running":
            self.call("PUT", f"/api/tasks/{task_id}/start")
        elif status == "completed":
            self.complete(task_id)
        elif status == "failed":
            self.complete(task_id, error="broken")
        elif status == "cancelled":
            self.call("DELETE", f"/api/tasks/{task_id}")
        self.world.settle()
        assert self.task(task_id)["status"] == status
        return task_id


@pytest.fixture
def coordinator_api(world: World) -> CoordinatorApi:
    return CoordinatorApi(world, Client(api, conformance(api)), token("user"))
