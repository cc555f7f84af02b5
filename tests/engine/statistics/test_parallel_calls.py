"""Calls at the same time."""

import threading

import pytest

from chalicelib.engine.statistics import parallel_calls


def test_answers_are_in_the_order_of_the_numbers() -> None:
    assert parallel_calls.each(lambda number: number * 2, range(50)) == [*range(0, 100, 2)]
    assert parallel_calls.each(lambda number: number, []) == []


def test_so_many_run_at_once_and_one_alone_needs_no_thread() -> None:
    together = threading.Barrier(parallel_calls.MAX_CALLS)
    parallel_calls.each(lambda _: together.wait(10), range(parallel_calls.MAX_CALLS))
    assert parallel_calls.each(lambda _: threading.get_ident(), [1]) == [threading.get_ident()]


def test_an_error_is_the_callers() -> None:
    def fail(_: int) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        parallel_calls.each(fail, range(3))
