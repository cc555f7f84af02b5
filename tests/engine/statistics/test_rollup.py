from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.statistics import event_counts
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.statistics import daily, rollup
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.errors import NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.statistics import counters as stats
from tests.engine.helpers import beat, complete, held, holder, pull
from tests.support import aws
from tests.support.world import ORG, POOL, START, World

DAY = START // clock.DAY
HALF = 12 * 3_600
BROKEN = Failure(Reason.WORKER_FAILED, "it broke", retryable=False, reported=True)


def busy(house: World) -> None:
    """A little of everything within an hour."""
    worker = pull(house, max_concurrent=9)
    for end in ("complete", "fail", "cancel", "release", "wait"):
        task = held(house)
        house.clock.advance(7)
        beat(worker)
        if end == "complete":
            complete(task)
        elif end == "fail":
            lifecycle.fail(ORG, task.id, holder(task), BROKEN)
        elif end == "cancel":
            lifecycle.cancel(ORG, task.id)
        elif end == "release":
            lifecycle.release(ORG, task.id, holder(task))
    house.submit(capabilities=("quantum",))
    house.settle()


def figures(house: World) -> dict[Any, dict[str, int]]:
    """All rows but the closing ones, without zeros."""
    rows = {row: counts.values for row, counts in house.rows().items() if row[1] != "close"}
    return {row: {name: value for name, value in values.items() if value} for row, values in rows.items()}


def recount(house: World) -> dict[Any, dict[str, int]]:
    found = event_counts.deltas(house.log())
    return {row: {name: value for name, value in counts.values.items() if value} for row, counts in found.items()}


def raw() -> list[Any]:
    return sorted(str(item.to_dynamodb_dict()) for item in aws.items(stats.StatsItem))


def test_the_live_figures_equal_a_recount_of_the_log(house: World) -> None:
    busy(house)
    assert figures(house) == recount(house)
    assert recount(house)


@pytest.mark.parametrize(("close", "wait"), [(rollup.hourly, 3_600), (rollup.daily, HALF)])
def test_a_rollup_mends_what_was_miscounted_and_run_twice_changes_nothing(house: World, close: Any, wait: int) -> None:
    busy(house)
    right = figures(house)
    row = (f"{ORG}#{POOL}#{DAY}", "hour#12")
    dynamodb.commit(stats.added(row, Counts({"completed": 5, "waited_ms": -3})))
    assert figures(house) != right
    house.clock.advance(wait)
    assert close() == 1
    assert figures(house) == right == recount(house)
    before = raw()
    assert close() == 1
    assert raw() == before


def test_an_hour_that_is_not_over_is_left_alone(house: World) -> None:
    busy(house)
    before = raw()
    assert (rollup.hourly(), rollup.daily(), raw()) == (0, 0, before)


def test_an_event_that_comes_after_the_rollup_is_still_counted_and_stays_counted(house: World) -> None:
    busy(house)
    house.submit()
    house.clock.advance(HALF)
    rollup.hourly(START + clock.HOUR)
    rollup.daily()
    house.settle()
    assert figures(house) == recount(house)
    assert figures(house)[(f"{ORG}#{POOL}#{DAY}", "hour#12")]["created"] == 7
    rollup.hourly(START + clock.HOUR)
    rollup.daily()
    assert figures(house) == recount(house)
    assert daily.day(ORG, POOL, DAY).pending == 2


def test_the_day_s_closing_queue_is_kept_for_days_without_events_too(house: World) -> None:
    for _ in range(3):
        house.submit()
    house.settle()
    house.clock.advance(HALF)
    rollup.daily()
    assert daily.day(ORG, POOL, DAY).pending == daily.day(ORG, POOL, DAY + 1).pending == 3
    house.clock.advance(86_400)
    assert rollup.daily() == 2
    lifecycle.cancel(ORG, house.tasks()[0].id)
    house.settle()
    house.clock.advance(86_400)
    assert rollup.daily() == 2
    assert [daily.day(ORG, POOL, DAY + n).pending for n in range(4)] == [3, 3, 2, 2]


def test_a_day_tells_its_hours_and_the_workers_that_ended_attempts(house: World) -> None:
    busy(house)
    found = daily.day(ORG, POOL, DAY)
    assert len(found.hours) == 24
    assert found.hours[12] == found.total
    (worker,) = house.workers()
    mine = found.workers[worker.id]
    assert (found.total["created"], found.total["completed"], found.total["failed"], found.total["cancelled"]) == (
        6,
        1,
        1,
        1,
    )
    assert (mine["completed"], mine["failed"], mine.success_rate, mine.average_ms) == (1, 1, 0.5, 7_000)
    assert found.pending == 1
    kept = {"kept_completed": 1, "kept_failed": 1, "kept_cancelled": 1}
    assert daily.worker_lifetime(ORG, POOL, worker.id).values == mine.values | kept


def test_reading_a_day_costs_two_calls(house: World) -> None:
    busy(house)
    with aws.counting() as calls:
        daily.day(ORG, POOL, DAY)
    assert calls.total() == 2


def test_uptime_is_cut_at_midnight_and_grows_while_the_worker_is_online(house: World) -> None:
    worker = pull(house)
    house.settle()
    uptime = lambda day: daily.worker_day(ORG, POOL, worker.id, day).uptime  # noqa: E731
    house.clock.advance(HALF / 2)
    assert uptime(DAY) == round(6 / 18, 4)
    house.clock.advance(HALF / 2 + 6 * 3_600)
    assert (uptime(DAY), uptime(DAY + 1), uptime(DAY + 2)) == (0.5, 1.0, 0.0)
    registry.unregister(ORG, POOL, worker.id)
    house.settle()
    house.clock.advance(6 * 3_600)
    assert (uptime(DAY), uptime(DAY + 1)) == (0.5, 0.5)


def test_maintenance_is_not_uptime(house: World) -> None:
    worker = pull(house)
    house.clock.advance(3_600)
    registry.set_maintenance(ORG, POOL, worker.id, True, None)
    house.clock.advance(3_600)
    beat(worker)
    house.settle()
    registry.set_maintenance(ORG, POOL, worker.id, False, None)
    house.settle()
    house.clock.advance(3_600)
    assert daily.worker_day(ORG, POOL, worker.id, DAY).uptime == round(2 / 15, 4)


def test_a_worker_that_never_was_has_no_figures(house: World) -> None:
    with pytest.raises(NotFound, match="Server not found: server_none"):
        daily.worker_day(ORG, POOL, "server_none", DAY, "Server")
