from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.changes.effects import Nudge
from chalicelib.domain.tasks.balancing import Algorithm
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.dispatch import dispatcher
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import pools
from chalicelib.storage.workers import pools as pool_storage
from tests.engine.helpers import beat, complete, held, pull, together
from tests.support import aws
from tests.support.aws import Call
from tests.support.world import ORG, POOL, START, World


def named(task: Task) -> Nudge:
    return Nudge(org=ORG, pool=POOL, task_id=task.id, lane=task.lane, needs=task.needs)


def run(*found: Task) -> int:
    return dispatcher.run(ORG, POOL, [named(task) for task in found] or [Nudge(org=ORG, pool=POOL)])


def memory() -> Any:
    return pool_storage.crew(ORG, POOL)[0]


def lease_order(house: World) -> list[str]:
    """Ids of the tasks in the order in which they were first leased."""
    seen: list[str] = []
    for record in aws.stream("yardmaster-tasks"):
        image = record["dynamodb"].get("NewImage", {})
        name = image["id"]["S"]
        if image["status"]["S"] == "leased" and name not in seen:
            seen.append(name)
    return seen


def test_the_most_urgent_go_first_and_of_these_the_oldest_over_lanes_and_batches(house: World) -> None:
    made = []
    for number, priority in enumerate([0, 9, 5, 5, 9, 1, 7, 5, 9, 3] * 3):
        needs = (("gpu",), (), ("gpu", "ocr"))[number % 3]
        made.append(house.submit(priority=priority, capabilities=needs))
        house.clock.advance(0.01)
    house.settle()
    worker = pull(house, capabilities=("gpu", "ocr"), max_concurrent=4)
    while any(not task.terminal for task in house.tasks()):
        beat(worker)
        house.settle()
        for task_id in list(house.worker(worker.id).leases):
            complete(house.task(task_id))
        house.clock.advance(1)
    right = sorted(made, key=lambda task: (-task.priority, task.created_at))
    assert lease_order(house) == [task.id for task in right]


def test_more_slots_than_a_page_do_not_let_a_less_urgent_lane_go_first(house: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(dispatcher, "LANE_PAGE", 4)
    urgent = [house.submit(priority=9, capabilities=("gpu",)) for _ in range(7)]
    idle = [house.submit(priority=1) for _ in range(4)]
    pull(house, capabilities=("gpu",), max_concurrent=8)
    assert run(urgent[0], idle[0]) == 8
    assert sum(house.task(task.id).held for task in urgent) == 7


def test_sixteen_passes_at_once_never_give_a_worker_more_than_it_takes(house: World) -> None:
    crew = [pull(house, f"w{n}", max_concurrent=n + 1) for n in range(3)]
    made = [house.submit() for _ in range(20)]
    leased = together([lambda: run(*made)] * 16)
    assert sum(one for one in leased if isinstance(one, int)) == 6
    for number, worker in enumerate(crew):
        leases = house.worker(worker.id).leases
        assert len(leases) == number + 1
        assert {task_id: house.task(task_id).epoch for task_id in leases} == dict(leases)
        assert {house.task(task_id).worker_id for task_id in leases} == {worker.id}


def test_tasks_that_nobody_can_do_hold_up_no_other(house: World) -> None:
    stuck = [house.submit(priority=9, capabilities=("quantum",)) for _ in range(5)]
    stuck.append(house.submit(priority=9, group="moon"))
    fine = house.submit(priority=0)
    pull(house, max_concurrent=2)
    house.settle()
    assert house.task(fine.id).held
    assert all(house.task(task.id).ready for task in stuck)


def test_a_task_that_is_wanted_but_gone_meanwhile_costs_nobody_a_slot_for_long(house: World) -> None:
    gone, fine = house.submit(priority=9), house.submit()
    pull(house)
    lifecycle.cancel(ORG, gone.id)
    assert run(gone, fine) == 1
    assert house.task(fine.id).held


def test_a_lost_nudge_delays_a_task_by_a_minute_at_most(house: World) -> None:
    pull(house)
    house.settle()
    house.queues.faults.drop = 1.0
    task = house.submit()
    house.settle()
    house.queues.faults.drop = 0.0
    assert task.ready
    house.advance(59)
    assert house.task(task.id).ready
    house.advance(1)
    assert house.task(task.id).held


def test_while_tasks_wait_the_pool_is_looked_at_each_minute_and_left_alone_afterwards(house: World) -> None:
    worker = pull(house, capabilities=("gpu",))
    first, second = held(house, capabilities=("gpu",)), held(house, capabilities=("gpu",))
    assert (first.held, second.ready) == (True, True)
    assert memory().wake_at == START + 60_000
    house.queues.faults.drop = 1.0
    complete(first)
    house.advance(30)
    beat(worker)
    assert house.task(second.id).ready
    house.queues.faults.drop = 0.0
    house.advance(31)
    assert house.task(second.id).held
    for _ in range(4):
        house.advance(30)
        beat(worker)
    assert memory().wake_at is None


def test_a_waiting_task_keeps_the_marker_up_minute_after_minute(house: World) -> None:
    house.submit(capabilities=("quantum",))
    worker = pull(house)
    for _ in range(6):
        house.advance(60)
        beat(worker)
        assert (memory().wake_at or 0) > house.clock.now() - 1


def test_another_algorithm_is_used_by_the_very_next_pass_and_starts_clean(house: World) -> None:
    workers = [pull(house, name, weight=weight, max_concurrent=9) for name, weight in (("a", 1), ("b", 100))]
    heavy = workers[1].id
    assert [held(house).worker_id for _ in range(3)] == [heavy] * 3
    pools.set_algorithm(ORG, POOL, Algorithm.LEAST_CONNECTIONS)
    assert (memory().algorithm, memory().weights, memory().cursor) == ("least-connections", {}, None)
    assert [held(house).worker_id for _ in range(3)] == [workers[0].id] * 3


def test_an_algorithm_can_be_chosen_before_the_pool_has_any_memory(house: World) -> None:
    pools.set_algorithm(ORG, POOL, Algorithm.RANDOM)
    assert pools.overview(ORG, POOL)[0].algorithm == "random"


def test_beyond_the_lanes_it_keeps_a_pool_forgets_empty_ones_and_a_nudge_opens_them_again(house: World) -> None:
    pull(house, capabilities=tuple(f"c{n}" for n in range(8)), max_concurrent=100)
    before, dispatcher.LANES_KEPT = dispatcher.LANES_KEPT, 5
    try:
        for number in range(8):
            held(house, capabilities=(f"c{number}",))
        run()
        assert len(memory().lanes) <= 5
        assert all(house.task(task.id).held for task in house.tasks())
        assert held(house, capabilities=("c0",)).held
    finally:
        dispatcher.LANES_KEPT = before


class OldIndex:
    """Answers queries of the ready index as they were answered once before; the first query of a pass is the crew's."""

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


def test_a_task_that_the_index_does_not_show_yet_is_found_by_its_nudge(house: World) -> None:
    pull(house, max_concurrent=5)
    held(house)
    index = OldIndex()
    with aws.interfering(index):
        run()
        index.replay = True
        task = house.submit()
        assert run(task) == 1
    assert house.task(task.id).held


def test_a_row_that_the_index_still_shows_is_not_leased_again(house: World) -> None:
    pull(house, max_concurrent=5)
    task = house.submit()
    index = OldIndex()
    with aws.interfering(index):
        run(task)
        before = house.task(task.id)
        index.replay = True
        assert run() == 0
    assert before.status is Status.LEASED
    assert house.task(task.id) == before


@pytest.mark.parametrize("org", ["other"])
def test_a_nudge_that_names_another_tenant_s_task_leases_nothing(house: World, org: str) -> None:
    pull(house)
    foreign = house.submit(org=org)
    assert run(foreign) == 0
    assert lifecycle.get(org, foreign.id).ready
