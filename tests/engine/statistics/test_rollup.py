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
from chalicelib.storage.statistics import counters as counter_storage
from tests.engine.helpers import complete, hand_over_task, holder, pull, send_heartbeat
from tests.support import aws
from tests.support.world import ORG, POOL, START, World

DAY = START // clock.DAY
HALF = 12 * 3_600
BROKEN = Failure(Reason.WORKER_FAILED, "it broke", retryable=False, is_reported=True)


def run_busy_hour(world: World) -> None:
    """End tasks in each way within an hour."""
    worker = pull(world, max_concurrent=9)
    for end in ("complete", "fail", "cancel", "release", "wait"):
        task = hand_over_task(world)
        world.clock.advance(7)
        send_heartbeat(worker)
        if end == "complete":
            complete(task)
        elif end == "fail":
            lifecycle.fail(ORG, task.id, holder(task), BROKEN)
        elif end == "cancel":
            lifecycle.cancel(ORG, task.id)
        elif end == "release":
            lifecycle.release(ORG, task.id, holder(task))
    world.submit(capabilities=("quantum",))
    world.settle()


def figures(world: World) -> dict[Any, dict[str, int]]:
    """All items but the closing ones, without zeros."""
    rows = {row: counts.values for row, counts in world.rows().items() if row[1] != "close"}
    return {row: {name: value for name, value in values.items() if value} for row, values in rows.items()}


def recount(world: World) -> dict[Any, dict[str, int]]:
    rows = event_counts.count_events(world.log())
    return {row: {name: value for name, value in counts.values.items() if value} for row, counts in rows.items()}


def raw_items() -> list[Any]:
    return sorted(str(item.to_dynamodb_dict()) for item in aws.items(counter_storage.StatsItem))


def test_the_live_figures_equal_a_recount_of_the_log(world: World) -> None:
    run_busy_hour(world)
    assert figures(world) == recount(world)
    assert recount(world)


@pytest.mark.parametrize(("close", "wait"), [(rollup.roll_up_hour, 3_600), (rollup.roll_up_days, HALF)])
def test_a_rollup_mends_what_was_miscounted_and_run_twice_changes_nothing(world: World, close: Any, wait: int) -> None:
    run_busy_hour(world)
    right = figures(world)
    row = (f"{ORG}#{POOL}#{DAY}", "hour#12")
    dynamodb.commit(counter_storage.addition_write(row, Counts({"completed": 5, "waited_ms": -3})))
    assert figures(world) != right
    world.clock.advance(wait)
    assert close() == 1
    assert figures(world) == right == recount(world)
    before = raw_items()
    assert close() == 1
    assert raw_items() == before


def test_an_hour_that_is_not_over_is_left_alone(world: World) -> None:
    run_busy_hour(world)
    before = raw_items()
    assert (rollup.roll_up_hour(), rollup.roll_up_days(), raw_items()) == (0, 0, before)


def test_an_event_that_comes_after_the_rollup_is_still_counted_and_stays_counted(world: World) -> None:
    run_busy_hour(world)
    world.submit()
    world.clock.advance(HALF)
    rollup.roll_up_hour(START + clock.HOUR)
    rollup.roll_up_days()
    world.settle()
    assert figures(world) == recount(world)
    assert figures(world)[(f"{ORG}#{POOL}#{DAY}", "hour#12")]["created"] == 7
    rollup.roll_up_hour(START + clock.HOUR)
    rollup.roll_up_days()
    assert figures(world) == recount(world)
    assert daily.read_day(ORG, POOL, DAY).pending == 2


def test_the_day_s_closing_queue_is_kept_for_days_without_events_too(world: World) -> None:
    for _ in range(3):
        world.submit()
    world.settle()
    world.clock.advance(HALF)
    rollup.roll_up_days()
    assert daily.read_day(ORG, POOL, DAY).pending == daily.read_day(ORG, POOL, DAY + 1).pending == 3
    world.clock.advance(86_400)
    assert rollup.roll_up_days() == 2
    lifecycle.cancel(ORG, world.tasks()[0].id)
    world.settle()
    world.clock.advance(86_400)
    assert rollup.roll_up_days() == 2
    assert [daily.read_day(ORG, POOL, DAY + n).pending for n in range(4)] == [3, 3, 2, 2]


def test_a_day_has_its_hours_and_the_workers_that_ended_attempts(world: World) -> None:
    run_busy_hour(world)
    day = daily.read_day(ORG, POOL, DAY)
    assert len(day.hours) == 24
    assert day.hours[12] == day.total
    (worker,) = world.workers()
    mine = day.workers[worker.id]
    assert (day.total["created"], day.total["completed"], day.total["failed"], day.total["cancelled"]) == (
        6,
        1,
        1,
        1,
    )
    assert (mine["completed"], mine["failed"], mine.success_rate, mine.average_ms) == (1, 1, 0.5, 7_000)
    assert day.pending == 1
    kept = {"kept_completed": 1, "kept_failed": 1, "kept_cancelled": 1}
    assert daily.read_worker_lifetime(ORG, POOL, worker.id).values == mine.values | kept


def test_reading_a_day_costs_two_calls(world: World) -> None:
    run_busy_hour(world)
    with aws.counting() as calls:
        daily.read_day(ORG, POOL, DAY)
    assert calls.total() == 2


def test_uptime_is_cut_at_midnight_and_grows_while_the_worker_is_online(world: World) -> None:
    worker = pull(world)
    world.settle()
    uptime = lambda day: daily.read_worker_day(ORG, POOL, worker.id, day).uptime  # noqa: E731
    world.clock.advance(HALF / 2)
    assert uptime(DAY) == round(6 / 18, 4)
    world.clock.advance(HALF / 2 + 6 * 3_600)
    assert (uptime(DAY), uptime(DAY + 1), uptime(DAY + 2)) == (0.5, 1.0, 0.0)
    registry.unregister(ORG, POOL, worker.id)
    world.settle()
    world.clock.advance(6 * 3_600)
    assert (uptime(DAY), uptime(DAY + 1)) == (0.5, 0.5)


def test_maintenance_is_not_uptime(world: World) -> None:
    worker = pull(world)
    world.clock.advance(3_600)
    registry.set_maintenance(ORG, POOL, worker.id, True, None)
    world.clock.advance(3_600)
    send_heartbeat(worker)
    world.settle()
    registry.set_maintenance(ORG, POOL, worker.id, False, None)
    world.settle()
    world.clock.advance(3_600)
    assert daily.read_worker_day(ORG, POOL, worker.id, DAY).uptime == round(2 / 15, 4)


def test_a_worker_that_never_was_has_no_figures(world: World) -> None:
    with pytest.raises(NotFound, match="Server not found: server_none"):
        daily.read_worker_day(ORG, POOL, "server_none", DAY, "Server")
