"""What looks at pools measure of the tasks that wait."""

from collections.abc import Callable

import pytest

from chalicelib.domain.tasks.task import Needs
from chalicelib.engine.statistics import backlog
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from tests.domain import samples
from tests.engine.helpers import beat, pull
from tests.support.metrics import Sent
from tests.support.metrics import sent as sent
from tests.support.world import ORG, POOL, World

Read = Callable[[], Sent]


def looked(house: World, sent: Read, minutes: float = 3) -> Sent:
    """What is measured in the next minutes."""
    house.settle()
    sent()
    house.advance(minutes * 60)
    return sent()


def test_a_task_that_no_registered_worker_could_take_is_counted_by_its_lane(house: World, sent: Read) -> None:
    pull(house, capabilities=("ocr",))
    for _ in range(3):
        house.submit(capabilities=("gpu",))
    house.submit(capabilities=("gpu", "ocr"))
    found = looked(house, sent)
    assert found[backlog.UNSERVED]
    assert set(found[backlog.UNSERVED]) == {2}


def test_the_age_is_of_the_one_that_waits_for_longest(house: World, sent: Read) -> None:
    house.submit(capabilities=("gpu",))
    house.advance(600)
    house.submit()
    found = looked(house, sent)
    assert found[backlog.OLDEST] == sorted(found[backlog.OLDEST])
    assert 600 < found[backlog.OLDEST][0] < found[backlog.OLDEST][-1] <= 780


def test_a_task_whose_workers_are_busy_only_waits(house: World, sent: Read) -> None:
    worker = pull(house)
    for _ in range(2):
        house.submit(timeout_seconds=86_400)
    house.settle()
    beat(worker)
    found = looked(house, sent, minutes=1.4)
    assert found[backlog.OLDEST]
    assert set(found[backlog.UNSERVED]) == {0}


def test_a_worker_that_is_offline_could_take_it_and_one_that_was_removed_could_not(house: World, sent: Read) -> None:
    worker = pull(house)
    house.advance(600)
    house.submit()
    assert set(looked(house, sent)[backlog.UNSERVED]) == {0}
    registry.unregister(ORG, POOL, worker.id)
    assert set(looked(house, sent)[backlog.UNSERVED]) == {1}


def test_nothing_is_measured_where_nothing_waits(house: World, sent: Read) -> None:
    task = house.submit(capabilities=("gpu",))
    assert looked(house, sent)[backlog.OLDEST]
    lifecycle.cancel(ORG, task.id)
    house.advance(120)
    assert not looked(house, sent).keys() & {backlog.OLDEST, backlog.UNSERVED}


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
    assert backlog.unserved_lanes([task, task], [worker]) == ([] if served else [task])
