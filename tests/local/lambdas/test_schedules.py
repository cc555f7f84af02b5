from datetime import UTC, datetime

import pytest
from chalice.app import Cron, Rate, ScheduleExpression

from chalicelib import clock
from infra.local.lambdas.schedules import ScheduleSource, next_turn
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
def test_the_next_turn_is_after_noon(expression: ScheduleExpression, expected: str) -> None:
    assert text(next_turn(expression, NOON)) == expected


def test_particular_days_are_not_understood() -> None:
    with pytest.raises(ValueError, match="cron"):
        next_turn(Cron(0, 0, 1, "*", "?", "*"), NOON)


class Function:
    def __init__(self) -> None:
        self.times: list[str] = []
        self.broken = False

    def __call__(self, event: object) -> None:
        self.times.append(event["time"])  # type: ignore[index]
        if self.broken:
            raise RuntimeError


def turn(source: ScheduleSource) -> bool:
    job = source.take()
    if job is not None:
        job()
    return job is not None


def test_a_turn_is_taken_once_and_missed_ones_are_not_made_up_for(moment: clock.ManualClock) -> None:
    function = Function()
    source = ScheduleSource("wake", Rate(1, Rate.MINUTES), False, function)
    assert not turn(source)
    moment.advance(60)
    assert turn(source)
    assert not turn(source)
    moment.advance(300)
    assert turn(source)
    assert not turn(source)
    assert function.times == ["2027-01-15T12:01:00Z", "2027-01-15T12:02:00Z"]


@pytest.mark.parametrize("retried", [True, False])
def test_a_failed_turn_is_taken_again_if_it_is_to_be(moment: clock.ManualClock, retried: bool) -> None:
    function = Function()
    source = ScheduleSource("rollup_hourly", Cron(2, "*", "*", "*", "?", "*"), retried, function)
    moment.advance(120)
    function.broken = True
    with pytest.raises(RuntimeError):
        turn(source)
    function.broken = False
    moment.advance(60)
    assert turn(source) is retried
