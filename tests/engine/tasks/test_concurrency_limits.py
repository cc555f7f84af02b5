from collections import Counter
from typing import Any

import pytest

from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Permit, Status, Task
from chalicelib.engine.dispatch import dispatcher
from chalicelib.engine.tasks import assignment, concurrency_limits, lifecycle
from chalicelib.engine.workers import completion_reports, registry
from chalicelib.errors import Conflict, LeaseLost, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Refused
from chalicelib.storage.workers import concurrency_limits as storage
from tests.engine.helpers import beat, complete, holder, pull, together
from tests.support import aws
from tests.support.world import ORG, POOL, World

ONE = Permit("k", 1)


def named(house: World, *made: Task) -> list[Status]:
    return [house.task(task.id).status for task in made]


def holders(house: World, key: str = "k") -> set[str]:
    return house.permits().get((f"{ORG}#{POOL}", key), set())


def submitted(house: World, permit: Permit | None, count: int = 1, **said: Any) -> list[Task]:
    """One after the other, so that the first is the oldest."""
    made = []
    for _ in range(count):
        made.append(house.submit(permit=permit, **said))
        house.clock.advance(0.01)
    house.settle()
    return [house.task(task.id) for task in made]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_more_of_a_key_are_held_than_its_limit_and_the_next_follows_at_once(house: World, limit: int) -> None:
    pull(house, max_concurrent=9)
    pull(house, "other", max_concurrent=9)
    made = submitted(house, Permit("k", limit), 5)
    while waiting := [task for task in house.tasks() if not task.terminal]:
        held = [task for task in waiting if task.held]
        assert len(held) == min(limit, len(waiting))
        assert holders(house) == {task.id for task in held}
        complete(held[0])
        house.settle()
    assert (holders(house), len(made)) == (set(), 5)


def test_a_key_s_tasks_take_turns_by_urgency_and_age(house: World) -> None:
    pull(house, max_concurrent=9)
    [first] = submitted(house, ONE)
    made = [house.submit(permit=ONE, priority=priority) for priority in (1, 5, 9)]
    house.settle()
    for task in (first, *reversed(made)):
        assert holders(house) == {task.id}
        complete(house.task(task.id))
        house.settle()


def test_those_that_wait_for_a_permit_stand_in_nobody_s_way(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "LANE_PAGE", 4)
    pull(house, max_concurrent=4)
    blocked = submitted(house, ONE, 12, priority=9)
    [other, free] = [*submitted(house, Permit("other", 1), priority=1), *submitted(house, None, priority=0)]
    assert sum(house.task(task.id).held for task in blocked) == 1
    assert named(house, other, free) == [Status.LEASED] * 2


def test_other_pools_and_orgs_have_permits_of_their_own(house: World) -> None:
    pull(house, max_concurrent=9)
    pull(house, org="other")
    pull(house, pool="support")
    made = [house.submit(permit=ONE), house.submit(permit=ONE, org="other"), house.submit(permit=ONE, pool="support")]
    house.settle()
    assert [lifecycle.get(task.org, task.id).held for task in made] == [True] * 3


def test_a_task_whose_needs_nobody_offers_takes_no_permit(house: World) -> None:
    pull(house)
    submitted(house, ONE, capabilities=("quantum",), priority=9)
    [fine] = submitted(house, ONE)
    assert holders(house) == {fine.id}


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
    house: World, ending: str, begun: bool
) -> None:
    pull(house, "one")
    first, second = submitted(house, ONE, 2)
    if begun:
        lifecycle.progress(ORG, first.id, holder(first), 50)
    pull(house, "two")
    house.settle()
    ENDINGS[ending](first)
    house.settle()
    [held] = [task for task in house.tasks() if task.held]
    assert held.id in {first.id, second.id}
    assert (held.worker_id != first.worker_id or held.epoch == 1) and holders(house) == {held.id}


def test_the_permit_of_a_worker_that_died_is_free_with_its_lease(house: World) -> None:
    dead = pull(house, "dead")
    first, second = submitted(house, ONE, 2)
    alive = pull(house, "alive")
    for _ in range(5):
        house.advance(30)
        beat(alive)
    assert house.task(first.id).worker_id == dead.id or house.task(first.id).attempts == 1
    assert holders(house) == {task.id for task in house.tasks() if task.held} and len(holders(house)) == 1
    assert house.task(second.id).worker_id == alive.id


def test_where_the_nudge_is_lost_the_sweep_finds_the_next(house: World) -> None:
    worker = pull(house, max_concurrent=2)
    first, second = submitted(house, ONE, 2)
    house.queues.faults.drop = 1.0
    complete(first)
    house.settle()
    house.queues.faults.drop = 0.0
    assert house.task(second.id).ready
    for _ in range(2):
        beat(worker)
        house.advance(60)
    assert house.task(second.id).held


def test_passes_at_once_never_go_beyond_the_limit(house: World) -> None:
    for number in range(4):
        pull(house, f"w{number}")
    made = [house.submit(permit=Permit("k", 2)) for _ in range(6)]
    nudges = [dispatcher.Nudge(org=ORG, pool=POOL, task_id=t.id, lane=t.lane, needs=t.needs) for t in made]
    leased = together([lambda: dispatcher.run(ORG, POOL, nudges)] * 8)
    assert sum(one for one in leased if isinstance(one, int)) == 2
    assert len(holders(house)) == 2


def test_a_pass_that_finds_the_permit_gone_leaves_the_worker_to_others(house: World) -> None:
    pull(house)
    urgent, fine = house.submit(permit=ONE, priority=9), house.submit()
    nudges = [dispatcher.Nudge(org=ORG, pool=POOL, task_id=t.id, lane=t.lane, needs=t.needs) for t in (urgent, fine)]
    late = [storage.taken(ORG, POOL, "k", 1, "somebody_else")]

    def taken_in_between(call: aws.Call, send: Any) -> Any:
        if call == ("DynamoDB", "TransactWriteItems") and late:
            dynamodb.commit(late.pop())
        return send()

    with aws.interfering(taken_in_between):
        assert dispatcher.run(ORG, POOL, nudges) == 1
    assert named(house, urgent, fine) == [Status.PENDING, Status.LEASED]


def test_assigning_by_hand_needs_a_permit_too(house: World) -> None:
    worker = pull(house, max_concurrent=3)
    first, second = (house.submit(permit=ONE, manual=True) for _ in range(2))
    assignment.assign(ORG, POOL, first.id, worker.id)
    with pytest.raises(Conflict, match=f"{second.id} waits for its turn on k: 1 of 1 in use by {first.id}"):
        assignment.assign(ORG, POOL, second.id, worker.id)
    assert len(house.worker(worker.id).leases) == 1
    lifecycle.cancel(ORG, first.id)
    assert assignment.assign(ORG, POOL, second.id, worker.id).held


def test_who_assigns_a_task_that_was_taken_meanwhile_does_not_hear_of_permits(house: World) -> None:
    worker, other = pull(house), pull(house, "other", max_concurrent=2)
    first = house.submit(permit=ONE, manual=True)
    late = [first.id]

    def taken_in_between(call: aws.Call, send: Any) -> Any:
        if call == ("DynamoDB", "TransactWriteItems") and late:
            assignment.assign(ORG, POOL, late.pop(), other.id)
        return send()

    with aws.interfering(taken_in_between), pytest.raises(Conflict, match="only a pending task can be assigned"):
        assignment.assign(ORG, POOL, first.id, worker.id)
    assert holders(house) == {first.id}


def test_a_late_result_gives_nobody_else_s_permit_back(house: World) -> None:
    worker = pull(house)
    [task] = submitted(house, ONE)
    lifecycle.release(ORG, task.id, holder(task))
    house.settle()
    assert house.task(task.id).epoch == 2
    with pytest.raises(LeaseLost):
        lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), "late")
    assert holders(house) == {task.id}
    complete(house.task(task.id), "right")
    complete(house.task(task.id), "right", Holder(worker.id, 2))
    assert holders(house) == set()


@pytest.mark.parametrize("ending", ["completed", "completed on its holder's behalf", "cancelled", "failed"])
def test_a_permit_that_is_missing_does_not_hold_its_task(house: World, ending: str) -> None:
    worker = pull(house)
    [task] = submitted(house, ONE)
    dynamodb.commit(storage.freed(ORG, POOL, "k", task.id))
    ENDINGS[ending](task)
    assert str(house.task(task.id).status) == ending.partition(" ")[0]
    assert not house.worker(worker.id).leases


def test_a_permit_is_no_worker(house: World) -> None:
    pull(house)
    submitted(house, ONE)
    for work in (registry.get, lambda *who: completion_reports.report(*who, "completed")):
        with pytest.raises(NotFound):
            work(ORG, POOL, "#permit#k")


def test_a_pool_forgets_keys_that_nobody_uses_once_there_are_too_many(
    house: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency_limits, "IDLE_KEPT", 1)
    pull(house, max_concurrent=9)
    made = [submitted(house, Permit(key, 1))[0] for key in "abcd"]
    for task in made[1:]:
        complete(task)
    house.settle()
    dispatcher.run(ORG, POOL, [])
    assert [item.id for item in aws.items(storage.PermitItem)] == ["#permit#a", "#permit#b"]
    with pytest.raises(Refused):
        dynamodb.commit(storage.forgotten(ORG, POOL, "a"))


def calls(permit: Permit | None, house: World) -> list[Counter[aws.Call]]:
    """What a task's lease and its end cost."""
    with aws.counting() as leased:
        task = house.submit(permit=permit)
        dispatcher.run(
            ORG, POOL, [dispatcher.Nudge(org=ORG, pool=POOL, task_id=task.id, lane=task.lane, needs=task.needs)]
        )
    with aws.counting() as ended:
        complete(house.task(task.id))
    return [leased, ended]


def test_without_permits_nothing_is_paid_for_them(house: World) -> None:
    pull(house, max_concurrent=9)
    calls(None, house)
    calls(ONE, house)
    plain, permitted = calls(None, house), calls(ONE, house)
    # A lane that gave all it could is looked at again.
    assert permitted[0] - plain[0] == Counter({("DynamoDB", "Query"): 1})
    assert plain[1] == Counter({("DynamoDB", "GetItem"): 1, ("DynamoDB", "TransactWriteItems"): 1})
    assert permitted[1] - plain[1] == Counter({("DynamoDB", "TransactWriteItems"): 1})
