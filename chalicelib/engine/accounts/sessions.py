"""Sessions of people: an access token for an hour, and a refresh token that is good once (RFC 9700, section 4.14).

Each refresh uses its token up and gives the next. One that comes again was copied, or its answer was lost: within a few
seconds it gets the very same successor, or is refused where the successor is used up, too; afterwards the whole session
ends. That needs nothing but the number of the token that is good, and when the last two were used: a successor is the
same text whenever it is signed. A session ends, too, with its user, with the
application that it was given to, and with the password, and each is judged anew at most 30 seconds after it was.
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

ACCESS_SECONDS = 3_600
REFRESH_SECONDS = 30 * 86_400
"""A session that is not refreshed for so long is over."""
GRACE = 10 * clock.SECOND
"""For so long a refresh token that was just used gets the same answer again, and never ends its session."""
MOST_GENERATIONS = 2**53
_known: TtlCache[str, SessionAndUser] = TtlCache(30 * clock.SECOND)
"""By session; for so long the end of a session, or another role, may pass a process by."""


class Tokens(NamedTuple):
    """What a caller gets."""

    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds that the access token is good for."""
    scope: str | None
    """The permissions that it is limited to, with spaces between them, if it is."""


def begun(
    user: Document, *, id: str | None = None, client_id: str | None = None, scope: str | None = None
) -> tuple[Tokens, Write]:
    """A new session of a user, or of an application for it within `scope`; it is open when the write is."""
    now = clock.now()
    session = Session(
        id=id or ids.new("session"),
        org=user.org,
        user_id=user.id,
        generation=1,
        begun_at=now,
        renewed_at=now,
        previous_at=0,
        expires_at_ms=now + REFRESH_SECONDS * clock.SECOND,
        era=era_of(user),
        client_id=client_id,
        scope=scope,
    )
    return _tokens(session, user, scope), storage.create_write(session)


def opened(user: Document) -> Tokens:
    """A new session of a user. One call."""
    given, opening = begun(user)
    dynamodb.commit(opening)
    return given


def refresh(token: str, client_id: str | None = None, scope: str | None = None) -> Tokens:
    """New tokens for a refresh token, once; the access token for less than was granted, where `scope` says so.

    Two calls. Raises Unauthenticated, having ended the session if the token was used before; Forbidden where `scope` is
    more than was granted.
    """
    claims = _claims(token)
    if claims.get("client_id") != client_id:
        raise _refused()
    narrowed = _narrowed(claims.get("scope"), scope)
    session = _renewed(claims["sid"], claims["gen"])
    return _tokens(session, _user_of(session), narrowed)


def _claims(token: str) -> Mapping[str, Any]:
    claims = tokens.read(token, [tokens.REFRESH], ("sub", "org", "sid"))
    generation = claims.get("gen")
    if isinstance(generation, bool) or not isinstance(generation, int) or not 0 < generation <= MOST_GENERATIONS:
        raise _refused()
    return claims


def _narrowed(granted: str | None, asked: str | None) -> str | None:
    if not asked:
        return granted
    if granted is not None and not set(asked.split()) <= set(granted.split()):
        raise Forbidden("The scope is more than was granted")
    return " ".join(dict.fromkeys(asked.split()))


def _renewed(identifier: str, generation: int) -> Session:
    """The session with this refresh token used up, by us or just before."""
    now = clock.now()
    renewed, session = storage.renew(identifier, generation, now, now + REFRESH_SECONDS * clock.SECOND)
    if session is None:
        raise _refused()
    if renewed or (session.generation == generation + 1 and _is_recent(session.renewed_at, now)):
        return session
    if not _is_recent(_used_at(session, generation), now):
        end(identifier, session.client_id)
    raise _refused()


def _used_at(session: Session, generation: int) -> int:
    """When the refresh token of a past generation was used; the latest that it can have been, where that is lost."""
    return session.renewed_at if session.generation == generation + 1 else session.previous_at


def _is_recent(instant: int, now: int) -> bool:
    """Whether an instant lies within GRACE; one further ahead than that, a clock has noted that was wrong."""
    return abs(now - instant) <= GRACE


def _user_of(session: Session) -> Document:
    with suppress(NotFound):
        user = documents.get(session.org, "user", session.user_id)
        if _is_good(session, user):
            return user
    raise _refused()


def end(identifier: str, client_id: str | None = None) -> None:
    """End a session, if it is there and belongs to this application, or to none."""
    _known.remove(identifier)
    with suppress(ConditionFailed):
        dynamodb.commit(storage.delete_write(identifier, client_id))


def end_by(token: str, caller: Principal | None) -> None:
    """End the session of a refresh token. Raises Unauthenticated; Forbidden when the caller is somebody else."""
    claims = _claims(token)
    if caller is not None and (caller.org, caller.subject) != (claims["org"], claims["sub"]):
        raise Forbidden("The refreshToken is another user's")
    end(claims["sid"], claims.get("client_id"))


def caller(token: str) -> Principal:
    """Who calls with an access token, of a session or of the house's own. Raises Unauthenticated.

    No call for a session that this process has judged lately, otherwise one.
    """
    claims = authentication.read_claims(token)
    if "sid" not in claims:
        return authentication.principal_from_claims(claims)
    found = _known.get(str(claims["sid"])) or _known.put(str(claims["sid"]), _found(claims))
    session, scope = found.session, claims.get("scope")
    if (session.org, session.user_id, session.client_id) != (claims["org"], claims["sub"], claims.get("client_id")):
        raise Unauthenticated("Invalid or expired token")
    return authentication.principal_from_user(found.user)._replace(
        session=session.id, scope=None if scope is None else frozenset(str(scope).split())
    )


def standing(org: str, user_id: str, identifier: str) -> Principal | None:
    """Whose a session is, as of now or lately; None when it has ended. No call where this process knows it."""
    found = _known.get(identifier)
    if found is None:
        found = storage.find(identifier, org, user_id, None)
        if found is not None and found.session.client_id is not None:
            found = storage.find(identifier, org, user_id, found.session.client_id)
    if found is None or not _is_good(found.session, found.user):
        return None
    return authentication.principal_from_user(_known.put(identifier, found).user)._replace(session=identifier)


def _found(claims: Mapping[str, Any]) -> SessionAndUser:
    found = storage.find(str(claims["sid"]), claims["org"], claims["sub"], claims.get("client_id"))
    if found is None or not _is_good(found.session, found.user):
        raise Unauthenticated("Invalid or expired token")
    return found


def _is_good(session: Session, user: Document) -> bool:
    """Whether a session is of the user's present password, or outlived the change of it."""
    if session.user_id != user.id or user.body["status"] != "active":
        return False
    return session.era == era_of(user) or session.id == user.body.get("kept_session")


def era_of(user: Document) -> str:
    """Of a user's passwords, the present one: each begins an era of sessions."""
    return str(user.body.get("era", ""))


def new_era(but: str | None = None) -> Mapping[str, Any]:
    """What to set in a user's body with another password: all sessions end but the one named."""
    return {"era": ids.new("era"), "kept_session": but}


def _tokens(session: Session, user: Document, scope: str | None) -> Tokens:
    whose = {"sub": session.user_id, "org": session.org, "sid": session.id}
    whose |= {} if session.client_id is None else {"client_id": session.client_id}
    now = {"role": user.body["role"], "plan": user.body["plan"]} | _scoped(scope)
    return Tokens(
        tokens.sign(tokens.ACCESS, whose | now, ACCESS_SECONDS),
        tokens.sign(
            tokens.REFRESH,
            whose | {"gen": session.generation} | _scoped(session.scope),
            REFRESH_SECONDS,
            at=session.renewed_at,
        ),
        ACCESS_SECONDS,
        scope,
    )


def _scoped(scope: str | None) -> dict[str, str]:
    return {} if scope is None else {"scope": scope}


def _refused() -> Unauthenticated:
    return Unauthenticated("Invalid or expired refresh token")
