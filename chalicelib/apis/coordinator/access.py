"""Authentication and rate limits: every token may call, for the org that it names. The document has no roles."""

from chalicelib.edge import Admission, Caller, Limit, Request
from chalicelib.engine.security import authentication, rate_limits

NAME = "coordinator"
"""The API's name, and the pool of its tasks and workers."""

LIMITS = {"default": Limit(1000, 60)}


def authenticate(request: Request) -> Caller:
    """The caller of the token in `Authorization: Bearer <token>`. On the local stage the API can be open to everybody.
    Raises Unauthenticated."""
    return authentication.authenticate_bearer(request.headers.get("authorization"), NAME)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller against its limit, which is the documented one multiplied by its plan."""
    return rate_limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)
