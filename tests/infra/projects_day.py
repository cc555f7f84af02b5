"""What people do with projects, agents and users in a day, and what the world then does in the background."""

from typing import Any

from chalicelib.apis import projects
from chalicelib.config import settings
from chalicelib.engine.accounts import users
from chalicelib.engine.accounts.users import Profile
from tests.infra import tasks_day
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.world import ORG, World

PROJECTS, TASKS, AGENTS = "/api/v1/projects", "/api/v1/tasks", "/api/v1/agents"
PROJECT, MEMBERS = f"{PROJECTS}/{{projectId}}", f"{PROJECTS}/{{projectId}}/members"


def whole(made: Watch, world: World) -> None:
    """Everything is begun, changed and deleted twice: once the wakeups get lost, so that the sweep clears up."""
    client = Client(made, projects.api)
    tasks_day.manage(client, world)
    for lost in (False, True):
        clear_up(client, world, lost)


def clear_up(client: Client, world: World, lost: bool) -> None:
    member, agent, project = begin(client, world, f"m{lost}")
    world.settle()
    look(client, project)
    client("DELETE", PROJECT, projectId=project)
    client("DELETE", f"{AGENTS}/{{agentId}}", agentId=agent)
    client("DELETE", "/api/v1/users/{userId}", userId=member)
    for _ in range(4 if lost else 0):
        world.relay("documents", limit=1000)
        world.queues.queues[settings().wakeups_queue].clear()
        world.advance(60, settle=False)
    world.settle()
    world.advance(1200)


def begin(client: Client, world: World, name: str) -> tuple[str, str, str]:
    """A member, an agent and a project with tasks: the agent's, one begun by nobody, and one with much to clear up."""
    member = f"user_{name}".lower()
    users.ensure_user(
        ORG, member, Profile(f"{member}@acme.example", name, "developer", "free"), "correct horse battery"
    )
    agent = created(client, AGENTS, name=name, type="coding")
    team = [{"userId": member, "role": "viewer"}]
    project = created(client, PROJECTS, name=name, teamMembers=team, agents=[agent])
    kept = created(client, PROJECTS, name="kept", agents=[agent])
    client("PUT", PROJECT, {"agents": [agent], "status": "on-hold"}, projectId=project)
    client("DELETE", f"{MEMBERS}/{{userId}}", projectId=project, userId=member)
    client("POST", MEMBERS, {"userId": member, "role": "developer"}, projectId=project)
    for said in ({"agentId": agent}, {}, {"projectId": kept, "agentId": agent}):
        created(client, TASKS, **({"title": "t", "projectId": project} | said))
    full = created(client, TASKS, title="t", projectId=project)
    client("POST", f"{TASKS}/{{taskId}}/comments", {"content": "see"}, taskId=full)
    return member, agent, project


def created(client: Client, route: str, **said: Any) -> str:
    return str(client("POST", route, said)["data"]["id"])


def look(client: Client, project: str) -> None:
    client("GET", PROJECTS, query={"search": "m"})
    client("GET", PROJECT, projectId=project)
    client("GET", f"{PROJECT}/tasks", projectId=project)
    client("GET", MEMBERS, projectId=project)
