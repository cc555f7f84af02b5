"""Tasks that their owners assign and start."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.tasks import assignment, lifecycle
from chalicelib.engine.workers import registry
from chalicelib.engine.workers.registry import Rotation
from chalicelib.errors import Conflict, LeaseLost, NotFound, Unavailable, WorkerOffline
from tests.engine.helpers import complete, hand_over_task, holder, pull, run_together, send_heartbeat
from tests.support import aws
from tests.support.world import ORG, POOL, World

BROKEN = Failure(Reason.WORKER_FAILED, "it broke", is_reported=True)


def assign(task: Task, worker_id: str) -> Task:
    return assignment.assign(ORG, POOL, task.id, worker_id)


def test_a_manual_task_is_left_alone_until_its_owner_names_a_worker(world: World) -> None:
    worker = pull(world, max_concurrent=5)
    task = world.submit(manual=True)
    world.advance(3_600)
    assert world.task(task.id).status is Status.PENDING
    assert send_heartbeat(worker).free_slots == 5
    with aws.counting() as calls:
        assigned = assign(task, worker.id)
    assert calls.total() == 3
    assert assigned == world.task(task.id)
    assert (assigned.status, assigned.worker_id, assigned.epoch) == (Status.LEASED, worker.id, 1)
    assert world.worker(worker.id).leases == {task.id: 1}
    world.settle()
    assert world.calls == [], "a worker that fetches is not called"


def test_of_fifty_assignments_at_once_one_counts_and_nobody_holds_too_much(world: World) -> None:
    workers = [pull(world, f"w{number}").id for number in range(5)]
    tasks = [world.submit(manual=True) for _ in range(10)]
    work = [lambda task=task, name=name: assign(task, name) for task in tasks for name in workers]
    outcomes = run_together(work)
    assert sum(isinstance(one, Task) for one in outcomes) == 5
    assert all(isinstance(one, Task | Conflict) for one in outcomes)
    assert sorted(len(world.worker(name).leases) for name in workers) == [1] * 5
    assert sum(world.task(task.id).is_held for task in tasks) == 5


def test_the_dispatcher_and_the_owner_never_both_place_a_task(world: World) -> None:
    worker, other = pull(world), pull(world, "other")
    task = world.submit()
    given = assign(task, worker.id)
    world.settle()
    assert world.task(task.id) == given
    assert world.worker(other.id).leases == {}


def test_a_worker_whose_latest_attempts_failed_is_given_by_hand_what_its_owner_gives_it(world: World) -> None:
    worker = pull(world, max_concurrent=5)
    for _ in range(4):
        task = world.submit(manual=True)
        lifecycle.fail(
            ORG, task.id, holder(assign(task, worker.id)), BROKEN._replace(is_reported=False, retryable=False)
        )
    suspect = world.worker(worker.id)
    assert (suspect.attempt_failures, suspect.can_take_tasks(world.clock.now())) == (4, False)
    assert [assign(world.submit(manual=True), worker.id).is_held for _ in range(2)] == [True, True]


@pytest.mark.parametrize("state", ["leased", "completed", "failed", "cancelled"])
def test_only_a_pending_task_can_be_assigned(world: World, state: str) -> None:
    worker = pull(world, max_concurrent=5)
    task = hand_over_task(world)
    if state == "completed":
        complete(task)
    elif state == "failed":
        lifecycle.fail(ORG, task.id, holder(task), BROKEN._replace(retryable=False))
    elif state == "cancelled":
        lifecycle.cancel(ORG, task.id)
    before = world.task(task.id)
    with pytest.raises(Conflict, match="only a pending task"):
        assign(task, worker.id)
    assert world.task(task.id) == before


def test_a_worker_must_exist_be_in_rotation_and_have_a_free_slot(world: World) -> None:
    task, worker = world.submit(manual=True), pull(world)
    for org, pool, name in ((ORG, POOL, "none"), (ORG, "elsewhere", worker.id), ("other", POOL, worker.id)):
        with pytest.raises(NotFound):
            assignment.assign(org, pool, task.id, name)
    assign(world.submit(manual=True), worker.id)
    with pytest.raises(Conflict, match="holds 1 of 1"):
        assign(task, worker.id)
    for rotation in (Rotation.CLOSED, Rotation.DRAINED):
        registry.update(ORG, POOL, worker.id, registry.WorkerChange(rotation=rotation))
        with pytest.raises(WorkerOffline):
            assign(task, worker.id)
    registry.update(ORG, POOL, worker.id, registry.WorkerChange(rotation=Rotation.OPEN))
    world.advance(300)
    with pytest.raises(WorkerOffline):
        assign(task, worker.id)
    registry.unregister(ORG, POOL, worker.id)
    with pytest.raises(NotFound, match="Worker not found"):
        assign(task, worker.id)
    assert world.task(task.id).status is Status.PENDING


def test_a_task_that_sleeps_can_be_assigned_and_wakes_only_once(world: World) -> None:
    worker = pull(world)
    task = world.submit(manual=True)
    lifecycle.fail(ORG, task.id, holder(assign(task, worker.id)), BROKEN)
    assert world.task(task.id).run_at is not None
    again = assign(task, worker.id)
    assert (again.run_at, again.epoch, again.attempt) == (None, 2, 2)
    send_heartbeat(worker)
    world.advance(60)
    assert world.task(task.id) == again
    complete(again)


def test_a_lost_worker_s_manual_task_waits_for_its_owner_again(world: World) -> None:
    worker, other = pull(world), pull(world, "other")
    task = assign(world.submit(manual=True), worker.id)
    for _ in range(6):
        world.advance(60)
        send_heartbeat(other)
    waiting = world.task(task.id)
    assert (waiting.status, waiting.attempts) == (Status.PENDING, 1)
    assert world.worker(other.id).leases == {}
    assert assign(waiting, other.id).attempt == 2


def test_an_assignment_whose_answer_was_lost_stands(world: World) -> None:
    worker, task = pull(world), world.submit(manual=True)

    def answer_lost(call: tuple[str, str], send: Callable[[], Any]) -> Any:
        answer = send()
        if call[1] == "TransactWriteItems":
            raise NoCredentialsError
        return answer

    with aws.interfering(answer_lost), pytest.raises(Unavailable):
        assign(task, worker.id)
    assert world.task(task.id).worker_id == worker.id
    assert world.worker(worker.id).leases == {task.id: 1}


def test_a_task_is_started_once_and_only_when_it_is_assigned(world: World) -> None:
    worker, task = pull(world), world.submit(manual=True)
    start = lambda: assignment.start(ORG, POOL, task.id)  # noqa: E731
    with pytest.raises(Conflict, match="pending"):
        start()
    assign(task, worker.id)
    world.clock.advance(5)
    assert start().started_at == world.clock.now()
    with pytest.raises(Conflict, match="running"):
        start()
    complete(world.task(task.id))
    with pytest.raises(Conflict, match="completed"):
        start()
    with pytest.raises(NotFound):
        assignment.start(ORG, "elsewhere", task.id)


def test_a_pool_knows_only_its_own_tasks(world: World) -> None:
    pull(world)
    task = hand_over_task(world)
    for use in (lifecycle.get, lifecycle.cancel):
        with pytest.raises(NotFound):
            use(ORG, task.id, "elsewhere")
    with pytest.raises(NotFound):
        lifecycle.complete(ORG, "elsewhere", task.id, holder(task), 1)
    with pytest.raises(NotFound):
        lifecycle.complete(ORG, "elsewhere", task.id, None, 1)
    with pytest.raises(NotFound):
        lifecycle.fail(ORG, task.id, None, BROKEN, "elsewhere")
    assert world.task(task.id) == task


def test_an_outcome_on_the_holder_s_behalf_can_be_repeated_and_no_other_taken(world: World) -> None:
    pull(world, max_concurrent=2)
    done, broken = hand_over_task(world), hand_over_task(world)
    final = BROKEN._replace(retryable=False)
    at = lifecycle.complete(ORG, POOL, done.id, None, {"a": 1})
    failed = lifecycle.fail(ORG, broken.id, None, final)
    world.clock.advance(60)
    assert lifecycle.complete(ORG, POOL, done.id, None, {"a": 1}) == at == world.task(done.id).finished_at
    assert lifecycle.fail(ORG, broken.id, None, final) == failed
    with pytest.raises(Conflict):
        lifecycle.complete(ORG, POOL, done.id, None, {"a": 2})
    for wrong in (
        lambda: lifecycle.fail(ORG, done.id, None, final),
        lambda: lifecycle.fail(ORG, broken.id, None, final._replace(message="otherwise")),
        lambda: lifecycle.complete(ORG, POOL, broken.id, None, None),
    ):
        with pytest.raises(LeaseLost):
            wrong()
    assert world.task(broken.id) == failed


def test_a_task_that_comes_back_to_its_worker_is_no_longer_to_be_stopped(world: World) -> None:
    worker = world.register(endpoints={})
    task = hand_over_task(world)
    lifecycle.revoke_lease(ORG, task.id, holder(task), ReleaseReason.WORKER_DRAINED)
    assert list(world.worker(worker.id).commands) == [f"{task.id}:1"]
    world.settle()
    assert (list(world.worker(worker.id).leases), world.worker(worker.id).commands) == ([task.id], {})
