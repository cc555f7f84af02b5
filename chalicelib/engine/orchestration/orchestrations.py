"""Have a workflow do a task of the studio, follow it, and decide on what it waits for.

The execution of a task has an id that follows from the task's, and from how often the task was begun: it is started
once, however often that is tried.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.tasks.task import ApprovalState, Status, Task
from chalicelib.domain.workflows.definitions import TOTAL_SECONDS
from chalicelib.engine import content_tasks
from chalicelib.engine.content_tasks import ORCHESTRATOR, POOL, STATUS_WORDS
from chalicelib.engine.documents.optimistic import Precondition
from chalicelib.engine.orchestration import workflow_inputs
from chalicelib.engine.tasks import approvals, by_owner, lifecycle, payloads
from chalicelib.engine.workflows import executions, registry
from chalicelib.engine.workflows.executions import Progress
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.tasks import tasks as storage

_PROCESSABLE = (Status.PENDING, Status.FAILED, Status.TIMED_OUT)


def process(org: str, subject: str, task_id: str, workflow_name: str, parameters: Mapping[str, Any]) -> Task:
    """Have a workflow do a pending or failed task; its input is the task's payload with the parameters. Returns the
    execution. Four calls, seven where the task was begun before; two where it is in work.

    The same request again returns the same execution; after a failure it starts another one. Raises NotFound,
    InvalidRequest as `workflow_inputs.build`, and Conflict for a task that somebody else works on, changes meanwhile or
    has ended, or that another workflow or other parameters began.
    """
    workflow = registry.find(workflow_name)
    task = lifecycle.get(org, task_id, POOL)
    request = payloads.digest([workflow_name, parameters])
    if task.status not in _PROCESSABLE:
        return _require_same(_find_execution(task), request)
    inputs = workflow_inputs.build(workflow, task, parameters)
    if task.status is not Status.PENDING:
        task = lifecycle.replay(org, task_id, POOL)
    if task.epoch:
        _cancel_earlier(task)
    # What cancels the workflow of a task that has ended comes before the start, which is refused then, or after it.
    unchanged = Precondition(storage.version_check(task), Conflict(f"Task {task.id} was changed: process it again"))
    execution = executions.start(
        org,
        subject,
        EXECUTIONS_POOL,
        workflow,
        inputs,
        metadata={"task_id": task.id, "request": request},
        total_seconds=TOTAL_SECONDS,
        execution_id=execution_id(task),
        preconditions=[unchanged],
    )
    with suppress(Conflict):  # somebody else began or ended the task meanwhile; the execution goes on
        by_owner.begin(org, task.id, POOL, ORCHESTRATOR)
    return _require_same(execution, request)


def _cancel_earlier(task: Task) -> None:
    """Cancel what does a task that its owner has taken back."""
    with suppress(Conflict, NotFound):
        lifecycle.cancel(task.org, content_tasks.execution_id(task, task.epoch), EXECUTIONS_POOL)


def execution_id(task: Task) -> str:
    """The id of the execution that does a task: of the next one while the task is pending, else of the latest."""
    return content_tasks.execution_id(task, task.epoch + 1 if task.status is Status.PENDING else task.epoch)


def require_processable(task: Task) -> None:
    """Raise Conflict for a task that no workflow can do now."""
    if task.status not in _PROCESSABLE:
        raise Conflict(f"Task {task.id} is {_word(task)}: only a pending or failed task can be processed")


def _word(task: Task) -> str:
    """What its owner calls the state of a task."""
    return STATUS_WORDS[task.phase]


def _find_execution(task: Task) -> Task:
    try:
        return lifecycle.get(task.org, execution_id(task), EXECUTIONS_POOL)
    except NotFound:
        raise Conflict(
            f"Task {task.id} is {_word(task)} without a workflow: only a pending or failed task can be processed"
        ) from None


def _require_same(execution: Task, request: str) -> Task:
    if (execution.metadata or {}).get("request") != request:
        raise Conflict(f"Workflow {execution.type} does the task already, or does it with other parameters")
    return execution


def get_progress(org: str, task_id: str) -> Progress:
    """The execution that does a task, and its steps. Three calls. Raises NotFound, also before it was processed."""
    return _progress_of(lifecycle.get(org, task_id, POOL))


def _progress_of(task: Task) -> Progress:
    try:
        return executions.get(task.org, execution_id(task), EXECUTIONS_POOL)
    except NotFound:
        raise NotFound("Workflow of task", task.id) from None


def needs_approval(execution: Task) -> bool:
    """Whether a step of the execution's workflow needs a person's approval."""
    return any(step.approval_seconds is not None for step in registry.find(execution.type).steps)


def find_approval_step(progress: Progress) -> Task | None:
    """The step that a person must approve, whether decided on or not; None as long as it is not there."""
    return next((step for step in progress.steps if step is not None and step.approval is not None), None)


def is_undecided(step: Task) -> bool:
    """Whether a person has yet to decide on a step."""
    return step.approval is not None and step.approval.state is ApprovalState.PENDING


def decide(org: str, task_id: str, by: str, *, is_approved: bool, feedback: str | None, notes: str | None) -> Task:
    """Approve or reject what the task's workflow waits with; returns the decided step. Five calls.

    The same decision again changes nothing. Raises NotFound, and Conflict also where the owner has ended the task: its
    workflow is about to be cancelled.
    """
    task = lifecycle.get(org, task_id, POOL)
    step = find_approval_step(_progress_of(task))
    if task.is_terminal and (step is None or is_undecided(step)):
        raise Conflict(f"Task {task_id} is {_word(task)}: it waits for no approval")
    if step is None:
        raise Conflict(f"Task {task_id} does not wait for an approval")
    wanted = ApprovalState.APPROVED if is_approved else ApprovalState.REJECTED
    if step.approval is not None and not is_undecided(step) and step.approval.state is not wanted:
        raise Conflict(f"The result of task {task_id} is {step.approval.state} already")
    move = approvals.approve if is_approved else approvals.reject
    return move(org, step.id, by, feedback, notes=notes)
