"""A client of the agents of the projects API, shared by several test modules."""

from functools import cache
from typing import Any

from chalicelib.apis.projects import api
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.engine.tasks import lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from tests.apis.projects.group_api import GroupApi
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import ORG, World

POOL = "projects"
AGENTS = "/api/v1/agents"
DAY = 86_400
FIVE_YEARS = 5 * 365 * DAY


def submission_for(agent_id: str | None, **fields: Any) -> Submission:
    """The submission that the API makes, for this agent if there is one."""
    base = {"type": "task", "priority": 4, "timeout_seconds": DAY, "total_seconds": FIVE_YEARS}
    return Submission(pool=POOL, wanted_worker=agent_id, **(base | fields))


class AgentsApi(GroupApi):
    """Agents over HTTP, as an admin. Tasks are created through the engine."""

    base = AGENTS

    def create(self, name: str = "one", **said: Any) -> str:
        found = self.call("POST", body={"name": name, "type": "coding"} | said)
        self.world.advance(1)
        return str(found["id"])

    def agent(self, agent_id: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/{agent_id}"))

    def status(self, agent_id: str) -> str:
        return str(self.agent(agent_id)["status"])

    def ids(self, query: str = "") -> list[str]:
        return [one["id"] for one in self.call("GET", query)]

    def submit(self, agent_id: str | None = None, org: str = ORG, **said: Any) -> Task:
        """Submit a task, which only the named agent may take."""
        task = submission.submit(org, "user_1", submission_for(agent_id, **said))
        self.world.settle()
        return task

    def beat(self, agent_id: str, **said: Any) -> dict[str, Any]:
        return dict(self.call("POST", f"/{agent_id}/heartbeat", said))

    def pass_time(self, agent_id: str, seconds: int) -> None:
        """Let time pass while the agent sends its heartbeats."""
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
    """The mounted API. It is shared, because it keeps no state between requests."""
    return Client(api, conformance(api))


def agents_api_of(world: World) -> AgentsApi:
    return AgentsApi(world, client(), token("admin", plan="enterprise"))
