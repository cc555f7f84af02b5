"""Bugs for the invariants of the projects API (see test_seeded_bugs), each with a story in which it shows."""

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
from tests.simulation.people import FOUNDER, POOL, allow_anybody, new_project
from tests.support.world import ORG, World, answer

ADA = "ada"


def _task(**said: Any) -> Task:
    return task_edits.create(ORG, POOL, ADA, Draft({"title": "one", **said}, "task", 4))


def _complete_listed_task(world: World) -> None:
    """A user completes a task."""
    task = _task(tags=["a"])
    world.settle()
    task_edits.change(ORG, POOL, task.id, Edit(phase=Phase.COMPLETED), ADA, allow_anybody)
    world.settle()


def _redeliver_change(world: World) -> None:
    """A task's creation is announced to a webhook, and the stream delivers the change again ten minutes later."""
    world.servers["all.example"] = lambda *_: answer(200)
    said = {"url": "https://all.example/", "events": [str(Topic.TASK_CREATED)], "active": True, "headers": {}}
    endpoints.create(ORG, said, "a-secret-of-the-tests", ADA)
    _task()
    world.settle()
    world.clock.advance(600)
    world.rewind("tasks", 1)
    world.settle()


def _delete_project(world: World) -> None:
    """A user deletes a project with a task in it."""
    project = projects.create(ORG, new_project(), {}, FOUNDER, Grantor(ADA, []))
    _task(projectId=project.id)
    world.settle()
    projects.delete(ORG, project.id, ADA)
    for seconds in (projects.SECOND_PASS_DELAY_S, task_edits.RELAY_LAG_S):
        world.settle()
        world.clock.advance(seconds)
        world.advance(61)


def _writes_without_rows(updates: Sequence[IndexUpdate]) -> list[Write]:
    return [*map(index_storage._state_write, updates), *_counter_writes(updates)]


def _writes_counted_twice(updates: Sequence[IndexUpdate]) -> list[Write]:
    return _counter_writes([*updates, *updates])


def _id_with_time(said: Announcement) -> str:
    return f"{_public_event_id(said)}_{clock.now()}"


def _no_announcements(*_: object) -> Iterator[Announcement]:
    return iter(())


_counter_writes, _public_event_id = index_storage._counter_writes, public_events.public_event_id

BUGS: dict[str, tuple[Callable[[World], None], Callable[[World], None], AbstractContextManager[Any]]] = {
    "the rows of a list are lost": (
        managed.lists_equal_a_recount,
        _complete_listed_task,
        patch.object(index_storage, "update_writes", _writes_without_rows),
    ),
    "a list's counters are doubled": (
        managed.lists_equal_a_recount,
        _complete_listed_task,
        patch.object(index_storage, "_counter_writes", _writes_counted_twice),
    ),
    "an event is announced twice": (
        managed.every_change_is_announced_once,
        _redeliver_change,
        patch.object(public_events, "public_event_id", _id_with_time),
    ),
    "an event is not announced": (
        managed.every_change_is_announced_once,
        _redeliver_change,
        patch.object(announcements, "task_announcements", _no_announcements),
    ),
    "a deleted project's tasks are forgotten": (
        managed.references_exist,
        _delete_project,
        patch.dict(job_handlers.JOB_STEPS, {PROJECT: lambda _: True}),
    ),
    "a job never ends": (
        managed.jobs_finish,
        _delete_project,
        patch.dict(job_handlers.JOB_STEPS, {PROJECT: lambda _: 1 // 0 > 0}),
    ),
}
