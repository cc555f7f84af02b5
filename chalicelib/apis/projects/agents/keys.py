"""Authentication by an agent's own key, which is valid only for the endpoints that the agent needs for its work."""

from chalicelib.apis.projects.permissions import Permission
from chalicelib.domain.document import PROJECTS_POOL
from chalicelib.edge import Request
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Unauthenticated

SOCKET_PATH = "/agents/{agentId}"
"""Path of the WebSocket at which an agent gets its tasks."""

AGENT_ROUTES = frozenset(
    {
        ("POST", "/api/v1/agents/{agentId}/heartbeat"),
        ("GET", "/api/v1/agents/{agentId}/tasks"),
        ("GET", SOCKET_PATH),
    }
)
"""Routes with the agent's id in the path."""
TASK_ROUTES = frozenset({("GET", "/api/v1/tasks/{taskId}"), ("PATCH", "/api/v1/tasks/{taskId}")})
"""Routes with the agent's id in the query, as `agentId`."""
PERMISSIONS: frozenset[Permission] = frozenset({"tasks:read", "tasks:write"})
MAX_ID_LENGTH = 128


def authenticate_agent(request: Request, api_key: str) -> Principal:
    """The agent that the request names, if this is its key. Raises Unauthenticated."""
    route = (request.method, request.route)
    if route in AGENT_ROUTES:
        agent_id = request.path_values.get("agentId", "")
    elif route in TASK_ROUTES:
        agent_id = request.query.get("agentId", "")
    else:
        raise Unauthenticated("Invalid API key; an agent's key is only for its heartbeats, its tasks and its reports")
    if not 0 < len(agent_id) <= MAX_ID_LENGTH:
        raise Unauthenticated("Invalid API key")
    principal = authentication.authenticate_worker(agent_id, api_key, PROJECTS_POOL, address=request.source)
    return principal._replace(permissions=frozenset(PERMISSIONS))
