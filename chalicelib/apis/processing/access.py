"""Authentication: a token on every route, or a server's own apiKey on the two routes where servers report."""

from chalicelib.edge import Admission, Caller, Limit, Request
from chalicelib.engine.security import authentication, rate_limits
from chalicelib.errors import Unauthenticated

NAME = "processing"
"""The API's name, which is also the pool of its tasks and servers."""

LIMITS = {
    "default": Limit(100, 60),
    "task_creation": Limit(50, 60),
    "server_registration": Limit(10, 60),
}
MAX_ID_CHARS = 128


def authenticate(request: Request) -> Caller:
    """Authenticate by `Authorization: Bearer <token>` or `X-API-Key: <apiKey>`. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return authentication.verify_token(token.strip())
    api_key = request.headers.get("x-api-key")
    if api_key:
        return _authenticate_server(request, api_key)
    raise Unauthenticated("Send a token as 'Authorization: Bearer <token>', or a server's apiKey as 'X-API-Key'")


def _authenticate_server(request: Request, api_key: str) -> Caller:
    """Authenticate a server. Its id is in the path or in the callback URL's `serverId`, or it is the task's holder."""
    identifier = _require_plausible(request.path_values.get("id", ""))
    match request.method, request.route:
        case "POST", "/api/servers/{id}/heartbeat":
            return authentication.authenticate_worker(identifier, api_key, address=request.source)
        case "PUT", "/api/task/{id}":
            if "serverId" in request.query:
                return authentication.authenticate_worker(
                    _require_plausible(request.query["serverId"]), api_key, address=request.source
                )
            return authentication.authenticate_holder(identifier, api_key, address=request.source)
    raise Unauthenticated("An apiKey is accepted on a server's heartbeat and on its reports; elsewhere send a token")


def _require_plausible(identifier: str) -> str:
    """The id, if it is not too long to be one: DynamoDB refuses long keys with an error."""
    if len(identifier) > MAX_ID_CHARS:
        raise Unauthenticated("Invalid API key")
    return identifier


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller. The caller's plan multiplies the documented limit."""
    return rate_limits.admit_caller(NAME, caller, name, limit)
