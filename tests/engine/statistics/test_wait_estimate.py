"""Wait estimates follow the measured figures, and the number of waiting tasks is limited."""

from typing import Any

import pytest

from chalicelib import clock, config
from chalicelib.domain.statistics.counters import Counts
from chalicelib.engine.statistics import wait_estimate
from chalicelib.engine.statistics.recent import Recent
from chalicelib.engine.statistics.wait_estimate import CACHE_MS, WaitEstimate
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.tasks.submission import Submission
from chalicelib.errors import IdempotencyMismatch, QueueFull
from tests.engine.helpers import complete, pull
from tests.support import aws
from tests.support.world import ORG, POOL, START, World


def ask(pool: str = POOL, **fields: Any) -> WaitEstimate:
    clock.sleep(0.001)
    fields = {"pool": pool, "type": "t", "priority": 5, "capabilities": ("t",)} | fields
    return wait_estimate.submit_with_estimate(ORG, "dev", Submission(**fields))[1]


def figures(active: int = 0, **hour: int) -> Recent:
    nothing = Counts()
    return Recent(START, Counts({"active": active}), (Counts(hour), nothing), (nothing, nothing))


def test_a_place_is_counted_among_the_tasks_of_the_same_needs_by_urgency_and_age(world: World) -> None:
    assert [ask().position for _ in range(3)] == [1, 2, 3]
    assert ask(priority=9).position == 1
    assert ask(priority=1).position == 5
    assert ask(capabilities=("other",)).position == 1


def test_a_task_that_does_not_wait_has_no_place(world: World) -> None:
    pull(world, capabilities=("t",))
    assert ask(idempotency_key="k").position == 1
    world.settle()
    with aws.counting() as calls:
        assert ask(idempotency_key="k").position == 0
    assert calls == {("DynamoDB", "PutItem"): 1}
    assert ask(run_at=START + 60_000).position == 0


def test_a_place_far_back_is_not_counted_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_estimate, "MAX_POSITION", 3)
    assert [ask().position for _ in range(4)] == [1, 2, 3, 3]
    with aws.counting() as calls:
        assert ask().position == 3
    assert calls["DynamoDB", "Query"] == 1


def test_a_second_a_task_is_assumed_while_nothing_has_been_measured(world: World) -> None:
    assert [ask().remaining_ms for _ in range(3)] == [1_000, 2_000, 3_000]


@pytest.mark.parametrize(
    ("measured", "place", "milliseconds"),
    [
        # One worker, ten seconds a task, nothing ever waited.
        ({"taken": 6, "took_ms": 60_000, "wholes": 6, "whole_ms": 60_600}, 1, 10_100),
        ({"taken": 6, "took_ms": 60_000, "wholes": 6, "whole_ms": 60_600}, 3, 30_000),
        # Five tasks are held at once: five times as fast.
        ({"taken": 6, "took_ms": 60_000, "wholes": 6, "whole_ms": 60_600, "active": 5}, 11, 30_000),
        # 60 completed in the five minutes that have just begun and the five before: more than those held tell.
        ({"taken": 60, "took_ms": 1_200_000, "wholes": 60, "whole_ms": 1_200_000, "done_0": 60}, 11, 70_000),
        # A backlog that has lasted: the estimate for the next task is what tasks have taken lately, waiting included.
        ({"taken": 6, "took_ms": 60_000, "wholes": 6, "whole_ms": 600_000}, 1, 100_000),
        ({"taken": 5, "took_ms": 0, "wholes": 5, "whole_ms": 0}, 1, 1),
    ],
)
def test_the_estimate_is_what_is_ahead_at_the_measured_rate_and_then_the_task_itself(
    measured: dict[str, int], place: int, milliseconds: float
) -> None:
    assert wait_estimate._expected_ms(place, figures(**measured)) == pytest.approx(milliseconds)


def test_an_estimate_comes_true_for_a_steady_worker(world: World) -> None:
    """One worker does one task after another, 10 seconds each."""
    pull(world, capabilities=("t",))

    def work() -> None:
        world.settle()
        world.clock.advance(10)
        complete(next(task for task in world.tasks() if task.is_held))
        world.settle()

    for _ in range(3):
        ask()
        work()
    start = world.clock.now()
    promised = [ask().remaining_ms for _ in range(3)]
    for _ in range(3):
        work()
    took = [(task.finished_at or 0) - task.created_at for task in world.tasks() if task.created_at > start]
    assert promised == pytest.approx(sorted(took), rel=0.05)


def test_a_queue_is_full_by_the_gauge_and_by_what_this_process_let_in_since(world: World) -> None:
    config.replace(queue_limits={POOL: 3})
    for _ in range(3):
        ask()
    with aws.counting() as calls, pytest.raises(QueueFull, match="3 of at most 3 tasks wait") as refused:
        ask()
    assert (refused.value.status, refused.value.facts) == (503, {"limit": 3})
    assert not calls
    world.settle()
    world.clock.advance(CACHE_MS / 1000)
    with pytest.raises(QueueFull):
        ask()
    lifecycle.cancel(ORG, world.tasks()[0].id)
    world.settle()
    world.clock.advance(CACHE_MS / 1000)
    assert ask().position == 3
    assert len(world.tasks()) == 4


def test_a_full_queue_takes_what_it_has_taken_before(world: World) -> None:
    """The answer to the first request was lost: a refusal would have its caller submit the task again."""
    config.replace(queue_limits={POOL: 2})
    assert [ask(idempotency_key=key).position for key in ("k", "l")] == [1, 2]
    assert [ask(idempotency_key=key).position for key in ("k", "l")] == [1, 2]
    with pytest.raises(QueueFull):
        ask(idempotency_key="new")
    with pytest.raises(IdempotencyMismatch):
        ask(idempotency_key="k", payload={"other": 1})
    assert len(world.tasks()) == 2


@pytest.mark.parametrize("limits", [{}, {POOL: 0}, {"other": 1}])
def test_without_a_limit_of_its_own_a_pool_takes_any_number(limits: dict[str, int], world: World) -> None:
    config.replace(queue_limits=limits)
    assert [ask().position for _ in range(3)] == [1, 2, 3]


def test_accepting_costs_two_calls_and_one_more_each_two_seconds(world: World) -> None:
    costs = []
    for wait in (0, 1, 1):
        world.clock.advance(wait)
        with aws.counting() as calls:
            ask()
        costs.append(calls.total())
    assert costs == [3, 2, 3]
