"""Carry on an execution: after a step has ended, at its begin, at its end, and now and then in case a message was lost.

It can be called at any time and twice at once. Each step is submitted, and each end written, on the condition that the
execution is still as it was read.
"""

from typing import Any

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.retry import Backoff
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.workflows.next_action import Complete, Fail, RetryStep, StartStep, Wait, next_action
from chalicelib.domain.workflows.workflow import Workflow
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import Precondition, StaleRead
from chalicelib.engine.tasks import lifecycle, payloads, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workflows import executions, registry
from chalicelib.errors import Conflict, NotFound
from chalicelib.observability import logger
from chalicelib.storage.tasks import tasks as storage


class ExecutionChanged(Conflict):
    """Somebody else wrote the execution since it was read."""


def advance(task: Task) -> Task:
    """Do what comes next for an execution, and return it as it is then. Three to six calls."""

    def attempt() -> Task:
        execution = lifecycle.apply_due_transition(lifecycle.get(task.org, task.id))
        if execution.is_terminal:
            _cancel_open_steps(execution)
            return execution
        try:
            return _carry_on(execution)
        except ExecutionChanged:
            raise StaleRead from None

    return optimistic.retry(attempt)


def _carry_on(execution: Task) -> Task:
    steps = executions.find_steps(execution)
    match next_action(execution, steps):
        case StartStep(index):
            _submit_step(execution, index, steps[index - 1] if index else None)
            return _record_progress(execution, index)
        case RetryStep(index, step):
            _replay_step(execution, step)
            return _record_progress(execution, index)
        case Wait(index):
            return _record_progress(execution, index)
        case Complete(last):
            return _complete(execution, last)
        case Fail(failure):
            return _change(execution, lambda it: transitions.failed_by_owner(it, failure, clock.now(), NO_BACKOFF))


NO_BACKOFF = Backoff(0, 0)
"""An execution that fails is not tried again by itself: its steps were."""


def _submit_step(execution: Task, index: int, previous: Task | None) -> None:
    workflow: Workflow = registry.find(execution.type)
    step = workflow.find_step(execution.steps[index])
    data = {"input": lifecycle.load_payload(execution), "previous": None if previous is None else _result(previous)}
    wanted = Submission(
        pool=step.pool,
        type=step.type,
        capabilities=step.capabilities,
        priority=execution.priority,
        payload=data,
        id=executions.step_id(execution, index),
        name=step.name,
        label=step.name,
        parent=execution.id,
        approval_seconds=step.approval_seconds,
        max_attempts=step.max_attempts,
        timeout_seconds=step.timeout_seconds,
    )
    submission.submit(execution.org, execution.submitted_by or transitions.WORKFLOW, wanted, [_unchanged(execution)])


def _unchanged(execution: Task) -> Precondition:
    return Precondition(storage.version_check(execution), ExecutionChanged(f"Execution {execution.id} has changed"))


def _result(step: Task) -> Any:
    return lifecycle.load_result(lifecycle.get(step.org, step.id))


def _replay_step(execution: Task, step: Task) -> None:
    total_ms = max(clock.SECOND, execution.deadline - clock.now())

    def decide(latest: Task) -> Task:
        return transitions.replayed(latest, clock.now(), total_ms) if latest.version == step.version else latest

    lifecycle.change(step.org, step.id, decide, preconditions=lambda *_: [_unchanged(execution)])


def _record_progress(execution: Task, done: int) -> Task:
    """Write how far it is, if that has changed, or if it is due for a look at its steps."""
    percent = round(100 * done / len(execution.steps), 1)
    is_due = execution.wake_at is not None and execution.wake_at <= clock.now()
    if execution.status is Status.RUNNING and execution.progress == percent and not is_due:
        return execution
    return _change(execution, lambda latest: transitions.under_way(latest, clock.now(), percent))


def _complete(execution: Task, last: Task) -> Task:
    prefix = payloads.s3_prefix(execution.org, execution.pool, execution.id, "result")
    result, reference = payloads.store_if_large(prefix, _result(last))
    return _change(execution, lambda latest: transitions.completed(latest, clock.now(), result, reference))


def _change(execution: Task, decide: lifecycle.Decision) -> Task:
    def if_unchanged(latest: Task) -> Task:
        if latest.version != execution.version:
            raise ExecutionChanged(f"Execution {execution.id} has changed")
        return decide(latest)

    return lifecycle.change(execution.org, execution.id, if_unchanged, known=execution)


def _cancel_open_steps(execution: Task) -> None:
    for step in executions.find_steps(execution):
        if step is not None and not step.is_terminal:
            _cancel(step)


def _cancel(step: Task) -> None:
    try:
        lifecycle.cancel(step.org, step.id)
    except (Conflict, NotFound):
        logger().info("A step ended before it could be cancelled", extra={"task_id": step.id})
