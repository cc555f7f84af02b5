"""Search over the tasks of a managed or searched pool: filtered, sorted, by words, and counted.

A page is read from one list where a list has exactly the tasks that match. Other queries intersect several lists
(engine/search/intersection.py). The index follows the tasks within about a second. The tasks of a page are read as of
now, and those that no longer match are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from chalicelib.domain.search import age_tree, index_updates
from chalicelib.domain.search import query as queries
from chalicelib.domain.search.index_updates import Row
from chalicelib.domain.search.query import ALL_TASKS, Query
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.engine.search import intersection
from chalicelib.engine.search.intersection import IndexRange, Matches
from chalicelib.engine.security import cursors
from chalicelib.errors import InvalidRequest
from chalicelib.storage.search import index as index_storage

__all__ = ["Page", "Query", "count_by_phase", "find_page", "iterate_task_ids"]

SPARE_ROWS = 5
"""Rows read beyond a page, in the same calls, to replace those whose task is deleted or no longer matches."""
MAX_SKIPPED_ROWS = intersection.MAX_CALLS * index_storage.ROWS_PER_CALL
"""Rows that are skipped at most, from the nearer end, for a page by number. A cursor has no such limit."""


class Page(NamedTuple):
    """One page of tasks, with their payload.

    `total` is the number of tasks on all pages; from counters it is as recent as the index. `cursor` leads to the next
    page; None after the last.
    """

    tasks: list[Task]
    total: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class _PageRequest:
    """A page to be read: `limit` rows behind `skip` others, or behind the sort key `after`."""

    org: str
    pool: str
    query: Query
    limit: int
    skip: int
    after: str | None

    @property
    def needed(self) -> int:
        """Rows to read: one more than are shown tells whether there is a next page."""
        return self.skip + self.limit + SPARE_ROWS + 1


def find_page(
    org: str, pool: str, query: Query, *, page: int = 1, limit: int = 20, offset: int = 0, cursor: str | None = None
) -> Page:
    """The page with this number, or behind `offset` tasks; with a cursor of the same query, the page behind it.

    Two calls where one list has the query's tasks (docs/how-it-works/lists-of-tasks.md has the cost of other queries).
    Raises InvalidRequest for a cursor of another query and for a query that takes too many calls; ValueError for
    priorities that are not whole levels.
    """
    cursor_scope = (org, pool, *(sorted(part) if isinstance(part, frozenset) else part for part in query))
    after = cursors.read(cursor, *cursor_scope) if cursor is not None else None
    skip = offset + (page - 1) * limit if after is None else 0
    request = _PageRequest(org, pool, query, limit, skip, after)
    single = _single_index(request)
    if single is not None:
        matches = _read_index(request, single)
    else:
        matches = intersection.find_matches(org, pool, query, after, request.needed)
    return _build_page(request, matches, cursor_scope)


def _single_index(request: _PageRequest) -> IndexRange | None:
    """The one list that has exactly the query's tasks in its order; None when there is none."""
    query, conditions = request.query, queries.conditions(request.query)
    filters = len(conditions) + query.has_window
    if filters > 1 or (filters and query.sort != "created"):
        return None
    entries = conditions[0] if conditions else (intersection.sort_entry(query),)
    if len(entries) != 1 or entries[0].startswith("word="):
        return None
    return intersection.index_range(request.org, request.pool, query, entries[0], request.after)


def _read_index(request: _PageRequest, single: IndexRange) -> Matches:
    if request.skip > index_storage.ROWS_PER_CALL:
        return _read_distant_page(request, single)
    sort_keys = [key for keys in single.read(request.needed) for key in keys if key != request.after]
    complete = request.after is None and len(sort_keys) < request.needed
    return Matches(sort_keys, len(sort_keys) if complete else None)


def _read_distant_page(request: _PageRequest, single: IndexRange) -> Matches:
    """The rows of a page that is several calls away, read from the nearer end of the list."""
    total = _total(request, index_storage.read_counters(_counter_rows(request)))
    remaining = total - request.skip
    if remaining <= 0:
        return Matches([], total)
    if min(request.skip, remaining) > MAX_SKIPPED_ROWS:
        raise InvalidRequest(
            f"The page is more than {MAX_SKIPPED_ROWS} tasks away from both ends of the list: narrow the list by a "
            "filter, or read it page by page"
        )
    if request.skip < remaining:
        return Matches(list(chain.from_iterable(single.read(request.needed))), total)
    return Matches(list(chain.from_iterable(single.reversed.read(remaining)))[::-1], total, first=request.skip)


def _build_page(request: _PageRequest, matches: Matches, cursor_scope: tuple[object, ...]) -> Page:
    """The tasks of the matches as of now, and the total."""
    skip = request.skip - matches.first
    keys = matches.sort_keys[skip : skip + request.limit + SPARE_ROWS]
    tasks, total = _find_tasks(request, matches, [queries.task_id_in(key) for key in keys])
    shown = [key for key in keys if _still_matches(tasks.get(queries.task_id_in(key)), key, request)][: request.limit]
    last = shown[-1] if len(shown) == request.limit else keys[-1] if keys else None
    has_more = last is not None and last != matches.sort_keys[-1]
    return Page(
        tasks=[tasks[queries.task_id_in(key)] for key in shown],
        total=max(total, len(shown)),
        cursor=cursors.seal(last, *cursor_scope) if last is not None and has_more else None,
    )


def _find_tasks(request: _PageRequest, matches: Matches, ids: list[str]) -> tuple[Mapping[str, Task], int]:
    """The tasks as of now and the total, in at most one call."""
    if matches.total is None:
        tasks, counters = index_storage.find_tasks_and_counters(ids, _counter_rows(request))
        return tasks, _total(request, counters)
    return matches.tasks if matches.tasks is not None else index_storage.find_tasks(ids), matches.total


def _counter_rows(request: _PageRequest) -> list[Row]:
    """The rows that count the one list: its counter, and for a window the age tree's nodes on the paths to its ends."""
    return [_list_counter(request), *_age_rows(request).values()]


def _age_rows(request: _PageRequest) -> dict[str, Row]:
    after, before = request.query.created_after, request.query.created_before
    ends = [*([] if after is None else [after]), *([] if before is None else [before + 1])]
    names = (node.name for end in ends for node in age_tree.path(end))
    return {name: index_updates.age_row(request.org, request.pool, name) for name in names}


def _list_counter(request: _PageRequest) -> Row:
    conditions, label = queries.conditions(request.query), request.query.label
    entry = conditions[0][0] if conditions and request.query.phases is None else ALL_TASKS
    entry = entry if label is None else f"label={label}"
    return index_updates.counter_row(request.org, request.pool, entry)


def _total(request: _PageRequest, counters: Mapping[Row, Mapping[str, int]]) -> int:
    after, before = request.query.created_after, request.query.created_before
    total = sum(counters[_list_counter(request)][phase] for phase in request.query.phases or Phase)
    nodes = {name: counters[row] for name, row in _age_rows(request).items()}
    until = total if before is None else age_tree.count_older(before + 1, nodes)
    return max(0, until - (0 if after is None else age_tree.count_older(after, nodes)))


def _still_matches(task: Task | None, sort_key: str, request: _PageRequest) -> bool:
    if task is None or queries.position(task) != queries.position_in(sort_key):
        return False
    return task.org == request.org and queries.matches(task, request.query)


def count_by_phase(org: str, pool: str, field: str, values: Sequence[str]) -> dict[str, dict[Phase, int]]:
    """The number of tasks in each phase, for each value of a field ("project", "agent", "creator", "tag").

    One call for each hundred values. A value that no task has gets zeros.
    """
    rows = {value: index_updates.counter_row(org, pool, f"{field}={value}") for value in values}
    counters = index_storage.read_counters(rows.values())
    return {value: {phase: counters[row][phase] for phase in Phase} for value, row in rows.items()}


def iterate_task_ids(org: str, pool: str, field: str, value: str) -> Iterator[str]:
    """The ids of the tasks with this value of a field, newest first, read on demand: one call for each few thousand."""
    entry_range = intersection.index_range(org, pool, Query(), f"{field}={value}")
    return (queries.task_id_in(key) for keys in entry_range.read() for key in keys)
