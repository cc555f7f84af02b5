"""What can be done with a task. Each use case is one conditional write (or one transaction with the worker's slot);
everything else follows from the change, in the relay."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.retry import Backoff
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import Precondition, StaleRead
from chalicelib.engine.tasks import concurrency_limits, payloads, worker_presence
from chalicelib.errors import Conflict, LeaseLost, NotFound
from chalicelib.observability import logger
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks import tasks as storage
from chalicelib.storage.workers import workers as worker_storage

Decision = Callable[[Task], Task]


class LeaseEnd(NamedTuple):
    """What a change says about the worker whose lease it ends."""

    told: bool = True
    """The worker is to be told to stop: it was not the one who said so."""
    reported: bool = False
    """If the attempt failed: the worker itself said so."""
    rest_until: int | None = None
    """The worker gets nothing more until then."""
    unreached: Worker | None = None
    """The worker once it is counted that the hand-over did not arrive."""


ENDED_BY_SERVICE = LeaseEnd()


def _raise_if_unmet(preconditions: Sequence[Precondition], refused: ConditionFailed) -> None:
    """Raise the error of the first precondition that does not hold, where the task itself was as it had been read."""
    error = optimistic.unmet_error(preconditions, refused)
    if not refused.failed[0] and error is not None:
        raise error from None


def get(org: str, task_id: str, pool: str | None = None) -> Task:
    """The task as of now; of this pool only, if one is named. Raises NotFound, also for another tenant's."""
    task = storage.find(task_id)
    if task is None or task.org != org or pool not in (None, task.pool):
        raise NotFound("Task", task_id)
    return task


def load_payload(task: Task) -> Any:
    """The task's payload, fetched from S3 if it is large."""
    return payloads.load(task.payload, task.payload_ref)


def load_result(task: Task) -> Any:
    """The task's result, fetched from S3 if it is large."""
    return payloads.load(task.result, task.result_ref)


def cancel(org: str, task_id: str, pool: str | None = None, by: str | None = None) -> Task:
    """End a task that has not ended; whoever holds it is told to stop. Raises NotFound, Conflict."""
    return change(org, task_id, lambda task: transitions.cancelled(task, clock.now()), pool=pool, by=by)


def replay(org: str, task_id: str, pool: str | None = None) -> Task:
    """Queue a failed or timed out task again, with fresh attempts. Raises NotFound, Conflict."""
    total = settings().total_seconds * clock.SECOND
    return change(org, task_id, lambda task: transitions.replayed(task, clock.now(), total), pool=pool)


def complete(org: str, pool: str, task_id: str, holder: Holder | None, outcome: Any, *, is_alive: bool = False) -> int:
    """Accept a result, once, from whoever holds the task; without a holder, on the present holder's behalf. `is_alive`
    makes it a sign of life of the holder, which must have no WebSocket.

    One transaction; one more where a holder completes a task that has a permit or tells people. Returns when it was
    completed, in epoch milliseconds: the same completion again is accepted and changes nothing. Raises NotFound,
    LeaseLost, Conflict.
    """
    task = get(org, task_id, pool) if holder is None else None
    by = current_holder(task) if task is not None else cast(Holder, holder)
    value, reference = payloads.store_if_large(payloads.s3_prefix(org, pool, task_id, "result"), outcome)
    now = clock.now()

    def ending(known: Task | None) -> Write:
        tells = known is not None and bool(known.notify)
        done = storage.completion_values(task_id, org, pool, now, value, reference, tells=tells)
        return storage.end_write(task_id, org, by, done, known)

    overdue_at = worker_presence.overdue_at(now) if is_alive else None
    slot = worker_storage.free_slot_write(
        org, pool, by.worker_id, task_id, now, outcome="completed", overdue_at=overdue_at
    )
    try:
        _commit_completion(task, ending, slot)
    except ConditionFailed as refused:
        return _accept_repeated_completion(refused, org, pool, task_id, by, value, reference)
    if is_alive:
        worker_presence.remember_recorded(org, pool, by.worker_id)
    return now


def _commit_completion(task: Task | None, ending: Callable[[Task | None], Write], slot: Write) -> None:
    """Write the end of a lease. Of a task that was not read, the refusal says what else there is to its end."""
    given_back = [slot, *(concurrency_limits.release_writes(task) if task is not None else [])]
    try:
        storage.commit([ending(task), *given_back])
    except ConditionFailed as refused:
        if task is not None and not refused.failed[0]:
            storage.commit([ending(task), *_existing_writes(task, given_back, refused)])
            return
        stored = task_table.from_raw(refused.items[0]) if task is None and refused.items[0] else None
        if stored is None or not (stored.concurrency_limit or stored.notify):
            raise
        _commit_completion(stored, ending, slot)


def current_holder(task: Task) -> Holder:
    """Who holds the task; of a completed one who did last, so that the same result can be told from another."""
    if task.status is not Status.COMPLETED:
        transitions.require_holder(task, None)
    assert task.worker_id is not None
    return Holder(task.worker_id, task.epoch)


def _accept_repeated_completion(
    refused: ConditionFailed, org: str, pool: str, task_id: str, by: Holder, value: Any, reference: str | None
) -> int:
    """When this very completion was accepted, or the error that says why it was refused."""
    task = task_table.from_raw(refused.items[0]) if refused.items[0] else storage.find(task_id)
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
    """Note that the holder has begun, or how far it is (0-100); extends a lease that wants heartbeats."""

    def decide(task: Task) -> Task:
        transitions.require_holder(task, holder)
        return transitions.progressed(task, clock.now(), percent)

    return change(org, task_id, decide, pool=pool)


def fail(org: str, task_id: str, holder: Holder | None, failure: Failure, pool: str | None = None) -> Task:
    """The holder's attempt ended badly: retried after a backoff while attempts are left, else failed.

    The same failure again is accepted and changes nothing once the task has failed. Raises NotFound, LeaseLost.
    """

    def decide(task: Task) -> Task:
        if _is_repeated_failure(task, holder, failure):
            return task
        transitions.require_holder(task, holder)
        return transitions.attempt_failed(task, failure, clock.now(), retry_backoff(), ids.fraction())

    return change(org, task_id, decide, end=LeaseEnd(told=False, reported=failure.is_reported), pool=pool)


def _is_repeated_failure(task: Task, holder: Holder | None, failure: Failure) -> bool:
    return task.status is Status.FAILED and task.error == failure.error and transitions.is_last_holder(task, holder)


def release(
    org: str,
    task_id: str,
    holder: Holder,
    rest_until: int | None = None,
    unreached: Worker | None = None,
    reason: ReleaseReason = ReleaseReason.GIVEN_BACK,
) -> Task:
    """Give a lease back, and count no attempt. With `rest_until` its worker gets nothing more until then; `unreached`
    is its worker once it is counted that the hand-over did not arrive."""

    def decide(task: Task) -> Task:
        transitions.require_holder(task, holder)
        return transitions.released(task, clock.now(), reason)

    return change(org, task_id, decide, end=LeaseEnd(told=False, rest_until=rest_until, unreached=unreached))


def revoke_lease(org: str, task_id: str, holder: Holder, why: Failure | ReleaseReason) -> Task:
    """End a lease from our side, if it is still that one: burned by a failure, or unburned for another reason."""

    def decide(task: Task) -> Task:
        if not task.is_held or task.worker_id != holder.worker_id or task.epoch != holder.epoch:
            return task
        if isinstance(why, ReleaseReason):
            return transitions.released(task, clock.now(), why)
        return transitions.attempt_failed(task, why, clock.now(), retry_backoff(), ids.fraction())

    return change(org, task_id, decide)


def apply_due_transition(task: Task) -> Task:
    """Do what is due on a task that was just read, if anything is, and answer it. Raises NotFound."""
    decide: Decision = lambda latest: transitions.next_if_due(latest, clock.now(), retry_backoff(), ids.fraction())  # noqa: E731
    return change(task.org, task.id, decide, known=task)


def leave_to_pool(task: Task) -> Task:
    """Have a waiting task, that was just read, due no more but for its own time's end: its pool watches its lane."""

    def decide(latest: Task) -> Task:
        waits = transitions.is_only_waiting(latest, clock.now()) and latest.lane == task.lane
        return transitions.watched(latest, clock.now()) if waits else latest

    return change(task.org, task.id, decide, known=task)


def retry_backoff() -> Backoff:
    """The house's retry delays."""
    found = settings()
    return Backoff(round(found.backoff_base_seconds * clock.SECOND), round(found.backoff_cap_seconds * clock.SECOND))


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
    """Read, decide, write on the condition that nobody wrote in between; think again if somebody did. A task that is
    `known`, because it was just read, is not read first.

    When the change ends a lease, its slot and permit are freed in the same transaction, and `end` says what it means
    for the worker. Deciding for the same task writes nothing. `by` is the caller who asks for the change, when it is
    one. `preconditions` are those of the change from the old task to the new one.
    """
    gone: set[str | None] = set()

    def attempt() -> Task:
        nonlocal known
        old, known = known or get(org, task_id, pool), None
        new = decide(old)
        if new is old:
            return old
        if new.worker_id in gone and transitions.is_credited(old, new):
            new = transitions.uncredited(old, new)
        new = replace(new, changed_by=by)
        freed = _lease_end_writes(old, new, end)
        demands = _of_other_items(preconditions(old, new), freed)
        try:
            storage.commit([storage.update_write(old, new), *(one.check for one in demands), *freed])
        except ConditionFailed as refused:
            _raise_if_unmet(demands, refused)
            if not refused.failed[0] and transitions.is_credited(old, new):
                gone.add(new.worker_id)
                raise StaleRead from None
            if not (is_already_written(refused, new) or _commit_without_missing(refused, old, new, end)):
                raise StaleRead from None
        return new

    return optimistic.retry(attempt)


def _of_other_items(preconditions: Sequence[Precondition], writes: Sequence[Write]) -> list[Precondition]:
    """Those of items that the writes do not touch: a transaction takes one operation for each item. A write of a worker
    has a condition of its own, which none but a worker that is there meets."""
    keys = [write.arguments["Key"] for write in writes]
    return [each for each in preconditions if each.check.arguments["Key"] not in keys]


def _lease_end_writes(old: Task, new: Task, end: LeaseEnd) -> list[Write]:
    """What the end of a lease gives back: the worker's slot, and the permit. An end in the name of a worker that had no
    lease is counted for it."""
    if not old.is_held_by_worker or new.is_held_by_worker:
        return _credit_writes(old, new)
    assert old.worker_id is not None
    stop = f"{old.id}:{old.attempt}" if end.told else None
    burned = new.attempts > old.attempts
    counted: worker_storage.Outcome | None = "failed" if burned else None
    if new.status is Status.COMPLETED and new.worker_id == old.worker_id:  # whoever said so, as the log has it
        counted = "completed"
    freed = worker_storage.free_slot_write(
        old.org,
        old.pool,
        old.worker_id,
        old.id,
        new.updated_at,
        outcome=counted,
        is_worker_fault=burned and not end.reported and (new.error or {}).get("code") in transitions.WORKER_FAULTS,
        stop=stop,
        rest_until=end.rest_until,
        unreached=end.unreached,
    )
    return [freed, *concurrency_limits.release_writes(old)]


def _credit_writes(old: Task, new: Task) -> list[Write]:
    burned = new.attempts > old.attempts
    if not transitions.is_credited(old, new) or not (burned or new.status is Status.COMPLETED):
        return []
    assert new.worker_id is not None
    counted: worker_storage.Outcome = "completed" if new.status is Status.COMPLETED else "failed"
    return [worker_storage.credit_write(new.org, new.pool, new.worker_id, counted, new.updated_at)]


def is_already_written(refused: ConditionFailed, new: Task) -> bool:
    """Whether it was this very write that got there before: its answer was lost, and the client sent it again."""
    return optimistic.is_stored(new, task_table.from_raw, refused)


def _commit_without_missing(refused: ConditionFailed, old: Task, new: Task, end: LeaseEnd) -> bool:
    if refused.failed[0]:
        return False
    try:
        storage.commit(
            [storage.update_write(old, new), *_existing_writes(old, _lease_end_writes(old, new, end), refused)]
        )
    except ConditionFailed:
        return False
    return True


def _existing_writes(task: Task, given_back: Sequence[Write], refused: ConditionFailed) -> list[Write]:
    """What of it is there to be given back: a slot or a permit that is missing though its task is held would block the
    task for ever."""
    logger().error("A held task had no slot or permit", extra={"task_id": task.id, "worker_id": task.worker_id})
    missing = refused.failed[-len(given_back) :]
    return [write for write, gone in zip(given_back, missing, strict=True) if not gone]
