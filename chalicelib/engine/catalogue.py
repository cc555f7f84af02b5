"""The tasks of a managed pool, found by what they are and say: filtered, sorted, searched and counted."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from chalicelib.domain.tasks import Phase, Task

Sort = Literal["created", "updated", "priority", "due"]


class Query(NamedTuple):
    """Which tasks, in which order; None takes all. All that is asked for must fit."""

    phases: frozenset[Phase] | None = None
    priorities: frozenset[int] | None = None  # whole levels (domain.facets.LEVELS)
    agent: str | None = None
    project: str | None = None
    tags: tuple[str, ...] = ()  # any of them
    search: str | None = None  # every word of it begins one of the task's words
    created_after: int | None = None  # epoch milliseconds, this one included
    created_before: int | None = None  # this one included
    sort: Sort = "created"  # tasks without a due date come last
    ascending: bool = False


class Page(NamedTuple):
    """One page of tasks, with their payload. `cursor` leads to the next page, None after the last."""

    tasks: list[Task]
    total: int
    cursor: str | None


def page(org: str, pool: str, query: Query, *, page: int = 1, limit: int = 20, cursor: str | None = None) -> Page:
    """The page of this number, or the one behind a cursor of the same query, whatever its number."""
    raise NotImplementedError


def tallies(org: str, pool: str, facet: str, values: Sequence[str]) -> dict[str, dict[Phase, int]]:
    """How many tasks of each phase have each value of a facet ("project", "agent", "creator", "tag").

    One call for each hundred values; a value that no task has is all zeros."""
    raise NotImplementedError


def task_ids(org: str, pool: str, facet: str, value: str) -> Iterator[str]:
    """Ids of the tasks that have this value of a facet, youngest first, read as they are asked for."""
    raise NotImplementedError
