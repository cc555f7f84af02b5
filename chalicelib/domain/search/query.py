"""The search of a pool as text: what a task is indexed under, and what a query asks for.

A task is indexed under entries, "<field>=<value>": its phase, level of priority, agent, label and terms (project,
creator, tags, words), and the values that lists are sorted by. An entry is a list of tasks, or a range of one. A task
with a label is also under the label and its phase together, so that a list with both filters is one list.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

from chalicelib.domain.tasks.task import MAX_PRIORITY, Phase, Task

PRIORITY_LEVELS = (frozenset(range(4)), frozenset(range(4, 6)), frozenset(range(6, MAX_PRIORITY + 1)))
"""Priorities that the index does not tell apart: low, medium and high."""
ALL_TASKS = "all="
"""The entry of every task."""
ORDERED_FIELDS = frozenset({"updated", "priority", "due", "word"})
"""Fields whose values are read in order or by range: one list for each field. Other fields have a list for each
value."""
UNCOUNTED_FIELDS = ORDERED_FIELDS | {"phase", "label-phase"}
"""Fields without counters. How many tasks are in a phase is in the counter of ALL_TASKS, or of the label."""

MAX_WORD_LENGTH = 32
"""Characters of a word that are indexed; words of a query are cut to the same length."""
MAX_WORDS = 200
"""Distinct words of a text that are indexed: the first ones."""
# Scripts that are written without spaces are indexed by character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")

Sort = Literal["created", "updated", "priority", "due"]


class Query(NamedTuple):
    """Which tasks, in which order. None does not filter; a task must match all filters."""

    phases: frozenset[Phase] | None = None
    priorities: frozenset[int] | None = None  # whole levels
    agent: str | None = None
    project: str | None = None
    label: str | None = None
    tags: tuple[str, ...] = ()  # any of them
    search: str | None = None  # each word must be the beginning of a word of the task; no word matches no task
    created_after: int | None = None  # epoch milliseconds, inclusive
    created_before: int | None = None  # inclusive
    sort: Sort = "created"  # then by creation; tasks without a due date come last
    ascending: bool = False

    @property
    def has_window(self) -> bool:
        """Whether the query filters by creation time."""
        return self.created_after is not None or self.created_before is not None


def distinct_words(text: str) -> tuple[str, ...]:
    """The distinct words of a text, in order, without case and diacritics: at most MAX_WORDS of them."""
    words = (word[:MAX_WORD_LENGTH] for word in _WORD.findall(_fold(text)))
    return tuple(dict.fromkeys(words))[:MAX_WORDS]


def _fold(text: str) -> str:
    """The text without case and diacritics."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in decomposed if unicodedata.category(character) != "Mn")


def position(task: Task) -> str:
    """Where a task is in a list that is sorted by creation. It also tells apart two tasks that had one id in turn."""
    return f"{task.created_at:013d}#{task.id}"


def index_entries(task: Task) -> frozenset[str]:
    """The entries that a task is indexed under."""
    return frozenset((ALL_TASKS, *_state_entries(task), *task.terms, *_sort_entries(task)))


def _state_entries(task: Task) -> Iterator[str]:
    yield f"phase={task.phase}"
    yield f"level={_level(task.priority)}"
    if task.label is not None:
        yield f"label={task.label}"
        yield _label_entry(task.label, task.phase)
    if task.assignee is not None:
        yield f"agent={task.assignee}"
    if task.is_held and task.person is not None:
        yield f"person={task.person}"  # to find the tasks of a user who is deleted


def _label_entry(label: str, phase: Phase) -> str:
    return f"label-phase={label}/{phase}"


def _level(priority: int) -> int:
    return next(number for number, level in enumerate(PRIORITY_LEVELS) if priority in level)


def _sort_entries(task: Task) -> Iterator[str]:
    yield f"updated={task.updated_at:013d}"
    yield f"priority={task.priority}"
    # A task without a due date comes last in both directions, so it has a row at each end of the list.
    yield from ("due=!", "due=~") if task.due_at is None else (f"due={_due_value(task.due_at)}",)


def _due_value(at: int) -> str:
    return f"{max(0, at):015d}"


def sort_key(task: Task, query: Query) -> str:
    """The task's sort key in the query's order: the value that is sorted by, then the position."""
    undated = "~" if query.ascending else "!"
    values = {
        "created": "",
        "updated": f"{task.updated_at:013d}#",
        "priority": f"{task.priority}#",
        "due": f"{undated if task.due_at is None else _due_value(task.due_at)}#",
    }
    return values[query.sort] + position(task)


def position_in(sort_key: str) -> str:
    """The position at the end of a sort key."""
    return "#".join(sort_key.rsplit("#", 2)[-2:])


def task_id_in(sort_key: str) -> str:
    """The task's id at the end of a sort key or a position."""
    return sort_key.rpartition("#")[2]


def conditions(query: Query) -> list[tuple[str, ...]]:
    """The filters of a query, without its window of time. A task meets a condition when it is under any of its entries.

    The entry of a word stands for every word that begins with it. Raises ValueError for priorities that are not whole
    levels.
    """
    all_conditions: list[tuple[str, ...]] = []
    if query.phases is not None and query.label is not None:
        all_conditions.append(tuple(_label_entry(query.label, phase) for phase in sorted(query.phases)))
    elif query.label is not None:
        all_conditions.append((f"label={query.label}",))
    elif query.phases is not None:
        all_conditions.append(tuple(f"phase={phase}" for phase in sorted(query.phases)))
    if query.priorities is not None:
        all_conditions.append(tuple(f"level={number}" for number in _levels(query.priorities)))
    all_conditions += [
        (f"{field}={value}",) for field, value in (("agent", query.agent), ("project", query.project)) if value
    ]
    if query.tags:
        all_conditions.append(tuple(f"tag={tag}" for tag in dict.fromkeys(query.tags)))
    return all_conditions + ([] if query.search is None else _word_conditions(query.search))


def _levels(priorities: frozenset[int]) -> list[int]:
    levels = [number for number, level in enumerate(PRIORITY_LEVELS) if level <= priorities]
    if frozenset().union(*(PRIORITY_LEVELS[number] for number in levels)) != priorities:
        raise ValueError(f"Priorities must be whole levels of: {PRIORITY_LEVELS}")
    return levels


def _word_conditions(text: str) -> list[tuple[str, ...]]:
    words = search_words(text)
    return [(f"word={word}",) for word in words] if words else [()]


def search_words(text: str) -> list[str]:
    """The words to search for. A word that begins another one is left out: the longer one implies it."""
    words = distinct_words(text)
    return [word for word in words if not any(other != word and other.startswith(word) for other in words)]


def matches(task: Task, query: Query) -> bool:
    """Whether a task matches a query."""
    return _matches_state(task, query) and _matches_window(task, query) and _matches_terms(task, query)


def _matches_state(task: Task, query: Query) -> bool:
    return (
        (query.phases is None or task.phase in query.phases)
        and (query.priorities is None or task.priority in query.priorities)
        and (query.agent is None or task.assignee == query.agent)
        and (query.label is None or task.label == query.label)
    )


def _matches_window(task: Task, query: Query) -> bool:
    after, before = query.created_after, query.created_before
    return (after is None or after <= task.created_at) and (before is None or task.created_at <= before)


def _matches_terms(task: Task, query: Query) -> bool:
    if query.project is not None and f"project={query.project}" not in task.terms:
        return False
    if query.tags and not any(f"tag={tag}" in task.terms for tag in query.tags):
        return False
    return query.search is None or _has_words(task, search_words(query.search))


def _has_words(task: Task, words: list[str]) -> bool:
    return bool(words) and all(any(term.startswith(f"word={word}") for term in task.terms) for word in words)
