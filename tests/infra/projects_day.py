"""A day of projects, agents and users, with the background work that follows."""

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


def run(watch: Watch, world: World) -> None:
    """Create, change and delete everything twice: the second time wakeups are lost, so that the sweep cleans up."""
    client = Client(watch, projects.api)
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
    """Create a member, an agent and a project with tasks: the agent's, one without an agent, and one with many
    items."""
    member = f"user_{name}".lower()
    users.ensure_user(
        ORG, member, Profile(f"{member}@acme.example", name, "developer", "free"), "correct horse battery"
    )
    agent = create(client, AGENTS, name=name, type="coding")
    team = [{"userId": member, "role": "viewer"}]
    project = create(client, PROJECTS, name=name, teamMembers=team, agents=[agent])
    kept = create(client, PROJECTS, name="kept", agents=[agent])
    client("PUT", PROJECT, {"agents": [agent], "status": "on-hold"}, projectId=project)
    client("DELETE", f"{MEMBERS}/{{userId}}", projectId=project, userId=member)
    client("POST", MEMBERS, {"userId": member, "role": "developer"}, projectId=project)
    for said in ({"agentId": agent}, {}, {"projectId": kept, "agentId": agent}):
        create(client, TASKS, **({"title": "t", "projectId": project} | said))
    full = create(client, TASKS, title="t", projectId=project)
    client("POST", f"{TASKS}/{{taskId}}/comments", {"content": "see"}, taskId=full)
    return member, agent, project


def create(client: Client, route: str, **said: Any) -> str:
    return str(client("POST", route, said)["data"]["id"])


def look(client: Client, project: str) -> None:
    client("GET", PROJECTS, query={"search": "m"})
    client("GET", PROJECT, projectId=project)
    client("GET", f"{PROJECT}/tasks", projectId=project)
    client("GET", MEMBERS, projectId=project)
