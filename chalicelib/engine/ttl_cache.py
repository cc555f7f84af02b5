"""What a process remembers between requests for a limited time. A cache is never the truth: it saves reading it."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from chalicelib import clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Cache(Protocol):
    def clear(self) -> None: ...


_caches: "WeakSet[_Cache]" = WeakSet()


class TtlCache(Generic[K, V]):
    """Values by key, each kept for `ttl_ms`. A cache that holds `max_entries` is emptied before the next one comes."""

    def __init__(self, ttl_ms: int, max_entries: int = 10_000) -> None:
        self._ttl_ms, self._max_entries = ttl_ms, max_entries
        self._entries: dict[K, tuple[int, V]] = {}
        _caches.add(self)

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


class SizedCache(Generic[K, V]):
    """Values that never change, by key, up to `max_size` together; those that were not used for longest leave first."""

    def __init__(self, max_size: int) -> None:
        self._max_size, self._size = max_size, 0
        self._entries: OrderedDict[K, tuple[int, V]] = OrderedDict()
        self._lock = Lock()
        _caches.add(self)

    def get(self, key: K) -> V | None:
        """The value of this key, or None."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][1]

    def put(self, key: K, value: V, size: int) -> V:
        """Keep a value under this key, unless it is larger than the whole cache, and return it."""
        with self._lock:
            if key not in self._entries and size <= self._max_size:
                self._entries[key] = (size, value)
                self._size += size
            while self._size > self._max_size:
                self._size -= self._entries.popitem(last=False)[1][0]
        return value

    def clear(self) -> None:
        """Remove every value."""
        with self._lock:
            self._entries.clear()
            self._size = 0


def clear_all() -> None:
    """Empty every cache of this process. For tests: a new deployment knows nothing of the one before."""
    for cache in list(_caches):
        cache.clear()
