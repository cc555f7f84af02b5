"""The metrics that dispatch passes measure of the waiting tasks."""

from collections.abc import Callable

import pytest

from chalicelib.domain.tasks.task import Needs
from chalicelib.engine.statistics import backlog
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from tests.domain import samples
from tests.engine.helpers import pull, send_heartbeat
from tests.support.metrics import SentMetrics
from tests.support.metrics import sent_metrics as sent_metrics
from tests.support.world import ORG, POOL, World

Read = Callable[[], SentMetrics]


def measure(world: World, sent_metrics: Read, minutes: float = 3) -> SentMetrics:
    """Let so many minutes pass, and return the metrics that were sent in them."""
    world.settle()
    sent_metrics()
    world.advance(minutes * 60)
    return sent_metrics()


def test_a_task_that_no_registered_worker_could_take_is_counted_by_its_lane(world: World, sent_metrics: Read) -> None:
    pull(world, capabilities=("ocr",))
    for _ in range(3):
        world.submit(capabilities=("gpu",))
    world.submit(capabilities=("gpu", "ocr"))
    metrics = measure(world, sent_metrics)
    assert metrics[backlog.UNSERVED_METRIC]
    assert set(metrics[backlog.UNSERVED_METRIC]) == {2}


def test_the_age_is_of_the_one_that_waits_for_longest(world: World, sent_metrics: Read) -> None:
    world.submit(capabilities=("gpu",))
    world.advance(600)
    world.submit()
    metrics = measure(world, sent_metrics)
    assert metrics[backlog.OLDEST_METRIC] == sorted(metrics[backlog.OLDEST_METRIC])
    assert 600 < metrics[backlog.OLDEST_METRIC][0] < metrics[backlog.OLDEST_METRIC][-1] <= 780


def test_a_task_whose_workers_are_busy_only_waits(world: World, sent_metrics: Read) -> None:
    worker = pull(world)
    for _ in range(2):
        world.submit(timeout_seconds=86_400)
    world.settle()
    send_heartbeat(worker)
    metrics = measure(world, sent_metrics, minutes=1.4)
    assert metrics[backlog.OLDEST_METRIC]
    assert set(metrics[backlog.UNSERVED_METRIC]) == {0}


def test_a_worker_that_is_offline_could_take_it_and_one_that_was_removed_could_not(
    world: World, sent_metrics: Read
) -> None:
    worker = pull(world)
    world.advance(600)
    world.submit()
    assert set(measure(world, sent_metrics)[backlog.UNSERVED_METRIC]) == {0}
    registry.unregister(ORG, POOL, worker.id)
    assert set(measure(world, sent_metrics)[backlog.UNSERVED_METRIC]) == {1}


def test_nothing_is_measured_where_nothing_waits(world: World, sent_metrics: Read) -> None:
    task = world.submit(capabilities=("gpu",))
    assert measure(world, sent_metrics)[backlog.OLDEST_METRIC]
    lifecycle.cancel(ORG, task.id)
    world.advance(120)
    assert not measure(world, sent_metrics).keys() & {backlog.OLDEST_METRIC, backlog.UNSERVED_METRIC}


@pytest.mark.parametrize(
    ("needs", "served"),
    [
        (Needs(), True),
        (Needs(frozenset({"ocr"})), True),
        (Needs(frozenset({"ocr", "gpu"})), False),
        (Needs(group="a"), True),
        (Needs(group="b"), False),
        (Needs(worker="w1"), True),
        (Needs(worker="w2"), False),
    ],
)
def test_any_kind_of_need_may_be_nobodys(needs: Needs, served: bool) -> None:
    worker = samples.worker("w1", capabilities=("ocr",), groups=("a",))
    task = samples.draft(capabilities=tuple(needs.capabilities), group=needs.group, wanted_worker=needs.worker)
    assert backlog.find_unserved_lanes([task, task], [worker]) == ([] if served else [task])
