"""A client of the tasks of the projects API, shared by several test modules."""

from functools import cache
from typing import Any

from chalicelib.apis.projects import api
from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from tests.apis.projects.group_api import GroupApi
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import ORG, World

TASKS = "/api/v1/tasks"
DOCUMENTED = {
    "title": "Build user dashboard",
    "description": "Create a comprehensive user dashboard with analytics and controls",
    "priority": "medium",
    "tags": ["frontend", "dashboard", "analytics"],
    "estimatedHours": 12,
    "dueDate": "2026-02-20T00:00:00Z",
    "requirements": ["Responsive design", "Real-time data updates", "Export functionality"],
    "acceptanceCriteria": ["Dashboard loads within 2 seconds", "All data is real-time"],
}


class TasksApi(GroupApi):
    """Tasks over HTTP. Projects and agents are created through the engine."""

    base = TASKS

    def project(self, name: str = "E-commerce Platform", org: str = ORG) -> Document:
        return documents.create(documents.new(org, "project", {"name": name, "status": "active"}))

    def agent(self, name: str = "one", slots: int = 1) -> str:
        """Register an agent that fetches its tasks."""
        worker = self.world.register(
            name, pool="projects", id_prefix="agent", max_concurrent=slots, type="coding", endpoints={}
        )
        self.world.settle()
        return worker.id

    def create(self, **said: Any) -> str:
        task_id = self.call("POST", "", {"title": "one"} | said)["id"]
        self.world.settle()
        return str(task_id)

    def task(self, task_id: str, include: str = "") -> dict[str, Any]:
        return dict(self.call("GET", f"/{task_id}" + (f"?include={include}" if include else "")))

    def patch(self, task_id: str, query: str = "", **said: Any) -> dict[str, Any]:
        changed = self.call("PATCH", f"/{task_id}{query}", said)
        self.world.settle()
        return dict(changed)

    def reach(self, status: str) -> str:
        """Create a task and bring it into this status as a person."""
        task_id = self.create()
        if status != "pending":
            self.patch(task_id, status=status)
        return task_id


@cache
def client() -> Client:
    """The mounted API. It is shared by all tests, because mounting it takes longer than a test."""
    return Client(api, conformance(api))


def tasks_api_of(world: World, subject: str = "user_ada") -> TasksApi:
    return TasksApi(world, client(), token(subject=subject))
