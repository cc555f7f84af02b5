"""Cursors: signed texts that say where the next page of a list begins.

A cursor is bound to its list (the route, the filters, the tenant) and refused for any other. It holds no secret, but it
is signed, so that a caller cannot choose a position in an index.
"""

import base64
import hashlib
import hmac

from chalicelib.engine.security import keyring
from chalicelib.errors import InvalidRequest

SIGNATURE_BYTES = 12


def seal(mark: str, *bound: object) -> str:
    """The cursor of the page after `mark`, in the list that `bound` describes."""
    secret = next(iter(keyring.jwt_keys().values()))
    raw = _signature(secret, mark, bound) + mark.encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read(cursor: str, *bound: object) -> str:
    """The mark of a cursor of the same list. Raises InvalidRequest for any other text."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        mark = raw[SIGNATURE_BYTES:].decode()
    except ValueError:
        raise _invalid_cursor() from None
    signature = raw[:SIGNATURE_BYTES]
    if not any(hmac.compare_digest(signature, _signature(key, mark, bound)) for key in keyring.jwt_keys().values()):
        raise _invalid_cursor()
    return mark


def _signature(secret: str, mark: str, bound: tuple[object, ...]) -> bytes:
    text = "\x1f".join(["cursor", *map(str, bound), mark])
    return hmac.digest(secret.encode(), text.encode(), hashlib.sha256)[:SIGNATURE_BYTES]


def _invalid_cursor() -> InvalidRequest:
    what = "must be one that this very list gave, with the same filters"
    return InvalidRequest(f"cursor: {what}", fields={"cursor": what})
