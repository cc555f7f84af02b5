"""A day of tasks of people and agents."""

from tests.infra.clients import Client
from tests.support.world import World

TASKS, AGENTS = "/api/v1/tasks", "/api/v1/agents"
TASK = f"{TASKS}/{{taskId}}"
LARGE = "x" * 150_000


def manage(client: Client, world: World) -> None:
    """Create tasks, read them, let people and an agent work on them, and delete them."""
    agent = client("POST", AGENTS, {"name": "one", "type": "coding"})["data"]["id"]
    mine, assigned = (client("POST", TASKS, {"title": "t", "agentId": one})["data"]["id"] for one in (None, agent))
    world.settle()
    client("PATCH", TASK, {"status": "active", "title": "new"}, taskId=mine)
    client("PATCH", TASK, {"status": "completed", "result": LARGE}, taskId=mine)
    client("GET", TASK, taskId=mine, query={"include": "comments,files,history,metrics"})
    client("GET", TASKS, query={"search": "new", "status": "completed"})
    client("POST", f"{TASK}/assign", {"agentId": None}, taskId=assigned)
    client("POST", f"{TASK}/assign", {"agentId": agent}, taskId=assigned)
    world.settle()
    reporting = {"agentId": agent}
    client("PATCH", TASK, {"progress": 0.5}, taskId=assigned, query=reporting)
    client("PATCH", TASK, {"status": "completed", "result": 1}, taskId=assigned, query=reporting)
    for task_id in (mine, assigned):
        client("DELETE", TASK, taskId=task_id)
    client("DELETE", f"{AGENTS}/{{agentId}}", agentId=agent)
    world.settle()
