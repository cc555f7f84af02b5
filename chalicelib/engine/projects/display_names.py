"""What agents and projects are called, for the many answers that show a task with both."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.task_fields import project_of
from chalicelib.storage.documents import display_names as storage

KEPT_MS = 10 * clock.SECOND
"""How long a process believes a name, so that a page of tasks costs no call for names."""
_MOST_KEPT = 10_000


class Name(NamedTuple):
    """What an agent or a project is called; `type` is an agent's."""

    id: str
    name: str
    type: str | None = None


class Names(NamedTuple):
    """The names of those that exist, by id."""

    agents: dict[str, Name]
    projects: dict[str, Name]


_known: dict[tuple[str, str, str], tuple[int, Name | None]] = {}
"""(org, pool, id) -> until when to believe it, and the name. Ids of agents and projects begin differently."""


def of(org: str, pool: str, tasks: Sequence[Task]) -> Names:
    """What the agents and projects of the tasks are called; one call for each hundred not known here yet."""
    agents = _distinct(task.assignee for task in tasks)
    projects = _distinct(project_of(task) for task in tasks)
    _learn(org, pool, agents, projects)
    return Names(_believed(org, pool, agents), _believed(org, pool, projects))


def _distinct(identifiers: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(one for one in identifiers if one is not None))


def _learn(org: str, pool: str, agents: list[str], projects: list[str]) -> None:
    now = clock.now()
    news = [[one for one in ids if _known.get((org, pool, one), (0, None))[0] <= now] for ids in (agents, projects)]
    if not any(news):
        return
    if len(_known) >= _MOST_KEPT:
        _known.clear()
    found = storage.find(org, pool, news[0], "project", news[1])
    learnt = {one.id: Name(one.id, one.name, one.type) for one in found.workers.values() if not one.removed}
    learnt |= {one.id: Name(one.id, one.body["name"]) for one in found.documents.values()}
    for one in (*news[0], *news[1]):
        _known[org, pool, one] = (now + KEPT_MS, learnt.get(one))


def _believed(org: str, pool: str, identifiers: list[str]) -> dict[str, Name]:
    found = {one: _known.get((org, pool, one), (0, None))[1] for one in identifiers}
    return {one: name for one, name in found.items() if name is not None}
