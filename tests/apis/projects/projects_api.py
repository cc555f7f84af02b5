"""A client of the projects of the projects API, shared by several test modules."""

from typing import Any

from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.engine.projects import task_edits
from chalicelib.engine.projects.task_edits import Draft
from chalicelib.engine.workers.registration import Registration, register
from tests.apis.projects.group_api import GroupApi
from tests.support.world import ORG

PROJECTS = "/api/v1/projects"
POOL = "projects"
DOCUMENTED = {
    "name": "Mobile Application",
    "description": "Cross-platform mobile app for iOS and Android",
    "startDate": "2024-02-01T00:00:00Z",
    "endDate": "2024-06-30T23:59:59Z",
    "priority": "medium",
    "budget": {"hours": 500, "cost": 75000},
    "tags": ["mobile", "react-native", "ios", "android"],
}
MANAGER = ["projects:read", "projects:write", "tasks:delete", "tasks:read", "tasks:write"]
DEVELOPER = ["projects:read", "tasks:read", "tasks:write"]


class ProjectsApi(GroupApi):
    """Projects over HTTP, by default as an admin. Users, agents and tasks are created through the engine."""

    base = PROJECTS

    def create(self, name: str = "one", **said: Any) -> str:
        return str(self.call("POST", body={"name": name} | said)["id"])

    def names(self, query: str = "") -> list[str]:
        return [row["name"] for row in self.call("GET", query)]


def user(name: str, **body: Any) -> Document:
    """Create a user with the id `user_<name>`."""
    said = {"name": name, "email": f"{name}@acme.example", "status": "active", "role": "developer"} | body
    return documents.create(documents.new(ORG, "user", said, id=f"user_{name}"))


def memberships(name: str) -> Any:
    return documents.get(ORG, "user", f"user_{name}").body.get("memberships", {})


def agent(name: str, slots: int = 1) -> str:
    said = Registration(pool=POOL, id_prefix="agent", name=name, max_concurrent=slots)
    return register(ORG, said).id


def task(project: str | None, agent: str | None = None, title: str = "do") -> str:
    """Create a task of a project."""
    sheet = {"title": title} | ({"projectId": project} if project else {})
    return task_edits.create(ORG, POOL, "dev", Draft(sheet, "task", 4, agent)).id


def create_documented_project(projects_api: ProjectsApi) -> dict[str, Any]:
    """Create the project of the document's example."""
    team = [
        {"userId": user("ada").id, "role": "project-manager"},
        {"userId": user("bob").id, "role": "developer"},
    ]
    body = DOCUMENTED | {"teamMembers": team, "agents": [agent("a"), agent("b")]}
    return dict(projects_api.call("POST", body=body))
