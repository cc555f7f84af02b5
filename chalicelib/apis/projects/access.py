"""Who may call, how often, and what (coordinaitor.md, "Authentication" and "Rate Limiting")."""

from chalicelib.apis.projects.permissions import NEEDED
from chalicelib.edge import Admission, Caller, Endpoint, Limit, Request
from chalicelib.engine import access, limits
from chalicelib.errors import Forbidden

NAME = "projects"
"""The API's name, which is also the pool that its tasks and agents live in."""

LIMITS = {"default": Limit(1000, 3600)}


def authenticate(request: Request) -> Caller:
    """The caller by `Authorization: Bearer <token or API key>` or `X-API-Key`. Raises Unauthenticated."""
    return access.bearer(request.headers.get("authorization"), NAME)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller."""
    return limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)


def authorize(caller: Caller, endpoint: Endpoint) -> None:
    """Raise Forbidden unless the caller has the permission that the endpoint needs."""
    needed = NEEDED[endpoint.name]
    if needed is not None and needed not in getattr(caller, "permissions", ()):
        raise Forbidden(f"You need the permission {needed} for this")
