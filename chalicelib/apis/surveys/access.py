"""Authentication and rate limits: every token may call, for the org that it names. The document has no roles."""

from chalicelib.edge import Admission, Caller, Limit, Request
from chalicelib.engine.security import authentication, rate_limits

NAME = "surveys"
"""The API's name."""
POOL = "coordinator"
"""The pool of its sessions: the coordinator's, because the coordinator's workers hold them."""

LIMITS = {"default": Limit(100, 60)}
"""The document names no limit for this API."""


def authenticate(request: Request) -> Caller:
    """The caller of the token in `Authorization: Bearer <token>`. On the local stage the API can be open to everybody.
    Raises Unauthenticated."""
    return authentication.authenticate_bearer(request.headers.get("authorization"), NAME)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller against its limit, which is this one multiplied by its plan."""
    return rate_limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)
