"""Executions of workflows. An execution is a task; its steps are tasks of the pools that perform them.

A step has an id that follows from its execution's, so that it is submitted once, however often that is tried.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib import ids
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.workflows.workflow import Workflow
from chalicelib.engine.documents.optimistic import Precondition
from chalicelib.engine.tasks import lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workflows import registry
from chalicelib.errors import NotFound
from chalicelib.storage.tasks import tasks as storage

PRIORITY = 5


class Progress(NamedTuple):
    """An execution and its steps; None for a step that was not submitted yet."""

    execution: Task
    steps: Sequence[Task | None]

    @property
    def current(self) -> Task | None:
        """The step that is under way, or that ended the execution; None before the first and after the last one."""
        submitted = [step for step in self.steps if step is not None]
        is_done = len(submitted) == len(self.steps) and self.execution.is_terminal and self.execution.error is None
        return submitted[-1] if submitted and not is_done else None

    @property
    def awaiting_approval(self) -> Task | None:
        """The step that waits for a person's approval, if one does."""
        return self.current if self.current is not None and self.current.awaits_approval else None


def start(
    org: str,
    subject: str,
    pool: str,
    workflow: Workflow,
    input: Any,
    *,
    metadata: Mapping[str, Any] | None = None,
    total_seconds: int | None = None,
    idempotency_key: str | None = None,
    execution_id: str | None = None,
    preconditions: Sequence[Precondition] = (),
) -> Task:
    """Start an execution, if the preconditions hold; its first step follows at once. One call. Raises as
    `submission.submit` does.

    Under an id that was started before it returns that execution.
    """
    return submission.submit(
        org,
        subject,
        Submission(
            pool=pool,
            type=workflow.name,
            priority=PRIORITY,
            payload=input,
            metadata=metadata,
            label=workflow.name,
            steps=workflow.step_names,
            total_seconds=total_seconds,
            idempotency_key=idempotency_key,
            id=execution_id,
        ),
        preconditions,
    )


def get(org: str, execution_id: str, pool: str, *, whole: bool = False) -> Progress:
    """An execution and its steps, with payloads and results if `whole`. Two calls. Raises NotFound."""
    execution = lifecycle.get(org, execution_id, pool)
    return Progress(execution, find_steps(execution, whole=whole))


def find_workflow(org: str, workflow_id: str, pool: str) -> str:
    """The name of a workflow by itself, or by the id of one of its executions, which takes a call. Raises NotFound."""
    if registry.is_known(workflow_id):
        return workflow_id
    try:
        return lifecycle.get(org, workflow_id, pool).type
    except NotFound:
        raise NotFound("Workflow", workflow_id) from None


def find_steps(execution: Task, *, whole: bool = False) -> list[Task | None]:
    """The steps of an execution in order, None for those not submitted yet. One call."""
    names = [step_id(execution, index) for index in range(len(execution.steps))]
    steps = storage.find_many(names, whole=whole)
    return [steps.get(name) for name in names]


def step_id(execution: Task, index: int) -> str:
    """The id of a step's task."""
    return ids.derived("task", execution.org, execution.id, str(index))
