"""Lanes: tasks with the same needs have one name of a lane, other needs another."""

from itertools import combinations

from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs
from chalicelib.engine.tasks.lanes import lane_name

DIFFERENT = (
    Needs(),
    Needs(capabilities=frozenset({"gpu"})),
    Needs(capabilities=frozenset({"gpu", "cuda"})),
    Needs(group="gpu"),
    Needs(worker="gpu"),
    Needs(concurrency_limit=ConcurrencyLimit("gpu", 1)),
    Needs(concurrency_limit=ConcurrencyLimit("gpu", 2)),
)


def test_different_needs_have_different_lanes() -> None:
    for one, other in combinations(DIFFERENT, 2):
        assert lane_name(one) != lane_name(other)


def test_the_same_needs_have_the_same_lane_in_whatever_order_they_are_named() -> None:
    one, other = frozenset(["a", "b", "c"]), frozenset(["c", "b", "a"])
    assert lane_name(Needs(capabilities=one)) == lane_name(Needs(capabilities=other))


def test_tasks_that_need_nothing_wait_in_a_lane_that_is_called_any() -> None:
    assert lane_name(Needs()) == "any"
