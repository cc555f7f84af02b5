"""Reports of completed work that name no task, and the workers' counters."""

import pytest

from chalicelib.domain.statistics import counters as rules
from chalicelib.domain.tasks.task import Status
from chalicelib.domain.tasks.transitions import Reason
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import completion_reports, pools, registry
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.workers.workers import Outcome
from tests.engine.helpers import complete, hand_over_task, pull, run_together
from tests.support import aws
from tests.support.world import ORG, POOL, World


def report(worker_id: str, outcome: Outcome = "completed") -> tuple[int, int]:
    worker = completion_reports.report_outcome(ORG, POOL, worker_id, outcome)
    return worker.completed, worker.failed


def recount(world: World) -> tuple[int, int]:
    """The number of completions of all workers in the event log."""
    world.settle()
    partition = rules.lifetime_partition(ORG, POOL)
    rows = [counts for row, counts in world.rows().items() if row[0] == partition and row[1].startswith("worker#")]
    return sum(row["completed"] for row in rows), sum(row.failures for row in rows)


def test_a_worker_that_holds_nothing_is_counted_in_one_call(world: World) -> None:
    worker = pull(world)
    with aws.counting() as calls:
        assert report(worker.id) == (1, 0)
    assert calls.total() == 1
    assert report(worker.id, "failed") == (1, 1)
    assert recount(world) == (1, 1)


@pytest.mark.parametrize("outcome", ["completed", "failed"])
def test_its_one_task_ends_with_the_report_and_counts_once(world: World, outcome: Outcome) -> None:
    worker = pull(world)
    task = hand_over_task(world)
    assert report(worker.id, outcome) == ((1, 0) if outcome == "completed" else (0, 1))
    ended = world.task(task.id)
    assert ended.status is (Status.COMPLETED if outcome == "completed" else Status.FAILED)
    assert ended.error is None or ended.error["code"] == Reason.WORKER_FAILED
    assert world.worker(worker.id).leases == {}
    assert recount(world) == ((1, 0) if outcome == "completed" else (0, 1))


def test_with_several_tasks_it_must_be_said_which(world: World) -> None:
    worker = pull(world, max_concurrent=3)
    tasks = [hand_over_task(world) for _ in range(2)]
    with pytest.raises(Conflict) as refusal:
        report(worker.id)
    assert all(task.id in refusal.value.message for task in tasks)
    assert recount(world) == (0, 0)
    complete(tasks[0])
    assert report(worker.id) == (2, 0)
    assert world.task(tasks[1].id).status is Status.COMPLETED


def test_reports_at_once_count_each_once(world: World) -> None:
    worker = pull(world)
    outcomes = run_together([lambda: report(worker.id)] * 20)
    assert all(isinstance(one, tuple) for one in outcomes)
    assert world.worker(worker.id).completed == 20
    assert recount(world) == (20, 0)


def test_a_worker_nobody_registered_here_cannot_report(world: World) -> None:
    worker = pull(world)
    registry.unregister(ORG, POOL, worker.id)
    for org, pool, name in ((ORG, POOL, worker.id), (ORG, POOL, "none"), ("other", POOL, worker.id)):
        with pytest.raises(NotFound, match="Worker not found"):
            completion_reports.report_outcome(org, pool, name, "completed")


def test_what_a_worker_did_outlives_it(world: World) -> None:
    first, second, idle = (pull(world, name) for name in ("first", "second", "idle"))
    for worker in (first, first, second):
        report(worker.id)
    report(second.id, "failed")
    held_by_first = world.submit()
    world.settle()
    assert lifecycle.get(ORG, held_by_first.id).is_held
    for worker in (first, idle):
        registry.unregister(ORG, POOL, worker.id)
        assert pools.summarize(ORG, POOL)[1:] == (3, 1), "not counted twice while it goes"
        world.settle()
        assert pools.summarize(ORG, POOL)[1:] == (3, 1)
    assert {one.id for one in pools.summarize(ORG, POOL).workers} == {second.id}
    assert recount(world) == (3, 1)
