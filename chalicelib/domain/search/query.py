"""By what the tasks of a managed pool are found, as pure text.

A task is filed under entries, "<facet>=<value>": its phase, level of priority, agent and terms; what it is sorted by;
and the words that it says. An entry is a list of tasks, or a range of one.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

from chalicelib.domain.tasks.task import MAX_PRIORITY, Phase, Task

LEVELS = (frozenset(range(4)), frozenset(range(4, 6)), frozenset(range(6, MAX_PRIORITY + 1)))
"""Priorities that lists do not tell apart: low, medium and high."""
ALL = "all="
"""The entry of every task."""
IN_ORDER = frozenset({"updated", "priority", "due", "word"})
"""Facets whose values are read in order, or from one to another: a list each. Of the others each value has a list."""
UNCOUNTED = IN_ORDER | {"phase"}
"""Facets whose values nobody counts; how many tasks are in a phase the count of ALL tells."""

LONGEST_WORD = 32
"""Characters by which a word is known; whatever follows is cut off, also where one is looked for."""
MOST_WORDS = 200
"""Distinct words of a text by which it is found: the first ones."""
# What is written without spaces is known by each of its characters.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")

Sort = Literal["created", "updated", "priority", "due"]


class Query(NamedTuple):
    """Which tasks, in which order; None takes all. All that is asked for must fit."""

    phases: frozenset[Phase] | None = None
    priorities: frozenset[int] | None = None  # whole levels
    agent: str | None = None
    project: str | None = None
    tags: tuple[str, ...] = ()  # any of them
    search: str | None = None  # every word of it begins one of the task's words; a text without words finds nothing
    created_after: int | None = None  # epoch milliseconds, this one included
    created_before: int | None = None  # this one included
    sort: Sort = "created"  # then by creation; tasks without a due date come last
    ascending: bool = False

    @property
    def windowed(self) -> bool:
        return self.created_after is not None or self.created_before is not None


def words(text: str) -> tuple[str, ...]:
    """The distinct words of a text, in order, without case and diacritics: at most MOST_WORDS of them."""
    found = (word[:LONGEST_WORD] for word in _WORD.findall(_folded(text)))
    return tuple(dict.fromkeys(found))[:MOST_WORDS]


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in apart if unicodedata.category(character) != "Mn")


def place(task: Task) -> str:
    """Where a task stands in a list: by its creation. Names it for good, even if its id is given again."""
    return f"{task.created_at:013d}#{task.id}"


def entries(task: Task) -> frozenset[str]:
    """What a task is filed under."""
    return frozenset((ALL, *_states(task), *task.terms, *_orders(task)))


def _states(task: Task) -> Iterator[str]:
    yield f"phase={task.phase}"
    yield f"level={_level(task.priority)}"
    if task.assignee is not None:
        yield f"agent={task.assignee}"
    if task.held and task.person is not None:
        yield f"person={task.person}"  # so that it is found when that person goes


def _level(priority: int) -> int:
    return next(number for number, level in enumerate(LEVELS) if priority in level)


def _orders(task: Task) -> Iterator[str]:
    yield f"updated={task.updated_at:013d}"
    yield f"priority={task.priority}"
    # Without a due date it comes last in either direction, so it stands at both ends.
    yield from ("due=!", "due=~") if task.due_at is None else (f"due={_due(task.due_at)}",)


def _due(at: int) -> str:
    return f"{max(0, at):015d}"


def rank(task: Task, query: Query) -> str:
    """By what a task is sorted: its value, then its place."""
    undated = "~" if query.ascending else "!"
    values = {
        "created": "",
        "updated": f"{task.updated_at:013d}#",
        "priority": f"{task.priority}#",
        "due": f"{undated if task.due_at is None else _due(task.due_at)}#",
    }
    return values[query.sort] + place(task)


def place_of(rank: str) -> str:
    """The place within a rank."""
    return "#".join(rank.rsplit("#", 2)[-2:])


def id_of(rank: str) -> str:
    """The id of the task within a rank."""
    return rank.rpartition("#")[2]


def conditions(query: Query) -> list[tuple[str, ...]]:
    """What a query asks for besides its window: of each condition, the entries any of which meets it. A word's entry
    is met by every word that begins with it. Raises ValueError for priorities that are not whole levels."""
    found: list[tuple[str, ...]] = []
    if query.phases is not None:
        found.append(tuple(f"phase={phase}" for phase in sorted(query.phases)))
    if query.priorities is not None:
        found.append(tuple(f"level={number}" for number in _levels(query.priorities)))
    found += [(f"{facet}={value}",) for facet, value in (("agent", query.agent), ("project", query.project)) if value]
    if query.tags:
        found.append(tuple(f"tag={tag}" for tag in dict.fromkeys(query.tags)))
    return found + ([] if query.search is None else _searched(query.search))


def _levels(priorities: frozenset[int]) -> list[int]:
    found = [number for number, level in enumerate(LEVELS) if level <= priorities]
    if frozenset().union(*(LEVELS[number] for number in found)) != priorities:
        raise ValueError(f"Priorities are told apart by levels only: {LEVELS}")
    return found


def _searched(text: str) -> list[tuple[str, ...]]:
    wanted = sought(text)
    return [(f"word={word}",) for word in wanted] if wanted else [()]


def sought(text: str) -> list[str]:
    """The words that are looked for; one that begins another is found with it."""
    found = words(text)
    return [word for word in found if not any(other != word and other.startswith(word) for other in found)]


def fits(task: Task, query: Query) -> bool:
    """Whether a task is one that a query asks for."""
    return _in_state(task, query) and _in_window(task, query) and _says(task, query)


def _in_state(task: Task, query: Query) -> bool:
    return (
        (query.phases is None or task.phase in query.phases)
        and (query.priorities is None or task.priority in query.priorities)
        and (query.agent is None or task.assignee == query.agent)
    )


def _in_window(task: Task, query: Query) -> bool:
    after, before = query.created_after, query.created_before
    return (after is None or after <= task.created_at) and (before is None or task.created_at <= before)


def _says(task: Task, query: Query) -> bool:
    if query.project is not None and f"project={query.project}" not in task.terms:
        return False
    if query.tags and not any(f"tag={tag}" in task.terms for tag in query.tags):
        return False
    return query.search is None or _found_by(task, sought(query.search))


def _found_by(task: Task, wanted: list[str]) -> bool:
    return bool(wanted) and all(any(term.startswith(f"word={word}") for term in task.terms) for word in wanted)
