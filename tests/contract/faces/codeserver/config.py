"""The configuration of the agent and of single agents."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

SETTINGS = {"timeout_seconds": 500, "max_retries": 3, "log_level": "debug"}
AGENT = {"agent_id": "agent-01", "config": {"name": "n8n-orchestrator", "version": "1.0.0"}}
GET, PUT = (f"{method} /api/config" for method in ("GET", "PUT"))
LIST, POST = "GET /api/config/agents", "POST /api/config/agent"
DELETE = "DELETE /api/config/agent/{agent_id}"
INSTANT = "2026-01-27T06:15:30.000000"


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """Settings, and an agent that is configured."""
    client.put("/api/config", SETTINGS, token=caller)
    client.post("/api/config/agent", AGENT, token=caller)
    return {"agent": Resource("Configuration", AGENT["agent_id"])}


group = Group(
    build=build,
    on={DELETE: {"agent_id": "agent"}},
    answers={DELETE: {"agent_id": "agent-01", "status": "removed", "removed_at": INSTANT}},
    instants=frozenset(),
    verbatim=frozenset({"config"}),
    decided={
        GET: {
            "agent": {
                "name": "OpenHands",
                "version": "4.1",
                "timeout_seconds": 300,
                "max_retries": 3,
                "log_level": "debug",
            },
            "models": {"default": "gpt-4", "fallback": ["claude-opus"]},
            "capabilities": ["code-generation", "chat"],
        },
        LIST: {
            "agents": [
                {
                    "id": "agent-01",
                    "name": "n8n-orchestrator",
                    "status": "inactive",
                    "version": "1.0.0",
                    "config": {"name": "n8n-orchestrator", "version": "1.0.0"},
                }
            ]
        },
    },
    closed=(PUT,),
    missing=((POST, "agent_id", {"config": {}}), (POST, "config", {"agent_id": "a"})),
    bases={PUT: {}, POST: AGENT},
    wrong=(
        (PUT, "timeout_seconds", (0, -1, 3_601, "600", 1.5, True)),
        (PUT, "max_retries", (-1, 11, "3", 1.5, False)),
        (PUT, "log_level", ("", "trace", "DEBUG", 7)),
        (PUT, "colour", ("red",)),
        (POST, "agent_id", ("", "x" * 129, 7, None)),
        (POST, "config", ("x", [], 7, None, {"a": "x" * 4_000})),
    ),
)
