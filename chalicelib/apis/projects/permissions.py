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


IN_PROJECT: frozenset[Permission] = frozenset(
    {"tasks:read", "tasks:write", "tasks:delete", "projects:read", "projects:write"}
)
"""What a member may be allowed in one project alone; a member's role stands for what of it that role has."""


class Within(NamedTuple):
    """A permission that its members may have in one project alone. Whoever has it in any project gets in; the handler
    asks for it in the project that it is about (`access.require`)."""

    permission: Permission


OWN = None
"""What everybody known may do: what is the caller's own (`access.authorize`)."""

NEEDED: dict[str, Permission | Within | None] = {
    "create_api_key": OWN,
    "create_api_key_unversioned": OWN,
    "list_api_keys": OWN,
    "list_api_keys_unversioned": OWN,
    "revoke_api_key": OWN,
    "revoke_api_key_unversioned": OWN,
    "list_users": "users:read",
    "create_user": "users:write",
    "get_me": OWN,
    "update_me": OWN,
    "change_my_password": OWN,
    "get_user": "users:read",
    "update_user": "users:write",
    "delete_user": "users:write",
    "invite_again": "users:write",
    "register_client": "system:admin",
    "list_clients": "system:admin",
    "delete_client": "system:admin",
    "list_tasks": "tasks:read",
    "list_tasks_unversioned": "tasks:read",
    "create_task": Within("tasks:write"),
    "get_task": "tasks:read",
    "update_task": Within("tasks:write"),
    "patch_task": Within("tasks:write"),
    "delete_task": Within("tasks:delete"),
    "assign_task": Within("tasks:write"),
    "add_comment": Within("tasks:write"),
    "list_comments": "tasks:read",
    "get_comment": "tasks:read",
    "delete_comment": Within("tasks:write"),
    "upload_file": Within("tasks:write"),
    "list_files": "tasks:read",
    "get_file": "tasks:read",
    "delete_file": Within("tasks:write"),
    "upload_avatar": OWN,
    "get_avatar": OWN,
    "list_projects": "projects:read",
    "create_project": "projects:write",
    "get_project": Within("projects:read"),
    "update_project": Within("projects:write"),
    "delete_project": Within("projects:write"),
    "list_project_tasks": Within("tasks:read"),
    "list_members": Within("projects:read"),
    "add_member": Within("projects:write"),
    "remove_member": Within("projects:write"),
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
    "list_notifications": OWN,
    "read_notification": OWN,
    "read_all_notifications": OWN,
    "system_health": "system:read",
    "system_metrics": "system:read",
    "system_status": "system:read",
    "system_logs": "system:admin",
    "create_webhook": "webhooks:write",
    "list_webhooks": "webhooks:read",
    "get_webhook": "webhooks:read",
    "update_webhook": "webhooks:write",
    "delete_webhook": "webhooks:write",
    "test_webhook": "webhooks:write",
    "rotate_webhook_secret": "webhooks:write",
    "recover_webhook": "webhooks:write",
    "list_webhook_deliveries": "webhooks:read",
    "get_webhook_delivery": "webhooks:read",
    "resend_webhook_delivery": "webhooks:write",
}
"""Endpoint name -> the permission that it needs."""

REPORTS = frozenset({"agent_heartbeat", "update_task", "patch_task"})
"""What an agent may call that changes anything, in its own name."""
INVITES = frozenset({"create_user", "invite_again"})
"""What an operator's token may change though its subject has no account: somebody must be first."""
