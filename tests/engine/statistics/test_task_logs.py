"""The log of a pool's tasks: its lines, exact totals, and one call for each hour that is read."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from chalicelib import clock, config
from chalicelib.domain.changes.effects import EventKind
from chalicelib.domain.statistics import task_lines
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.statistics import task_logs
from chalicelib.engine.statistics.task_logs import Line
from chalicelib.engine.tasks import lifecycle
from tests.engine.helpers import complete, hand_over_task, holder, pull, send_heartbeat
from tests.simulation.faults import Killed, dying_before
from tests.support import aws
from tests.support.world import ORG, POOL, START, World, new_world

ALL = ("debug", "info", "warning", "error")
BROKEN = Failure(Reason.WORKER_FAILED, "it broke", retryable=False, is_reported=True)


@pytest.fixture
def logged_world(world: World) -> Iterator[World]:
    config.replace(logged_pools=frozenset({POOL}))
    pull(world, max_concurrent=50)
    yield world


def complete_task(world: World, label: str = "python") -> Task:
    send_heartbeat(world.workers()[0])
    task = hand_over_task(world, label=label)
    world.clock.advance(2)
    complete(task)
    world.settle()
    return task


def read(since: int = START - clock.HOUR, levels: tuple[str, ...] = ALL, limit: int = 100, **more: object) -> object:
    return task_logs.read_page(more.get("org", ORG), POOL, more.get("task_id"), since, levels, limit)  # type: ignore[arg-type]


def test_a_tasks_life_is_its_lines(logged_world: World) -> None:
    task = complete_task(logged_world)
    lines = task_logs.read_task_lines(ORG, POOL, task.id, 0, ALL)
    assert [line.kind for line in lines] == [EventKind.SUBMITTED, EventKind.LEASED, EventKind.COMPLETED]
    assert [line.level for line in lines] == ["info", "debug", "info"]
    assert [line.at for line in lines] == [START, START, START + 2_000]
    assert lines[2].facts.items() >= {"label": "python", "took_ms": 2_000, "total_ms": 2_000, "attempt": 1}.items()
    assert {line.task_id for line in lines} == {task.id}
    page = task_logs.read_page(ORG, POOL, None, START - 1, ALL, 100)
    assert (sorted(page.lines, key=str), page.total) == (sorted(lines, key=str), 3)


def test_a_failure_is_an_error_with_its_reason(logged_world: World) -> None:
    task = hand_over_task(logged_world)
    lifecycle.fail(ORG, task.id, holder(task), BROKEN)
    logged_world.settle()
    [line] = task_logs.read_page(ORG, POOL, None, START, ("error",), 10).lines
    assert (line.kind, line.facts["reason"]) == (EventKind.FAILED, "worker_failed")


def test_lines_are_newest_first_and_the_total_is_of_all_that_match(logged_world: World) -> None:
    tasks = [complete_task(logged_world) for _ in range(4)]
    page = task_logs.read_page(ORG, POOL, None, START - clock.HOUR, ("info",), 3)
    assert (len(page.lines), page.total) == (3, 8)
    assert [line.at for line in page.lines] == sorted((line.at for line in page.lines), reverse=True)
    assert page.lines[0].task_id == tasks[-1].id
    one = task_logs.read_page(ORG, POOL, tasks[0].id, START - clock.HOUR, ALL, 2)
    assert ([line.kind for line in one.lines], one.total) == ([EventKind.COMPLETED, EventKind.LEASED], 3)


def test_a_window_may_begin_anywhere_in_an_hour(logged_world: World) -> None:
    for _ in range(3):
        complete_task(logged_world)
        logged_world.clock.advance(1_800)
    for since in range(START - 1_000, logged_world.clock.now() + 1_000, 299_000):
        page = task_logs.read_page(ORG, POOL, None, since, ALL, 100)
        whole = [line for line in task_logs.read_page(ORG, POOL, None, START, ALL, 100).lines if line.at >= since]
        assert (page.lines, page.total) == (whole, len(whole))


def test_days_of_lines_are_counted_without_being_read(logged_world: World) -> None:
    for _ in range(5):
        complete_task(logged_world)
        logged_world.clock.advance(86_400)
    with aws.counting() as calls:
        page = task_logs.read_page(ORG, POOL, None, logged_world.clock.now() - task_logs.RETENTION_MS, ALL, 3)
    assert (len(page.lines), page.total) == (3, 15)
    assert calls.total() == 8 + 1, "the window's days, and the one hour that has so many"


def test_hours_without_lines_are_not_read(logged_world: World) -> None:
    complete_task(logged_world)
    logged_world.clock.advance(20 * 3_600)
    with aws.counting() as calls:
        assert read().total == 3  # type: ignore[attr-defined]
    assert calls.total() <= 3


def test_orgs_pools_and_unknown_tasks_have_their_own_lines_or_none(logged_world: World) -> None:
    task = complete_task(logged_world)
    nothing: tuple[list[Line], int] = ([], 0)
    assert task_logs.read_page("umbra", POOL, None, START - 1, ALL, 10) == nothing
    assert task_logs.read_page("umbra", POOL, task.id, START - 1, ALL, 10) == nothing
    assert task_logs.read_page(ORG, "other", task.id, START - 1, ALL, 10) == nothing
    assert task_logs.read_page(ORG, POOL, "nowhere", START - 1, ALL, 10) == nothing


def test_a_change_that_is_relayed_twice_is_one_line(logged_world: World) -> None:
    complete_task(logged_world)
    logged_world.rewind("tasks", 3)
    logged_world.settle()
    assert read().total == len(read().lines) == 3  # type: ignore[attr-defined]


def test_a_window_is_a_day_unless_it_is_said_and_seven_at_most(world: World) -> None:
    now = world.clock.now()
    assert task_logs.window_start(None) == now - clock.DAY
    assert task_logs.window_start(now - 7 * clock.DAY) == now - 7 * clock.DAY
    assert task_logs.window_start(now - 7 * clock.DAY - 1) == now - 7 * clock.DAY
    assert task_logs.window_start(0) == now - 7 * clock.DAY


def test_counts_equal_a_recount_of_the_log_wherever_the_relay_dies() -> None:
    for number in range(20):
        with new_world(number) as world:
            config.replace(logged_pools=frozenset({POOL}))
            pull(world, max_concurrent=9)
            tasks = [hand_over_task(world, label=label) for label in ("python", "go", "python")]
            world.clock.advance(1)
            for task in tasks:
                complete(task)
            died = False
            with suppress(Killed), dying_before(world, number):
                died = True
                world.settle()
                died = False
            world.settle()
            recount = {row: counts.values for row, counts in task_lines.count_lines(world.log()).items()}
            assert {row: counts.values for row, counts in world.rows().items() if row[1].startswith("log#")} == recount
        if not died:
            assert number > 3
            return
    raise AssertionError("the relay makes more calls than were tried")
