from datetime import UTC, datetime

import pytest
from chalice.app import Cron, Rate, ScheduleExpression

from chalicelib import clock
from infra.local.lambdas.schedules import ScheduleSource, next_run_at
from tests.local.conftest import NOON


def text(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1000, UTC).strftime("%dT%H:%M:%S")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Rate(1, Rate.MINUTES), "15T12:01:00"),
        (Rate(2, Rate.HOURS), "15T14:00:00"),
        (Cron(2, "*", "*", "*", "?", "*"), "15T12:02:00"),
        (Cron(0, "*", "*", "*", "?", "*"), "15T13:00:00"),
        (Cron(30, 3, "*", "*", "?", "*"), "16T03:30:00"),
        (Cron(0, 12, "*", "*", "?", "*"), "16T12:00:00"),
    ],
)
def test_the_next_run_is_after_noon(expression: ScheduleExpression, expected: str) -> None:
    assert text(next_run_at(expression, NOON)) == expected


def test_a_schedule_with_days_is_refused() -> None:
    with pytest.raises(ValueError, match="cron"):
        next_run_at(Cron(0, 0, 1, "*", "?", "*"), NOON)


class Function:
    def __init__(self) -> None:
        self.times: list[str] = []
        self.is_failing = False

    def __call__(self, event: object) -> None:
        self.times.append(event["time"])  # type: ignore[index]
        if self.is_failing:
            raise RuntimeError


def run_if_due(source: ScheduleSource) -> bool:
    job = source.take()
    if job is not None:
        job()
    return job is not None


def test_a_run_happens_once_and_missed_ones_are_not_made_up_for(manual_clock: clock.ManualClock) -> None:
    function = Function()
    source = ScheduleSource("wake", Rate(1, Rate.MINUTES), False, function)
    assert not run_if_due(source)
    manual_clock.advance(60)
    assert run_if_due(source)
    assert not run_if_due(source)
    manual_clock.advance(300)
    assert run_if_due(source)
    assert not run_if_due(source)
    assert function.times == ["2027-01-15T12:01:00Z", "2027-01-15T12:02:00Z"]


@pytest.mark.parametrize("retried", [True, False])
def test_a_failed_run_is_repeated_if_retried(manual_clock: clock.ManualClock, retried: bool) -> None:
    function = Function()
    source = ScheduleSource("rollup_hourly", Cron(2, "*", "*", "*", "?", "*"), retried, function)
    manual_clock.advance(120)
    function.is_failing = True
    with pytest.raises(RuntimeError):
        run_if_due(source)
    function.is_failing = False
    manual_clock.advance(60)
    assert run_if_due(source) is retried
