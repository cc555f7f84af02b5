"""The three ways in which the demo's workers get their tasks, each through the API that documents it."""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from infra.local.demo.client import Client


class Line(ABC):
    """Tasks of one API: how they are submitted, followed and counted."""

    api: ClassVar[str]
    way: ClassVar[str]

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.url = urls[self.api]
        self.admin, self.user = Client(self.url, "admin"), Client(self.url, "user")
        self.token = self.admin.token

    @abstractmethod
    def submit(self, number: int) -> str:
        """One task more; returns its id."""

    @abstractmethod
    def task(self, task_id: str) -> dict[str, Any]:
        """The task as it is now."""

    @abstractmethod
    def completed(self, task: Mapping[str, Any]) -> bool:
        """Whether the task has its result."""

    @abstractmethod
    def failed(self, task: Mapping[str, Any]) -> bool:
        """Whether the task has ended without a result."""

    @abstractmethod
    def done(self) -> int:
        """How many tasks have ended, by the API's own figures."""

    @abstractmethod
    def figures(self, worker_id: str) -> tuple[object, object, object]:
        """Done, failed, and milliseconds for a task, of one worker; "-" for what the API does not tell."""


class Pushed(Line):
    """The processing API: tasks are POSTed to registered servers."""

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

    def completed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "COMPLETED")

    def failed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "FAILED")

    def done(self) -> int:
        day = self.admin.call("GET", "/api/stats/tasks")
        return int(day["successfulTasks"] + day["failedTasks"])

    def figures(self, worker_id: str) -> tuple[object, object, object]:
        day = self.admin.call("GET", f"/api/stats/servers/{worker_id}")
        return day["successCount"], day["failureCount"], day["averageProcessingTime"]


class Pulled(Line):
    """The coordinator API: a worker looks for the tasks that are assigned to it."""

    api, way = "coordinator", "fetching"

    def submit(self, number: int) -> str:
        task = {"name": f"demo-{number}", "type": "general", "payload": {"number": number}, "auto_assign": True}
        return str(self.user.call("POST", "/api/tasks", task)["id"])

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(self.user.call("GET", f"/api/tasks/{task_id}"))

    def completed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "completed")

    def failed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "failed")

    def done(self) -> int:
        summary = self.user.call("GET", "/api/workers/stats/summary")
        return int(summary["total_tasks_completed"] + summary["total_tasks_failed"])

    def figures(self, worker_id: str) -> tuple[object, object, object]:
        worker = self.user.call("GET", f"/api/workers/{worker_id}")
        return worker["tasks_completed"], worker["tasks_failed"], "-"


class Socketed(Line):
    """The support API: tasks go to a worker's WebSocket."""

    api, way = "support", "WebSocket"

    def register(self) -> tuple[str, str]:
        """The worker's id, and where it connects."""
        said = {"worker_id": 1, "config": {"max_tasks": 4, "timeout": 30, "types": ["demo"]}}
        started = self.admin.call("POST", "/workers", said)
        return str(started["worker_id"]), str(started["endpoint"])

    def submit(self, number: int) -> str:
        return str(self.user.call("POST", "/task", {"type": "demo", "data": {"number": number}})["task_id"])

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(self.user.call("GET", f"/task/{task_id}"))

    def completed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "completed")

    def failed(self, task: Mapping[str, Any]) -> bool:
        return bool(task["status"] == "failed")

    def done(self) -> int:
        return sum(int(worker["tasks_processed"]) for worker in self._workers())

    def figures(self, worker_id: str) -> tuple[object, object, object]:
        [worker] = [one for one in self._workers() if str(one["id"]) == worker_id]
        return worker["tasks_processed"], "-", "-"

    def _workers(self) -> list[dict[str, Any]]:
        return list(self.admin.call("GET", "/workers")["workers"])


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process, and what it is called in its API."""

    line: Line
    name: str
    id: str
    process: "subprocess.Popen[str]"
