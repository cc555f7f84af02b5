from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.changes.effects import DispatchRequest
from chalicelib.domain.tasks.balancing import Algorithm
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.dispatch import dispatcher
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import pools
from chalicelib.storage.workers import pools as pool_storage
from tests.engine.helpers import complete, hand_over_task, pull, run_together, send_heartbeat
from tests.support import aws
from tests.support.aws import Call
from tests.support.world import ORG, POOL, START, World


def request_for(task: Task) -> DispatchRequest:
    return DispatchRequest(org=ORG, pool=POOL, task_id=task.id, lane=task.lane, needs=task.needs)


def run(*found: Task) -> int:
    return dispatcher.run_pass(
        ORG, POOL, [request_for(task) for task in found] or [DispatchRequest(org=ORG, pool=POOL)]
    )


def read_pool() -> Any:
    return pool_storage.find_with_workers(ORG, POOL)[0]


def lease_order(world: World) -> list[str]:
    """The ids of the tasks in the order of their first leases."""
    seen: list[str] = []
    for record in aws.stream_records("yardmaster-tasks"):
        image = record["dynamodb"].get("NewImage", {})
        name = image["id"]["S"]
        if image["status"]["S"] == "leased" and name not in seen:
            seen.append(name)
    return seen


def test_the_most_urgent_go_first_and_of_these_the_oldest_over_lanes_and_batches(world: World) -> None:
    tasks = []
    for number, priority in enumerate([0, 9, 5, 5, 9, 1, 7, 5, 9, 3] * 3):
        needs = (("gpu",), (), ("gpu", "ocr"))[number % 3]
        tasks.append(world.submit(priority=priority, capabilities=needs))
        world.clock.advance(0.01)
    world.settle()
    worker = pull(world, capabilities=("gpu", "ocr"), max_concurrent=4)
    while any(not task.is_terminal for task in world.tasks()):
        send_heartbeat(worker)
        world.settle()
        for task_id in list(world.worker(worker.id).leases):
            complete(world.task(task_id))
        world.clock.advance(1)
    right = sorted(tasks, key=lambda task: (-task.priority, task.created_at))
    assert lease_order(world) == [task.id for task in right]


def test_more_slots_than_a_page_do_not_let_a_less_urgent_lane_go_first(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(dispatcher, "LANE_PAGE", 4)
    urgent = [world.submit(priority=9, capabilities=("gpu",)) for _ in range(7)]
    idle = [world.submit(priority=1) for _ in range(4)]
    pull(world, capabilities=("gpu",), max_concurrent=8)
    assert run(urgent[0], idle[0]) == 8
    assert sum(world.task(task.id).is_held for task in urgent) == 7


def test_sixteen_passes_at_once_never_give_a_worker_more_than_it_takes(world: World) -> None:
    pulling = [pull(world, f"w{n}", max_concurrent=n + 1) for n in range(3)]
    made = [world.submit() for _ in range(20)]
    leased = run_together([lambda: run(*made)] * 16)
    assert sum(one for one in leased if isinstance(one, int)) == 6
    for number, worker in enumerate(pulling):
        leases = world.worker(worker.id).leases
        assert len(leases) == number + 1
        assert {task_id: world.task(task_id).epoch for task_id in leases} == dict(leases)
        assert {world.task(task_id).worker_id for task_id in leases} == {worker.id}


def test_tasks_that_nobody_can_do_hold_up_no_other(world: World) -> None:
    stuck = [world.submit(priority=9, capabilities=("quantum",)) for _ in range(5)]
    stuck.append(world.submit(priority=9, group="moon"))
    fine = world.submit(priority=0)
    pull(world, max_concurrent=2)
    world.settle()
    assert world.task(fine.id).is_held
    assert all(world.task(task.id).is_ready for task in stuck)


def test_a_task_that_is_wanted_but_gone_meanwhile_costs_nobody_a_slot_for_long(world: World) -> None:
    gone, fine = world.submit(priority=9), world.submit()
    pull(world)
    lifecycle.cancel(ORG, gone.id)
    assert run(gone, fine) == 1
    assert world.task(fine.id).is_held


def test_a_lost_dispatch_request_delays_a_task_by_a_minute_at_most(world: World) -> None:
    pull(world)
    world.settle()
    world.queues.faults.drop = 1.0
    task = world.submit()
    world.settle()
    world.queues.faults.drop = 0.0
    assert task.is_ready
    world.advance(59)
    assert world.task(task.id).is_ready
    world.advance(1)
    assert world.task(task.id).is_held


def test_while_tasks_wait_the_pool_is_checked_each_minute_and_left_alone_afterwards(world: World) -> None:
    worker = pull(world, capabilities=("gpu",))
    first, second = hand_over_task(world, capabilities=("gpu",)), hand_over_task(world, capabilities=("gpu",))
    assert (first.is_held, second.is_ready) == (True, True)
    assert read_pool().wake_at == START + 60_000
    world.queues.faults.drop = 1.0
    complete(first)
    world.advance(30)
    send_heartbeat(worker)
    assert world.task(second.id).is_ready
    world.queues.faults.drop = 0.0
    world.advance(31)
    assert world.task(second.id).is_held
    for _ in range(4):
        world.advance(30)
        send_heartbeat(worker)
    assert read_pool().wake_at is None


def test_a_waiting_task_keeps_its_pool_due_minute_after_minute(world: World) -> None:
    world.submit(capabilities=("quantum",))
    worker = pull(world)
    for _ in range(6):
        world.advance(60)
        send_heartbeat(worker)
        assert (read_pool().wake_at or 0) > world.clock.now() - 1


def test_another_algorithm_is_used_by_the_very_next_pass_and_starts_clean(world: World) -> None:
    workers = [pull(world, name, weight=weight, max_concurrent=9) for name, weight in (("a", 1), ("b", 100))]
    heavy = workers[1].id
    assert [hand_over_task(world).worker_id for _ in range(3)] == [heavy] * 3
    pools.set_algorithm(ORG, POOL, Algorithm.LEAST_CONNECTIONS)
    assert (read_pool().algorithm, read_pool().weights, read_pool().cursor) == ("least-connections", {}, None)
    assert [hand_over_task(world).worker_id for _ in range(3)] == [workers[0].id] * 3


def test_an_algorithm_can_be_chosen_before_the_pool_has_any_memory(world: World) -> None:
    pools.set_algorithm(ORG, POOL, Algorithm.RANDOM)
    assert pools.find_with_workers(ORG, POOL)[0].algorithm == "random"


def test_a_pool_with_too_many_lanes_forgets_empty_ones_and_a_dispatch_request_opens_them_again(world: World) -> None:
    pull(world, capabilities=tuple(f"c{n}" for n in range(8)), max_concurrent=100)
    before, dispatcher.MAX_LANES = dispatcher.MAX_LANES, 5
    try:
        for number in range(8):
            hand_over_task(world, capabilities=(f"c{number}",))
        run()
        assert len(read_pool().lanes) <= 5
        assert all(world.task(task.id).is_held for task in world.tasks())
        assert hand_over_task(world, capabilities=("c0",)).is_held
    finally:
        dispatcher.MAX_LANES = before


class OldIndex:
    """Answers queries of the ready index with an earlier state. A pass queries the workers first."""

    def __init__(self) -> None:
        self._queries: list[Any] = []
        self.replay = False

    def __call__(self, call: Call, send: Callable[[], Any]) -> Any:
        if call != ("DynamoDB", "Query"):
            return send()
        self._asked = getattr(self, "_asked", 0) + 1
        if self._asked % 2 and self._queries is not None:
            return send()
        if self.replay:
            return self._queries[0]
        self._queries.append(send())
        return self._queries[-1]


def test_a_task_that_the_index_does_not_show_yet_is_found_by_its_dispatch_request(world: World) -> None:
    pull(world, max_concurrent=5)
    hand_over_task(world)
    index = OldIndex()
    with aws.interfering(index):
        run()
        index.replay = True
        task = world.submit()
        assert run(task) == 1
    assert world.task(task.id).is_held


def test_a_row_that_the_index_still_shows_is_not_leased_again(world: World) -> None:
    pull(world, max_concurrent=5)
    task = world.submit()
    index = OldIndex()
    with aws.interfering(index):
        run(task)
        before = world.task(task.id)
        index.replay = True
        assert run() == 0
    assert before.status is Status.LEASED
    assert world.task(task.id) == before


@pytest.mark.parametrize("org", ["other"])
def test_a_dispatch_request_that_names_another_tenant_s_task_leases_nothing(world: World, org: str) -> None:
    pull(world)
    foreign = world.submit(org=org)
    assert run(foreign) == 0
    assert lifecycle.get(org, foreign.id).is_ready
