"""Who may call, how often, and what (coordinaitor.md, "Authentication" and "Rate Limiting")."""

from collections.abc import Mapping
from typing import cast

from chalicelib import clock
from chalicelib.apis.projects.permissions import NEEDED, OF_ROLE, Permission, Role, Within
from chalicelib.edge import Admission, Caller, Endpoint, Limit, Request
from chalicelib.engine import access, limits
from chalicelib.engine.access import Principal
from chalicelib.errors import Forbidden, Unauthenticated

NAME = "projects"
"""The API's name, which is also the pool that its tasks and agents live in."""

HOUR = 3600
LIMITS = {"default": Limit(1000, HOUR)}
TIERS: Mapping[str, tuple[int, int]] = {"free": (1_000, 50), "pro": (10_000, 200), "enterprise": (100_000, 1_000)}
"""Plan -> requests an hour, and at once; any other plan is free."""

_HOUSE_ROLES: Mapping[str, Role] = {"admin": "admin", "user": "developer", "server": "developer"}
"""What the roles of the house's own tokens may do here."""


def authenticate(request: Request) -> Caller:
    """The caller by `Authorization: Bearer <token or API key>` or `X-API-Key`. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return permitted(access.verify(token.strip()))
    raise Unauthenticated("Send 'Authorization: Bearer <token or API key>', or an API key as 'X-API-Key'")


def permitted(found: Principal) -> Principal:
    """The caller with what its role may do, as far as its credential reaches."""
    role = _HOUSE_ROLES.get(found.role, found.role) if found.session is None else found.role
    permissions: frozenset[str] = OF_ROLE.get(cast(Role, role), frozenset())
    if found.scope is None:
        return found._replace(permissions=permissions)
    grants = {project: granted & found.scope for project, granted in found.grants.items()}
    return found._replace(permissions=permissions & found.scope, grants=grants)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller: its plan says how many an hour and at once, or its API key, where that is less."""
    count, burst = _rate(_of(caller))
    key = f"{NAME}#{name}#{caller.org}#{_of(caller).key or caller.subject}"
    return limits.admit(key, count, limit.seconds * clock.SECOND, burst)


def _rate(caller: Principal) -> tuple[int, int]:
    count, burst = TIERS.get(caller.plan, TIERS["free"])
    return (count, burst) if caller.rate is None else (min(count, caller.rate[0]), min(burst, caller.rate[1]))


def authorize(caller: Caller, endpoint: Endpoint) -> None:
    """Raise Forbidden unless the caller has the permission that the endpoint needs, in some project at least."""
    needed = NEEDED[endpoint.name]
    if isinstance(needed, Within):
        _refuse_unless(needed.permission in effective(caller).union(*_of(caller).grants.values()), needed.permission)
    elif needed is not None:
        require(caller, needed)


def require(caller: Caller, permission: Permission, project_id: str | None = None) -> None:
    """Raise Forbidden unless the caller has the permission: everywhere, or as a member of this project."""
    _refuse_unless(permission in effective(caller, project_id), permission)


def effective(caller: Caller, project_id: str | None = None) -> frozenset[str]:
    """All that the caller may do, in this project where one is named."""
    found = _of(caller)
    return found.permissions if project_id is None else found.permissions | found.grants.get(project_id, frozenset())


def _of(caller: Caller) -> Principal:
    """The caller as this API knows it: `authenticate` gives no other."""
    return cast(Principal, caller)


def _refuse_unless(permitted: bool, permission: Permission) -> None:
    if not permitted:
        raise Forbidden(f"You need the permission {permission} for this")
