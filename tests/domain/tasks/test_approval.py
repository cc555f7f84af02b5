"""The rules of a task's approval."""

import pytest

from chalicelib.domain.changes import derive, history
from chalicelib.domain.changes.effects import EventKind
from chalicelib.domain.tasks import transitions, waiting_reasons
from chalicelib.domain.tasks.task import Approval, ApprovalState, Status, Task
from chalicelib.domain.tasks.transitions import Reason
from chalicelib.errors import Conflict
from tests.domain import samples
from tests.domain.samples import BACKOFF, FAILURE, HOUR, NOW

LATER = NOW + 5_000
WAITING = samples.awaiting_approval()


def approve(task: Task = WAITING) -> Task:
    return transitions.approved(task, "ann", "fine", LATER)


def reject(task: Task = WAITING) -> Task:
    return transitions.rejected(task, "ann", "no", LATER)


def test_a_task_that_waits_for_approval_is_neither_ready_nor_queued() -> None:
    assert WAITING.awaits_approval
    assert not WAITING.is_ready and not WAITING.is_queued
    assert (WAITING.wake_at, WAITING.wakeup_at) == (NOW + HOUR, None)


def test_an_approved_task_is_ready_from_its_approval_on() -> None:
    task = approve()
    assert task.is_queued and task.ready_at == LATER
    assert task.approval == Approval(ApprovalState.APPROVED, NOW, NOW + HOUR, LATER, "ann", "fine")


def test_an_approved_task_still_waits_for_its_time() -> None:
    delayed = transitions.awaiting_approval(samples.draft(), NOW + HOUR, NOW, run_at=LATER + 1)
    assert approve(delayed).run_at == LATER + 1
    assert approve(transitions.awaiting_approval(samples.draft(), NOW + HOUR, NOW, run_at=LATER)).is_ready


def test_a_rejected_task_has_failed_and_says_so() -> None:
    task = reject()
    assert task.status is Status.FAILED and task.attempts == 0
    assert task.error == {"code": Reason.NOT_APPROVED, "message": "The task was not approved"}
    assert task.approval is not None and task.approval.feedback == "no"


def test_a_task_that_nobody_decides_on_ends() -> None:
    early = transitions.next_if_due(WAITING, NOW + HOUR - 1, BACKOFF, 0.5)
    assert early is WAITING
    task = transitions.next_if_due(WAITING, NOW + HOUR, BACKOFF, 0.5)
    assert task.status is Status.TIMED_OUT and task.error is not None
    assert task.error["code"] == Reason.APPROVAL_EXPIRED
    assert task.approval is not None and task.approval.state is ApprovalState.EXPIRED


@pytest.mark.parametrize("refused", [approve, reject])
@pytest.mark.parametrize("state", sorted(samples.one_in_each_state().keys() - {"awaiting approval"}))
def test_only_a_task_that_waits_for_approval_can_be_decided_on(refused: object, state: str) -> None:
    assert callable(refused)
    with pytest.raises(Conflict, match="needs no approval"):
        refused(samples.one_in_each_state()[state])


@pytest.mark.parametrize("decided", [approve(), reject(), transitions.cancelled(WAITING, LATER)])
def test_a_decision_is_made_once(decided: Task) -> None:
    for decide in (approve, reject):
        with pytest.raises(Conflict, match="only a task that waits for approval"):
            decide(decided)


def test_no_operation_skips_the_approval() -> None:
    worker = samples.worker()
    for passes in (
        lambda: transitions.leased(WAITING, "w", LATER),
        lambda: transitions.assigned(WAITING, worker, LATER),
        lambda: transitions.begun_by_person(WAITING, "ann", LATER),
        lambda: transitions.completed(WAITING, LATER, 1),
    ):
        with pytest.raises(Conflict, match="is pending approval"):
            passes()


def test_a_task_that_was_not_approved_waits_for_approval_again_when_it_is_replayed() -> None:
    again = transitions.replayed(reject(), LATER, HOUR)
    assert again.awaits_approval and again.approval is not None
    assert again.approval.expires_at == LATER + HOUR
    third = transitions.replayed(transitions.rejected(again, "ann", None, LATER + 9), LATER + 10, HOUR)
    assert third.approval is not None and third.approval.expires_at == LATER + 10 + HOUR
    assert third.deadline == LATER + 10 + 2 * HOUR


def test_a_task_that_failed_after_its_approval_need_not_be_approved_again() -> None:
    held = transitions.leased(approve(), "w", LATER)
    failed = transitions.attempt_failed(held, FAILURE._replace(retryable=False), LATER, BACKOFF, 0.5)
    assert transitions.replayed(failed, LATER, HOUR).is_ready


def test_it_says_that_it_waits_for_approval_and_until_when() -> None:
    reason = waiting_reasons.unready_reason(WAITING, NOW, "its owner")
    assert reason == "approval: it ends undecided at 1970-01-12T14:46:40Z"


def test_a_decision_is_an_event_and_a_line_of_the_history() -> None:
    [approved] = derive.task_effects(WAITING, approve()).events
    assert (approved.kind, approved.left) == (EventKind.APPROVED, None)
    [rejected] = derive.task_effects(WAITING, reject()).events
    assert (rejected.kind, rejected.reason) == (EventKind.FAILED, Reason.NOT_APPROVED)
    entry = history.history_entry(WAITING, approve())
    assert entry is not None and entry.action == "approved"


def test_an_approved_task_is_dispatched_and_announced() -> None:
    effects = derive.task_effects(WAITING, approve())
    assert [request.task_id for request in effects.dispatch_requests] == [WAITING.id]
    assert len(effects.announcements) == 1
    assert derive.task_effects(None, WAITING).dispatch_requests == ()
