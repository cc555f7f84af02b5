"""What a process remembers between requests for a limited time. A cache is never the truth: it saves reading it."""

from collections.abc import Hashable
from typing import Generic, TypeVar
from weakref import WeakSet

from chalicelib import clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_caches: "WeakSet[TtlCache[object, object]]" = WeakSet()


class TtlCache(Generic[K, V]):
    """Values by key, each kept for `ttl_ms`. A cache that holds `max_entries` is emptied before the next one comes."""

    def __init__(self, ttl_ms: int, max_entries: int = 10_000) -> None:
        self._ttl_ms, self._max_entries = ttl_ms, max_entries
        self._entries: dict[K, tuple[int, V]] = {}
        _caches.add(self)  # type: ignore[arg-type]

    def get(self, key: K) -> V | None:
        """The value of this key, or None when there is none or its time is over."""
        expires_at_ms, value = self._entries.get(key, (0, None))
        return value if expires_at_ms > clock.steady() else None

    def put(self, key: K, value: V) -> V:
        """Keep a value under this key, and return it."""
        if len(self._entries) >= self._max_entries:
            self._entries.clear()
        self._entries[key] = (clock.steady() + self._ttl_ms, value)
        return value

    def remove(self, key: K) -> None:
        """Remove the value of this key, if there is one."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Remove every value."""
        self._entries.clear()


def clear_all() -> None:
    """Empty every cache of this process. For tests: a new deployment knows nothing of the one before."""
    for cache in list(_caches):
        cache.clear()
