"""Each caller counts once in each day, week and month, however many processes it calls."""

import pytest

from chalicelib.domain.statistics.periods import Period
from chalicelib.engine import ttl_cache
from chalicelib.engine.statistics import period_figures, request_counts
from chalicelib.errors import Unavailable
from tests.support import aws
from tests.support.client import answered_request
from tests.support.world import ORG, POOL, World

_count = request_counts.request_counter(POOL, counts_callers=True)


def call(*subjects: str, org: str = ORG) -> None:
    for subject in subjects:
        _count(answered_request(org, 200, 1.0, subject=subject))


def active(period: Period, org: str = ORG) -> int:
    return period_figures.read_requests(org, POOL, period).counts["callers"]


def test_a_caller_counts_once_in_each_period(world: World) -> None:
    call("ann", "bob", "ann")
    call("ann", org="umbra")
    assert [active(period) for period in (Period.DAY, Period.WEEK, Period.MONTH)] == [2, 2, 2]
    assert active(Period.DAY, "umbra") == 1
    world.clock.advance(86_400)  # 2026-01-02, a Friday
    call("ann", "cid")
    assert [active(period) for period in (Period.DAY, Period.WEEK, Period.MONTH)] == [2, 3, 3]
    world.clock.advance(3 * 86_400)  # Monday
    call("ann")
    assert [active(period) for period in (Period.DAY, Period.WEEK, Period.MONTH)] == [1, 1, 3]
    world.clock.advance(27 * 86_400)  # Sunday, 2026-02-01
    call("ann", "bob")
    assert [active(period) for period in (Period.DAY, Period.WEEK, Period.MONTH)] == [2, 2, 2]


def test_a_caller_of_two_processes_counts_once(world: World) -> None:
    call("ann")
    ttl_cache.clear_all()
    call("ann")
    assert active(Period.DAY) == 1


def test_a_caller_costs_one_call_a_day(world: World) -> None:
    with aws.counting() as calls:
        call("ann", "ann")
    assert calls == {("DynamoDB", "UpdateItem"): 1}


def test_a_caller_counts_with_a_later_request_where_the_table_is_busy(world: World) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("throttled")

    with aws.interfering(refuse):
        call("ann")
    assert active(Period.DAY) == 0
    call("ann")
    assert (active(Period.DAY), period_figures.read_requests(ORG, POOL, Period.DAY).counts["requests"]) == (1, 2)


@pytest.mark.parametrize("flushed", [True, False])
def test_figures_have_what_is_written_and_what_is_not(world: World, flushed: bool) -> None:
    call("ann")
    if flushed:
        world.clock.advance(11)
        call("ann")
    assert active(Period.DAY) == 1
