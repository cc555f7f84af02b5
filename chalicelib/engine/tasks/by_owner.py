"""Moves of a task that its owner makes instead of a worker: begin, complete, fail, try again.

The same move again changes nothing. A worker that holds the task loses its lease, and gets a command to stop.
"""

from collections.abc import Callable
from typing import Any

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.retry import Backoff
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.tasks import lifecycle, payloads
from chalicelib.errors import Conflict

AT_ONCE = Backoff(0, 0)
"""An owner who asks for another attempt does not wait for it."""
Follow = Callable[[Task, Task], Task]
"""What follows from a move besides: from the task before and after it, the task that is stored."""


def nothing_follows(_old: Task, new: Task) -> Task:
    """The task as the move leaves it."""
    return new


def begin(org: str, task_id: str, pool: str, by: str) -> Task:
    """Record that this caller works on a pending task. Two calls.

    Raises NotFound, and Conflict unless the task is pending, or this caller works on it already.
    """

    def decide(task: Task) -> Task:
        if task.status is Status.RUNNING and task.person == by:
            return task
        return transitions.begun_by_person(task, by, clock.now())

    return lifecycle.change(org, task_id, decide, pool=pool, by=by)


def complete(org: str, task_id: str, pool: str, by: str, result: Any, follow: Follow = nothing_follows) -> Task:
    """Complete a task that has not ended. Two calls; one more for a result over 100 KB. Raises NotFound, Conflict."""
    value, reference = payloads.store_if_large(payloads.s3_prefix(org, pool, task_id, "result"), result)

    def decide(task: Task) -> Task:
        if task.status is Status.COMPLETED and _has_result(task, value, reference):
            return task
        _require_open(task, "completed")
        return follow(task, transitions.completed(task, clock.now(), value, reference))

    return lifecycle.change(org, task_id, decide, pool=pool, by=by)


def _has_result(task: Task, value: Any, reference: str | None) -> bool:
    return task.result_ref == reference and payloads.digest(task.result) == payloads.digest(value)


def fail(
    org: str, task_id: str, pool: str, by: str, message: str, *, retry: bool, follow: Follow = nothing_follows
) -> Task:
    """Record that an attempt failed. With `retry` the task is pending again at once, if attempts are left; else it has
    failed. Two calls. Raises NotFound, and Conflict if the task has ended otherwise."""
    failure = Failure(Reason.WORKER_FAILED, message, retryable=retry, is_reported=True)

    def decide(task: Task) -> Task:
        if task.status is Status.FAILED and task.error == failure.error:
            return task
        _require_open(task, "failed")
        transitions.require_approved(task)
        return follow(task, transitions.attempt_failed(task, failure, clock.now(), AT_ONCE, 0.0))

    return lifecycle.change(org, task_id, decide, pool=pool, by=by)


def _require_open(task: Task, outcome: str) -> None:
    if task.is_terminal:
        raise Conflict(f"Task {task.id} is {task.status}: only a task that has not ended can be {outcome}")
