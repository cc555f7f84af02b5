"""Who may call: everyone with a token, in the tenant that it names; the document knows no roles."""

from chalicelib.edge import Admission, Caller, Limit, Request
from chalicelib.engine.security import authentication, rate_limits

NAME = "coordinator"
"""The API's name, which is also the pool that its tasks and workers live in."""

LIMITS = {"default": Limit(1000, 60)}


def authenticate(request: Request) -> Caller:
    """The caller by `Authorization: Bearer <token>`; the local stage may open the API. Raises Unauthenticated."""
    return authentication.authenticate_bearer(request.headers.get("authorization"), NAME)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller; its plan multiplies the documented limit."""
    return rate_limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)
