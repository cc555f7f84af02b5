"""The use cases of a task after its submission: report, complete, fail, release, cancel, replay.

Each use case is one conditional write, or one transaction that also writes the worker's slot. The relay carries out
everything else that follows from the change. The use cases share one loop, `change`, and stand beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.nouns import noun
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.retry import Backoff
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import Precondition, StaleRead
from chalicelib.engine.tasks import concurrency_limits, lease_end, payloads, worker_presence
from chalicelib.engine.tasks.lease_end import ENDED_BY_SERVICE, LeaseEnd
from chalicelib.errors import Conflict, LeaseLost, NotFound
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks import tasks as storage
from chalicelib.storage.workers import workers as worker_storage

Decision = Callable[[Task], Task]


def _raise_if_unmet(preconditions: Sequence[Precondition], error: ConditionFailed) -> None:
    """Raise the error of the first precondition that does not hold, if the task was unchanged since it was read."""
    unmet = optimistic.unmet_error(preconditions, error)
    if not error.failed[0] and unmet is not None:
        raise unmet from None


def get(org: str, task_id: str, pool: str | None = None) -> Task:
    """Read a task, of this pool only if one is named. One call. Raises NotFound, also for a task of another org."""
    task = storage.find(task_id)
    if task is None or task.org != org or pool not in (None, task.pool):
        raise NotFound(noun(pool), task_id)
    return task


def load_payload(task: Task) -> Any:
    """Return the task's payload. One call to S3 if the payload is large."""
    return payloads.load(task.payload, task.payload_ref)


def load_result(task: Task) -> Any:
    """Return the task's result. One call to S3 if the result is large."""
    return payloads.load(task.result, task.result_ref)


def cancel(org: str, task_id: str, pool: str | None = None, by: str | None = None) -> Task:
    """Cancel a task that has not ended. A worker that holds it gets a command to stop. Raises NotFound, Conflict."""
    return change(org, task_id, lambda task: transitions.cancelled(task, clock.now()), pool=pool, by=by)


def replay(org: str, task_id: str, pool: str | None = None) -> Task:
    """Queue a failed or timed out task again, with fresh attempts. Raises NotFound, Conflict."""
    total = settings().total_seconds * clock.SECOND
    return change(org, task_id, lambda task: transitions.replayed(task, clock.now(), total), pool=pool)


def complete(org: str, pool: str, task_id: str, holder: Holder | None, result: Any, *, is_alive: bool = False) -> int:
    """Accept a task's result from its holder, once; without a `holder`, in the name of the current one.

    With `is_alive` the completion is also a sign of life of the holder, which must have no WebSocket. Returns when the
    task was completed, in epoch milliseconds; the same completion again is accepted and changes nothing. Raises
    NotFound, LeaseLost, Conflict. One transaction; one more if the task has a concurrency limit or notifies people.
    """
    task = get(org, task_id, pool) if holder is None else None
    by = current_holder(task) if task is not None else cast(Holder, holder)
    value, reference = payloads.store_if_large(payloads.s3_prefix(org, pool, task_id, "result"), result)
    now = clock.now()

    def build_end_write(task: Task | None) -> Write:
        notifies = task is not None and bool(task.notify)
        values = storage.completion_values(task_id, org, pool, now, value, reference, notifies=notifies)
        return storage.end_write(task_id, org, by, values, task)

    overdue_at = worker_presence.overdue_at(now) if is_alive else None
    slot = worker_storage.free_slot_write(
        org, pool, by.worker_id, task_id, now, outcome="completed", overdue_at=overdue_at
    )
    try:
        _commit_completion(task, build_end_write, slot)
    except ConditionFailed as error:
        return _accept_repeated_completion(error, org, pool, task_id, by, value, reference)
    if is_alive:
        worker_presence.remember_recorded(org, pool, by.worker_id)
    return now


def _commit_completion(task: Task | None, build_end_write: Callable[[Task | None], Write], slot: Write) -> None:
    """Write the end of a lease. A task that was not read is written blindly; if that is refused because more than the
    slot must be given back, the refusal carries the task, and the write is made again with it."""
    freed = [slot, *(concurrency_limits.release_writes(task) if task is not None else [])]
    try:
        storage.commit([build_end_write(task), *freed])
    except ConditionFailed as error:
        if task is not None and not error.failed[0]:
            storage.commit([build_end_write(task), *lease_end.without_missing(task, freed, error)])
            return
        stored = task_table.from_raw(error.items[0]) if task is None and error.items[0] else None
        if stored is None or not (stored.concurrency_limit or stored.notify):
            raise
        _commit_completion(stored, build_end_write, slot)


def current_holder(task: Task) -> Holder:
    """Return the task's holder, or the last holder of a completed task, so that a repeated completion is recognized.

    Raises LeaseLost if no worker holds the task.
    """
    if task.status is not Status.COMPLETED:
        transitions.require_holder(task, None)
    assert task.worker_id is not None
    return Holder(task.worker_id, task.epoch)


def _accept_repeated_completion(
    error: ConditionFailed, org: str, pool: str, task_id: str, by: Holder, value: Any, reference: str | None
) -> int:
    """Return when the same completion was accepted before. Raises the error that says why it is refused otherwise."""
    task = task_table.from_raw(error.items[0]) if error.items[0] else storage.find(task_id)
    if task is None or (task.org, task.pool) != (org, pool):
        raise NotFound("Task", task_id)
    if task.status is Status.COMPLETED and transitions.is_last_holder(task, by):
        assert task.finished_at is not None
        if task.result_ref == reference and payloads.digest(task.result) == payloads.digest(value):
            return task.finished_at
        raise Conflict(f"Task {task_id} was completed before with another result")
    transitions.require_holder(task, by)
    raise LeaseLost(f"Worker {by.worker_id} no longer holds task {task_id}", epoch=task.epoch)


def report_progress(
    org: str, task_id: str, holder: Holder | None, percent: float | None, pool: str | None = None
) -> Task:
    """Record that the holder has begun, or its progress in percent (0-100); it counts as a heartbeat of the task.

    Raises NotFound, LeaseLost.
    """

    def decide(task: Task) -> Task:
        transitions.require_holder(task, holder)
        return transitions.progressed(task, clock.now(), percent)

    return change(org, task_id, decide, pool=pool)


def fail(org: str, task_id: str, holder: Holder | None, failure: Failure, pool: str | None = None) -> Task:
    """Record that the holder's attempt failed: the task is retried after a backoff if attempts are left, else it fails.

    The same failure again is accepted and changes nothing once the task has failed. Raises NotFound, LeaseLost.
    """

    def decide(task: Task) -> Task:
        if _is_repeated_failure(task, holder, failure):
            return task
        transitions.require_holder(task, holder)
        return transitions.attempt_failed(task, failure, clock.now(), retry_backoff(), ids.fraction())

    return change(org, task_id, decide, end=LeaseEnd(tells_worker=False, is_reported=failure.is_reported), pool=pool)


def _is_repeated_failure(task: Task, holder: Holder | None, failure: Failure) -> bool:
    has_failed = task.status in (Status.FAILED, Status.TIMED_OUT)
    return has_failed and task.error == failure.error and transitions.is_last_holder(task, holder)


def release(
    org: str,
    task_id: str,
    holder: Holder,
    rest_until: int | None = None,
    unreached: Worker | None = None,
    reason: ReleaseReason = ReleaseReason.GIVEN_BACK,
) -> Task:
    """Give a lease back to the queue and count no attempt. Raises NotFound, LeaseLost.

    With `rest_until`, the worker gets no task before that instant. `unreached` is the worker with the failed handover
    counted.
    """

    def decide(task: Task) -> Task:
        transitions.require_holder(task, holder)
        return transitions.released(task, clock.now(), reason)

    return change(org, task_id, decide, end=LeaseEnd(tells_worker=False, rest_until=rest_until, unreached=unreached))


def revoke_lease(org: str, task_id: str, holder: Holder, why: Failure | ReleaseReason) -> Task:
    """End a worker's lease, if it still is this one: a Failure counts as an attempt, a ReleaseReason does not.

    Raises NotFound.
    """

    def decide(task: Task) -> Task:
        if not task.is_held or task.worker_id != holder.worker_id or task.epoch != holder.epoch:
            return task
        if isinstance(why, ReleaseReason):
            return transitions.released(task, clock.now(), why)
        return transitions.attempt_failed(task, why, clock.now(), retry_backoff(), ids.fraction())

    return change(org, task_id, decide)


def apply_due_transition(task: Task) -> Task:
    """Apply the transition that is due on a task that was just read, such as a timeout. Returns the task as it is then.

    Raises NotFound.
    """
    decide: Decision = lambda latest: transitions.next_if_due(latest, clock.now(), retry_backoff(), ids.fraction())  # noqa: E731
    return change(task.org, task.id, decide, known=task)


def leave_to_pool(task: Task) -> Task:
    """Make a waiting task due again only when its own time ends, because its pool watches its lane from now on."""

    def decide(latest: Task) -> Task:
        is_watched = transitions.is_only_waiting(latest, clock.now()) and latest.lane == task.lane
        return transitions.watched(latest, clock.now()) if is_watched else latest

    return change(task.org, task.id, decide, known=task)


def retry_backoff() -> Backoff:
    """The configured delays between attempts."""
    base_ms, cap_ms = settings().backoff_base_seconds * clock.SECOND, settings().backoff_cap_seconds * clock.SECOND
    return Backoff(round(base_ms), round(cap_ms))


def change(
    org: str,
    task_id: str,
    decide: Decision,
    *,
    end: LeaseEnd = ENDED_BY_SERVICE,
    pool: str | None = None,
    by: str | None = None,
    preconditions: Callable[[Task, Task], Sequence[Precondition]] = lambda *_: (),
    known: Task | None = None,
) -> Task:
    """Read a task, decide what it becomes, and write it if nobody wrote in between; else try again. Two calls.

    `known` is the task if it was just read; then it is not read first. If `decide` returns the same task, nothing is
    written. If the change ends a lease, its slot and concurrency limit are freed in the same transaction, and `end`
    says what that means for the worker. `by` is the caller who asks for the change, if there is one. `preconditions`
    returns those of the change from the old task to the new one.
    Raises NotFound, the error of an unmet precondition, TooManyWriters, and what `decide` raises.
    """
    removed_workers: set[str | None] = set()

    def attempt() -> Task:
        nonlocal known
        old, known = known or get(org, task_id, pool), None
        new = decide(old)
        if new is old:
            return old
        if new.worker_id in removed_workers and transitions.is_credited(old, new):
            new = transitions.uncredited(old, new)
        new = replace(new, changed_by=by)
        freed = lease_end.build_writes(old, new, end)
        demanded = preconditions(old, new)
        required = _of_other_items(demanded, freed)
        try:
            storage.commit([storage.update_write(old, new), *(each.check for each in required), *freed])
        except ConditionFailed as error:
            _raise_if_unmet(required, error)
            if not error.failed[0] and transitions.is_credited(old, new):
                removed_workers.add(new.worker_id)
                raise StaleRead from None
            if not (is_already_written(error, new) or _commit_without_missing(error, old, new, freed, demanded)):
                raise StaleRead from None
        return new

    return optimistic.retry(attempt)


def _of_other_items(preconditions: Sequence[Precondition], writes: Sequence[Write]) -> list[Precondition]:
    """The preconditions on items that `writes` do not touch, because a transaction takes one operation for each item. A
    write of a worker has a condition of its own, which a worker that is named meets only if it exists."""
    keys = [write.arguments["Key"] for write in writes]
    return [each for each in preconditions if each.check.arguments["Key"] not in keys]


def is_already_written(error: ConditionFailed, new: Task) -> bool:
    """Whether this very write was stored before: its answer was lost, and the AWS client sent it again."""
    return optimistic.is_stored(new, task_table.from_raw, error)


def _commit_without_missing(
    error: ConditionFailed, old: Task, new: Task, freed: Sequence[Write], preconditions: Sequence[Precondition]
) -> bool:
    """Write the change without the slot or limit that is missing. False if the task has changed since it was read.

    Raises the error of a precondition that does not hold.
    """
    if error.failed[0]:
        return False
    remaining = lease_end.without_missing(old, freed, error)
    required = _of_other_items(preconditions, remaining)
    try:
        storage.commit([storage.update_write(old, new), *(each.check for each in required), *remaining])
    except ConditionFailed as second:
        _raise_if_unmet(required, second)
        return False
    return True
