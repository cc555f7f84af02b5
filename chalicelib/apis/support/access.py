"""Who may call: whoever has a token, in any role; on the local stage, where it opens the API, anybody."""

from chalicelib.edge import Admission, Caller, Limit, Request
from chalicelib.engine.security import authentication, rate_limits

NAME = "support"
"""The API's name, which is also the pool that its tasks and workers live in."""

LIMITS = {"default": Limit(100, 60)}


def authenticate(request: Request) -> Caller:
    """The caller by `Authorization: Bearer <token>`. Raises Unauthenticated."""
    return authentication.authenticate_bearer(request.headers.get("authorization"), NAME)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller; its plan multiplies the documented limit."""
    return rate_limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)
