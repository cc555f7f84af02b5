from collections import Counter
from typing import Any

import pytest

from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import ConcurrencyLimit, Holder, Status, Task
from chalicelib.engine.dispatch import dispatcher
from chalicelib.engine.tasks import assignment, concurrency_limits, lifecycle
from chalicelib.engine.workers import completion_reports, registry
from chalicelib.errors import Conflict, LeaseLost, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workers import concurrency_limits as storage
from chalicelib.storage.workers.table import ConcurrencyLimitItem
from tests.engine.helpers import complete, holder, pull, run_together, send_heartbeat
from tests.support import aws
from tests.support.world import ORG, POOL, World

ONE = ConcurrencyLimit("k", 1)


def statuses(world: World, *made: Task) -> list[Status]:
    return [world.task(task.id).status for task in made]


def holders(world: World, key: str = "k") -> set[str]:
    return world.limit_holders().get((f"{ORG}#{POOL}", key), set())


def submit_tasks(world: World, permit: ConcurrencyLimit | None, count: int = 1, **fields: Any) -> list[Task]:
    """Submit tasks one after another, so that the first is the oldest."""
    tasks = []
    for _ in range(count):
        tasks.append(world.submit(concurrency_limit=permit, **fields))
        world.clock.advance(0.01)
    world.settle()
    return [world.task(task.id) for task in tasks]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_more_of_a_key_are_held_than_its_limit_and_the_next_follows_at_once(world: World, limit: int) -> None:
    pull(world, max_concurrent=9)
    pull(world, "other", max_concurrent=9)
    tasks = submit_tasks(world, ConcurrencyLimit("k", limit), 5)
    while waiting := [task for task in world.tasks() if not task.is_terminal]:
        held = [task for task in waiting if task.is_held]
        assert len(held) == min(limit, len(waiting))
        assert holders(world) == {task.id for task in held}
        complete(held[0])
        world.settle()
    assert (holders(world), len(tasks)) == (set(), 5)


def test_a_key_s_tasks_take_turns_by_urgency_and_age(world: World) -> None:
    pull(world, max_concurrent=9)
    [first] = submit_tasks(world, ONE)
    made = [world.submit(concurrency_limit=ONE, priority=priority) for priority in (1, 5, 9)]
    world.settle()
    for task in (first, *reversed(made)):
        assert holders(world) == {task.id}
        complete(world.task(task.id))
        world.settle()


def test_tasks_that_wait_for_a_permit_delay_no_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "LANE_PAGE", 4)
    pull(world, max_concurrent=4)
    blocked = submit_tasks(world, ONE, 12, priority=9)
    [other, free] = [
        *submit_tasks(world, ConcurrencyLimit("other", 1), priority=1),
        *submit_tasks(world, None, priority=0),
    ]
    assert sum(world.task(task.id).is_held for task in blocked) == 1
    assert statuses(world, other, free) == [Status.LEASED] * 2


def test_other_pools_and_orgs_have_permits_of_their_own(world: World) -> None:
    pull(world, max_concurrent=9)
    pull(world, org="other")
    pull(world, pool="support")
    tasks = [
        world.submit(concurrency_limit=ONE),
        world.submit(concurrency_limit=ONE, org="other"),
        world.submit(concurrency_limit=ONE, pool="support"),
    ]
    world.settle()
    assert [lifecycle.get(task.org, task.id).is_held for task in tasks] == [True] * 3


def test_a_task_whose_needs_nobody_offers_takes_no_permit(world: World) -> None:
    pull(world)
    submit_tasks(world, ONE, capabilities=("quantum",), priority=9)
    [fine] = submit_tasks(world, ONE)
    assert holders(world) == {fine.id}


ENDINGS = {
    "completed": lambda task: lifecycle.complete(ORG, POOL, task.id, holder(task), 1),
    "completed on its holder's behalf": lambda task: lifecycle.complete(ORG, POOL, task.id, None, 1),
    "failed": lambda task: lifecycle.fail(ORG, task.id, holder(task), reported_failure("no", retryable=False)),
    "failed for now": lambda task: lifecycle.fail(ORG, task.id, holder(task), reported_failure("no")),
    "cancelled": lambda task: lifecycle.cancel(ORG, task.id),
    "released": lambda task: lifecycle.release(ORG, task.id, holder(task), rest_until=task.deadline),
    "its worker removed": lambda task: registry.unregister(ORG, POOL, task.worker_id or ""),
}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("ending", ENDINGS)
def test_however_a_lease_ends_the_permit_is_free_and_the_next_task_is_placed(
    world: World, ending: str, begun: bool
) -> None:
    pull(world, "one")
    first, second = submit_tasks(world, ONE, 2)
    if begun:
        lifecycle.report_progress(ORG, first.id, holder(first), 50)
    pull(world, "two")
    world.settle()
    ENDINGS[ending](first)
    world.settle()
    [held] = [task for task in world.tasks() if task.is_held]
    assert held.id in {first.id, second.id}
    assert (held.worker_id != first.worker_id or held.epoch == 1) and holders(world) == {held.id}


def test_the_permit_of_a_worker_that_died_is_free_with_its_lease(world: World) -> None:
    dead = pull(world, "dead")
    first, second = submit_tasks(world, ONE, 2)
    alive = pull(world, "alive")
    for _ in range(5):
        world.advance(30)
        send_heartbeat(alive)
    assert world.task(first.id).worker_id == dead.id or world.task(first.id).attempts == 1
    assert holders(world) == {task.id for task in world.tasks() if task.is_held} and len(holders(world)) == 1
    assert world.task(second.id).worker_id == alive.id


def test_where_the_dispatch_request_is_lost_the_sweep_finds_the_next_task(world: World) -> None:
    worker = pull(world, max_concurrent=2)
    first, second = submit_tasks(world, ONE, 2)
    world.queues.faults.drop = 1.0
    complete(first)
    world.settle()
    world.queues.faults.drop = 0.0
    assert world.task(second.id).is_ready
    for _ in range(2):
        send_heartbeat(worker)
        world.advance(60)
    assert world.task(second.id).is_held


def test_passes_at_once_never_go_beyond_the_limit(world: World) -> None:
    for number in range(4):
        pull(world, f"w{number}")
    made = [world.submit(concurrency_limit=ConcurrencyLimit("k", 2)) for _ in range(6)]
    dispatch_requests = [
        dispatcher.DispatchRequest(org=ORG, pool=POOL, task_id=t.id, lane=t.lane, needs=t.needs) for t in made
    ]
    leased = run_together([lambda: dispatcher.run_pass(ORG, POOL, dispatch_requests)] * 8)
    assert sum(one for one in leased if isinstance(one, int)) == 2
    assert len(holders(world)) == 2


def test_a_pass_that_finds_the_permit_gone_leaves_the_worker_to_others(world: World) -> None:
    pull(world)
    urgent, fine = world.submit(concurrency_limit=ONE, priority=9), world.submit()
    dispatch_requests = [
        dispatcher.DispatchRequest(org=ORG, pool=POOL, task_id=t.id, lane=t.lane, needs=t.needs) for t in (urgent, fine)
    ]
    late = [storage.acquire_write(ORG, POOL, "k", 1, "somebody_else")]

    def take_in_between(call: aws.Call, send: Any) -> Any:
        if call == ("DynamoDB", "TransactWriteItems") and late:
            dynamodb.commit(late.pop())
        return send()

    with aws.interfering(take_in_between):
        assert dispatcher.run_pass(ORG, POOL, dispatch_requests) == 1
    assert statuses(world, urgent, fine) == [Status.PENDING, Status.LEASED]


def test_assigning_by_hand_needs_a_permit_too(world: World) -> None:
    worker = pull(world, max_concurrent=3)
    first, second = (world.submit(concurrency_limit=ONE, manual=True) for _ in range(2))
    assignment.assign(ORG, POOL, first.id, worker.id)
    with pytest.raises(Conflict, match=f"{second.id} waits for its turn on k: 1 of 1 in use by {first.id}"):
        assignment.assign(ORG, POOL, second.id, worker.id)
    assert len(world.worker(worker.id).leases) == 1
    lifecycle.cancel(ORG, first.id)
    assert assignment.assign(ORG, POOL, second.id, worker.id).is_held


def test_an_assignment_of_a_task_that_was_taken_meanwhile_is_refused_for_its_status(world: World) -> None:
    worker, other = pull(world), pull(world, "other", max_concurrent=2)
    first = world.submit(concurrency_limit=ONE, manual=True)
    late = [first.id]

    def take_in_between(call: aws.Call, send: Any) -> Any:
        if call == ("DynamoDB", "TransactWriteItems") and late:
            assignment.assign(ORG, POOL, late.pop(), other.id)
        return send()

    with aws.interfering(take_in_between), pytest.raises(Conflict, match="only a pending task can be assigned"):
        assignment.assign(ORG, POOL, first.id, worker.id)
    assert holders(world) == {first.id}


def test_a_late_result_gives_nobody_else_s_permit_back(world: World) -> None:
    worker = pull(world)
    [task] = submit_tasks(world, ONE)
    lifecycle.release(ORG, task.id, holder(task))
    world.settle()
    assert world.task(task.id).epoch == 2
    with pytest.raises(LeaseLost):
        lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), "late")
    assert holders(world) == {task.id}
    complete(world.task(task.id), "right")
    complete(world.task(task.id), "right", Holder(worker.id, 2))
    assert holders(world) == set()


@pytest.mark.parametrize("ending", ["completed", "completed on its holder's behalf", "cancelled", "failed"])
def test_a_permit_that_is_missing_does_not_hold_its_task(world: World, ending: str) -> None:
    worker = pull(world)
    [task] = submit_tasks(world, ONE)
    dynamodb.commit(storage.release_write(ORG, POOL, "k", task.id))
    ENDINGS[ending](task)
    assert str(world.task(task.id).status) == ending.partition(" ")[0]
    assert not world.worker(worker.id).leases


def test_a_permit_is_no_worker(world: World) -> None:
    pull(world)
    submit_tasks(world, ONE)
    for work in (registry.get, lambda *who: completion_reports.report_outcome(*who, "completed")):
        with pytest.raises(NotFound):
            work(ORG, POOL, "#permit#k")


def test_a_pool_forgets_keys_that_nobody_uses_once_there_are_too_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency_limits, "MAX_IDLE_KEYS", 1)
    pull(world, max_concurrent=9)
    made = [submit_tasks(world, ConcurrencyLimit(key, 1))[0] for key in "abcd"]
    for task in made[1:]:
        complete(task)
    world.settle()
    dispatcher.run_pass(ORG, POOL, [])
    assert [item.id for item in aws.items(ConcurrencyLimitItem)] == ["#permit#a", "#permit#b"]
    with pytest.raises(ConditionFailed):
        dynamodb.commit(storage.delete_idle_write(ORG, POOL, "a"))


def count_calls(permit: ConcurrencyLimit | None, world: World) -> list[Counter[aws.Call]]:
    """The AWS calls of a task's lease and end."""
    with aws.counting() as leased:
        task = world.submit(concurrency_limit=permit)
        dispatcher.run_pass(
            ORG,
            POOL,
            [dispatcher.DispatchRequest(org=ORG, pool=POOL, task_id=task.id, lane=task.lane, needs=task.needs)],
        )
    with aws.counting() as ended:
        complete(world.task(task.id))
    return [leased, ended]


def test_without_permits_nothing_is_paid_for_them(world: World) -> None:
    pull(world, max_concurrent=9)
    count_calls(None, world)
    count_calls(ONE, world)
    plain, permitted = count_calls(None, world), count_calls(ONE, world)
    # A lane that gave all it could is looked at again.
    assert permitted[0] - plain[0] == Counter({("DynamoDB", "Query"): 1})
    assert plain[1] == Counter({("DynamoDB", "GetItem"): 1, ("DynamoDB", "TransactWriteItems"): 1})
    assert permitted[1] - plain[1] == Counter({("DynamoDB", "TransactWriteItems"): 1})
