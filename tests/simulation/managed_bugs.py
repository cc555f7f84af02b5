"""Bugs for the promises about what people manage (see test_seeded_bugs): a story that each of them spoils."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from chalicelib import clock
from chalicelib.domain.changes import announcements, public_events
from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.search.index_updates import IndexUpdate
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.engine.projects import projects, task_edits
from chalicelib.engine.projects.members import PROJECT, Grantor
from chalicelib.engine.projects.task_edit_rules import Edit
from chalicelib.engine.projects.task_edits import Draft
from chalicelib.engine.schedule import job_handlers
from chalicelib.engine.webhooks import endpoints
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.search import index as index_storage
from tests.simulation import managed
from tests.simulation.people import FOUNDER, POOL, anybody, new_project
from tests.support.world import ORG, World, answer

ADA = "ada"


def _task(**said: Any) -> Task:
    return task_edits.create(ORG, POOL, ADA, Draft({"title": "one", **said}, "task", 4))


def _listed(world: World) -> None:
    """A task that somebody completes."""
    task = _task(tags=["a"])
    world.settle()
    task_edits.change(ORG, POOL, task.id, Edit(phase=Phase.COMPLETED), ADA, anybody)
    world.settle()


def _announced_again(world: World) -> None:
    """A task of which a webhook is told; and what happened comes once more, long after."""
    world.servers["all.example"] = lambda *_: answer(200)
    said = {"url": "https://all.example/", "events": [str(Topic.TASK_CREATED)], "active": True, "headers": {}}
    endpoints.create(ORG, said, "a-secret-of-the-tests", ADA)
    _task()
    world.settle()
    world.clock.advance(600)
    world.rewind("tasks", 1)
    world.settle()


def _project_gone(world: World) -> None:
    """A project is deleted with a task in it."""
    project = projects.create(ORG, new_project(), {}, FOUNDER, Grantor(ADA, []))
    _task(projectId=project.id)
    world.settle()
    projects.delete(ORG, project.id, ADA)
    for seconds in (projects.SECOND_PASS_DELAY_S, task_edits.RELAY_LAG_S):
        world.settle()
        world.clock.advance(seconds)
        world.advance(61)


def _state_alone(updates: Sequence[IndexUpdate]) -> list[Write]:
    return [*map(index_storage._state_write, updates), *_counted(updates)]


def _counts_twice(updates: Sequence[IndexUpdate]) -> list[Write]:
    return _counted([*updates, *updates])


def _id_of_the_moment(said: Announcement) -> str:
    return f"{_fact_id(said)}_{clock.now()}"


def _silent(*_: object) -> Iterator[Announcement]:
    return iter(())


_counted, _fact_id = index_storage._counter_writes, public_events.public_event_id

BUGS: dict[str, tuple[Callable[[World], None], Callable[[World], None], AbstractContextManager[Any]]] = {
    "the rows of a list are lost": (
        managed.lists_equal_a_recount,
        _listed,
        patch.object(index_storage, "update_writes", _state_alone),
    ),
    "a list counts twice what is in it": (
        managed.lists_equal_a_recount,
        _listed,
        patch.object(index_storage, "_counter_writes", _counts_twice),
    ),
    "a fact is told twice": (
        managed.every_change_is_announced_once,
        _announced_again,
        patch.object(public_events, "public_event_id", _id_of_the_moment),
    ),
    "a fact is not told": (
        managed.every_change_is_announced_once,
        _announced_again,
        patch.object(announcements, "task_announcements", _silent),
    ),
    "a deleted project's tasks are forgotten": (
        managed.nothing_dangles,
        _project_gone,
        patch.dict(job_handlers.JOB_STEPS, {PROJECT: lambda _: True}),
    ),
    "a chore never ends": (
        managed.chores_end,
        _project_gone,
        patch.dict(job_handlers.JOB_STEPS, {PROJECT: lambda _: 1 // 0 > 0}),
    ),
}
