"""Who may call: everyone with a token, in the tenant that it names; the document knows no roles."""

from chalicelib.edge import Admission, Caller, Limit, Request
from chalicelib.engine.security import authentication, rate_limits

NAME = "surveys"
"""The API's name."""
POOL = "coordinator"
"""Where its sessions queue: among the coordinator's tasks, because its workers do them."""

LIMITS = {"default": Limit(100, 60)}
"""The document has none for this API: as many as for its other API over workers of one trade."""


def authenticate(request: Request) -> Caller:
    """The caller by `Authorization: Bearer <token>`; the local stage may open the API. Raises Unauthenticated."""
    return authentication.authenticate_bearer(request.headers.get("authorization"), NAME)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller; its plan multiplies the limit."""
    return rate_limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)
