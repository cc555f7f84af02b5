"""Whose turn it is, where many wait and some of them have much."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def interleave(items: Iterable[T], owner: Callable[[T], Hashable]) -> Iterator[T]:
    """The items, one of each owner's in turn: each owner's in their order, and whoever's first item came first begins.

    An owner with few items waits for as many of the others' as there are owners, however many those have.
    """
    lines: dict[Hashable, deque[T]] = {}
    for item in items:
        lines.setdefault(owner(item), deque()).append(item)
    while lines:
        for name in list(lines):
            yield lines[name].popleft()
            if not lines[name]:
                del lines[name]
