from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import Reason
from chalicelib.domain.workflows.workflow import Step, Workflow
from chalicelib.engine.tasks import approvals, lifecycle
from chalicelib.engine.workflows import advance, executions, registry
from chalicelib.engine.workflows.executions import Progress
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.world import ORG, POOL, World

WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")
THREE = Workflow(
    "three",
    (
        Step("first", POOL, "work", max_attempts=1),
        Step("second", POOL, "work", max_attempts=1),
        Step("third", POOL, "work", approval_seconds=600, max_attempts=1),
    ),
)


@pytest.fixture(autouse=True)
def workflows() -> Iterator[None]:
    with registry.use(THREE):
        yield


@pytest.fixture
def worker(world: World) -> str:
    return world.register("puller", endpoints={}, api_key=None).id


def start(world: World, **more: Any) -> Task:
    execution = executions.start(ORG, "dev", POOL, THREE, {"topic": "tea"}, **more)
    world.settle()
    return execution


def progress(execution: Task) -> Progress:
    return executions.get(ORG, execution.id, POOL, whole=True)


def reload(execution: Task) -> Task:
    step = progress(execution).current
    assert step is not None
    return step


def end_step(world: World, worker: str, execution: Task, result: Any) -> None:
    step = reload(execution)
    lifecycle.complete(ORG, POOL, step.id, Holder(worker, step.epoch), result)
    world.settle()


def fail_step(world: World, worker: str, execution: Task) -> None:
    step = reload(execution)
    lifecycle.fail(ORG, step.id, Holder(worker, step.epoch), reported_failure("no ink", False))
    world.settle()


def test_each_step_gets_the_input_and_the_result_of_the_step_before(world: World, worker: str) -> None:
    execution = start(world)
    assert reload(execution).payload == {"input": {"topic": "tea"}, "previous": None}
    end_step(world, worker, execution, {"notes": 1})
    assert reload(execution).payload == {"input": {"topic": "tea"}, "previous": {"notes": 1}}
    assert [step and step.name for step in progress(execution).steps] == ["first", "second", None]


def test_the_execution_completes_with_the_result_of_its_last_step(world: World, worker: str) -> None:
    execution = start(world)
    end_step(world, worker, execution, 1)
    end_step(world, worker, execution, 2)
    approvals.approve(ORG, reload(execution).id, "ann")
    world.settle()
    end_step(world, worker, execution, {"text": "x" * 200_000})
    ended = progress(execution)
    assert ended.execution.status is Status.COMPLETED and ended.execution.progress == 100
    assert lifecycle.load_result(ended.execution) == {"text": "x" * 200_000}
    assert ended.current is None
    assert ended.execution.wake_at is None


def test_its_progress_is_the_share_of_its_steps_that_are_completed(world: World, worker: str) -> None:
    execution = start(world)
    assert progress(execution).execution.progress == 0
    end_step(world, worker, execution, 1)
    assert progress(execution).execution.progress == 33.3
    end_step(world, worker, execution, 1)
    assert progress(execution).execution.progress == 66.7


def test_a_step_waits_for_its_approval(world: World, worker: str) -> None:
    execution = start(world)
    end_step(world, worker, execution, 1)
    end_step(world, worker, execution, 2)
    waiting = progress(execution).awaiting_approval
    assert waiting is not None and waiting.name == "third"
    assert progress(execution).execution.status is Status.RUNNING


@pytest.mark.parametrize("decided", ["rejected", "expired"])
def test_without_approval_the_execution_has_failed_and_says_that_it_was_not_approved(
    world: World, worker: str, decided: str
) -> None:
    execution = start(world)
    end_step(world, worker, execution, 1)
    end_step(world, worker, execution, 2)
    if decided == "rejected":
        approvals.reject(ORG, reload(execution).id, "ann")
    else:
        world.advance(660)
    world.settle()
    ended = progress(execution).execution
    assert ended.status is Status.FAILED and ended.error is not None
    assert ended.error["code"] == (Reason.NOT_APPROVED if decided == "rejected" else Reason.APPROVAL_EXPIRED)


def test_a_failed_step_fails_the_execution_which_names_it(world: World, worker: str) -> None:
    execution = start(world)
    end_step(world, worker, execution, 1)
    fail_step(world, worker, execution)
    ended = progress(execution).execution
    assert ended.status is Status.FAILED
    assert ended.error == {
        "code": Reason.STEP_FAILED,
        "message": "Step second ended without a result: no ink",
        "details": {"step": "second", "code": "worker_failed"},
    }


def test_a_replayed_execution_goes_on_with_the_step_that_failed(world: World, worker: str) -> None:
    execution = start(world)
    end_step(world, worker, execution, "kept")
    fail_step(world, worker, execution)
    lifecycle.replay(ORG, execution.id)
    world.settle()
    assert reload(execution).name == "second" and reload(execution).payload["previous"] == "kept"
    end_step(world, worker, execution, 2)
    assert reload(execution).name == "third"


def test_cancelling_the_execution_cancels_its_step(world: World, worker: str) -> None:
    execution = start(world)
    lifecycle.cancel(ORG, execution.id)
    world.settle()
    ended = progress(execution)
    assert ended.execution.status is Status.CANCELLED and ended.execution.wake_at is None
    assert [step and step.status for step in ended.steps] == [Status.CANCELLED, None, None]


def test_a_cancelled_step_fails_the_execution(world: World) -> None:
    execution = start(world)
    lifecycle.cancel(ORG, reload(execution).id)
    world.settle()
    ended = progress(execution).execution
    assert ended.status is Status.FAILED
    assert ended.error is not None and ended.error["message"] == "Step first ended without a result: it was cancelled"


def test_an_execution_ends_when_its_time_is_over_and_its_step_with_it(world: World) -> None:
    execution = start(world, total_seconds=600)
    world.advance(720)
    ended = progress(execution)
    assert ended.execution.status is Status.TIMED_OUT
    assert ended.steps[0] is not None and ended.steps[0].status is Status.CANCELLED


def test_no_worker_is_given_an_execution(world: World, worker: str) -> None:
    execution = start(world)
    assert execution.id not in world.worker(worker).leases
    assert not execution.is_queued


def test_it_goes_on_although_the_message_of_a_steps_end_was_lost(world: World, worker: str) -> None:
    execution = start(world)
    step = reload(execution)
    lifecycle.complete(ORG, POOL, step.id, Holder(worker, step.epoch), 1)
    while world.relay("tasks"):
        pass
    world.queues.queues.clear()
    world.advance(120)
    assert reload(execution).name == "second"


def test_ten_who_carry_it_on_at_once_start_one_step(world: World, worker: str) -> None:
    execution = start(world)
    step = reload(execution)
    lifecycle.complete(ORG, POOL, step.id, Holder(worker, step.epoch), 1)
    run_together([lambda: advance.advance(execution)] * 10)
    assert len(world.tasks()) == 3
    assert progress(execution).execution.progress == 33.3


def test_no_step_is_started_for_an_execution_that_is_cancelled_meanwhile(world: World) -> None:
    execution = executions.start(ORG, "dev", POOL, THREE, {})
    stale = lifecycle.get(ORG, execution.id)
    lifecycle.cancel(ORG, execution.id)
    with pytest.raises(advance.ExecutionChanged):
        advance._submit_step(stale, 0, None)
    assert [task.id for task in world.tasks()] == [execution.id]


def test_ten_who_carry_on_a_replayed_execution_at_once_replay_its_step_once(world: World, worker: str) -> None:
    execution = start(world)
    fail_step(world, worker, execution)
    failed = reload(execution)
    lifecycle.replay(ORG, execution.id)
    outcomes = run_together([lambda: advance.advance(execution)] * 10)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert (reload(execution).version, reload(execution).status) == (failed.version + 1, Status.PENDING)


def test_no_step_is_replayed_for_an_execution_that_is_cancelled_meanwhile(world: World, worker: str) -> None:
    execution = start(world)
    fail_step(world, worker, execution)
    stale, failed = lifecycle.replay(ORG, execution.id), reload(execution)
    lifecycle.cancel(ORG, execution.id)
    with pytest.raises(advance.ExecutionChanged):
        advance._replay_step(stale, failed)
    assert reload(execution).status is Status.FAILED


def test_a_step_has_as_many_attempts_as_its_workflow_says(world: World, worker: str) -> None:
    workflow = Workflow(
        "stubborn", (Step("once", POOL, "work", max_attempts=1), Step("twice", POOL, "work", max_attempts=2))
    )
    with registry.use(workflow):
        execution = executions.start(ORG, "dev", POOL, workflow, {})
        world.settle()
        assert reload(execution).max_attempts == 1
        end_step(world, worker, execution, {})
        assert reload(execution).max_attempts == 2


def test_an_execution_that_is_cancelled_while_it_completes_stays_cancelled(world: World, worker: str) -> None:
    workflow = Workflow("short", (Step("only", POOL, "work", max_attempts=1),))
    with registry.use(workflow):
        execution = executions.start(ORG, "dev", POOL, workflow, {})
        world.settle()
        step = reload(execution)
        lifecycle.complete(ORG, POOL, step.id, Holder(worker, step.epoch), 1)

        def cancel_first(call: aws.Call, send: Callable[[], Any]) -> Any:
            with aws.without_interference():
                if call[1] in WRITES and not lifecycle.get(ORG, execution.id).is_terminal:
                    lifecycle.cancel(ORG, execution.id)
            return send()

        with aws.interfering(cancel_first):
            assert advance.advance(execution).status is Status.CANCELLED
        assert lifecycle.get(ORG, execution.id).status is Status.CANCELLED


def test_calls_of_a_step(world: World, worker: str) -> None:
    execution = start(world)
    step = reload(execution)
    lifecycle.complete(ORG, POOL, step.id, Holder(worker, step.epoch), 1)
    with aws.counting() as calls:
        advance.advance(execution)
    assert calls.total() == 5  # read, its steps, the result of the last one, the next one, the progress
