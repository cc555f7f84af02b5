"""The gauges: how many tasks of all orgs are pending, held and running."""

from collections.abc import Callable

import pytest

from chalicelib.engine.statistics import task_gauges
from chalicelib.engine.tasks import lifecycle
from chalicelib.functions import schedules
from tests.engine.helpers import complete, hand_over_task, pull
from tests.support import aws
from tests.support.metrics import SentMetrics
from tests.support.metrics import sent_metrics as sent_metrics
from tests.support.world import ORG, START, World

HOUR = 3_600
Read = Callable[[], SentMetrics]


def read_gauges(sent_metrics: Read) -> tuple[float, ...]:
    """The numbers of pending, held and running tasks."""
    sent_metrics()
    schedules.handle_gauges()
    metrics = sent_metrics()
    return tuple(value for metric in task_gauges.METRICS.values() for value in metrics[metric])


def test_the_figures_are_the_sum_over_pools_and_orgs(world: World, sent_metrics: Read) -> None:
    pull(world, max_concurrent=9)
    first, second = hand_over_task(world), hand_over_task(world)
    lifecycle.report_progress(ORG, first.id, None, 5)
    for org in (ORG, "other"):
        world.submit(org=org, capabilities=("gpu",))
    world.submit(pool="quiet")
    world.settle()
    assert read_gauges(sent_metrics) == (3, 2, 1)
    complete(second)
    world.settle()
    assert read_gauges(sent_metrics) == (3, 1, 1)


def test_without_tasks_they_are_zero(world: World, sent_metrics: Read) -> None:
    assert read_gauges(sent_metrics) == (0, 0, 0)


CLOSINGS = (12 + 10 / 60, 36 + 10 / 60)
"""When the days are closed, in hours after the world's beginning, which is at noon."""


@pytest.mark.parametrize("hours", [1, 11.6, 12.1, 12.9, 13.1, 30, 37.5])
def test_tasks_that_wait_while_nothing_happens_are_counted_also_after_midnight(
    world: World, sent_metrics: Read, hours: float
) -> None:
    world.submit(capabilities=("gpu",))
    world.settle()
    for at in (at for at in CLOSINGS if at < hours):
        world.clock.advance(at * HOUR - (world.clock.now() - START) / 1000)
        schedules.handle_daily_rollup()
    world.clock.advance(hours * HOUR - (world.clock.now() - START) / 1000)
    assert read_gauges(sent_metrics) == (1, 0, 0)


def test_a_report_costs_a_call_for_each_hour_of_the_day_and_one_for_the_figures(world: World) -> None:
    world.submit()
    world.settle()
    with aws.counting() as calls:
        assert task_gauges.report_gauges() == 1
    assert calls == {("DynamoDB", "Query"): 13, ("DynamoDB", "BatchGetItem"): 1}
