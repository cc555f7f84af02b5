"""Counting the tasks older than an instant: a tree of counters of which one path is read.

An instant is split into six digits of seven bits. A node covers the instants that share their first digits. It counts,
for each value of the next digit, the tasks created in that part of the node's time: parts of 13 months, 3 days,
35 minutes, 16 s, 128 ms and 1 ms. The tasks older than an instant are in the parts before its own, in each of the six
nodes on its path: six items are read, however many tasks there are.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

BITS = 7
DEPTH = 6
"""Six digits cover the instants up to the year 2109."""
DIGITS = tuple(f"d{digit}" for digit in range(2**BITS))


class Node(NamedTuple):
    """A node on the path of an instant, and the instant's digit in it."""

    name: str
    digit: int


def path(at_ms: int) -> Iterator[Node]:
    """The nodes that cover an instant (epoch milliseconds)."""
    bounded = min(max(at_ms, 0), 2 ** (BITS * DEPTH) - 1)
    for level in range(DEPTH):
        shifted = bounded >> (BITS * level)
        yield Node(f"{level}#{shifted >> BITS}", shifted % 2**BITS)


def count_older(at_ms: int, counters: Mapping[str, Mapping[str, int]]) -> int:
    """The number of tasks created before an instant. `counters` has the values of each node on its path, by name."""
    return sum(counters[node.name].get(name, 0) for node in path(at_ms) for name in DIGITS[: node.digit])
