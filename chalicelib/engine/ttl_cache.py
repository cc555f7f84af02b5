"""What a process remembers between requests, for a while: never the truth, but what saves asking for it each time."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from chalicelib import clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Values by key, each forgotten `milliseconds` after it was put; beyond `most` of them, all are."""

    def __init__(self, milliseconds: int, most: int = 10_000) -> None:
        self._kept, self._most = milliseconds, most
        self._found: dict[K, tuple[int, V]] = {}

    def get(self, key: K) -> V | None:
        """What was put under the key and is not forgotten."""
        until, value = self._found.get(key, (0, None))
        return value if until > clock.steady() else None

    def put(self, key: K, value: V) -> V:
        """Remember a value, and answer it."""
        if len(self._found) >= self._most:
            self._found.clear()
        self._found[key] = (clock.steady() + self._kept, value)
        return value

    def forget(self, key: K) -> None:
        """Whatever was put under the key is not so any more."""
        self._found.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._found.clear()
