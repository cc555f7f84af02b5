"""Decide on tasks that wait for a person's approval. The dispatcher leases none of them before that."""

from collections.abc import Callable
from dataclasses import replace

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import ApprovalState, Task
from chalicelib.engine.tasks import lifecycle

Transition = Callable[[Task, str, str | None, int], Task]


def approve(
    org: str, task_id: str, by: str, feedback: str | None = None, pool: str | None = None, *, notes: str | None = None
) -> Task:
    """Approve a task: it is ready from now on. Two calls. The same decision again changes nothing.

    Raises NotFound, and Conflict if the task needs no approval, or something else was decided or happened before.
    """
    return _decide(org, task_id, by, feedback, notes, pool, ApprovalState.APPROVED, transitions.approved)


def reject(
    org: str, task_id: str, by: str, feedback: str | None = None, pool: str | None = None, *, notes: str | None = None
) -> Task:
    """Reject a task: it has failed. Two calls. The same decision again changes nothing. Raises as `approve` does."""
    return _decide(org, task_id, by, feedback, notes, pool, ApprovalState.REJECTED, transitions.rejected)


def _decide(
    org: str,
    task_id: str,
    by: str,
    feedback: str | None,
    notes: str | None,
    pool: str | None,
    state: ApprovalState,
    apply: Transition,
) -> Task:
    def decide(task: Task) -> Task:
        if task.approval is not None and task.approval.state is state:
            return task
        decided = apply(task, by, feedback, clock.now())
        assert decided.approval is not None
        return replace(decided, approval=decided.approval._replace(notes=notes))

    return lifecycle.change(org, task_id, decide, pool=pool, by=by)
