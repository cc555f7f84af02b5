"""The life of a task, as pure rules: each takes a task and the present, and returns the task as it must be next.

    pending --> leased --> running --> completed | failed | cancelled | timed_out
       ^           |          |
       +-----------+----------+   retry (an attempt burned), release (none burned), replay (from failed, timed_out)

A rule raises Conflict when the task's state does not allow it. Storage writes the difference, on the condition that
nobody wrote in between.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.retry import Backoff, delay_before_retry
from chalicelib.domain.tasks.task import HELD, Holder, Status, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.errors import Conflict, LeaseLost

DISPATCH_GUARD_MS = 60_000
"""A ready task that is still waiting after this long is put under its pool's own look, in case a nudge was lost."""

MAX_CHECK_INTERVAL_MS = 15 * 60_000
"""A waiting task that its pool has no room to watch is looked at after twice the time, but at least this often."""

MAX_FAILED_ON = 20
"""How many workers that a task has failed on it remembers."""

HANDOVER_GUARD_MS = 120_000
"""A pushed lease that has not reached its worker after this long is given back, in case the message was lost."""


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


WORKER_FAULTS = frozenset(
    {Reason.WORKER_FAILED, Reason.WORKER_LOST, Reason.UNREACHABLE, Reason.START_TO_CLOSE, Reason.HEARTBEAT}
)
"""Why an attempt may have failed through its worker, rather than through the task."""


class Failure(NamedTuple):
    """How an attempt ended badly."""

    reason: Reason
    message: str
    retryable: bool = True
    retry_after_ms: int | None = None
    details: Any = None
    is_reported: bool = False
    """The worker itself said so; else the attempt may have failed through the worker."""

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = {"code": str(self.reason), "message": self.message}
        return found | {"details": self.details} if self.details is not None else found


def _next(task: Task, now: int, **changes: Any) -> Task:
    changed = replace(task, version=task.version + 1, updated_at=now, **changes)
    return replace(changed, wake_at=_wake_at(changed, now))


def _wake_at(task: Task, now: int) -> int | None:
    """The next moment at which something must happen to the task; of one that has ended, as it is."""
    if task.is_terminal:
        return task.wake_at
    ends = _own_due_times(task)
    if task.is_held_by_worker:
        ends.append(lease_due_at(task))
    elif not task.is_held:
        ends.append(_pending_due_at(task, now))
    return min(ends)


def _own_due_times(task: Task) -> list[int]:
    """What is due at a task whatever becomes of it: the end of its total time, and its due date until it is missed."""
    return [task.deadline] if task.due_at is None or task.overdue else [task.deadline, task.due_at]


def _pending_due_at(task: Task, now: int) -> int:
    """When a pending task must be looked at."""
    if task.run_at is not None:
        return task.run_at
    assert task.ready_at is not None
    latest = start_by(task, task.ready_at)
    # A waiting task depends on no single message: soon its pool watches it, or it is nudged again, ever more rarely.
    pause = min(max(DISPATCH_GUARD_MS, now - task.ready_at), MAX_CHECK_INTERVAL_MS)
    return latest if task.manual else min(now + pause, latest)


def ready(task: Task, now: int) -> Task:
    """Pending and free to be dispatched from now on."""
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


def is_only_waiting(task: Task, now: int) -> bool:
    """Whether the task is due for no other reason than that it has waited for a worker for a while."""
    if not task.is_queued or task.wake_at is None or task.ready_at is None:
        return False
    return task.wake_at <= now < min(*_own_due_times(task), start_by(task, task.ready_at))


def watched(task: Task, now: int) -> Task:
    """Waiting under the look of its pool, which knows its lane and is looked at each minute while anything waits: the
    task itself is due again only when its own time ends."""
    assert task.ready_at is not None
    return replace(_next(task, now), wake_at=min(*_own_due_times(task), start_by(task, task.ready_at)))


def start_by(task: Task, ready_at: int) -> int:
    """The latest instant at which a task that became ready at `ready_at` may be leased."""
    return ready_at + task.schedule_to_start_ms


def leased(task: Task, worker_id: str, now: int, *, handed: bool = False, attempt_ms: int | None = None) -> Task:
    """Given to a worker, under a new epoch; `handed` when it is to be handed over, `attempt_ms` when the worker allows
    less time than the task. Raises Conflict unless ready."""
    if not task.is_ready:
        raise Conflict(f"Task {task.id} is {task.status}: only a ready task can be leased")
    shorter = attempt_ms is not None and attempt_ms < task.start_to_close_ms
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
        deliver_by=now + HANDOVER_GUARD_MS if handed else None,
        attempt_ms=attempt_ms if shorter else None,
        progress=None,
        ready_at=None,
        waited_since=task.ready_at,
        release_reason=None,
    )


def assigned(task: Task, worker: Worker, now: int) -> Task:
    """Given by its owner to a worker of the owner's choice, even while it sleeps. Raises Conflict unless pending."""
    if task.status is not Status.PENDING:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending task can be assigned")
    awake = replace(task, run_at=None)
    return leased(awake, worker.id, now, handed=worker.needs_handover, attempt_ms=worker.attempt_ms)


def lease_due_at(task: Task) -> int:
    """When a held task must be looked at: its delivery guard or one of its timeouts, whichever is first."""
    assert task.attempt_ends_at is not None and task.beat_at is not None
    ends = [task.attempt_ends_at]
    if task.deliver_by is not None:
        ends.append(task.deliver_by)
    if task.heartbeat_ms is not None:
        ends.append(task.beat_at + task.heartbeat_ms)
    return min(ends)


def require_holder(task: Task, holder: Holder | None) -> None:
    """Raise LeaseLost unless the task is held: by this holder, if one is named."""
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
    """Whether this holder, or anybody if none is named, is who held the task up to its end."""
    if holder is None:
        return True
    mine = task.worker_id == holder.worker_id and holder.epoch in (None, task.epoch)
    return mine and holder.attempt in (None, task.attempt)


def progressed(task: Task, now: int, progress: float | None = None) -> Task:
    """The worker has begun, or is further on: the heartbeat of a held task."""
    begun = task.started_at if task.started_at is not None else now
    # A table takes no number as small as a double can be.
    kept = task.progress if progress is None else round(progress, 3)
    return _next(task, now, status=Status.RUNNING, started_at=begun, beat_at=now, progress=kept, deliver_by=None)


def started(task: Task, now: int) -> Task:
    """The worker has begun. Raises Conflict unless the task is held and not begun yet."""
    if task.status is not Status.LEASED:
        raise Conflict(f"Task {task.id} is {task.status}: only an assigned task that has not begun can be started")
    return progressed(task, now)


def completed(task: Task, now: int, result: Any = None, result_ref: str | None = None) -> Task:
    """Done, with its result."""
    done = _ended(task, Status.COMPLETED, now)
    return replace(done, result=result, result_ref=result_ref, progress=100, error=None)


def attempt_failed(task: Task, failure: Failure, now: int, backoff: Backoff, chance: float) -> Task:
    """A held task's attempt ended badly: back to pending after a backoff, or ended when nothing is left to try."""
    burned = replace(task, attempts=task.attempts + 1, error=failure.error, failed_on=_failed_on(task))
    if not failure.retryable or burned.attempts >= burned.max_attempts:
        return _ended(burned, _final_status(failure.reason), now)
    delay = delay_before_retry(backoff, burned.attempts, chance, failure.retry_after_ms)
    if now + delay >= task.deadline:
        return _ended(burned, Status.TIMED_OUT, now)
    return sleeping(burned, now + delay, now) if delay else ready(burned, now)


def _failed_on(task: Task) -> tuple[str, ...]:
    """The workers that it has failed on, the holder now among them."""
    others = [name for name in task.failed_on if name != task.worker_id]
    return (*others, *([task.worker_id] if task.worker_id is not None else []))[-MAX_FAILED_ON:]


def _final_status(reason: Reason) -> Status:
    timeouts = (Reason.START_TO_CLOSE, Reason.HEARTBEAT, Reason.SCHEDULE_TO_START, Reason.TOTAL)
    return Status.TIMED_OUT if reason in timeouts else Status.FAILED


def sleeping(task: Task, run_at: int, now: int) -> Task:
    """Pending, not before `run_at`."""
    return _next(task, now, status=Status.PENDING, run_at=run_at, ready_at=None, deliver_by=None, person=None)


def released(task: Task, now: int, reason: ReleaseReason = ReleaseReason.GIVEN_BACK) -> Task:
    """A lease given back unburned: drain, removal, or a worker that could not be reached or had no room after all.

    What had not begun keeps its place in the queue, and the time that it has waited counts.
    """
    waited = task.waited_since if task.status is Status.LEASED else None
    return _ready(task, now, since=now if waited is None else waited, reason=reason)


def begun_by_person(task: Task, person: str, now: int) -> Task:
    """Begun by a person, who needs no slot and whose time does not run out. Raises Conflict unless pending."""
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


def in_name_of_wanted_worker(task: Task) -> Task:
    """The task as its owner ends it: in the name of the worker that it names, though the dispatcher had not leased it
    yet, or a person works on it. So who was faster changes no figure."""
    if task.is_held_by_worker or task.is_terminal or task.wanted_worker is None:
        return task
    return replace(task, worker_id=task.wanted_worker)


def is_credited(old: Task, new: Task) -> bool:
    """Whether the change ends a task in the name of a worker that had no lease of it."""
    ends = new.is_terminal and not old.is_terminal and not old.is_held_by_worker
    return ends and new.wanted_worker is not None and new.worker_id == new.wanted_worker


def uncredited(old: Task, new: Task) -> Task:
    """The change in nobody's name: the worker that the task names is gone."""
    return replace(new, worker_id=None, attempts=old.attempts, failed_on=old.failed_on)


def failed_by_owner(task: Task, failure: Failure, now: int, backoff: Backoff) -> Task:
    """Ended as failed by its owner, for good; an attempt of the worker that it names, if it names one. Raises Conflict
    when it has ended already."""
    if task.is_terminal:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending or processing task can fail")
    if task.is_held_by_worker:
        return attempt_failed(task, failure._replace(retryable=False), now, backoff, 0)
    named = in_name_of_wanted_worker(task)
    if named.wanted_worker is not None:
        named = replace(named, attempts=named.attempts + 1, failed_on=_failed_on(named))
    return _ended(replace(named, error=failure.error), Status.FAILED, now)


def edited(task: Task, now: int, **changes: Any) -> Task:
    """Changed by its owner in what it is about, whatever its state. A new `due_at` may be missed anew."""
    if "due_at" in changes and changes["due_at"] != task.due_at:
        changes["overdue"] = False
    return _next(task, now, edits=task.edits + 1, **changes)


def cancelled(task: Task, now: int) -> Task:
    """Ended by its owner. Raises Conflict when it has ended already."""
    if task.is_terminal:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending or processing task can be cancelled")
    return _ended(in_name_of_wanted_worker(task), Status.CANCELLED, now)


def replayed(task: Task, now: int, total_ms: int) -> Task:
    """Queued again by its owner, with fresh attempts. Raises Conflict unless it failed or timed out."""
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
    return ready(again, now)


def timed_out(task: Task, reason: Reason, message: str, now: int) -> Task:
    """Ended because its schedule-to-start or total time ran out; a lease that it held counts as an attempt."""
    attempts = task.attempts + 1 if task.is_held_by_worker else task.attempts
    late = replace(task, error=Failure(reason, message).error, attempts=attempts)
    return _ended(late, Status.TIMED_OUT, now)


def _ended(task: Task, status: Status, now: int) -> Task:
    """Over, and due at once where people are to be told of it."""
    ended = _next(task, now, status=status, finished_at=now, run_at=None, ready_at=None, deliver_by=None)
    return replace(ended, wake_at=now if task.notify and status is not Status.CANCELLED else None)


def end_notified(task: Task, now: int) -> Task:
    """Ended, and people were told of this end; the task itself when that is settled, or it has gone on."""
    if not task.is_terminal or task.wake_at is None:
        return task
    return _next(replace(task, wake_at=None), now)


def next_if_due(task: Task, now: int, backoff: Backoff, chance: float) -> Task:
    """What becomes of a task whose `wake_at` has come. Returns the task itself when nothing is due after all."""
    if task.is_terminal or task.wake_at is None or task.wake_at > now:
        return task
    if now >= task.deadline:
        return timed_out(task, Reason.TOTAL, "The task's total time ran out", now)
    if task.due_at is not None and task.due_at <= now and not task.overdue:
        return _next(task, now, overdue=True)
    if task.is_held_by_worker:
        return _next_held_if_due(task, now, backoff, chance)
    return task if task.is_held else _next_pending_if_due(task, now)


def _next_pending_if_due(task: Task, now: int) -> Task:
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
    silent = Failure(Reason.HEARTBEAT, "The worker fell silent about this task")
    return attempt_failed(task, silent, now, backoff, chance)
