"""Who may call, how often, and what (coordinaitor.md, "Authentication" and "Rate Limiting")."""

from collections.abc import Collection, Mapping
from typing import cast

from chalicelib import clock
from chalicelib.apis.projects.agents import keys
from chalicelib.apis.projects.permissions import INVITES, NEEDED, OF_ROLE, OWN, REPORTS, Permission, Role, Within
from chalicelib.config import settings
from chalicelib.edge import Admission, Caller, Endpoint, Limit, Request
from chalicelib.engine.accounts import api_keys, sessions, token_accounts
from chalicelib.engine.security import rate_limits
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Forbidden, Unauthenticated

NAME = "projects"
"""The API's name, which is also the pool that its tasks and agents live in."""

HOUR = 3600
LIMITS = {"default": Limit(1000, HOUR)}
TIERS: Mapping[str, tuple[int, int]] = {"free": (1_000, 50), "pro": (10_000, 200), "enterprise": (100_000, 1_000)}
"""Plan -> requests an hour, and at once; any other plan is free."""

_HOUSE_ROLES: Mapping[str, Role] = {"admin": "admin", "user": "developer", "server": "developer"}
"""What the roles of the house's own tokens may do here."""
AGENT = "server"
"""The role of an agent: by a token, or with its own key (engine.access.worker_by_key)."""
AGENTS = (
    "A token of role 'server' is an agent's: it reads, sends heartbeats and reports on the agent's tasks with "
    "?agentId=. Sign in, or send a user's API key, for what is people's"
)


def authenticate(request: Request) -> Caller:
    """The caller by `Authorization: Bearer <token or API key>` or `X-API-Key`. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    api_key = request.headers.get("x-api-key", "")
    if scheme.lower() == "bearer":
        return permitted(_by_token(_meant(token.strip())))
    if api_key and not scheme:
        return _by_key(request, _meant(api_key))
    raise Unauthenticated("Send 'Authorization: Bearer <token or API key>', or an API key as 'X-API-Key'")


def _meant(credential: str) -> str:
    """The credential, or the key that is meant where it is an example's own; the local stage alone knows any."""
    return settings().example_keys.get(credential, credential)


def _by_key(request: Request, api_key: str) -> Principal:
    if api_key.startswith(api_keys.PREFIX):
        return permitted(api_keys.caller(api_key))
    return keys.agent(request, api_key)


def known(request: Request) -> Principal | None:
    """The caller of a public endpoint, where one sends a credential. Raises Unauthenticated for one that is no good."""
    said = "authorization" in request.headers or "x-api-key" in request.headers
    return _of(authenticate(request)) if said else None


def _by_token(token: str) -> Principal:
    return api_keys.caller(token) if token.startswith(api_keys.PREFIX) else sessions.caller(token)


def permitted(found: Principal) -> Principal:
    """The caller with what its role may do, as far as its credential reaches."""
    permissions: frozenset[str] = OF_ROLE[_HOUSE_ROLES.get(found.role) or cast(Role, found.role)]
    if found.scope is None:
        return found._replace(permissions=permissions)
    grants = {project: granted & found.scope for project, granted in found.grants.items()}
    return found._replace(permissions=permissions & found.scope, grants=grants)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request: the plan says how many an hour and at once, or the API key, where that has less."""
    rate_limits.count_org_request(NAME, caller.org)
    count, burst = rate_of(caller)
    key = f"{NAME}#{name}#{caller.org}#{_of(caller).key or caller.subject}"
    return rate_limits.admit(key, count, limit.seconds * clock.SECOND, burst)


def rate_of(caller: Caller) -> tuple[int, int]:
    """How many requests the caller may make an hour, and how many at once."""
    count, burst = TIERS.get(caller.plan, TIERS["free"])
    own_count, own_burst = _of(caller).rate
    count = min(count, own_count or count)
    return count, min(count, burst, own_burst or burst)


def authorize(caller: Caller, endpoint: Endpoint) -> None:
    """Raise Forbidden unless the caller has the permission that the endpoint needs, in some project at least, and is
    a person with an account where the endpoint is about what people have."""
    _require_permission(caller, endpoint)
    if _of(caller).role == AGENT:
        _require_agents(endpoint)
    elif _is_unbacked(caller) and _is_somebodys(endpoint):
        token_accounts.require(_with_role(_of(caller)))


def _require_permission(caller: Caller, endpoint: Endpoint) -> None:
    """What is the caller's own may be read with any credential and changed with one that is not limited: neither an API
    key nor an application was given leave for that."""
    needed = NEEDED[endpoint.name]
    if isinstance(needed, Within):
        _refuse_unless(needed.permission in effective(caller).union(*_of(caller).grants.values()), needed.permission)
    elif needed is not None:
        require(caller, needed)
    elif endpoint.method != "GET" and is_limited(caller):
        raise Forbidden("Sign in yourself for this: it takes more than an API key or an application's token")


def _require_agents(endpoint: Endpoint) -> None:
    """Raise Forbidden unless an agent may call the endpoint: agents read, say that they are there, and report."""
    reads = endpoint.method == "GET" and NEEDED[endpoint.name] is not OWN
    if not reads and endpoint.name not in REPORTS:
        raise Forbidden(AGENTS)


def _is_unbacked(caller: Caller) -> bool:
    """Whether it calls with a token that is no session's: nothing says that its subject has an account."""
    return _of(caller).session is None and _of(caller).key is None


def _is_somebodys(endpoint: Endpoint) -> bool:
    """Whether it takes an account to call the endpoint. To read takes none, nor does to invite the first person."""
    if settings().token_accounts:
        return True
    return NEEDED[endpoint.name] is OWN or (endpoint.method != "GET" and endpoint.name not in INVITES)


def _with_role(found: Principal) -> Principal:
    """The principal as its account has it: with a role and a plan of this API."""
    plan = found.plan if found.plan in TIERS else "free"
    return found._replace(role=_HOUSE_ROLES.get(found.role, found.role), plan=plan)


def require(caller: Caller, permission: Permission, project_id: str | None = None) -> None:
    """Raise Forbidden unless the caller has the permission: everywhere, or as a member of this project."""
    _refuse_unless(permission in effective(caller, project_id), permission)


def effective(caller: Caller, project_id: str | None = None) -> frozenset[str]:
    """All that the caller may do, in this project where one is named."""
    found = _of(caller)
    return found.permissions if project_id is None else found.permissions | found.grants.get(project_id, frozenset())


def require_all(caller: Caller, permissions: Collection[Permission]) -> None:
    """Raise Forbidden unless the caller has each of these permissions everywhere."""
    for permission in sorted(permissions):
        require(caller, permission)


def is_limited(caller: Caller) -> bool:
    """Whether the caller's credential may less than its owner: an API key, or what an application was given."""
    return _of(caller).scope is not None


def session_of(caller: Caller) -> str | None:
    """The session that the caller is signed in with, if it is."""
    return _of(caller).session


def _of(caller: Caller) -> Principal:
    """The caller as this API knows it: `authenticate` gives no other."""
    return cast(Principal, caller)


def _refuse_unless(permitted: bool, permission: Permission) -> None:
    if not permitted:
        raise Forbidden(f"You need the permission {permission} for this")
