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

KEPT_SECONDS = 900
KIND = "visit+jwt"


class Visit(NamedTuple):
    """One browser's visit. `word` is what its forms must repeat: no other site can know it."""

    word: str
    org: str | None = None
    user_id: str | None = None
    """Of the user that has signed in, if any has."""
    era: str = ""
    """Of the user's password (`sessions`): another one ends the visit."""

    def repeated(self, word: str) -> bool:
        """Whether a form repeated the word."""
        return hmac.compare_digest(self.word.encode(), word.encode())


def begun(user: Document | None = None) -> Visit:
    """A new visit, of a user that has just signed in, or of nobody known yet."""
    word = ids.secret("w")
    return Visit(word) if user is None else Visit(word, user.org, user.id, sessions.era_of(user))


def signed(visit: Visit) -> str:
    """The cookie's value."""
    return tokens.sign(KIND, visit._asdict(), KEPT_SECONDS)


def read(cookie: str) -> Visit | None:
    """The visit that a cookie tells of; None when it is not one of ours, or is over."""
    with suppress(Unauthenticated):
        claims = tokens.read(cookie, [KIND], ["word"])
        return Visit(*(claims[name] for name in Visit._fields))
    return None


def sign_in(org: str, email: str, password: str, address: str) -> Visit | Unauthenticated | TooManyRequests | Forbidden:
    """The visit of the user of this org with the email and password, or why there is none: a page shows it.

    `address` is where the request came from. Four calls.
    """
    try:
        found = users.sign_in(email, password, address)
    except (Unauthenticated, TooManyRequests) as error:
        return error
    if found.org != org:
        return Forbidden("Your account belongs to another organization than this application")
    return begun(found)


def user(visit: Visit, org: str) -> Document | None:
    """The user that has signed in, as of now, if it is one of this org. One call, where one has."""
    found = active(org, visit.user_id) if visit.user_id and visit.org == org else None
    return found if found and sessions.era_of(found) == visit.era else None


def active(org: str, user_id: str) -> Document | None:
    """The org's user, unless it is gone or has not accepted its invitation. One call."""
    found = documents.find(org, users.USER, user_id)
    return found if found and found.body["status"] == users.ACTIVE else None
