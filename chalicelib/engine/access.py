"""Who is calling: access tokens, and the keys that workers registered with."""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.engine import keys, sealing
from chalicelib.engine.tokens import pyjwt
from chalicelib.errors import Unauthenticated
from chalicelib.storage import access as storage
from chalicelib.storage import tasks

ALGORITHM = "HS256"
ROLES = ("user", "server", "admin")
_TYPES = ("at+jwt", "jwt")
_REQUIRED = ("exp", "iss", "aud", "sub", "org", "role")

DIRECTORY_KEPT = 60 * clock.SECOND
_directory: dict[str, tuple[int, storage.DirectoryEntry]] = {}


class Principal(NamedTuple):
    """A caller: whose org, who, in which role, under which rate plan."""

    org: str
    subject: str
    role: str
    plan: str = "standard"


def issue(principal: Principal, ttl_seconds: int) -> str:
    """A signed access token for `principal`, valid for `ttl_seconds`."""
    key_id, secret = next(iter(keys.jwt_keys().items()))
    now = clock.now() // clock.SECOND
    claims = {
        "iss": settings().jwt_issuer,
        "aud": settings().jwt_audience,
        "sub": principal.subject,
        "org": principal.org,
        "role": principal.role,
        "plan": principal.plan,
        "iat": now,
        "exp": now + ttl_seconds,
    }
    return str(pyjwt.encode(claims, secret, algorithm=ALGORITHM, headers={"kid": key_id, "typ": "at+jwt"}))


ANONYMOUS = Principal("local", "anonymous", "admin", "standard")
"""Whoever calls an API that the local stage opens, without a credential."""


def bearer(authorization: str | None, api: str) -> Principal:
    """The caller by the `Authorization` header; without one, where this stage opens the API, the anonymous one.

    Raises Unauthenticated.
    """
    if not authorization and api in settings().open_apis:
        return ANONYMOUS
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Send a token as 'Authorization: Bearer <token>'")
    return verify(token.strip())


def verify(token: str) -> Principal:
    """The principal of an access token. Raises Unauthenticated, always in the same words, when it is not valid.

    Pinned: algorithm, issuer, audience and token type; required: a known `kid`, and exp, sub, org and role.
    """
    try:
        return _verified(token)
    except (pyjwt.PyJWTError, UnicodeError, _Unfit):
        raise Unauthenticated("Invalid or expired token") from None


class _Unfit(Exception):
    """A well-formed token that is not one of ours."""


def _verified(token: str) -> Principal:
    header = pyjwt.get_unverified_header(token)
    secret = keys.jwt_keys().get(str(header.get("kid")))
    if secret is None or str(header.get("typ", "jwt")).lower() not in _TYPES:
        raise _Unfit
    # The house's clock judges the times, in _principal: PyJWT would ask the machine's.
    claims = pyjwt.decode(
        token,
        secret,
        algorithms=[ALGORITHM],
        issuer=settings().jwt_issuer,
        audience=settings().jwt_audience,
        options={"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    return _principal(claims)


def _principal(claims: dict[str, object]) -> Principal:
    expiry, not_before = claims["exp"], claims.get("nbf", 0)
    now = clock.now() // clock.SECOND
    if not (isinstance(expiry, int) and isinstance(not_before, int) and not_before <= now < expiry):
        raise _Unfit
    org, subject, role = (_name(claims[claim]) for claim in ("org", "sub", "role"))
    if role not in ROLES:
        raise _Unfit
    return Principal(org, subject, role, str(claims.get("plan", "standard")))


def _name(claim: object) -> str:
    if not isinstance(claim, str) or not claim or "#" in claim:  # "#" separates the parts of stored keys
        raise _Unfit
    return claim


def worker_by_key(worker_id: str, api_key: str) -> Principal:
    """The worker that names itself and proves it by its own key. Raises Unauthenticated otherwise."""
    entry = _entry(worker_id)
    if entry is None or not sealing.matches(api_key, entry.fingerprint):
        raise Unauthenticated("Invalid API key")
    return Principal(entry.org, entry.worker_id, "server", entry.plan)


def holder_by_key(task_id: str, api_key: str) -> Principal:
    """The worker that holds a task, or held it last, proved by its key. One call more. Raises Unauthenticated."""
    task = tasks.find(task_id)
    if task is None or task.worker_id is None:
        raise Unauthenticated("Invalid API key")
    return worker_by_key(task.worker_id, api_key)


def _entry(worker_id: str) -> storage.DirectoryEntry | None:
    """The directory's entry, remembered for a minute: what it leads to never changes, and writes check for removal."""
    now = clock.now()
    known = _directory.get(worker_id)
    if known is not None and known[0] > now:
        return known[1]
    entry = storage.look_up(worker_id)
    if entry is not None:
        _directory[worker_id] = (now + DIRECTORY_KEPT, entry)
    return entry
