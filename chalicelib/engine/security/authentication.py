"""Authenticate callers: by access tokens, and workers by the keys that they registered with."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.engine.security import encryption, guess_limits, tokens
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import Unauthenticated
from chalicelib.storage.access import table as storage
from chalicelib.storage.tasks import tasks

if TYPE_CHECKING:  # not every API has to load the module
    from chalicelib.domain.document import Document

ROLES = ("user", "server", "admin")
_TYPES = (tokens.ACCESS, "jwt")
_REQUIRED = ("sub", "org", "role")

_directory: TtlCache[str, storage.DirectoryEntry] = TtlCache(60 * clock.SECOND)


class Principal(NamedTuple):
    """A caller: its org, subject, role and rate plan. The other fields are set for people only."""

    org: str
    subject: str
    role: str
    plan: str = "standard"
    permissions: frozenset[str] = frozenset()
    """The permissions that it has everywhere in its org."""
    grants: Mapping[str, frozenset[str]] = MappingProxyType({})
    """Project id -> the permissions that it has there besides, as a member."""
    scope: frozenset[str] | None = None
    """The permissions that an API key or an OAuth grant is limited to; None for no limit."""
    session: str | None = None
    """The id of the session that the access token belongs to."""
    key: str | None = None
    """The id of the API key that it called with."""
    rate: tuple[int | None, int | None] = (None, None)
    """(requests an hour, burst) of an API key that has less than the plan."""


def issue_token(principal: Principal, ttl_seconds: int) -> str:
    """A signed access token for `principal`, valid for `ttl_seconds`, without a session."""
    org, subject, role, plan, *_ = principal
    claims = {"sub": subject, "org": org, "role": role, "plan": plan}
    return tokens.sign(tokens.ACCESS, claims, ttl_seconds)


ANONYMOUS = Principal("local", "anonymous", "admin", "standard")
"""The caller without a credential, of an API that the local stage opens."""


def authenticate_bearer(
    authorization: str | None, api: str, verify: Callable[[str], Principal] | None = None
) -> Principal:
    """The caller of an `Authorization` header; without one, the anonymous caller where this stage opens the API.

    The token is read by `verify`, by default `verify_token`. Raises Unauthenticated.
    """
    if not authorization and api in settings().open_apis:
        return ANONYMOUS
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Send a token as 'Authorization: Bearer <token>'")
    return (verify or verify_token)(token.strip())


class HasHeaders(Protocol):
    """A request, by its headers in lower case."""

    @property
    def headers(self) -> Mapping[str, str]: ...


def authenticate_request(api: str, request: HasHeaders, verify: Callable[[str], Principal] | None = None) -> Principal:
    """The caller of the token in a request's `Authorization: Bearer <token>`, as `authenticate_bearer` has it."""
    return authenticate_bearer(request.headers.get("authorization"), api, verify)


def verify_token(token: str) -> Principal:
    """The principal of an access token without a session. Raises Unauthenticated as `tokens.read` does.

    A token that belongs to a session is refused here; engine.accounts.sessions reads it.
    """
    return principal_from_claims(read_claims(token))


def read_claims(token: str) -> Mapping[str, Any]:
    """The claims of a valid access token, with or without a session. Raises Unauthenticated."""
    return tokens.read(token, _TYPES, _REQUIRED)


def principal_from_claims(claims: Mapping[str, Any]) -> Principal:
    """The principal of a token's claims. Raises Unauthenticated for those of a session or of an unknown role."""
    if "sid" in claims or claims["role"] not in ROLES:
        raise Unauthenticated("Invalid or expired token")
    return Principal(claims["org"], claims["sub"], claims["role"], str(claims.get("plan", "standard")))


def principal_from_user(user: "Document") -> Principal:
    """Build the principal for this user."""
    grants = {project: frozenset(permissions) for project, permissions in user.body.get("memberships", {}).items()}
    return Principal(user.org, user.id, user.body["role"], user.body["plan"], grants=grants)


def authenticate_worker(worker_id: str, api_key: str, pool: str | None = None, *, address: str = "") -> Principal:
    """The worker with this id and key, of this pool if one is named. Raises Unauthenticated for any other, and
    TooManyRequests after too many wrong keys from this address."""
    with guess_limits.limit_guesses(f"worker#{worker_id}", address):
        entry = _directory_entry(worker_id)
        if (
            entry is None
            or pool not in (None, entry.pool)
            or not encryption.has_fingerprint(api_key, entry.fingerprint)
        ):
            raise Unauthenticated("Invalid API key")
    return Principal(entry.org, entry.worker_id, "server", entry.plan)


def authenticate_holder(task_id: str, api_key: str, *, address: str = "") -> Principal:
    """The worker that holds a task, or held it last, with this key. One call more. Raises Unauthenticated."""
    task = tasks.find(task_id)
    if task is None or task.worker_id is None:
        raise Unauthenticated("Invalid API key")
    return authenticate_worker(task.worker_id, api_key, address=address)


def _directory_entry(worker_id: str) -> storage.DirectoryEntry | None:
    """The directory's entry, cached for a minute: it never changes, and writes check that the worker is not removed."""
    cached = _directory.get(worker_id)
    if cached is not None:
        return cached
    entry = storage.find_directory_entry(worker_id)
    return None if entry is None else _directory.put(worker_id, entry)
