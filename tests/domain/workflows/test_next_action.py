from dataclasses import replace

import pytest

from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.transitions import Reason
from chalicelib.domain.workflows.next_action import Complete, Fail, RetryStep, StartStep, Wait, next_action
from tests.domain import samples

RUNNING = replace(samples.ready(), steps=("a", "b"), status=Status.RUNNING)
DONE = samples.ended(Status.COMPLETED)
OPEN = [samples.ready(), samples.sleeping(), samples.leased(), samples.running(), samples.awaiting_approval()]


def test_the_first_step_without_a_task_is_started() -> None:
    assert next_action(RUNNING, [None, None]) == StartStep(0)
    assert next_action(RUNNING, [DONE, None]) == StartStep(1)


@pytest.mark.parametrize("step", OPEN, ids=lambda step: str(step.status))
def test_a_step_that_has_not_ended_is_waited_for(step: Task) -> None:
    assert next_action(RUNNING, [DONE, step]) == Wait(1)


def test_the_last_result_is_the_executions() -> None:
    assert next_action(RUNNING, [DONE, DONE]) == Complete(DONE)


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.CANCELLED])
def test_a_step_without_a_result_fails_the_execution(status: Status) -> None:
    action = next_action(RUNNING, [replace(samples.ended(status), name="a"), None])
    assert isinstance(action, Fail)
    assert action.failure.reason is Reason.STEP_FAILED and "Step a ended" in action.failure.message


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT])
def test_a_replayed_execution_replays_the_step_that_failed(status: Status) -> None:
    replayed = replace(RUNNING, status=Status.PENDING)
    step = samples.ended(status)
    assert next_action(replayed, [DONE, step]) == RetryStep(1, step)


def test_a_cancelled_step_cannot_be_replayed() -> None:
    replayed = replace(RUNNING, status=Status.PENDING)
    assert isinstance(next_action(replayed, [samples.ended(Status.CANCELLED), None]), Fail)
