"""Sessions of people: an access token for an hour, and a refresh token that can be used once (RFC 9700, section 4.14).

Each refresh uses its token up and returns the next one. A refresh token that is used again was copied, or the answer to
its first use was lost. Within GRACE_MS the caller gets the same successor, or is refused if that is used up, too. After
that the whole session ends. The session stores the number of its valid token and when the last two were used; a
successor is the same text whenever it is signed.

A session also ends with its user, with the application that it was given to, and with a change of the password. Each
process reads a session again at most 30 seconds after it did.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.engine.security import authentication, tokens
from chalicelib.engine.security.authentication import Principal
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import Forbidden, NotFound, Unauthenticated
from chalicelib.storage.access import sessions as storage
from chalicelib.storage.access.sessions import Session, SessionAndUser
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write

ACCESS_TTL_S = 3_600
REFRESH_TTL_S = 30 * 86_400
"""A session ends when it is not refreshed for this long."""
GRACE_MS = 10 * clock.SECOND
"""For this long after its use, a refresh token gets the same answer again and does not end its session."""
MAX_GENERATION = 2**53
_judged_sessions: TtlCache[str, SessionAndUser] = TtlCache(30 * clock.SECOND)
"""By session id. For this long a process may not notice that a session ended or that the user's role changed."""


class Tokens(NamedTuple):
    """The tokens of a session."""

    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds until the access token expires."""
    scope: str | None
    """The permissions that the tokens are limited to, separated by spaces; None for all of the user's."""


def new_session(
    user: Document,
    *,
    id: str | None = None,
    client_id: str | None = None,
    scope: str | None = None,
    seconds: int | None = None,
) -> tuple[Tokens, Write]:
    """The tokens of a new session, and the write that opens it. With `client_id` it is an application's, limited to
    `scope`. With `seconds` it ends after so long, as its access token does: its refresh token is for nobody."""
    now = clock.now()
    session = Session(
        id=id or ids.new("session"),
        org=user.org,
        user_id=user.id,
        generation=1,
        begun_at=now,
        renewed_at=now,
        previous_at=0,
        expires_at_ms=now + (seconds or REFRESH_TTL_S) * clock.SECOND,
        era=era_of(user),
        client_id=client_id,
        scope=scope,
    )
    return _issue_tokens(session, user, scope, seconds or ACCESS_TTL_S), storage.create_write(session)


def open_session(user: Document, seconds: int | None = None) -> Tokens:
    """Open a session of a user; `seconds` as in `new_session`. One call."""
    issued, create_write = new_session(user, seconds=seconds)
    dynamodb.commit_new(create_write)
    return issued


def refresh(token: str, client_id: str | None = None, scope: str | None = None) -> Tokens:
    """Use a refresh token up and issue new tokens. `scope` limits the access token further. Two calls.

    Raises Unauthenticated, and ends the session if the token was used before; Forbidden when `scope` is more than was
    granted.
    """
    claims = _claims(token)
    if claims.get("client_id") != client_id:
        raise _refresh_error()
    narrower = _narrow_scope(claims.get("scope"), scope)
    session = _renew(claims["sid"], claims["gen"])
    return _issue_tokens(session, _user_of(session), narrower)


def _claims(token: str) -> Mapping[str, Any]:
    claims = tokens.read(token, [tokens.REFRESH], ("sub", "org", "sid"))
    generation = claims.get("gen")
    if isinstance(generation, bool) or not isinstance(generation, int) or not 0 < generation <= MAX_GENERATION:
        raise _refresh_error()
    return claims


def _narrow_scope(granted: str | None, requested: str | None) -> str | None:
    if not requested:
        return granted
    if granted is not None and not set(requested.split()) <= set(granted.split()):
        raise Forbidden("The scope is more than was granted")
    return " ".join(dict.fromkeys(requested.split()))


def _renew(identifier: str, generation: int) -> Session:
    """The session after this refresh token was used up, by this request or within GRACE_MS before it."""
    now = clock.now()
    renewed, session = storage.renew(identifier, generation, now, now + REFRESH_TTL_S * clock.SECOND)
    if session is None:
        raise _refresh_error()
    if renewed or (session.generation == generation + 1 and _is_recent(session.renewed_at, now)):
        return session
    if not _is_recent(_last_used_at(session, generation), now):
        end(identifier, session.client_id)
    raise _refresh_error()


def _last_used_at(session: Session, generation: int) -> int:
    """When the refresh token of a past generation was used, or the latest time at which it can have been."""
    return session.renewed_at if session.generation == generation + 1 else session.previous_at


def _is_recent(instant: int, now: int) -> bool:
    """Whether an instant is at most GRACE_MS from now. One further ahead was stored by a clock that was wrong."""
    return abs(now - instant) <= GRACE_MS


def _user_of(session: Session) -> Document:
    with suppress(NotFound):
        user = documents.get(session.org, "user", session.user_id)
        if _is_valid(session, user):
            return user
    raise _refresh_error()


def end(identifier: str, client_id: str | None = None) -> None:
    """End a session, if it is there and belongs to this application, or to none."""
    _judged_sessions.remove(identifier)
    with suppress(ConditionFailed):
        dynamodb.commit(storage.delete_write(identifier, client_id))


def end_by_token(token: str, caller: Principal | None) -> None:
    """End the session of a refresh token. Raises Unauthenticated; Forbidden when the caller is somebody else."""
    claims = _claims(token)
    if caller is not None and (caller.org, caller.subject) != (claims["org"], claims["sub"]):
        raise Forbidden("The refreshToken is another user's")
    end(claims["sid"], claims.get("client_id"))


def authenticate(token: str) -> Principal:
    """Build the principal for an access token, of a session or an operator's. Raises Unauthenticated.

    One call, or none for a session that this process has read within 30 seconds.
    """
    claims = authentication.read_claims(token)
    if "sid" not in claims:
        return authentication.principal_from_claims(claims)
    valid = _judged_sessions.get(str(claims["sid"])) or _judged_sessions.put(str(claims["sid"]), _find_valid(claims))
    session, scope = valid.session, claims.get("scope")
    if (session.org, session.user_id, session.client_id) != (claims["org"], claims["sub"], claims.get("client_id")):
        raise Unauthenticated("Invalid or expired token")
    return authentication.principal_from_user(valid.user)._replace(
        session=session.id, scope=None if scope is None else frozenset(str(scope).split())
    )


def current_principal(org: str, user_id: str, identifier: str) -> Principal | None:
    """The principal of a session as of now or 30 seconds ago; None when it has ended. One call, two, or none."""
    session_and_user = _judged_sessions.get(identifier)
    if session_and_user is None:
        session_and_user = storage.find(identifier, org, user_id, None)
        if session_and_user is not None and session_and_user.session.client_id is not None:
            session_and_user = storage.find(identifier, org, user_id, session_and_user.session.client_id)
    if session_and_user is None or not _is_valid(session_and_user.session, session_and_user.user):
        return None
    return authentication.principal_from_user(_judged_sessions.put(identifier, session_and_user).user)._replace(
        session=identifier
    )


def _find_valid(claims: Mapping[str, Any]) -> SessionAndUser:
    candidate = storage.find(str(claims["sid"]), claims["org"], claims["sub"], claims.get("client_id"))
    if candidate is None or not _is_valid(candidate.session, candidate.user):
        raise Unauthenticated("Invalid or expired token")
    return candidate


def _is_valid(session: Session, user: Document) -> bool:
    """Whether a session was opened with the user's current password, or was kept when the password changed."""
    if session.user_id != user.id or user.body["status"] != "active":
        return False
    return session.era == era_of(user) or session.id == user.body.get("kept_session")


def era_of(user: Document) -> str:
    """The era of the user's current password: sessions of another era are over."""
    return str(user.body.get("era", ""))


def new_era_fields(except_session: str | None = None) -> Mapping[str, Any]:
    """The fields of a user to set with a new password: all sessions end except one."""
    return {"era": ids.new("era"), "kept_session": except_session}


def _issue_tokens(session: Session, user: Document, scope: str | None, access_seconds: int = ACCESS_TTL_S) -> Tokens:
    whose = {"sub": session.user_id, "org": session.org, "sid": session.id}
    whose |= {} if session.client_id is None else {"client_id": session.client_id}
    now = {"role": user.body["role"], "plan": user.body["plan"]} | _scope_claim(scope)
    return Tokens(
        tokens.sign(tokens.ACCESS, whose | now, access_seconds),
        tokens.sign(
            tokens.REFRESH,
            whose | {"gen": session.generation} | _scope_claim(session.scope),
            REFRESH_TTL_S,
            at=session.renewed_at,
        ),
        access_seconds,
        scope,
    )


def _scope_claim(scope: str | None) -> dict[str, str]:
    return {} if scope is None else {"scope": scope}


def _refresh_error() -> Unauthenticated:
    return Unauthenticated("Invalid or expired refresh token")
