"""A limit of CPU time, which a loaded machine does not use up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Around code that may use so many seconds of CPU time at most. For tests of texts that could take minutes."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"It used more than {seconds} seconds of CPU time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
