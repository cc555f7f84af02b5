"""What an execution of a workflow does next, from its steps as they are: one pure rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason


@dataclass(frozen=True, slots=True)
class StartStep:
    """Submit the step of this index."""

    index: int


@dataclass(frozen=True, slots=True)
class RetryStep:
    """Replay a failed step, because its execution was replayed."""

    index: int
    step: Task


@dataclass(frozen=True, slots=True)
class Wait:
    """The step of this index is under way."""

    index: int


@dataclass(frozen=True, slots=True)
class Complete:
    """Every step is completed; the result of the last one is the execution's."""

    last: Task


@dataclass(frozen=True, slots=True)
class Fail:
    """A step ended without a result."""

    failure: Failure


Action = StartStep | RetryStep | Wait | Complete | Fail

_REPLAYABLE = (Status.FAILED, Status.TIMED_OUT)
_NOT_APPROVED = (Reason.NOT_APPROVED, Reason.APPROVAL_EXPIRED)


def next_action(execution: Task, steps: Sequence[Task | None]) -> Action:
    """What comes next for an execution that has not ended. `steps` has a task for each step that was submitted."""
    for index, step in enumerate(steps):
        if step is None:
            return StartStep(index)
        if not step.is_terminal:
            return Wait(index)
        if step.status is not Status.COMPLETED:
            was_replayed = execution.status is Status.PENDING and step.status in _REPLAYABLE
            return RetryStep(index, step) if was_replayed else Fail(step_failure(step))
    last = steps[-1]
    assert last is not None
    return Complete(last)


def step_failure(step: Task) -> Failure:
    """Why an execution fails whose step ended so: a missing approval stays one."""
    code = str((step.error or {}).get("code", step.status))
    reason = next((reason for reason in _NOT_APPROVED if code == reason), Reason.STEP_FAILED)
    why = str((step.error or {}).get("message") or f"it was {step.status}")
    return Failure(reason, f"Step {step.name} ended without a result: {why}", details={"step": step.name, "code": code})
