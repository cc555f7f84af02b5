"""An agent's own key, which its owner chose for it: it opens what an agent needs for its work, and nothing else."""

from chalicelib.apis.projects.permissions import Permission
from chalicelib.domain.document import PROJECTS_POOL
from chalicelib.edge import Request
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Unauthenticated

SOCKET = "/agents/{agentId}"
"""The WebSocket of an agent that is handed its tasks there."""

OWN = frozenset(
    {
        ("POST", "/api/v1/agents/{agentId}/heartbeat"),
        ("GET", "/api/v1/agents/{agentId}/tasks"),
        ("GET", SOCKET),
    }
)
"""Where its id stands in the path."""
TASKS = frozenset({("GET", "/api/v1/tasks/{taskId}"), ("PATCH", "/api/v1/tasks/{taskId}")})
"""Where it names itself as `agentId`."""
PERMISSIONS: frozenset[Permission] = frozenset({"tasks:read", "tasks:write"})
LONGEST_ID = 128


def agent(request: Request, api_key: str) -> Principal:
    """The agent whose key it is, as the request names it. Raises Unauthenticated."""
    called = (request.method, request.route)
    if called in OWN:
        named = request.path_values.get("agentId", "")
    elif called in TASKS:
        named = request.query.get("agentId", "")
    else:
        raise Unauthenticated("Invalid API key; an agent's own is for its heartbeats, its tasks and its reports only")
    if not 0 < len(named) <= LONGEST_ID:
        raise Unauthenticated("Invalid API key")
    found = authentication.authenticate_worker(named, api_key, PROJECTS_POOL, address=request.source)
    return found._replace(permissions=frozenset(PERMISSIONS))
