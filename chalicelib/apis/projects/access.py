"""Authentication, authorization and rate limits (coordinaitor.md, "Authentication" and "Rate Limiting")."""

from collections.abc import Collection, Mapping
from typing import cast

from chalicelib import clock
from chalicelib.apis.projects.agents import keys
from chalicelib.apis.projects.permissions import (
    AGENT_ENDPOINTS,
    INVITATION_ENDPOINTS,
    OWN,
    REQUIRED_PERMISSIONS,
    ROLE_PERMISSIONS,
    InProject,
    Permission,
    Role,
)
from chalicelib.config import settings
from chalicelib.edge import Admission, Caller, Endpoint, Limit, Request
from chalicelib.engine.accounts import api_keys, sessions, token_accounts
from chalicelib.engine.security import rate_limits
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Forbidden, Unauthenticated

NAME = "projects"
"""The API's name, and the pool of its tasks and agents."""

HOUR_S = 3600
LIMITS = {"default": Limit(1000, HOUR_S)}
TIERS: Mapping[str, tuple[int, int]] = {"free": (1_000, 50), "pro": (10_000, 200), "enterprise": (100_000, 1_000)}
"""Plan -> requests per hour, and burst; any other plan is 'free'."""

_TOKEN_ROLES: Mapping[str, Role] = {"admin": "admin", "user": "developer", "server": "developer"}
"""Role of a service token -> role in this API."""
AGENT_ROLE = "server"
"""The role of an agent, by a service token or by its own key (agents/keys.py)."""
AGENT_REFUSAL = (
    "A token of role 'server' is for agents: it can read, send heartbeats, and report on the agent's tasks with "
    "?agentId=. For other requests sign in, or send a user's API key"
)


def authenticate(request: Request) -> Caller:
    """The caller of `Authorization: Bearer <token or API key>` or `X-API-Key`. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    api_key = request.headers.get("x-api-key", "")
    if scheme.lower() == "bearer":
        return with_permissions(_by_token(_resolve_example(token.strip())))
    if api_key and not scheme:
        return _by_key(request, _resolve_example(api_key))
    raise Unauthenticated("Send 'Authorization: Bearer <token or API key>', or an API key as 'X-API-Key'")


def _resolve_example(credential: str) -> str:
    """The credential; for a key from an example of the document, the real key. Only the local stage has such keys."""
    return settings().example_keys.get(credential, credential)


def _by_key(request: Request, api_key: str) -> Principal:
    if api_key.startswith(api_keys.PREFIX):
        return with_permissions(api_keys.authenticate(api_key))
    return keys.authenticate_agent(request, api_key)


def optional_caller(request: Request) -> Principal | None:
    """The caller of a public endpoint, None without a credential. Raises Unauthenticated for an invalid one."""
    has_credential = "authorization" in request.headers or "x-api-key" in request.headers
    return _principal(authenticate(request)) if has_credential else None


def _by_token(token: str) -> Principal:
    return api_keys.authenticate(token) if token.startswith(api_keys.PREFIX) else sessions.authenticate(token)


def with_permissions(principal: Principal) -> Principal:
    """The principal with the permissions of its role, limited to the scope of its credential."""
    permissions: frozenset[str] = ROLE_PERMISSIONS[_TOKEN_ROLES.get(principal.role) or cast(Role, principal.role)]
    if principal.scope is None:
        return principal._replace(permissions=permissions)
    grants = {project: granted & principal.scope for project, granted in principal.grants.items()}
    return principal._replace(permissions=permissions & principal.scope, grants=grants)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request. The plan limits requests per hour and bursts, and so does an API key with lower limits."""
    rate_limits.count_org_request(NAME, caller.org)
    count, burst = rate_limit_of(caller)
    key = f"{NAME}#{name}#{caller.org}#{_principal(caller).key or caller.subject}"
    return rate_limits.admit(key, count, limit.seconds * clock.SECOND, burst)


def rate_limit_of(caller: Caller) -> tuple[int, int]:
    """Requests per hour of the caller, and the burst."""
    count, burst = TIERS.get(caller.plan, TIERS["free"])
    own_count, own_burst = _principal(caller).rate
    count = min(count, own_count or count)
    return count, min(count, burst, own_burst or burst)


def authorize(caller: Caller, endpoint: Endpoint) -> None:
    """Raise Forbidden unless the caller has the endpoint's permission, in at least one project.

    An agent can call only the endpoints of agents. The subject of a service token needs an account for most endpoints.
    """
    _require_permission(caller, endpoint)
    if _principal(caller).role == AGENT_ROLE:
        _require_agent_endpoint(endpoint)
    elif _has_service_token(caller) and _needs_account(endpoint):
        token_accounts.require_account(_with_role(_principal(caller)))


def _require_permission(caller: Caller, endpoint: Endpoint) -> None:
    """Raise Forbidden unless the caller has the permission that the endpoint requires.

    Endpoints of the caller's own data require none. To change that data takes a session: an API key or the token of an
    application can only read it.
    """
    needed = REQUIRED_PERMISSIONS[endpoint.name]
    if isinstance(needed, InProject):
        _require_true(
            needed.permission in effective_permissions(caller).union(*_principal(caller).grants.values()),
            needed.permission,
        )
    elif needed is not None:
        require(caller, needed)
    elif endpoint.method != "GET" and is_limited(caller):
        raise Forbidden("Sign in for this request: an API key or an application's token is not enough")


def _require_agent_endpoint(endpoint: Endpoint) -> None:
    """Raise Forbidden unless an agent may call the endpoint: agents read, send heartbeats and report."""
    reads = endpoint.method == "GET" and REQUIRED_PERMISSIONS[endpoint.name] is not OWN
    if not reads and endpoint.name not in AGENT_ENDPOINTS:
        raise Forbidden(AGENT_REFUSAL)


def _has_service_token(caller: Caller) -> bool:
    """Whether the caller has a service token: its subject may have no account."""
    return _principal(caller).session is None and _principal(caller).key is None


def _needs_account(endpoint: Endpoint) -> bool:
    """Whether the endpoint takes an account. Reading takes none, nor does inviting the first user."""
    if settings().token_accounts:
        return True
    return REQUIRED_PERMISSIONS[endpoint.name] is OWN or (
        endpoint.method != "GET" and endpoint.name not in INVITATION_ENDPOINTS
    )


def _with_role(principal: Principal) -> Principal:
    """The principal with a role and a plan of this API, as its account has them."""
    plan = principal.plan if principal.plan in TIERS else "free"
    return principal._replace(role=_TOKEN_ROLES.get(principal.role, principal.role), plan=plan)


def require(caller: Caller, permission: Permission, project_id: str | None = None) -> None:
    """Raise Forbidden unless the caller has the permission: in the organization, or as a member of this project."""
    _require_true(permission in effective_permissions(caller, project_id), permission)


def effective_permissions(caller: Caller, project_id: str | None = None) -> frozenset[str]:
    """The permissions of the caller in the organization; with a project also those of its membership."""
    principal = _principal(caller)
    if project_id is None:
        return principal.permissions
    return principal.permissions | principal.grants.get(project_id, frozenset())


def require_all(caller: Caller, permissions: Collection[Permission]) -> None:
    """Raise Forbidden unless the caller has all these permissions in the organization."""
    for permission in sorted(permissions):
        require(caller, permission)


def is_limited(caller: Caller) -> bool:
    """Whether the credential has a scope, as API keys and tokens of applications have: it limits the permissions."""
    return _principal(caller).scope is not None


def session_of(caller: Caller) -> str | None:
    """The session of the caller, None without one."""
    return _principal(caller).session


def _principal(caller: Caller) -> Principal:
    """The caller as a Principal, which is what `authenticate` returns."""
    return cast(Principal, caller)


def _require_true(permitted: bool, permission: Permission) -> None:
    if not permitted:
        raise Forbidden(f"You need the permission {permission} for this")
