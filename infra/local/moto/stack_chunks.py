"""Room for Python's frames, so that no loop pays a system call for each of its calls.

Python 3.11 keeps a thread's frames in chunks of 16 KB, and gives a chunk back to the kernel as soon as its last frame
returns. A loop that stands at a chunk's edge maps and unmaps memory for each call it makes: 200 times the price of a
call. moto's and botocore's frames are deep enough to fill several chunks.
"""

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_SLOTS = 1 << 16
"""Of 8 bytes each; the chunk is twice as large, and what this frame leaves free of it is for those it calls."""


def roomy(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, all of whose calls find their frames' memory there already: half a megabyte of it."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    # A frame that says it needs a large stack gets a chunk that fits; memory that is not used is never touched.
    code = call.__code__.replace(co_stacksize=_SLOTS)
    return wraps(function)(FunctionType(code, call.__globals__, None, None, call.__closure__))
