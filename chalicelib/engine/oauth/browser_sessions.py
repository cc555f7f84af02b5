"""Who sits at a browser: what the pages of /oauth remember in a cookie, signed and for a quarter of an hour.

It opens nothing but those pages: its kind is its own, and no API takes it.
"""

import hmac
from contextlib import suppress
from typing import NamedTuple

from chalicelib import ids
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.security import tokens
from chalicelib.errors import Forbidden, TooManyRequests, Unauthenticated
from chalicelib.storage.documents import documents

TTL_S = 900
KIND = "visit+jwt"


class BrowserSession(NamedTuple):
    """One browser's session. `word` is what its forms must repeat: no other site can know it."""

    word: str
    org: str | None = None
    user_id: str | None = None
    """Of the user that has signed in, if any has."""
    era: str = ""
    """Of the user's password (`sessions`): another one ends the session."""

    def repeated(self, word: str) -> bool:
        """Whether a form repeated the word."""
        return hmac.compare_digest(self.word.encode(), word.encode())


def new_session(user: Document | None = None) -> BrowserSession:
    """A new session, of a user who has just signed in, or of nobody yet."""
    word = ids.secret("w")
    return BrowserSession(word) if user is None else BrowserSession(word, user.org, user.id, sessions.era_of(user))


def sign_cookie(session: BrowserSession) -> str:
    """The cookie's value."""
    return tokens.sign(KIND, session._asdict(), TTL_S)


def read_cookie(cookie: str) -> BrowserSession | None:
    """The session in a cookie; None when this server did not sign the cookie, or when it has expired."""
    with suppress(Unauthenticated):
        claims = tokens.read(cookie, [KIND], ["word"])
        return BrowserSession(*(claims[name] for name in BrowserSession._fields))
    return None


def sign_in(
    org: str, email: str, password: str, address: str
) -> BrowserSession | Unauthenticated | TooManyRequests | Forbidden:
    """Sign a user of this org in; returns the session, or the error that the page shows.

    `address` is where the request came from. Four calls.
    """
    try:
        user = users.sign_in(email, password, address)
    except (Unauthenticated, TooManyRequests) as error:
        return error
    if user.org != org:
        return Forbidden("Your account belongs to another organization than this application")
    return new_session(user)


def find_user(session: BrowserSession, org: str) -> Document | None:
    """The user who has signed in, as of now, if it is one of this org. One call, or none."""
    found = find_active_user(org, session.user_id) if session.user_id and session.org == org else None
    return found if found and sessions.era_of(found) == session.era else None


def find_active_user(org: str, user_id: str) -> Document | None:
    """The org's user, unless it is deleted or has not accepted its invitation. One call."""
    found = documents.find(org, users.USER, user_id)
    return found if found and found.body["status"] == users.ACTIVE else None
