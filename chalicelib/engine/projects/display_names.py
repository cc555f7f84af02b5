"""Names of agents and projects, for answers that show tasks with both."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.task_fields import task_project
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.storage.documents import display_names as storage

CACHE_MS = 10 * clock.SECOND
"""How long a process caches a name, so that most pages of tasks need no call for names."""


class Name(NamedTuple):
    """The name of an agent or a project; only agents have a `type`."""

    id: str
    name: str
    type: str | None = None


class Names(NamedTuple):
    """The names of agents and projects that exist, by id."""

    agents: dict[str, Name]
    projects: dict[str, Name]


_NO_NAME = Name("", "")
"""Stands for an id that names nothing."""
_names: TtlCache[tuple[str, str, str], Name] = TtlCache(CACHE_MS)
"""(org, pool, id) -> name. Ids of agents and projects begin differently."""


def find_names(org: str, pool: str, tasks: Sequence[Task]) -> Names:
    """The names of the agents and projects of the tasks; one call for each hundred that are not cached."""
    agents = _distinct(task.assignee for task in tasks)
    projects = _distinct(task_project(task) for task in tasks)
    names = _read_cache(org, pool, [*agents, *projects])
    names |= _fetch(org, pool, _missing_from(agents, names), _missing_from(projects, names))
    return Names(_existing(names, agents), _existing(names, projects))


def _distinct(identifiers: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(identifier for identifier in identifiers if identifier is not None))


def _missing_from(identifiers: list[str], names: Mapping[str, Name]) -> list[str]:
    return [identifier for identifier in identifiers if identifier not in names]


def _read_cache(org: str, pool: str, identifiers: list[str]) -> dict[str, Name]:
    names = {identifier: _names.get((org, pool, identifier)) for identifier in identifiers}
    return {identifier: name for identifier, name in names.items() if name is not None}


def _fetch(org: str, pool: str, agents: list[str], projects: list[str]) -> dict[str, Name]:
    """The names of all these ids, _NO_NAME where there is none; they are cached."""
    if not agents and not projects:
        return {}
    stored = storage.find(org, pool, agents, "project", projects)
    workers = [worker for worker in stored.workers.values() if not worker.removed]
    names = {worker.id: Name(worker.id, worker.name, worker.type) for worker in workers}
    names |= {project.id: Name(project.id, project.body["name"]) for project in stored.documents.values()}
    return {
        identifier: _names.put((org, pool, identifier), names.get(identifier, _NO_NAME))
        for identifier in (*agents, *projects)
    }


def _existing(names: Mapping[str, Name], identifiers: list[str]) -> dict[str, Name]:
    return {identifier: names[identifier] for identifier in identifiers if names[identifier] is not _NO_NAME}
