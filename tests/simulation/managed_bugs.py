"""Bugs for the promises about what people manage (see test_seeded_bugs): a story that each of them spoils."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from chalicelib import clock
from chalicelib.domain import announcements
from chalicelib.domain.effects import Announcement, Topic
from chalicelib.domain.filing import Move
from chalicelib.domain.tasks import Phase, Task
from chalicelib.engine import chore_steps, editing, facts, projects, webhooks
from chalicelib.engine.editing import Draft
from chalicelib.engine.members import PROJECT, Giver
from chalicelib.engine.people import Edit
from chalicelib.storage import listings
from chalicelib.storage.base import Write
from tests.simulation import managed
from tests.simulation.people import FOUNDER, POOL, anybody, new_project
from tests.support.world import ORG, World, answer

ADA = "ada"


def _task(**said: Any) -> Task:
    return editing.create(ORG, POOL, ADA, Draft({"title": "one", **said}, "task", 4))


def _listed(house: World) -> None:
    """A task that somebody completes."""
    task = _task(tags=["a"])
    house.settle()
    editing.change(ORG, POOL, task.id, Edit(move=Phase.COMPLETED), ADA, anybody)
    house.settle()


def _announced_again(house: World) -> None:
    """A task of which a webhook is told; and what happened comes once more, long after."""
    house.servers["all.example"] = lambda *_: answer(200)
    said = {"url": "https://all.example/", "events": [str(Topic.TASK_CREATED)], "active": True, "headers": {}}
    webhooks.create(ORG, said, "a-secret-of-the-tests", ADA)
    _task()
    house.settle()
    house.clock.advance(600)
    house.rewind("tasks", 1)
    house.settle()


def _project_gone(house: World) -> None:
    """A project is deleted with a task in it."""
    project = projects.create(ORG, new_project(), {}, FOUNDER, Giver(ADA, []))
    _task(projectId=project.id)
    house.settle()
    projects.delete(ORG, project.id, ADA)
    for seconds in (projects.SECOND_LOOK_SECONDS, editing.RELAYED_WITHIN_SECONDS):
        house.settle()
        house.clock.advance(seconds)
        house.advance(61)


def _ledger_alone(moves: Sequence[Move]) -> list[Write]:
    return [*map(listings._filed, moves), *_counted(moves)]


def _moves_twice(moves: Sequence[Move]) -> list[Write]:
    return _counted([*moves, *moves])


def _id_of_the_moment(said: Announcement) -> str:
    return f"{_fact_id(said)}_{clock.now()}"


def _silent(*_: object) -> Iterator[Announcement]:
    return iter(())


_counted, _fact_id = listings._counted, facts.fact_id

BUGS: dict[str, tuple[Callable[[World], None], Callable[[World], None], AbstractContextManager[Any]]] = {
    "the rows of a list are lost": (
        managed.lists_equal_a_recount,
        _listed,
        patch.object(listings, "moved", _ledger_alone),
    ),
    "a list counts twice what is in it": (
        managed.lists_equal_a_recount,
        _listed,
        patch.object(listings, "_counted", _moves_twice),
    ),
    "a fact is told twice": (
        managed.every_change_is_announced_once,
        _announced_again,
        patch.object(facts, "fact_id", _id_of_the_moment),
    ),
    "a fact is not told": (
        managed.every_change_is_announced_once,
        _announced_again,
        patch.object(announcements, "of_task", _silent),
    ),
    "a deleted project's tasks are forgotten": (
        managed.nothing_dangles,
        _project_gone,
        patch.dict(chore_steps.STEPS, {PROJECT: lambda _: True}),
    ),
    "a chore never ends": (
        managed.chores_end,
        _project_gone,
        patch.dict(chore_steps.STEPS, {PROJECT: lambda _: 1 // 0 > 0}),
    ),
}
