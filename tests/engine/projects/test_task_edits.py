"""Use cases of managed tasks: deaths in the middle, and concurrent changes."""

from collections.abc import Iterator

import pytest

from chalicelib import config
from chalicelib.config import settings
from chalicelib.domain.changes.derive import task_effects
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.tasks.task import Phase, Status, Task
from chalicelib.engine.documents import documents
from chalicelib.engine.projects import task_edits
from chalicelib.engine.projects.task_edit_rules import Edit
from chalicelib.engine.projects.task_edits import Draft
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.errors import InvalidRequest, NotFound
from chalicelib.storage.tasks import table as task_table
from tests.engine.helpers import holder, run_together
from tests.simulation.faults import Killed, dying_before
from tests.simulation.invariants import workers_counters_equal_a_recount
from tests.support import aws
from tests.support.world import ORG, World

POOL = "projects"


def allow(_: str | None) -> None:
    """A guard that allows everything."""


def create(title: str = "one", agent: str | None = None, **fields: str) -> Task:
    return task_edits.create(ORG, POOL, "user_ada", Draft({"title": title} | fields, "task", 4, agent))


def change(task: Task, edit: Edit) -> Task:
    return task_edits.change(ORG, POOL, task.id, edit, "user_ada", allow)


def agent(world: World, name: str = "one", slots: int = 1) -> str:
    return world.register(name, pool=POOL, id_prefix="agent", endpoints={}, max_concurrent=slots).id


def is_deleted(task: Task) -> bool:
    try:
        lifecycle.get(ORG, task.id)
    except NotFound:
        return True
    return False


@pytest.mark.parametrize("call", range(3))
def test_a_deletion_that_dies_anywhere_is_finished_by_the_next(call: int, world: World) -> None:
    one = agent(world)
    task = create(agent=one)
    world.settle()
    with pytest.raises(Killed), dying_before(world, call):
        task_edits.delete(ORG, POOL, task.id, "user_ada", allow)
    world.settle()
    assert not is_deleted(task)
    task_edits.delete(ORG, POOL, task.id, "user_ada", allow)
    world.advance(5)
    assert is_deleted(task)
    [worker] = world.workers()
    assert (worker.leases, list(worker.commands)) == ({}, [f"{task.id}:1"])


@pytest.mark.parametrize(("edit", "counted"), [(Edit(), 1), (Edit(is_assignment=True), 0)])
def test_what_a_person_says_is_done_counts_for_the_agent_that_has_it_still(
    edit: Edit, counted: int, world: World
) -> None:
    task = create(agent=agent(world))
    world.settle()
    change(task, edit._replace(phase=Phase.COMPLETED))
    world.settle()
    [worker] = world.workers()
    assert (worker.leases, worker.completed) == ({}, counted)
    workers_counters_equal_a_recount(world)


def test_nothing_is_left_of_a_task_that_is_deleted_before_its_changes_are_relayed(world: World) -> None:
    task = create()
    change(task, Edit(phase=Phase.COMPLETED))
    task_edits.delete(ORG, POOL, task.id, "user_ada", allow)
    while world.relay("documents") or world.handle("wakeups"):
        pass  # what is to be done in the background is ahead of the changes
    world.advance(task_edits.RELAY_LAG_S + 60)
    left = [raw["list"]["S"] for raw in aws.raw_items(settings().listings_table)]
    assert f"{ORG}#{task.id}" not in left


def test_a_deletion_is_announced_though_another_request_ended_the_task(world: World) -> None:
    task = create()
    change(task, Edit(phase=Phase.COMPLETED))
    task_edits.delete(ORG, POOL, task.id, "user_bob", allow)
    removal = task_table.from_image(aws.stream_records(settings().tasks_table)[-1]["dynamodb"]["OldImage"])
    [said] = task_effects(removal, None).announcements
    assert (said.topic, said.subject, said.actor) == (Topic.TASK_DELETED, task.id, "user_bob")


def test_deleting_twice_at_once_removes_it_once(world: World) -> None:
    task = create()
    work = [lambda: task_edits.delete(ORG, POOL, task.id, "user_ada", allow)] * 2
    outcomes = run_together(work)
    assert is_deleted(task)
    assert all(outcome is None or isinstance(outcome, NotFound) for outcome in outcomes)
    assert None in outcomes


def test_a_task_is_never_made_within_a_project_that_goes_at_the_same_time(world: World) -> None:
    project = documents.create(documents.new(ORG, "project", {"name": "p"}))
    documents.delete(ORG, "project", project.id)
    with pytest.raises(InvalidRequest, match="no project"):
        create(projectId=project.id)
    task = create()
    with pytest.raises(InvalidRequest, match="no project"):
        change(task, Edit(fields={"projectId": project.id}))
    assert lifecycle.get(ORG, task.id).version == 1


def test_an_agent_that_was_removed_gets_nothing_more(world: World) -> None:
    removed_agent = agent(world)
    registry.unregister(ORG, POOL, removed_agent)
    with pytest.raises(InvalidRequest, match="no agent"):
        create(agent=removed_agent)
    task = create()
    with pytest.raises(InvalidRequest, match="no agent"):
        change(task, Edit(is_assignment=True, agent=removed_agent))


@pytest.fixture
def held_task(world: World) -> Iterator[Task]:
    """A task that names no agent and that an agent holds."""
    before = config.replace(auto_assign=frozenset({POOL}))
    agent(world)
    task = create()
    world.settle()
    yield lifecycle.get(ORG, task.id)
    config.restore(before)


@pytest.mark.parametrize("move", [None, *Phase])
def test_an_edit_names_the_agent_that_holds_the_task_and_moves_it_at_once(
    move: Phase | None, held_task: Task, world: World
) -> None:
    holder_id = held_task.worker_id
    changed = change(held_task, Edit(is_assignment=True, agent=holder_id, phase=move))
    assert (changed.assignee, changed.phase) == (holder_id, held_task.phase if move is None else move)
    world.settle()
    workers_counters_equal_a_recount(world)


@pytest.mark.parametrize("move", [None, *Phase])
def test_an_edit_names_an_agent_for_a_task_that_waits_and_moves_it_at_once(move: Phase | None, world: World) -> None:
    one, task = agent(world), create()
    changed = change(task, Edit(is_assignment=True, agent=one, phase=move))
    assert (changed.assignee, changed.phase) == (one, task.phase if move is None else move)
    world.settle()
    workers_counters_equal_a_recount(world)


def test_a_task_is_not_sent_back_to_the_agent_that_holds_it_and_was_removed(held_task: Task, world: World) -> None:
    assert held_task.worker_id is not None
    registry.unregister(ORG, POOL, held_task.worker_id)
    with pytest.raises(InvalidRequest, match="there is no agent"):
        change(held_task, Edit(is_assignment=True, agent=held_task.worker_id, phase=Phase.PENDING))
    assert lifecycle.get(ORG, held_task.id) == held_task
    world.settle()
    released = lifecycle.get(ORG, held_task.id)
    assert (released.status, released.wanted_worker) == (Status.PENDING, None)


@pytest.mark.parametrize("move", [Phase.COMPLETED, Phase.FAILED])
def test_an_end_in_the_name_of_an_agent_that_was_removed_is_refused(move: Phase, world: World) -> None:
    removed_agent, task = agent(world), create()
    registry.unregister(ORG, POOL, removed_agent)
    with pytest.raises(InvalidRequest, match="there is no agent"):
        change(task, Edit(is_assignment=True, agent=removed_agent, phase=move))
    assert lifecycle.get(ORG, task.id) == task


def test_a_held_task_whose_slot_is_gone_can_still_be_assigned(world: World) -> None:
    one, two = agent(world), agent(world, "two")
    task = create(agent=one)
    world.settle()
    held = lifecycle.get(ORG, task.id)
    assert held.status is Status.LEASED
    with pytest.raises(InvalidRequest, match="no agent"):
        task_edits.assign(ORG, POOL, task.id, Edit(agent="agent_none"), "user_ada", allow)
    assert lifecycle.get(ORG, task.id) == held
    assigned = task_edits.assign(ORG, POOL, task.id, Edit(agent=two), "user_ada", allow)
    assert (assigned.status, assigned.wanted_worker) == (Status.PENDING, two)
    world.settle()
    assert holder(lifecycle.get(ORG, task.id)).worker_id == two


def test_assigning_many_at_once_never_gives_an_agent_more_than_it_takes(world: World) -> None:
    one = agent(world, slots=2)
    tasks = [create(str(number)) for number in range(5)]
    edit = Edit(agent=one)
    outcomes = run_together(
        [lambda task=task: task_edits.assign(ORG, POOL, task.id, edit, "user_ada", allow) for task in tasks]
    )
    assert all(isinstance(outcome, Task) for outcome in outcomes)
    world.settle()
    [worker] = world.workers()
    assert len(worker.leases) == 2
    assert sorted(task.status for task in world.tasks()) == ["leased"] * 2 + ["pending"] * 3
