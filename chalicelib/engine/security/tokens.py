"""Signed tokens (JWT, RFC 8725): HS256 by the deployment's keys, of one kind each, checked by Yardmaster's clock.

PyJWT is imported without the asymmetric algorithms. Only HS256 is accepted, but PyJWT would import all of
`cryptography` for the others, which takes a sixth of a cold start. PyJWT works without that package, so it is hidden
during the import.
"""

import math
import re
import sys
from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.engine.security import keyring
from chalicelib.errors import Unauthenticated

ALGORITHM = "HS256"
ACCESS = "at+jwt"
REFRESH = "refresh+jwt"
INVITATION = "invitation+jwt"
"""Kinds of tokens, by their `typ`: a token of one kind is refused where another is needed."""
_REQUIRED_CLAIMS = ("exp", "iss", "aud")
_TIME_CLAIMS = ("exp", "nbf", "iat")
MAX_NAME_BYTES = 255
"""In bytes: as long as a `sub` may be (OpenID Connect Core, section 2), and few enough for keys of several parts."""
MAX_TEXT_BYTES = 1_000
"""In bytes, of any claim: what DynamoDB takes for a sort key."""
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def _without_cryptography() -> ModuleType:
    present = "cryptography" in sys.modules
    if not present:
        sys.modules["cryptography"] = None  # type: ignore[assignment]
    try:
        import jwt
    finally:
        if not present:
            del sys.modules["cryptography"]
    return jwt


pyjwt = _without_cryptography()


class InvalidToken(Exception):
    """A well-formed token of another kind, another key, or with unusable claims."""


def sign(kind: str, claims: Mapping[str, Any], seconds: int, *, at: int | None = None) -> str:
    """A token of `kind`, valid for `seconds` from `at` (epoch milliseconds; by default now).

    The same claims at the same instant give the same text, as long as the first key stays the same.
    """
    key_id, secret = next(iter(keyring.jwt_keys().items()))
    issued_at_s = (clock.now() if at is None else at) // clock.SECOND
    own = {"iss": settings().jwt_issuer, "aud": settings().jwt_audience}
    all_claims = {**own, **claims, "iat": issued_at_s, "exp": issued_at_s + seconds}
    return str(pyjwt.encode(all_claims, secret, algorithm=ALGORITHM, headers={"kid": key_id, "typ": kind}))


def read(token: str, kinds: Collection[str], required: Collection[str]) -> dict[str, Any]:
    """The claims of a token of one of the `kinds`. Raises Unauthenticated, always with the same message, for any other.

    Algorithm, issuer, audience and kind are fixed. A known `kid`, an `exp` and the claims in `required` must be there.
    The latter must be texts that can be part of a stored key (`_is_name`), and every text must be storable.
    """
    try:
        return _read(token, kinds, (*_REQUIRED_CLAIMS, *required))
    except (pyjwt.PyJWTError, UnicodeError, InvalidToken):
        raise Unauthenticated("Invalid or expired token") from None


def _read(token: str, kinds: Collection[str], required: Collection[str]) -> dict[str, Any]:
    header = pyjwt.get_unverified_header(token)
    secret = keyring.jwt_keys().get(str(header.get("kid")))
    if secret is None or str(header.get("typ", "jwt")).lower() not in kinds:
        raise InvalidToken
    # The times are checked by Yardmaster's clock: PyJWT would use the machine's.
    claims: dict[str, Any] = pyjwt.decode(
        token,
        secret,
        algorithms=[ALGORITHM],
        issuer=settings().jwt_issuer,
        audience=settings().jwt_audience,
        options={"require": list(required), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    _check_times(claims)
    names = [claims[claim] for claim in required if claim not in _REQUIRED_CLAIMS]
    if not (all(map(_is_name, names)) and all(map(_is_storable, claims.values()))):
        raise InvalidToken
    return claims


def _check_times(claims: Mapping[str, Any]) -> None:
    """Raise InvalidToken unless the token is valid now. Times are seconds, with or without a fraction (RFC 7519)."""
    now = clock.now() / clock.SECOND
    times = {name: claims[name] for name in _TIME_CLAIMS if name in claims}
    if not all(map(_is_instant, times.values())) or not times.get("nbf", 0) <= now < times["exp"]:
        raise InvalidToken


def _is_instant(claim: object) -> bool:
    match claim:
        case bool():
            return False
        case float():
            return math.isfinite(claim)
        case _:
            return isinstance(claim, int)


def _is_name(claim: object) -> bool:
    """Whether a claim can be part of a stored key of several parts, which "#" separates."""
    return isinstance(claim, str) and bool(claim) and "#" not in claim and _is_storable(claim, MAX_NAME_BYTES)


def _is_storable(claim: object, longest: int = MAX_TEXT_BYTES) -> bool:
    """Whether a claim is no text, or a text that is not too long, without lone surrogates and control characters."""
    if not isinstance(claim, str):
        return True
    return len(claim) <= longest and not _UNSTORABLE.search(claim) and len(claim.encode()) <= longest
