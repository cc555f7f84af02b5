"""Who may do what: each role's permissions, and the permission that each endpoint needs. The one table of it."""

from typing import Literal, NamedTuple

Role = Literal["admin", "project-manager", "developer", "viewer"]
Permission = Literal[
    "tasks:read",
    "tasks:write",
    "tasks:delete",
    "agents:read",
    "agents:write",
    "projects:read",
    "projects:write",
    "users:read",
    "users:write",
    "webhooks:read",
    "webhooks:write",
    "system:read",
    "system:admin",
]

READS: frozenset[Permission] = frozenset({"tasks:read", "agents:read", "projects:read", "system:read"})
WORKS: frozenset[Permission] = READS | {"tasks:write"}
MANAGES: frozenset[Permission] = WORKS | {
    "tasks:delete",
    "agents:write",
    "projects:write",
    "webhooks:read",
    "webhooks:write",
}
ALL: frozenset[Permission] = MANAGES | {"users:read", "users:write", "system:admin"}

OF_ROLE: dict[Role, frozenset[Permission]] = {
    "admin": ALL,
    "project-manager": MANAGES,
    "developer": WORKS,
    "viewer": READS,
}


class Within(NamedTuple):
    """A permission that its members may have in one project alone. Whoever has it in any project gets in; the handler
    asks for it in the project that it is about (`access.require`)."""

    permission: Permission


OWN = None
"""What everybody known may do: what is the caller's own."""

NEEDED: dict[str, Permission | Within | None] = {
    "list_agents": "agents:read",
    "create_agent": "agents:write",
    "get_agent": "agents:read",
    "update_agent": "agents:write",
    "delete_agent": "agents:write",
    "enable_agent": "agents:write",
    "disable_agent": "agents:write",
    "list_agent_tasks": "tasks:read",
    "get_agent_metrics": "agents:read",
    "agent_heartbeat": "tasks:write",
}
"""Endpoint name -> the permission that it needs."""
