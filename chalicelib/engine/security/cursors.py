"""Where the next page of a list begins, as a text that only this house can make.

A cursor is bound to what it was given for (the route, its filters, the tenant): under any other it is refused. It holds
no secret, but it is signed, so that no caller can name a place in an index.
"""

import base64
import hashlib
import hmac

from chalicelib.engine.security import keyring
from chalicelib.errors import InvalidRequest

SIGNATURE_BYTES = 12


def seal(mark: str, *bound: object) -> str:
    """The cursor that leads behind `mark`, for a list that `bound` describes."""
    secret = next(iter(keyring.jwt_keys().values()))
    raw = _signature(secret, mark, bound) + mark.encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read(cursor: str, *bound: object) -> str:
    """The mark that a cursor of the same list leads behind. Raises InvalidRequest for any other text."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        mark = raw[SIGNATURE_BYTES:].decode()
    except ValueError:
        raise _invalid_cursor() from None
    given = raw[:SIGNATURE_BYTES]
    if not any(hmac.compare_digest(given, _signature(key, mark, bound)) for key in keyring.jwt_keys().values()):
        raise _invalid_cursor()
    return mark


def _signature(secret: str, mark: str, bound: tuple[object, ...]) -> bytes:
    text = "\x1f".join(["cursor", *map(str, bound), mark])
    return hmac.digest(secret.encode(), text.encode(), hashlib.sha256)[:SIGNATURE_BYTES]


def _invalid_cursor() -> InvalidRequest:
    what = "must be one that this very list gave, with the same filters"
    return InvalidRequest(f"cursor: {what}", fields={"cursor": what})
