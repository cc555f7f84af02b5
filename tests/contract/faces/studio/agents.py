"""Agents."""

from typing import Any

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

INSTANT = "2024-12-09T15:00:00Z"
ONE, COMMAND = "GET /api/agents/{agent_name}/status", "POST /api/agents/{agent_name}/command"
LOGS, MEMORY, HEALTH = (f"GET /api/agents/{name}" for name in ("logs", "memory/stats", "health"))
RECEIPT = {
    "command_id": "agent-command",
    "agent": "ContentAgent",
    "command": "stop",
    "status": "completed",
    "accepted_at": INSTANT,
    "task_id": None,
    "result": None,
    "error": None,
}
DETAILS: dict[str, Any] = {
    "name": "ContentAgent",
    "status": "active",
    "uptime": 0,
    "tasks_completed": 0,
    "kind": "worker",
    "tasks_failed": 0,
    "tasks_in_progress": 0,
    "tasks_pending": None,
    "recent_commands": [RECEIPT | {"command": "start"}],
}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A registered agent that had a command, and a task that the built-in one has not."""
    world.register("ContentAgent", pool="studio-steps")
    client.post("/api/agents/ContentAgent/command", {"command": "start"}, token=caller)
    message = {"role": "user", "content": "hello"}
    client.post("/api/agents/chat/command", {"command": "execute", "parameters": {"messages": [message]}}, token=caller)
    world.settle()
    return {"agent": Resource("Agent", "ContentAgent")}


group = Group(
    build=build,
    on={ONE: {"agent_name": "agent"}, COMMAND: {"agent_name": "agent"}},
    formats={"agent-command": r"agent-command_\w+"},
    instants=frozenset({"timestamp", "accepted_at"}),
    verbatim=frozenset({"parameters", "result"}),
    volatile=frozenset({"used_memory", "available_memory", "memory_usage_percent", "uptime", "response_time_ms"}),
    elsewhere=(MEMORY,),
    common=(MEMORY, HEALTH),
    answers={ONE: DETAILS, COMMAND: RECEIPT},
    decided={
        MEMORY: {"memory_usage_percent": 25.0},
        HEALTH: {"response_time_ms": 45.0, "error_rate": 0.02},
    },
    missing=((COMMAND, "command", {"parameters": {}}),),
    bases={COMMAND: {"command": "stop"}},
    wrong=(
        (COMMAND, "command", ("", "STOP", "kill", 7, None)),
        (COMMAND, "parameters", ("x", [], 7, None)),
    ),
    wrong_queries=(
        (LOGS, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (LOGS, "agent", ("", "x" * 129)),
    ),
)
