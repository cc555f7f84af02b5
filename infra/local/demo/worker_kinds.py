"""The three ways in which the demo's workers get their tasks, each through the API that documents it."""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from infra.local.demo.client import Client


class ApiTasks(ABC):
    """How the tasks of one API are submitted, followed and counted."""

    api: ClassVar[str]
    way: ClassVar[str]

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.url = urls[self.api]
        self.admin, self.user = Client(self.url, "admin"), Client(self.url, "user")
        self.token = self.admin.token

    @abstractmethod
    def submit(self, number: int) -> str:
        """Submit a task; returns its id."""

    @abstractmethod
    def task(self, task_id: str) -> dict[str, Any]:
        """The task's current state."""

    @abstractmethod
    def is_completed(self, task: Mapping[str, Any]) -> bool:
        """Whether the task has its result."""

    @abstractmethod
    def is_failed(self, task: Mapping[str, Any]) -> bool:
        """Whether the task has ended without a result."""

    @abstractmethod
    def count_ended(self) -> int:
        """How many tasks have ended, by the API's own statistics."""

    @abstractmethod
    def figures(self, worker_id: str) -> tuple[object, object, object]:
        """A worker's completed tasks, failed tasks and mean milliseconds; "-" for what the API does not show."""


class PushedTasks(ApiTasks):
    """The processing API: Yardmaster POSTs tasks to registered servers."""

    api, way = "processing", "POST"

    def register(self, name: str, weight: int, url: str, api_key: str) -> str:
        server = {
            "name": name,
            "endpoints": {"predict": f"{url}/predict", "health": f"{url}/health"},
            "apiKey": api_key,
            "maxConcurrent": 4 * weight,
            "priority": weight,
        }
        return str(self.admin.call("POST", "/api/servers", server)["serverId"])

    def submit(self, number: int) -> str:
        task = {"type": "demo", "priority": number % 10, "payload": {"number": number}}
        return str(self.user.call("POST", "/api/task", task, **{"Idempotency-Key": f"demo-{number}"})["id"])

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(self.user.call("GET", f"/api/task/{task_id}"))

    def is_completed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "COMPLETED")

    def is_failed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "FAILED")

    def count_ended(self) -> int:
        day = self.admin.call("GET", "/api/stats/tasks")
        return int(day["successfulTasks"] + day["failedTasks"])

    def figures(self, worker_id: str) -> tuple[object, object, object]:
        day = self.admin.call("GET", f"/api/stats/servers/{worker_id}")
        return day["successCount"], day["failureCount"], day["averageProcessingTime"]


class PulledTasks(ApiTasks):
    """The coordinator API: a worker fetches the tasks that are assigned to it."""

    api, way = "coordinator", "fetching"

    def submit(self, number: int) -> str:
        task = {"name": f"demo-{number}", "type": "general", "payload": {"number": number}, "auto_assign": True}
        return str(self.user.call("POST", "/api/tasks", task)["id"])

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(self.user.call("GET", f"/api/tasks/{task_id}"))

    def is_completed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "completed")

    def is_failed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "failed")

    def count_ended(self) -> int:
        summary = self.user.call("GET", "/api/workers/stats/summary")
        return int(summary["total_tasks_completed"] + summary["total_tasks_failed"])

    def figures(self, worker_id: str) -> tuple[object, object, object]:
        worker = self.user.call("GET", f"/api/workers/{worker_id}")
        return worker["tasks_completed"], worker["tasks_failed"], "-"


class SocketTasks(ApiTasks):
    """The support API: Yardmaster sends tasks to a worker's WebSocket."""

    api, way = "support", "WebSocket"

    def register(self) -> tuple[str, str]:
        """Register the worker; returns its id and the URL of its WebSocket."""
        registration = {"worker_id": 1, "config": {"max_tasks": 4, "timeout": 30, "types": ["demo"]}}
        child = self.admin.call("POST", "/workers", registration)
        return str(child["worker_id"]), str(child["endpoint"])

    def submit(self, number: int) -> str:
        return str(self.user.call("POST", "/task", {"type": "demo", "data": {"number": number}})["task_id"])

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(self.user.call("GET", f"/task/{task_id}"))

    def is_completed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "completed")

    def is_failed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "failed")

    def count_ended(self) -> int:
        return sum(int(worker["tasks_processed"]) for worker in self._workers())

    def figures(self, worker_id: str) -> tuple[object, object, object]:
        [worker] = [one for one in self._workers() if str(one["id"]) == worker_id]
        return worker["tasks_processed"], "-", "-"

    def _workers(self) -> list[dict[str, Any]]:
        return list(self.admin.call("GET", "/workers")["workers"])


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process with its id in its API."""

    tasks: ApiTasks
    name: str
    id: str
    process: "subprocess.Popen[str]"
