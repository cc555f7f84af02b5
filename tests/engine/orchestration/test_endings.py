from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.domain.tasks.pools import EXECUTIONS_POOL, STEPS_POOL
from chalicelib.domain.tasks.task import Phase, Status, Task
from chalicelib.domain.training.example import Example
from chalicelib.domain.training.patterns import find_patterns
from chalicelib.domain.workflows.workflow import Step, Workflow
from chalicelib.engine import content_tasks, inbound_events
from chalicelib.engine.content_tasks import Edit
from chalicelib.engine.inbound_events import InboundEvent
from chalicelib.engine.orchestration import endings, orchestrations
from chalicelib.engine.tasks import by_owner, lifecycle
from chalicelib.engine.training import examples
from chalicelib.engine.workflows import executions, registry
from chalicelib.errors import Conflict
from tests.support import aws
from tests.support.world import ORG, World

TWO = Workflow(
    "content_creation",
    (Step("write", STEPS_POOL, "work", max_attempts=1), Step("publish", STEPS_POOL, "work", approval_seconds=600)),
)
WRITTEN = {"title": "Hot tea", "content": "a b c", "model": "small", "quality_score": 80}


@pytest.fixture(autouse=True)
def workflows() -> Iterator[None]:
    with registry.use(TWO):
        yield


def submit() -> Task:
    return content_tasks.create(ORG, "dev", "Tea", {"topic": "Tea"})


def start(world: World, task: Task, **parameters: Any) -> Task:
    execution = orchestrations.process(ORG, "dev", task.id, TWO.name, parameters)
    world.settle()
    return execution


def end_step(world: World, execution: Task, result: Any) -> None:
    step = executions.get(ORG, execution.id, EXECUTIONS_POOL).current
    assert step is not None
    by_owner.complete(ORG, step.id, STEPS_POOL, "ann", result)
    world.settle()


def decide(world: World, task: Task, *, is_approved: bool) -> None:
    orchestrations.decide(ORG, task.id, "ann", is_approved=is_approved, feedback="As I like it", notes=None)
    world.settle()


@pytest.mark.parametrize("is_approved", [True, False])
def test_what_a_person_decided_on_is_an_example(world: World, is_approved: bool) -> None:
    task = submit()
    execution = start(world, task, category="Drinks")
    end_step(world, execution, WRITTEN)
    decide(world, task, is_approved=is_approved)
    if is_approved:
        end_step(world, execution, {"slug": "hot-tea"})
    assert examples.read_sample(ORG) == [
        Example(
            execution_id=execution.id,
            task_id=task.id,
            topic="Tea",
            category="Drinks",
            title="Hot tea",
            model="small",
            word_count=3,
            quality_score=80,
            approved=is_approved,
            feedback="As I like it",
            decided_at=world.clock.now(),
        )
    ]


def test_an_end_that_is_handled_again_changes_nothing(world: World) -> None:
    task = submit()
    execution = start(world, task)
    end_step(world, execution, WRITTEN)
    decide(world, task, is_approved=False)
    before = world.tasks()
    endings.finish(lifecycle.get(ORG, execution.id))
    assert world.tasks() == before and len(examples.read_sample(ORG)) == 1


def test_the_late_end_of_an_execution_does_not_end_the_next_one_s_task(world: World) -> None:
    task = submit()
    first = start(world, task)
    lifecycle.cancel(ORG, first.id)
    world.settle()
    assert lifecycle.get(ORG, task.id).status is Status.CANCELLED
    task = submit()
    first = start(world, task)
    end_step(world, first, WRITTEN)
    decide(world, task, is_approved=False)
    start(world, task, again=True)
    endings.finish(lifecycle.get(ORG, first.id))
    assert lifecycle.get(ORG, task.id).status is Status.RUNNING


def test_nobody_s_decision_is_no_example(world: World) -> None:
    task = submit()
    execution = start(world, task)
    end_step(world, execution, WRITTEN)
    world.advance(700)
    assert lifecycle.get(ORG, task.id).status is Status.FAILED
    assert examples.read_sample(ORG) == []


def test_the_task_ends_although_the_request_died_before_it_was_begun(world: World) -> None:
    task = submit()
    facts, name = {"task_id": task.id, "request": "x"}, orchestrations.execution_id(task)
    execution = executions.start(ORG, "dev", EXECUTIONS_POOL, TWO, {"topic": "tea"}, metadata=facts, execution_id=name)
    world.settle()
    end_step(world, execution, {})
    decide(world, task, is_approved=True)
    end_step(world, execution, {"slug": "tea"})
    assert content_tasks.brief_of(lifecycle.get(ORG, task.id))["task_metadata"] == {"slug": "tea"}
    assert orchestrations.get_progress(ORG, task.id).execution.status is Status.COMPLETED


def test_the_workflow_of_a_task_that_is_cancelled_before_it_was_begun_is_cancelled(world: World) -> None:
    task = submit()
    name = orchestrations.execution_id(task)
    executions.start(ORG, "dev", EXECUTIONS_POOL, TWO, {}, metadata={"task_id": task.id}, execution_id=name)
    content_tasks.change(ORG, task.id, Edit(Phase.CANCELLED), "dev")
    world.settle()
    assert lifecycle.get(ORG, name).status is Status.CANCELLED


def test_no_workflow_begins_for_a_task_that_is_cancelled_meanwhile(world: World) -> None:
    task = submit()

    def cancel_first(call: aws.Call, send: Callable[[], Any]) -> Any:
        if call[1] == "TransactWriteItems" and not lifecycle.get(ORG, task.id).is_terminal:
            with aws.without_interference():
                content_tasks.change(ORG, task.id, Edit(Phase.CANCELLED), "dev")
        return send()

    with aws.interfering(cancel_first), pytest.raises(Conflict, match="was changed: process it again"):
        orchestrations.process(ORG, "dev", task.id, TWO.name, {})
    assert [stored.id for stored in world.tasks()] == [task.id]


def test_a_task_that_its_owner_ended_and_began_again_keeps_its_new_workflow(world: World) -> None:
    task = submit()
    first = start(world, task)
    failed = content_tasks.change(ORG, task.id, Edit(Phase.FAILED), "dev")
    second = orchestrations.process(ORG, "dev", task.id, TWO.name, {})
    content_tasks.cancel_workflow(failed)  # a late wakeup
    world.settle()
    assert [lifecycle.get(ORG, each.id).status for each in (first, second)] == [Status.CANCELLED, Status.RUNNING]


def test_content_that_does_not_fit_into_the_task_is_left_out_there(world: World) -> None:
    task = submit()
    execution = start(world, task)
    end_step(world, execution, WRITTEN | {"content": "x" * 100_000})
    decide(world, task, is_approved=True)
    end_step(world, execution, {"slug": "tea"})
    metadata = content_tasks.brief_of(lifecycle.get(ORG, task.id))["task_metadata"]
    assert metadata == {"quality_score": 80, "slug": "tea"}


def test_a_task_that_its_owner_takes_back_is_done_again_once(world: World) -> None:
    task = submit()
    first = start(world, task)
    content_tasks.change(ORG, task.id, Edit(Phase.PENDING), "dev")
    second = start(world, task)
    assert second.id != first.id and lifecycle.get(ORG, first.id).status is Status.CANCELLED
    assert lifecycle.get(ORG, task.id).status is Status.RUNNING


def test_a_task_that_is_full_of_its_owner_s_metadata_ends_without_what_was_made(world: World) -> None:
    room = content_tasks.MAX_BRIEF_BYTES - len('{"topic":"Tea","task_metadata":{"notes":""}}')
    task = content_tasks.create(ORG, "dev", "Tea", {"topic": "Tea", "task_metadata": {"notes": "x" * room}})
    execution = start(world, task)
    end_step(world, execution, WRITTEN)
    decide(world, task, is_approved=True)
    end_step(world, execution, {"slug": "tea"})
    ended = lifecycle.get(ORG, task.id)
    assert ended.status is Status.COMPLETED
    assert content_tasks.brief_of(ended)["task_metadata"] == {"notes": "x" * room}


def test_patterns_are_found_although_a_category_was_no_text(world: World) -> None:
    for category in (5, "Drinks", {"a": 1}):
        task = submit()
        execution = start(world, task, category=category)
        end_step(world, execution, WRITTEN)
        decide(world, task, is_approved=False)
    sample = examples.read_sample(ORG)
    assert {example.category for example in sample} == {"5", "Drinks", "{'a': 1}"}
    assert find_patterns(sample) == []


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.COMPLETED, Phase.CANCELLED, None])
def test_the_workflow_of_a_task_that_is_ended_and_deleted_at_once_is_cancelled(
    world: World, phase: Phase | None
) -> None:
    task = submit()
    execution = start(world, task)
    if phase is not None:
        content_tasks.change(ORG, task.id, Edit(phase), "dev")
    content_tasks.delete(ORG, task.id, "dev")
    world.settle()
    assert lifecycle.get(ORG, execution.id).status is Status.CANCELLED


@pytest.mark.parametrize("name", ["task.completed", "task.failed"])
@pytest.mark.parametrize("is_begun", [True, False])
def test_the_workflow_of_a_task_that_another_system_ends_is_cancelled(world: World, name: str, is_begun: bool) -> None:
    task = submit()
    event = InboundEvent(name, 1, {"task_id": task.id})
    if is_begun:
        execution = start(world, task)
    else:
        facts, execution_id = {"task_id": task.id}, orchestrations.execution_id(task)
        execution = executions.start(ORG, "dev", EXECUTIONS_POOL, TWO, {}, metadata=facts, execution_id=execution_id)
    assert inbound_events.receive(ORG, event, "hook", (content_tasks.POOL,)) == "task_ended"
    world.settle()
    assert lifecycle.get(ORG, execution.id).status is Status.CANCELLED
