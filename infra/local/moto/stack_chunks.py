"""Memory for Python's frames, so that no loop makes a system call for each of its calls.

Python 3.11 keeps a thread's frames in chunks of 16 KB, and returns a chunk to the kernel as soon as its last frame
returns. A loop at the end of a chunk maps and unmaps memory for each call that it makes, which takes as long as 200
calls. moto's and botocore's frames are deep enough to fill several chunks.
"""

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_SLOTS = 1 << 16
"""Slots of 8 bytes each. The chunk is twice as large, and its other half is for the frames of the calls within."""


def with_large_chunk(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which allocates half a megabyte for the frames of its calls."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    # A frame that declares a large stack gets a chunk of that size. Memory that is not used stays unmapped.
    code = call.__code__.replace(co_stacksize=_SLOTS)
    return wraps(function)(FunctionType(code, call.__globals__, None, None, call.__closure__))
