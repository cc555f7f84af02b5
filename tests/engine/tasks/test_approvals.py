import pytest

from chalicelib.domain.tasks.task import ApprovalState, Status
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.tasks import approvals, assignment, by_owner, lifecycle, listing
from chalicelib.engine.tasks.listing import Filter
from chalicelib.errors import Conflict, IdempotencyMismatch, NotFound
from tests.engine.helpers import run_together
from tests.support.world import ORG, POOL, World, answer

WEEK = 7 * 86_400


def test_no_worker_gets_a_task_before_it_is_approved(world: World) -> None:
    world.register(reply=answer(200, {"ok": True}))
    task = world.submit(approval_seconds=600)
    world.settle()
    assert world.task(task.id).status is Status.PENDING
    assert (waiting_for(world.task(task.id)) or "").startswith("approval: it ends undecided at ")
    approvals.approve(ORG, task.id, "ann", "go on")
    world.settle()
    assert world.task(task.id).status is Status.COMPLETED
    decision = world.task(task.id).approval
    assert decision is not None and (decision.decided_by, decision.feedback) == ("ann", "go on")


def test_a_task_may_wait_for_approval_longer_than_for_a_worker(world: World) -> None:
    world.register(reply=answer(200, {"ok": True}))
    task = world.submit(approval_seconds=WEEK)
    world.clock.advance(WEEK - 60)
    world.sweep()
    approvals.approve(ORG, task.id, "ann")
    world.settle()
    assert world.task(task.id).status is Status.COMPLETED


def test_a_task_that_nobody_decides_on_ends_in_time(world: World) -> None:
    task = world.submit(approval_seconds=600)
    world.advance(660)
    ended = world.task(task.id)
    assert ended.status is Status.TIMED_OUT
    assert ended.approval is not None and ended.approval.state is ApprovalState.EXPIRED
    with pytest.raises(Conflict):
        approvals.approve(ORG, task.id, "ann")


def test_the_same_decision_again_changes_nothing_and_another_is_refused(world: World) -> None:
    task = world.submit(approval_seconds=600)
    first = approvals.approve(ORG, task.id, "ann")
    assert approvals.approve(ORG, task.id, "bob") == first
    with pytest.raises(Conflict):
        approvals.reject(ORG, task.id, "bob")


def test_of_two_people_who_decide_at_once_one_decides(world: World) -> None:
    task = world.submit(approval_seconds=600)

    def outcome(decide: object) -> str:
        assert callable(decide)
        try:
            return str(decide(ORG, task.id, "ann").approval.state)
        except Conflict:
            return "refused"

    outcomes = run_together([lambda: outcome(approvals.approve), lambda: outcome(approvals.reject)])
    assert sorted(outcomes) in (["approved", "refused"], ["refused", "rejected"])


def test_another_org_decides_nothing(world: World) -> None:
    task = world.submit(approval_seconds=600)
    with pytest.raises(NotFound):
        approvals.approve("other", task.id, "eve")
    with pytest.raises(NotFound):
        approvals.reject(ORG, task.id, "ann", pool="elsewhere")
    assert world.task(task.id).awaits_approval


def test_its_owner_cannot_give_it_to_a_worker_before_it_is_approved(world: World) -> None:
    worker = world.register("puller", endpoints={}, api_key=None)
    task = world.submit(approval_seconds=600)
    with pytest.raises(Conflict, match="is pending approval"):
        assignment.assign(ORG, POOL, task.id, worker.id)


def test_its_owner_can_neither_begin_nor_end_it_before_it_is_approved(world: World) -> None:
    task = world.submit(approval_seconds=600)
    for move in (
        lambda: by_owner.begin(ORG, task.id, POOL, "ann"),
        lambda: by_owner.complete(ORG, task.id, POOL, "ann", 1),
        lambda: by_owner.fail(ORG, task.id, POOL, "ann", "no ink", retry=False),
    ):
        with pytest.raises(Conflict, match="is pending approval"):
            move()
    assert world.task(task.id) == task


def test_a_rejected_task_can_be_submitted_for_approval_again(world: World) -> None:
    task = world.submit(approval_seconds=600)
    approvals.reject(ORG, task.id, "ann", "too long")
    assert lifecycle.replay(ORG, task.id).awaits_approval


def test_a_repeated_submission_is_the_same_with_or_without_approval(world: World) -> None:
    first = world.submit(approval_seconds=600, idempotency_key="k")
    assert world.submit(approval_seconds=600, idempotency_key="k") == first
    with pytest.raises(IdempotencyMismatch):
        world.submit(idempotency_key="k")


def test_a_list_has_it_among_the_pending(world: World) -> None:
    task = world.submit(pool="coordinator", approval_seconds=600)
    page = listing.read_page(ORG, "coordinator", Filter(statuses=frozenset({Status.PENDING})), 10)
    assert [row.id for row in page.tasks] == [task.id]
