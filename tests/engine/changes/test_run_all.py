"""Many small actions: all of them run, even if some fail."""

from threading import Barrier

import pytest

from chalicelib.engine.changes.run_all import run_each, run_each_in_threads


def fail() -> None:
    raise ValueError("no")


@pytest.mark.parametrize("threads", [1, 2, 9])
def test_each_action_is_done_once(threads: int) -> None:
    done: list[int] = []
    actions = [lambda number=number: done.append(number) for number in range(5)]
    assert run_each(actions, "failed") == 5
    assert done == [0, 1, 2, 3, 4]
    assert run_each_in_threads(actions, "failed", threads) == 5
    assert sorted(done[5:]) == [0, 1, 2, 3, 4]


def test_an_action_that_fails_stops_no_other() -> None:
    done: list[str] = []
    actions = [fail, lambda: done.append("second"), fail, lambda: done.append("fourth")]
    with pytest.raises(ExceptionGroup, match="Actions failed") as raised:
        run_each(actions, "Actions failed")
    assert [str(error) for error in raised.value.exceptions] == ["no", "no"]
    with pytest.raises(ExceptionGroup, match="Actions failed"):
        run_each_in_threads(actions, "Actions failed", 2)
    assert sorted(done) == ["fourth", "fourth", "second", "second"]


def test_actions_run_side_by_side() -> None:
    both = Barrier(2, timeout=30)
    assert run_each_in_threads([both.wait, both.wait], "failed", 2) == 2


def test_no_actions_are_done_at_once() -> None:
    assert run_each([], "failed") == run_each_in_threads([], "failed", 8) == 0
