"""Passwords, stored as argon2id hashes at the cost that OWASP names (Password Storage): 19 MiB, two passes, one lane.

The libraries are imported when the first password is set or checked: no other request waits for them.
"""

import unicodedata
from functools import cache
from typing import Any, NamedTuple

from chalicelib import ids
from chalicelib.domain.accounts import common_passwords as rules
from chalicelib.errors import InvalidRequest

MIN_LENGTH, MAX_LENGTH = 8, 128
"""Characters; NIST SP 800-63B asks for at least 8 and nothing about what they are."""
_SALT_BYTES = 16


class Cost(NamedTuple):
    """The cost of one hash."""

    passes: int = 2
    kibibytes: int = 19_456
    lanes: int = 1


_cost = Cost()
NO_ONES_HASH = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""A hash that no password has, of the usual cost: it is checked where there is no account."""


def use_cost(cost: Cost) -> Cost:
    """Set the cost of new hashes, for tests; returns the cost that it replaces."""
    global _cost
    previous, _cost = _cost, cost
    return previous


def require_uncommon(password: str, field: str, *about: str) -> None:
    """Raise InvalidRequest, about the field, for a password that is easy to guess; `about` says whose it is.

    Only new passwords are checked. Passwords that are set already stay valid.
    """
    what = rules.weakness(password, _common_passwords(), about)
    if what is not None:
        raise InvalidRequest(f"{field}: {what}", fields={field: what})


@cache
def _common_passwords() -> frozenset[str]:
    """The 30,000 passwords that leaked most often, from zxcvbn."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def hash_password(password: str) -> str:
    """The hash of a password, with its cost and a new salt."""
    return str(_hasher().hash(_canonical(password), salt=ids.entropy(_SALT_BYTES)))


def is_correct(password: str, stored_hash: str | None) -> bool:
    """Whether the hash is of this password. Without a hash the answer is no, and takes as long."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return bool(_hasher().verify(stored_hash or NO_ONES_HASH, _canonical(password))) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored_hash: str) -> bool:
    """Whether the hash has another cost than new hashes."""
    return bool(_hasher().check_needs_rehash(stored_hash))


def _hasher() -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=_cost.passes, memory_cost=_cost.kibibytes, parallelism=_cost.lanes)


def _canonical(password: str) -> bytes:
    """The same bytes for the same characters, whatever keyboard they come from."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
