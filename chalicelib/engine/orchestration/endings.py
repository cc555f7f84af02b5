"""What follows from the end of an execution: the end of its task, and a training example of what a person decided."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from chalicelib.domain.tasks.task import ApprovalState, Phase, Status, Task
from chalicelib.domain.training.example import Example, count_words
from chalicelib.engine import content_tasks
from chalicelib.engine.content_tasks import ORCHESTRATOR, POOL, Edit
from chalicelib.engine.orchestration import orchestrations
from chalicelib.engine.tasks import by_owner, lifecycle
from chalicelib.engine.training import examples
from chalicelib.engine.workflows import executions
from chalicelib.engine.workflows.executions import Progress
from chalicelib.errors import Conflict, InvalidRequest, NotFound

SHOWN = ("content", "quality_score", "content_id", "slug", "url")
"""What a completed task's metadata say of what was made."""
MAX_CATEGORY_CHARS = 64
"""As a post has them: a category can be any JSON value."""
_DECISIONS = {ApprovalState.APPROVED: True, ApprovalState.REJECTED: False}


def finish(execution: Task) -> None:
    """Do what follows from the end of an execution. Again it changes nothing. Six calls; none for an execution that
    does no task of the studio."""
    task_id = (execution.metadata or {}).get("task_id")
    if task_id is None:
        return
    steps = executions.find_steps(execution, whole=True)
    made = _merge_results(steps)
    with suppress(Conflict, NotFound):  # somebody else has ended or deleted the task
        _end_task(lifecycle.get(execution.org, task_id, POOL), execution, made)
    _record_example(execution, task_id, steps, made)


def _end_task(task: Task, execution: Task, made: Mapping[str, Any]) -> None:
    if task.is_terminal or orchestrations.execution_id(task) != execution.id:
        return
    if task.status is Status.PENDING:
        by_owner.begin(task.org, task.id, POOL, ORCHESTRATOR)
    if execution.status is Status.COMPLETED:
        _complete(task, {name: made[name] for name in SHOWN if name in made})
    elif execution.status is Status.CANCELLED:
        lifecycle.cancel(task.org, task.id, POOL, ORCHESTRATOR)
    else:
        message = str((execution.error or {}).get("message"))
        by_owner.fail(task.org, task.id, POOL, ORCHESTRATOR, message, retry=False)


def _complete(task: Task, metadata: Mapping[str, Any]) -> None:
    """Complete the task with what was made; without the content, or without all of it, where it does not fit into the
    task."""
    figures = {name: value for name, value in metadata.items() if name != "content"}
    for fitting in (metadata, figures, {}):
        with suppress(InvalidRequest):
            content_tasks.change(task.org, task.id, Edit(Phase.COMPLETED, metadata=fitting), ORCHESTRATOR)
            return


def _record_example(execution: Task, task_id: str, steps: Sequence[Task | None], made: Mapping[str, Any]) -> None:
    decided = orchestrations.find_approval_step(Progress(execution, steps))
    approval = decided.approval if decided is not None else None
    if approval is None or approval.state not in _DECISIONS:
        return
    prompt = lifecycle.load_payload(execution)
    content = str(made.get("content", ""))
    example = Example(
        execution_id=execution.id,
        task_id=task_id,
        topic=prompt.get("topic"),
        category=str(prompt["category"])[:MAX_CATEGORY_CHARS] if prompt.get("category") else None,
        title=made.get("title"),
        model=made.get("model"),
        word_count=count_words(content),
        quality_score=made.get("quality_score"),
        approved=_DECISIONS[approval.state],
        feedback=approval.feedback,
        decided_at=approval.decided_at or 0,
    )
    examples.record(execution.org, example, prompt, content)


def _merge_results(steps: Sequence[Task | None]) -> dict[str, Any]:
    """What the steps have returned; of each field the latest value."""
    merged: dict[str, Any] = {}
    for step in steps:
        result = lifecycle.load_result(step) if step is not None else None
        merged |= result if isinstance(result, dict) else {}
    return merged
