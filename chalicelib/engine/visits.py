"""Who sits at a browser: what the pages of /oauth remember in a cookie, signed and for a quarter of an hour.

It opens nothing but those pages: its kind is its own, and no API takes it.
"""

import hmac
from contextlib import suppress
from typing import NamedTuple

from chalicelib import ids
from chalicelib.engine import tokens
from chalicelib.errors import Unauthenticated

KEPT_SECONDS = 900
KIND = "visit+jwt"


class Visit(NamedTuple):
    """One browser's visit. `word` is what its forms must repeat: no other site can know it."""

    word: str
    org: str | None = None
    user_id: str | None = None
    """Of the user that has signed in, if any has."""

    def repeated(self, word: str) -> bool:
        """Whether a form repeated the word."""
        return hmac.compare_digest(self.word.encode(), word.encode())


def begun(org: str | None = None, user_id: str | None = None) -> Visit:
    """A new visit, of a user that has just signed in, or of nobody known yet."""
    return Visit(ids.secret("w"), org, user_id)


def signed(visit: Visit) -> str:
    """The cookie's value."""
    return tokens.sign(KIND, visit._asdict(), KEPT_SECONDS)


def read(cookie: str) -> Visit | None:
    """The visit that a cookie tells of; None when it is not one of ours, or is over."""
    with suppress(Unauthenticated):
        claims = tokens.read(cookie, [KIND], ["word"])
        return Visit(claims["word"], claims["org"], claims["user_id"])
    return None
