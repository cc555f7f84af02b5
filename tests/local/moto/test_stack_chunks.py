from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from resource import RUSAGE_THREAD, getrusage

from infra.local.moto.stack_chunks import roomy

CALLS = 500


def _leaf() -> None:
    """The call whose price is taken."""


def _at(depth: int, loop: Callable[[], int]) -> int:
    return _at(depth - 1, loop) if depth else loop()


def _faults() -> int:
    """How often the kernel had to find memory for so many calls."""
    before = getrusage(RUSAGE_THREAD).ru_minflt
    for _ in range(CALLS):
        _leaf()
    return getrusage(RUSAGE_THREAD).ru_minflt - before


def test_at_no_depth_does_a_call_cost_memory() -> None:
    with ThreadPoolExecutor(1) as threads:  # the frames of a thread of its own: pytest's have room already
        dearest = max(threads.map(lambda depth: roomy(_at)(depth, _faults), range(300)))
    assert dearest < CALLS / 10


def test_it_is_the_same_function() -> None:
    divided = roomy(partial(lambda by, *rest, of=6: of // by + len(rest), of=8))
    assert divided(2, 0, 0) == 6
