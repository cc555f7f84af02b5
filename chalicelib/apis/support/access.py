"""Authentication and rate limits: every token may call, in any role; on the local stage the API can be open to all."""

from chalicelib.edge import Admission, Caller, Limit, Request
from chalicelib.engine.security import authentication, rate_limits

NAME = "support"
"""The API's name, and the pool of its tasks and workers."""

LIMITS = {"default": Limit(100, 60)}


def authenticate(request: Request) -> Caller:
    """The caller of the token in `Authorization: Bearer <token>`. Raises Unauthenticated."""
    return authentication.authenticate_bearer(request.headers.get("authorization"), NAME)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller against its limit, which is the documented one multiplied by its plan."""
    return rate_limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)
