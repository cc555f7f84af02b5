"""The only source of new identifiers and of random numbers.

Both come from one replaceable source, so that a test can make a run repeatable.
"""

import base64
import hashlib
import random
import secrets
from typing import Protocol
from uuid import UUID

from chalicelib import clock


class Source(Protocol):
    """Where random bytes and random fractions come from."""

    def token(self, size: int) -> bytes: ...

    def fraction(self) -> float: ...


class SystemSource:
    """The operating system's entropy."""

    def token(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def fraction(self) -> float:
        return random.random()


class SeededSource:
    """A repeatable source for tests and simulations."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def fraction(self) -> float:
        return self._random.random()


_source: Source = SystemSource()


def use(source: Source) -> Source:
    """Make `source` the source of ids and random numbers for the whole process; returns the one it replaces."""
    global _source
    previous, _source = _source, source
    return previous


def new(kind: str) -> str:
    """A new, unguessable id such as `task_3f6k...`: 120 random bits."""
    return f"{kind}_{_text(_source.token(15))}"


def secret(kind: str) -> str:
    """A new secret such as `cs_Zp3...`: 256 random bits."""
    return f"{kind}_{base64.urlsafe_b64encode(_source.token(32)).decode().rstrip('=')}"


def ordered(kind: str) -> str:
    """A new id that sorts after those of earlier milliseconds: 48 bits of time, 72 random bits."""
    return f"{kind}_{base64.b32hexencode(clock.now().to_bytes(6) + _source.token(9)).decode().lower()}"


def entropy(size: int) -> bytes:
    """New random bytes, for keys."""
    return _source.token(size)


def uuid() -> str:
    """A new random UUID, for APIs whose documents show one."""
    return str(UUID(bytes=_source.token(16), version=4))


def derived(kind: str, *parts: str) -> str:
    """The id that belongs to `parts`: the same parts always give the same id."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{kind}_{_text(digest[:15])}"


def derived_at(at: int, kind: str, *parts: str) -> str:
    """As `derived`, in the form of `ordered`: it sorts by the moment `at`, in epoch milliseconds."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{kind}_{base64.b32hexencode(at.to_bytes(6) + digest[:9]).decode().lower()}"


def fraction() -> float:
    """A random number in [0, 1)."""
    return _source.fraction()


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
