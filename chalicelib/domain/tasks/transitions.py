"""The transitions of a task, as pure functions: each takes a task and the present instant, and returns the next task.

    pending --> leased --> running --> completed | failed | cancelled | timed_out
       ^           |          |
       +-----------+----------+   retry (an attempt is counted), release (none is), replay (from failed, timed_out)

A transition raises Conflict if the task's state does not allow it. Storage writes the difference, on the condition that
nobody else wrote in between. Functions are named by what the task is afterwards. All of them are in this one file, to
be read beside each other.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.retry import Backoff, delay_before_retry
from chalicelib.domain.tasks.task import HELD, Approval, ApprovalState, Holder, Status, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.errors import Conflict, LeaseLost

DISPATCH_GUARD_MS = 60_000
"""A ready task that still waits after this long is put under its pool's watch, in case a dispatch request was lost."""

MAX_CHECK_INTERVAL_MS = 15 * 60_000
"""A waiting task that its pool cannot watch is checked at doubling intervals, up to this one."""

MAX_FAILED_ON = 20
"""Workers on which it failed that a task remembers."""

HANDOVER_GUARD_MS = 120_000
"""A lease whose handover has not arrived after this long is given back, in case the message was lost."""


class Reason(StrEnum):
    """Why an attempt or a task ended without a result: the `code` of its error."""

    WORKER_FAILED = "worker_failed"
    WORKER_LOST = "worker_lost"
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"
    START_TO_CLOSE = "start_to_close_timeout"
    HEARTBEAT = "heartbeat_timeout"
    SCHEDULE_TO_START = "schedule_to_start_timeout"
    TOTAL = "total_timeout"
    NOT_APPROVED = "not_approved"
    APPROVAL_EXPIRED = "approval_expired"
    STEP_FAILED = "step_failed"


WORKER_FAULTS = frozenset(
    {Reason.WORKER_FAILED, Reason.WORKER_LOST, Reason.UNREACHABLE, Reason.START_TO_CLOSE, Reason.HEARTBEAT}
)
"""Reasons that may be the fault of the worker, rather than of the task."""


class Failure(NamedTuple):
    """Why an attempt failed."""

    reason: Reason
    message: str
    retryable: bool = True
    retry_after_ms: int | None = None
    details: Any = None
    is_reported: bool = False
    """The worker itself reported the failure; else it may be the fault of the worker."""

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": str(self.reason), "message": self.message}
        return error | {"details": self.details} if self.details is not None else error


def _next(task: Task, now: int, **changes: Any) -> Task:
    following = replace(task, version=task.version + 1, updated_at=now, **changes)
    return replace(following, wake_at=_wake_at(following, now))


def _wake_at(task: Task, now: int) -> int | None:
    """The next instant at which a transition may be due; unchanged for a task that has ended."""
    if task.is_terminal:
        return task.wake_at
    due_times = _own_due_times(task, now)
    if task.is_held_by_worker:
        due_times.append(lease_due_at(task))
    elif not task.is_held:
        due_times.append(_pending_due_at(task, now))
    return min(due_times)


def _own_due_times(task: Task, now: int) -> list[int]:
    """What is due in every state: the end of the task's total time, its due date until that is missed, and a look at
    the steps of an execution."""
    due_times = [task.deadline]
    if task.due_at is not None and not task.overdue:
        due_times.append(task.due_at)
    if task.is_execution:
        due_times.append(now + min(max(DISPATCH_GUARD_MS, now - task.created_at), MAX_CHECK_INTERVAL_MS))
    return due_times


def _pending_due_at(task: Task, now: int) -> int:
    """When a pending task must be checked."""
    if task.awaits_approval and task.approval is not None:
        return task.approval.expires_at
    if task.run_at is not None:
        return task.run_at
    assert task.ready_at is not None
    latest = start_by(task, task.ready_at)
    # No waiting task depends on a single message: its pool watches it soon, or its dispatch is requested again.
    pause = min(max(DISPATCH_GUARD_MS, now - task.ready_at), MAX_CHECK_INTERVAL_MS)
    return latest if task.manual else min(now + pause, latest)


def ready(task: Task, now: int) -> Task:
    """Pending, and may be leased from now on."""
    return _ready(task, now, since=now)


def _ready(task: Task, now: int, since: int, reason: ReleaseReason | None = None) -> Task:
    return _next(
        task,
        now,
        status=Status.PENDING,
        run_at=None,
        ready_at=since,
        waited_since=None,
        release_reason=None if reason is None else str(reason),
        deliver_by=None,
        person=None,
    )


def awaiting_approval(task: Task, expires_at: int, now: int, run_at: int | None = None) -> Task:
    """Pending, and not leased before a person approves it, nor before `run_at`. It ends if nobody decides by
    `expires_at`."""
    return _next(
        replace(task, status=Status.PENDING),
        now,
        approval=Approval(ApprovalState.PENDING, now, expires_at),
        run_at=run_at,
        ready_at=None,
        waited_since=None,
        release_reason=None,
        deliver_by=None,
        person=None,
    )


def approved(task: Task, by: str, feedback: str | None, now: int) -> Task:
    """Approved: ready, or sleeping until its `run_at`. Raises Conflict unless it waits for approval."""
    decided = replace(task, approval=_decision(task, ApprovalState.APPROVED, by, feedback, now))
    if task.run_at is not None and task.run_at > now:
        return sleeping(decided, task.run_at, now)
    return ready(decided, now)


def rejected(task: Task, by: str, feedback: str | None, now: int) -> Task:
    """Failed, because a person rejected it. Raises Conflict unless it waits for approval."""
    decided = replace(task, approval=_decision(task, ApprovalState.REJECTED, by, feedback, now))
    refusal = Failure(Reason.NOT_APPROVED, "The task was not approved")
    return _ended(replace(decided, error=refusal.error), Status.FAILED, now)


def _decision(task: Task, state: ApprovalState, by: str, feedback: str | None, now: int) -> Approval:
    if task.approval is None:
        raise Conflict(f"Task {task.id} needs no approval")
    if not task.awaits_approval:
        what = task.status if task.approval.state is ApprovalState.PENDING else task.approval.state
        raise Conflict(f"Task {task.id} is {what}: only a task that waits for approval can be approved or rejected")
    return task.approval._replace(state=state, decided_at=now, decided_by=by, feedback=feedback)


def _approval_expired(task: Task, approval: Approval, now: int) -> Task:
    late = replace(task, approval=approval._replace(state=ApprovalState.EXPIRED, decided_at=now))
    return timed_out(late, Reason.APPROVAL_EXPIRED, "Nobody approved the task in time", now)


def require_approved(task: Task) -> None:
    """Raise Conflict if the task waits for approval."""
    if task.awaits_approval:
        raise Conflict(f"Task {task.id} is pending approval: approve it first")


def is_only_waiting(task: Task, now: int) -> bool:
    """Whether a due task is due only because it has waited for a worker for a while."""
    if not task.is_queued or task.wake_at is None or task.ready_at is None:
        return False
    return task.wake_at <= now < min(*_own_due_times(task, now), start_by(task, task.ready_at))


def watched(task: Task, now: int) -> Task:
    """Waiting under the watch of its pool, which knows the task's lane and is checked each minute while tasks wait: the
    task itself is due again only when its own time ends."""
    assert task.ready_at is not None
    return replace(_next(task, now), wake_at=min(*_own_due_times(task, now), start_by(task, task.ready_at)))


def start_by(task: Task, ready_at: int) -> int:
    """The latest instant at which a task that became ready at `ready_at` may be leased."""
    return ready_at + task.schedule_to_start_ms


def leased_to(task: Task, worker: Worker, now: int) -> Task:
    """Leased to this worker, with what the worker needs and allows. Raises Conflict unless ready."""
    return leased(task, worker.id, now, needs_handover=worker.needs_handover, attempt_ms=worker.attempt_ms)


def leased(
    task: Task, worker_id: str, now: int, *, needs_handover: bool = False, attempt_ms: int | None = None
) -> Task:
    """Leased to a worker under a new epoch. Raises Conflict unless ready.

    `needs_handover`: Yardmaster sends the task to the worker. `attempt_ms`: the longest attempt that the worker allows.
    """
    require_approved(task)
    if not task.is_ready:
        raise Conflict(f"Task {task.id} is {task.status}: only a ready task can be leased")
    is_shorter = attempt_ms is not None and attempt_ms < task.start_to_close_ms
    return _next(
        task,
        now,
        status=Status.LEASED,
        epoch=task.epoch + 1,
        changed_by=None,
        worker_id=worker_id,
        person=None,
        leased_at=now,
        started_at=None,
        beat_at=now,
        deliver_by=now + HANDOVER_GUARD_MS if needs_handover else None,
        attempt_ms=attempt_ms if is_shorter else None,
        progress=None,
        ready_at=None,
        waited_since=task.ready_at,
        release_reason=None,
    )


def assigned(task: Task, worker: Worker, now: int) -> Task:
    """Leased to a worker of its owner's choice, even before its `run_at`. Raises Conflict unless pending."""
    if task.status is not Status.PENDING:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending task can be assigned")
    awake = replace(task, run_at=None)
    return leased_to(awake, worker, now)


def lease_due_at(task: Task) -> int:
    """When a held task must be checked: its handover guard or one of its timeouts, whichever is first."""
    assert task.attempt_ends_at is not None and task.beat_at is not None
    due_times = [task.attempt_ends_at]
    if task.deliver_by is not None:
        due_times.append(task.deliver_by)
    if task.heartbeat_ms is not None:
        due_times.append(task.beat_at + task.heartbeat_ms)
    return min(due_times)


def require_holder(task: Task, holder: Holder | None) -> None:
    """Raise LeaseLost unless the task is held, and by this holder if one is named."""
    if task.status not in HELD:
        raise LeaseLost(f"Task {task.id} is {task.status}: no worker holds it now", epoch=task.epoch)
    if holder is None:
        return
    if task.worker_id != holder.worker_id:
        raise LeaseLost(f"Task {task.id} is held by another worker than {holder.worker_id}", epoch=task.epoch)
    if holder.epoch not in (None, task.epoch):
        raise LeaseLost(
            f"Task {task.id} was leased again: lease {holder.epoch} ended, now {task.epoch}", epoch=task.epoch
        )
    if holder.attempt not in (None, task.attempt):
        raise LeaseLost(
            f"Task {task.id} is in attempt {task.attempt}: attempt {holder.attempt} has ended", epoch=task.epoch
        )


def is_last_holder(task: Task, holder: Holder | None) -> bool:
    """Whether this holder held the task up to its end. True if none is named."""
    if holder is None:
        return True
    is_same_lease = task.worker_id == holder.worker_id and holder.epoch in (None, task.epoch)
    return is_same_lease and holder.attempt in (None, task.attempt)


def progressed(task: Task, now: int, progress: float | None = None) -> Task:
    """Running, with this progress in percent: the heartbeat of a held task."""
    started_at = task.started_at if task.started_at is not None else now
    # DynamoDB does not accept numbers as small as a double can be.
    percent = task.progress if progress is None else round(progress, 3)
    return _next(
        task, now, status=Status.RUNNING, started_at=started_at, beat_at=now, progress=percent, deliver_by=None
    )


def started(task: Task, now: int) -> Task:
    """Running. Raises Conflict unless the task is leased and not begun."""
    if task.status is not Status.LEASED:
        raise Conflict(f"Task {task.id} is {task.status}: only an assigned task that has not begun can be started")
    return progressed(task, now)


def completed(task: Task, now: int, result: Any = None, result_ref: str | None = None) -> Task:
    """Completed, with its result. Raises Conflict if it waits for approval."""
    require_approved(task)
    done = _ended(task, Status.COMPLETED, now)
    return replace(done, result=result, result_ref=result_ref, progress=100, error=None)


def attempt_failed(task: Task, failure: Failure, now: int, backoff: Backoff, chance: float) -> Task:
    """Pending again after a backoff, or ended if no attempt or no time is left. The attempt is counted."""
    failed = replace(task, attempts=task.attempts + 1, error=failure.error, failed_on=_failed_on(task))
    if not failure.retryable or failed.attempts >= failed.max_attempts:
        return _ended(failed, _final_status(failure.reason), now)
    delay = delay_before_retry(backoff, failed.attempts, chance, failure.retry_after_ms)
    if now + delay >= task.deadline:
        return _ended(failed, Status.TIMED_OUT, now)
    return sleeping(failed, now + delay, now) if delay else ready(failed, now)


def _failed_on(task: Task) -> tuple[str, ...]:
    """The workers on which the task has failed, its present holder last."""
    others = [name for name in task.failed_on if name != task.worker_id]
    return (*others, *([task.worker_id] if task.worker_id is not None else []))[-MAX_FAILED_ON:]


def _final_status(reason: Reason) -> Status:
    timeouts = (Reason.START_TO_CLOSE, Reason.HEARTBEAT, Reason.SCHEDULE_TO_START, Reason.TOTAL)
    return Status.TIMED_OUT if reason in timeouts else Status.FAILED


def sleeping(task: Task, run_at: int, now: int) -> Task:
    """Pending, and not leased before `run_at`."""
    return _next(task, now, status=Status.PENDING, run_at=run_at, ready_at=None, deliver_by=None, person=None)


def released(task: Task, now: int, reason: ReleaseReason = ReleaseReason.GIVEN_BACK) -> Task:
    """Pending again, with no attempt counted. A task that had not begun keeps its place in the queue and the time that
    it has waited."""
    waited_since = task.waited_since if task.status is Status.LEASED else None
    return _ready(task, now, since=now if waited_since is None else waited_since, reason=reason)


def begun_by_person(task: Task, person: str, now: int) -> Task:
    """Running with a person, who needs no slot and has no timeout. Raises Conflict unless pending, and approved if it
    needs that."""
    require_approved(task)
    if task.status is not Status.PENDING:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending task can be begun")
    return _next(
        task,
        now,
        status=Status.RUNNING,
        epoch=task.epoch + 1,
        worker_id=None,
        person=person,
        leased_at=now,
        started_at=now,
        beat_at=now,
        attempt_ms=None,
        run_at=None,
        ready_at=None,
        release_reason=None,
    )


def under_way(task: Task, now: int, percent: float) -> Task:
    """The execution of a workflow with so many percent of its steps done. It is due again soon, for a look at its steps
    in case the message of a step's end was lost."""
    begun = task if task.status is Status.RUNNING else begun_by_person(task, WORKFLOW, now)
    return replace(_next(begun, now, progress=percent), version=task.version + 1)


WORKFLOW = "workflow"
"""Who works on the execution of a workflow, in the place of a person."""


def in_name_of_wanted_worker(task: Task) -> Task:
    """The task with its wanted worker as the worker that ends it, although that worker has no lease of it.

    So the statistics do not depend on whether the owner or the dispatcher was faster.
    """
    if task.is_held_by_worker or task.is_terminal or task.wanted_worker is None:
        return task
    return replace(task, worker_id=task.wanted_worker)


def is_credited(old: Task, new: Task) -> bool:
    """Whether the change ends a task in the name of a worker that had no lease of it."""
    is_end = new.is_terminal and not old.is_terminal and not old.is_held_by_worker
    return is_end and new.wanted_worker is not None and new.worker_id == new.wanted_worker


def uncredited(old: Task, new: Task) -> Task:
    """The same change in no worker's name, because the worker that the task names was removed."""
    return replace(new, worker_id=None, attempts=old.attempts, failed_on=old.failed_on)


def failed_by_owner(task: Task, failure: Failure, now: int, backoff: Backoff) -> Task:
    """Failed, because its owner says so; no attempt follows. It counts as an attempt of the task's wanted worker.

    Raises Conflict if the task has ended already.
    """
    if task.is_terminal:
        raise Conflict(f"Task {task.id} is {task.status}: a task that has ended cannot fail")
    if task.is_held_by_worker:
        return attempt_failed(task, failure._replace(retryable=False), now, backoff, 0)
    named = in_name_of_wanted_worker(task)
    if named.wanted_worker is not None:
        named = replace(named, attempts=named.attempts + 1, failed_on=_failed_on(named))
    return _ended(replace(named, error=failure.error), Status.FAILED, now)


def edited(task: Task, now: int, **changes: Any) -> Task:
    """Edited by its owner, in any state. A new `due_at` can be missed again."""
    if "due_at" in changes and changes["due_at"] != task.due_at:
        changes["overdue"] = False
    return _next(task, now, edits=task.edits + 1, **changes)


def cancelled(task: Task, now: int) -> Task:
    """Cancelled by its owner. Raises Conflict if it has ended already."""
    if task.is_terminal:
        raise Conflict(f"Task {task.id} is {task.status}: a task that has ended cannot be cancelled")
    return _ended(in_name_of_wanted_worker(task), Status.CANCELLED, now)


def replayed(task: Task, now: int, total_ms: int) -> Task:
    """Pending again, with as many attempts as at its submission. Raises Conflict unless it failed or timed out.

    A task that was not approved waits for approval again, for as long as before.
    """
    if task.status not in (Status.FAILED, Status.TIMED_OUT):
        raise Conflict(f"Task {task.id} is {task.status}: only a failed or timed out task can be retried")
    again = replace(
        task,
        max_attempts=task.attempts + task.allowance,
        deadline=now + total_ms,
        finished_at=None,
        failed_on=(),
        progress=None,
    )
    if task.approval is None or task.approval.state is ApprovalState.APPROVED:
        return ready(again, now)
    expires_at = now + task.approval.expires_at - task.approval.asked_at
    return awaiting_approval(replace(again, deadline=expires_at + total_ms), expires_at, now)


def timed_out(task: Task, reason: Reason, message: str, now: int) -> Task:
    """Timed out, because its schedule-to-start or total time ran out. A lease that ends so counts as an attempt."""
    attempts = task.attempts + 1 if task.is_held_by_worker else task.attempts
    late = replace(task, error=Failure(reason, message).error, attempts=attempts)
    return _ended(late, Status.TIMED_OUT, now)


def _ended(task: Task, status: Status, now: int) -> Task:
    """Ended, and due at once if people must be notified of it, or if steps must be cancelled with it."""
    ended = _next(task, now, status=status, finished_at=now, run_at=None, ready_at=None, deliver_by=None)
    must_notify = bool(task.notify) and status is not Status.CANCELLED
    return replace(ended, wake_at=now if must_notify or task.is_execution else None)


def end_notified(task: Task, now: int) -> Task:
    """Ended, and people were notified. The task itself if they had been before, or if it has been replayed."""
    if not task.is_terminal or task.wake_at is None:
        return task
    return _next(replace(task, wake_at=None), now)


def next_if_due(task: Task, now: int, backoff: Backoff, chance: float) -> Task:
    """The task after the transition that is due at its `wake_at`. The task itself if none is due."""
    if task.is_terminal or task.wake_at is None or task.wake_at > now:
        return task
    if now >= task.deadline:
        return timed_out(task, Reason.TOTAL, "The task's total time ran out", now)
    if task.due_at is not None and task.due_at <= now and not task.overdue:
        return _next(task, now, overdue=True)
    if task.is_held_by_worker:
        return _next_held_if_due(task, now, backoff, chance)
    return task if task.is_held or task.is_execution else _next_pending_if_due(task, now)


def _next_pending_if_due(task: Task, now: int) -> Task:
    if task.awaits_approval and task.approval is not None:
        return _approval_expired(task, task.approval, now) if now >= task.approval.expires_at else _next(task, now)
    if task.run_at is not None:
        return ready(task, now)
    assert task.ready_at is not None
    if now >= start_by(task, task.ready_at):
        return timed_out(task, Reason.SCHEDULE_TO_START, "No worker took the task in time", now)
    return _next(task, now)


def _next_held_if_due(task: Task, now: int, backoff: Backoff, chance: float) -> Task:
    assert task.attempt_ends_at is not None
    if now >= task.attempt_ends_at:
        allowed = task.attempt_ms or task.start_to_close_ms
        late = Failure(Reason.START_TO_CLOSE, f"The attempt took longer than {allowed / 1000:g} s")
        return attempt_failed(task, late, now, backoff, chance)
    if task.deliver_by is not None and now >= task.deliver_by:
        return released(task, now, ReleaseReason.NOT_DELIVERED)
    silent = Failure(Reason.HEARTBEAT, "The worker sent no heartbeat for this task in time")
    return attempt_failed(task, silent, now, backoff, chance)
