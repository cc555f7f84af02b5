"""What the end of a lease writes besides the task, in the same transaction: the worker's slot is freed, its counters
grow, and the task's place under its concurrency limit is given back."""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.tasks import concurrency_limits
from chalicelib.observability import logger
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.workers import workers as worker_storage


class LeaseEnd(NamedTuple):
    """What the end of a lease means for its worker."""

    tells_worker: bool = True
    """The worker gets a command to stop. False where the worker itself ended the lease."""
    is_reported: bool = False
    """The worker itself reported the failure, if the attempt failed."""
    rest_until: int | None = None
    """The worker gets no task before this instant."""
    unreached: Worker | None = None
    """The worker with the failed handover counted, if the handover did not arrive."""


ENDED_BY_SERVICE = LeaseEnd()


def build_writes(old: Task, new: Task, end: LeaseEnd) -> list[Write]:
    """Build the writes that free the slot and the concurrency limit, if the change from `old` to `new` ends a lease.

    Where the change ends a task in the name of a worker that had no lease of it, the task is counted for that worker.
    """
    if not old.is_held_by_worker or new.is_held_by_worker:
        return _credit_writes(old, new)
    assert old.worker_id is not None
    has_failed = new.attempts > old.attempts
    outcome: worker_storage.Outcome | None = "failed" if has_failed else None
    if new.status is Status.COMPLETED and new.worker_id == old.worker_id:  # whoever reported it: as the events count it
        outcome = "completed"
    slot = worker_storage.free_slot_write(
        old.org,
        old.pool,
        old.worker_id,
        old.id,
        new.updated_at,
        outcome=outcome,
        is_worker_fault=has_failed
        and not end.is_reported
        and (new.error or {}).get("code") in transitions.WORKER_FAULTS,
        stop=f"{old.id}:{old.attempt}" if end.tells_worker else None,
        rest_until=end.rest_until,
        unreached=end.unreached,
        is_named_anew=new.wanted_worker == old.worker_id != old.wanted_worker,
    )
    return [slot, *concurrency_limits.release_writes(old)]


def _credit_writes(old: Task, new: Task) -> list[Write]:
    has_failed = new.attempts > old.attempts
    if not transitions.is_credited(old, new) or not (has_failed or new.status is Status.COMPLETED):
        return []
    assert new.worker_id is not None
    outcome: worker_storage.Outcome = "completed" if new.status is Status.COMPLETED else "failed"
    return [worker_storage.credit_write(new.org, new.pool, new.worker_id, outcome, new.updated_at)]


def without_missing(task: Task, writes: Sequence[Write], error: ConditionFailed) -> list[Write]:
    """Leave out the writes whose item is missing: a held task that has no slot or no concurrency limit could otherwise
    never end. `writes` are the last ones of the refused transaction."""
    logger().error("A held task had no slot or permit", extra={"task_id": task.id, "worker_id": task.worker_id})
    failed = error.failed[-len(writes) :]
    return [write for write, is_missing in zip(writes, failed, strict=True) if not is_missing]
