"""Many small jobs: all are done, whichever of them fail."""

from threading import Barrier

import pytest

from chalicelib.engine.changes.run_all import carry_out, carry_out_together


def fail() -> None:
    raise ValueError("no")


@pytest.mark.parametrize("threads", [1, 2, 9])
def test_each_job_is_done_once(threads: int) -> None:
    done: list[int] = []
    jobs = [lambda number=number: done.append(number) for number in range(5)]
    assert carry_out(jobs, "failed") == 5
    assert done == [0, 1, 2, 3, 4]
    assert carry_out_together(jobs, "failed", threads) == 5
    assert sorted(done[5:]) == [0, 1, 2, 3, 4]


def test_a_job_that_fails_stops_no_other() -> None:
    done: list[str] = []
    jobs = [fail, lambda: done.append("second"), fail, lambda: done.append("fourth")]
    with pytest.raises(ExceptionGroup, match="Jobs failed") as raised:
        carry_out(jobs, "Jobs failed")
    assert [str(error) for error in raised.value.exceptions] == ["no", "no"]
    with pytest.raises(ExceptionGroup, match="Jobs failed"):
        carry_out_together(jobs, "Jobs failed", 2)
    assert sorted(done) == ["fourth", "fourth", "second", "second"]


def test_jobs_run_side_by_side() -> None:
    both = Barrier(2, timeout=30)
    assert carry_out_together([both.wait, both.wait], "failed", 2) == 2


def test_no_jobs_are_done_at_once() -> None:
    assert carry_out([], "failed") == carry_out_together([], "failed", 8) == 0
