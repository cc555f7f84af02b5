"""Who may call: a token, or a server's own apiKey on the two routes where servers report."""

from chalicelib.edge import Admission, Caller, Limit, Request
from chalicelib.engine.security import authentication, rate_limits
from chalicelib.errors import Unauthenticated

NAME = "processing"
"""The API's name, which is also the pool that its tasks and servers live in."""

LIMITS = {
    "default": Limit(100, 60),
    "task_creation": Limit(50, 60),
    "server_registration": Limit(10, 60),
}
LONGEST_ID = 128


def authenticate(request: Request) -> Caller:
    """The caller by `Authorization: Bearer <token>` or `X-API-Key: <apiKey>`. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return authentication.verify_token(token.strip())
    api_key = request.headers.get("x-api-key")
    if api_key:
        return _server(request, api_key)
    raise Unauthenticated("Send a token as 'Authorization: Bearer <token>', or a server's apiKey as 'X-API-Key'")


def _server(request: Request, api_key: str) -> Caller:
    """A server is known by its id: in the path, in the callback URL's `serverId`, or as the holder of the task."""
    identifier = _plausible(request.path_values.get("id", ""))
    match request.method, request.route:
        case "POST", "/api/servers/{id}/heartbeat":
            return authentication.authenticate_worker(identifier, api_key, address=request.source)
        case "PUT", "/api/task/{id}":
            if "serverId" in request.query:
                return authentication.authenticate_worker(
                    _plausible(request.query["serverId"]), api_key, address=request.source
                )
            return authentication.authenticate_holder(identifier, api_key, address=request.source)
    raise Unauthenticated("An apiKey is accepted on a server's heartbeat and on its reports; elsewhere send a token")


def _plausible(identifier: str) -> str:
    """The id as it came, if it can be one at all: a table refuses keys of any length."""
    if len(identifier) > LONGEST_ID:
        raise Unauthenticated("Invalid API key")
    return identifier


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller; its plan multiplies the documented limit."""
    return rate_limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)
