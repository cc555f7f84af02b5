"""Take items of many owners in turn, so that an owner with many does not hold up the others."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def interleave(items: Iterable[T], owner: Callable[[T], Hashable]) -> Iterator[T]:
    """The items, one of each owner in turn. Each owner's items keep their order; the owner of the first item begins.

    Before each of an owner's items comes at most one item of every other owner, however many those have.
    """
    queues: dict[Hashable, deque[T]] = {}
    for item in items:
        queues.setdefault(owner(item), deque()).append(item)
    while queues:
        for name in list(queues):
            yield queues[name].popleft()
            if not queues[name]:
                del queues[name]
