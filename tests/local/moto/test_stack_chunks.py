from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from resource import RUSAGE_THREAD, getrusage

from infra.local.moto.stack_chunks import with_large_chunk

CALLS = 500


def _leaf() -> None:
    """The call that is measured."""


def _run_at(depth: int, loop: Callable[[], int]) -> int:
    return _run_at(depth - 1, loop) if depth else loop()


def _faults() -> int:
    """The number of page faults of CALLS calls."""
    before = getrusage(RUSAGE_THREAD).ru_minflt
    for _ in range(CALLS):
        _leaf()
    return getrusage(RUSAGE_THREAD).ru_minflt - before


def test_calls_allocate_no_memory_at_any_depth() -> None:
    with ThreadPoolExecutor(1) as threads:  # a new thread, because pytest's has large chunks already
        dearest = max(threads.map(lambda depth: with_large_chunk(_run_at)(depth, _faults), range(300)))
    assert dearest < CALLS / 10


def test_it_is_the_same_function() -> None:
    divided = with_large_chunk(partial(lambda by, *rest, of=6: of // by + len(rest), of=8))
    assert divided(2, 0, 0) == 6
