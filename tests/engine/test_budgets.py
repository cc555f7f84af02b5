"""The most AWS calls of each operation, which are its cost."""

from collections.abc import Callable

import pytest

from chalicelib import clock
from chalicelib.domain.changes.effects import DispatchRequest
from chalicelib.domain.tasks import transitions
from chalicelib.engine.dispatch import dispatcher
from chalicelib.engine.security import rate_limits
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import pools, registry
from chalicelib.storage.aws.columns import wake_shards
from chalicelib.storage.tasks.table import TaskItem, large_values, task_values
from tests.domain import samples
from tests.engine.helpers import complete, hand_over_task, pull, send_heartbeat
from tests.support import aws
from tests.support.world import ORG, POOL, START, World, answer

FEW, MANY = 10, 2_000


def fill(count: int) -> None:
    """Add other tasks to the table: half of them wait for a worker that never comes, half sleep."""
    with TaskItem.batch_write() as batch:
        for number in range(count):
            draft = samples.draft(id=f"task_{number}", org=ORG, pool=POOL, lane="quantum", deadline=2 * START)
            task = transitions.sleeping(draft, 2 * START, START) if number % 2 else transitions.ready(draft, START)
            values = task_values(task) | large_values(task)
            batch.save(TaskItem(**{name: value for name, value in values.items() if value is not None}))


def count_calls(work: Callable[[], object]) -> int:
    with aws.counting() as counted:
        work()
    return counted.total()


@pytest.mark.parametrize("others", [FEW, MANY])
def test_each_request_and_each_pass_keeps_to_its_budget_whatever_the_table_holds(world: World, others: int) -> None:
    fill(others)
    world._read["tasks"] = others
    worker = pull(world, max_concurrent=5)
    task = hand_over_task(world)
    assert count_calls(world.submit) == 1
    assert count_calls(lambda: lifecycle.get(ORG, task.id)) == 1
    assert count_calls(lambda: send_heartbeat(worker)) == 1
    assert count_calls(lambda: complete(task)) == 1
    assert count_calls(lambda: registry.list_workers(ORG, POOL)) == 1
    assert count_calls(lambda: pools.find_with_workers(ORG, POOL)) == 1
    assert count_calls(lambda: rate_limits.admit("k", 100, clock.MINUTE)) == 1
    world.settle()
    ready = [world.submit() for _ in range(4)]  # beside the one above, which holds a slot
    dispatch_requests = [
        DispatchRequest(org=ORG, pool=POOL, task_id=one.id, lane=one.lane, needs=one.needs) for one in ready
    ]
    assert count_calls(lambda: dispatcher.run_pass(ORG, POOL, dispatch_requests)) <= 1 + 1 + 1 + len(ready) + 1
    assert all(world.task(one.id).is_held for one in ready)


def test_an_idle_pass_queries_the_workers_and_the_lanes_and_writes_nothing(world: World) -> None:
    pull(world, max_concurrent=2)
    complete(hand_over_task(world))
    world.settle()
    with aws.counting() as counted:
        dispatcher.run_pass(ORG, POOL, [DispatchRequest(org=ORG, pool=POOL)])
    assert counted == {("DynamoDB", "Query"): 2}


def test_a_whole_life_in_batches_costs_at_most_twelve_calls_a_task(world: World) -> None:
    world.register(reply=lambda *_: answer(200, {"ok": True}), max_concurrent=10)
    world.settle()
    count = 50

    def run_lives() -> None:
        for number in range(count):
            rate_limits.admit("client", 10_000, clock.MINUTE)
            task = world.submit()
            if number % 10 == 9:
                world.settle()
            rate_limits.admit("client", 10_000, clock.MINUTE)
            lifecycle.get(ORG, task.id)

    assert count_calls(run_lives) / count <= 12
    assert all(task.is_terminal for task in world.tasks())


def test_a_minute_without_work_costs_only_the_queries_of_what_may_be_due(world: World) -> None:
    world.settle()
    indexes = 4 * len(wake_shards())  # of tasks, workers and deliveries to webhooks and to messengers
    jobs, parked = 1, 2  # a new process also asks for the URL of a queue
    assert count_calls(lambda: world.advance(60)) <= indexes + jobs + parked
