"""The projects API's agents as those see them who keep them, for the tests of several modules."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from chalicelib.apis.projects import api
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.engine.tasks import lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import ORG, World

POOL = "projects"
AGENTS = "/api/v1/agents"
DAY = 86_400
FIVE_YEARS = 5 * 365 * DAY


def meant(agent_id: str | None, **said: Any) -> Submission:
    """What the API submits: for this agent only if one is named."""
    base = {"type": "task", "priority": 4, "timeout_seconds": DAY, "total_seconds": FIVE_YEARS}
    return Submission(pool=POOL, wanted_worker=agent_id, **(base | said))


@dataclass
class Desk:
    """The API as a project manager sees it; tasks come from the engine."""

    world: World
    client: Client
    token: str

    def ask(self, method: str, path: str = "", body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, AGENTS + path, body, **({"token": self.token} | more))

    def told(self, method: str, path: str = "", body: Any = None) -> Any:
        """The data of the answer to a request that must succeed."""
        reply = self.ask(method, path, body)
        assert reply.status in (200, 201), reply.text
        return reply.json["data"]

    def refused(self, status: int, method: str, path: str = "", body: Any = None, **more: Any) -> Any:
        """The error of the refusal of this status that a request must get."""
        reply = self.ask(method, path, body, **more)
        assert reply.status == status, reply.text
        return reply.json["error"]

    def create(self, name: str = "one", **said: Any) -> str:
        found = self.told("POST", body={"name": name, "type": "coding"} | said)
        self.world.advance(1)
        return str(found["id"])

    def agent(self, agent_id: str) -> dict[str, Any]:
        return dict(self.told("GET", f"/{agent_id}"))

    def status(self, agent_id: str) -> str:
        return str(self.agent(agent_id)["status"])

    def ids(self, query: str = "") -> list[str]:
        return [one["id"] for one in self.told("GET", query)]

    def submit(self, agent_id: str | None = None, org: str = ORG, **said: Any) -> Task:
        """A task, for this agent only if one is named."""
        task = submission.submit(org, "user_1", meant(agent_id, **said))
        self.world.settle()
        return task

    def beat(self, agent_id: str, **said: Any) -> dict[str, Any]:
        return dict(self.told("POST", f"/{agent_id}/heartbeat", said))

    def pass_time(self, agent_id: str, seconds: int) -> None:
        """Time passes, and the agent sends its heartbeats."""
        for _ in range(seconds // 60):
            self.beat(agent_id)
            self.world.advance(60)

    def complete(self, task_id: str) -> None:
        task = self.world.task(task_id)
        assert task.worker_id is not None
        lifecycle.complete(ORG, POOL, task_id, Holder(task.worker_id, task.epoch), {"done": True})
        self.world.settle()


@cache
def client() -> Client:
    """Mounted once: it keeps nothing between requests."""
    return Client(api, conformance(api))


def open_desk(world: World) -> Desk:
    return Desk(world, client(), token("admin", plan="enterprise"))
