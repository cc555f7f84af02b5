"""How many tasks are older than an instant: a tree of counters, read along one path.

An instant is six digits of seven bits. A node stands for the instants that begin alike, and counts, for each next
digit, the tasks made in that part of its time: 13 months, 3 days, 35 minutes, 16 s, 128 ms, 1 ms. Those made before an
instant are in the parts before its own, of each of the six nodes that it belongs to: six items, however many tasks.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

BITS = 7
DEPTH = 6
"""Enough for the instants up to the year 2109."""
DIGITS = tuple(f"d{digit}" for digit in range(2**BITS))


class Node(NamedTuple):
    """A node on the way to an instant, and which of its digits the instant has."""

    name: str
    digit: int


def path(at: int) -> Iterator[Node]:
    """The nodes that an instant belongs to (epoch milliseconds)."""
    kept = min(max(at, 0), 2 ** (BITS * DEPTH) - 1)
    for level in range(DEPTH):
        shifted = kept >> (BITS * level)
        yield Node(f"{level}#{shifted >> BITS}", shifted % 2**BITS)


def older(at: int, counted: Mapping[str, Mapping[str, int]]) -> int:
    """How many were made before an instant, by what the nodes on its path have counted."""
    return sum(counted[node.name].get(name, 0) for node in path(at) for name in DIGITS[: node.digit])
