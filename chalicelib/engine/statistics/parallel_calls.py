"""A few calls at the same time, where a figure needs many."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

MAX_CALLS = 6

T = TypeVar("T")


def each(call: Callable[[int], T], numbers: Sequence[int]) -> list[T]:
    """What the call returns for each number, in their order; at most MAX_CALLS run at the same time."""
    if len(numbers) < 2:
        return [call(number) for number in numbers]
    with ThreadPoolExecutor(MAX_CALLS) as threads:
        return list(threads.map(call, numbers))
