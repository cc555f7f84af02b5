"""Permissions of each role, and the permission that each endpoint requires."""

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

VIEWER_PERMISSIONS: frozenset[Permission] = frozenset({"tasks:read", "agents:read", "projects:read", "system:read"})
DEVELOPER_PERMISSIONS: frozenset[Permission] = VIEWER_PERMISSIONS | {"tasks:write"}
MANAGER_PERMISSIONS: frozenset[Permission] = DEVELOPER_PERMISSIONS | {
    "tasks:delete",
    "agents:write",
    "projects:write",
    "webhooks:read",
    "webhooks:write",
}
ALL_PERMISSIONS: frozenset[Permission] = MANAGER_PERMISSIONS | {"users:read", "users:write", "system:admin"}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    "admin": ALL_PERMISSIONS,
    "project-manager": MANAGER_PERMISSIONS,
    "developer": DEVELOPER_PERMISSIONS,
    "viewer": VIEWER_PERMISSIONS,
}


PROJECT_PERMISSIONS: frozenset[Permission] = frozenset(
    {"tasks:read", "tasks:write", "tasks:delete", "projects:read", "projects:write"}
)
"""Permissions that a member can have in one project; by default those of the member's role."""


class InProject(NamedTuple):
    """A permission that a caller can have in the organization or in a project.

    The endpoint admits callers who have it in any project; its handler requires it in the project that the request is
    about (`access.require`).
    """

    permission: Permission


OWN = None
"""No permission required: the endpoint is about the caller's own data (`access.authorize`)."""

REQUIRED_PERMISSIONS: dict[str, Permission | InProject | None] = {
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
    "create_task": InProject("tasks:write"),
    "get_task": "tasks:read",
    "update_task": InProject("tasks:write"),
    "patch_task": InProject("tasks:write"),
    "delete_task": InProject("tasks:delete"),
    "assign_task": InProject("tasks:write"),
    "add_comment": InProject("tasks:write"),
    "list_comments": "tasks:read",
    "get_comment": "tasks:read",
    "delete_comment": InProject("tasks:write"),
    "upload_file": InProject("tasks:write"),
    "list_files": "tasks:read",
    "get_file": "tasks:read",
    "delete_file": InProject("tasks:write"),
    "upload_avatar": OWN,
    "get_avatar": OWN,
    "list_projects": "projects:read",
    "create_project": "projects:write",
    "get_project": InProject("projects:read"),
    "update_project": InProject("projects:write"),
    "delete_project": InProject("projects:write"),
    "list_project_tasks": InProject("tasks:read"),
    "list_members": InProject("projects:read"),
    "add_member": InProject("projects:write"),
    "remove_member": InProject("projects:write"),
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
"""Endpoint name -> the permission that it requires."""

AGENT_ENDPOINTS = frozenset({"agent_heartbeat", "update_task", "patch_task"})
"""Endpoints that change something and that an agent may call."""
INVITATION_ENDPOINTS = frozenset({"create_user", "invite_again"})
"""Endpoints that change something and that take no account: somebody has to invite the first user."""
