"""Queries with several conditions: the tasks that are in the lists of all of them.

The shortest list is read first. After that, each step takes whatever costs fewer calls: to read the next list and keep
the tasks that are in both, or to fetch the tasks that are left and check them.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

from chalicelib.domain.search import index_updates
from chalicelib.domain.search import query as queries
from chalicelib.domain.search.query import ALL_TASKS, Query, Sort
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.errors import InvalidRequest
from chalicelib.storage.aws.batch_get import MAX_KEYS
from chalicelib.storage.search import index as index_storage
from chalicelib.storage.search.index import ROWS_PER_CALL

MAX_CALLS = 30
"""Calls for one page; a query that would take more is refused."""

Condition = tuple[str, ...]
"""Entries; a task meets the condition when it is under any of them."""

_SORT_ENTRIES: dict[Sort, str] = {"created": ALL_TASKS, "updated": "updated=", "priority": "priority=", "due": "due="}
_LOWEST, _HIGHEST = "!", "\x7f"
_DIGITS_END = ":"
"""Sorts behind every digit: the end of a list without its counter and its tasks without a due date."""


class Matches(NamedTuple):
    """The tasks that match a query, as sort keys in order, as many as were needed.

    `total` is the number of all matches, None where counters tell it. `tasks` are the tasks themselves where they were
    fetched to check them. `first` is the number of matches before the first sort key.
    """

    sort_keys: list[str]
    total: int | None
    tasks: Mapping[str, Task] | None = None
    first: int = 0


class IndexRange(NamedTuple):
    """The rows of a list from `low` to `high`, both included, in one direction."""

    name: str
    low: str
    high: str
    descending: bool

    @property
    def reversed(self) -> "IndexRange":
        """The same rows in the other direction."""
        return self._replace(descending=not self.descending)

    def read(self, limit: int | None = None) -> Iterator[list[str]]:
        """The sort keys: one batch for each call, on demand."""
        return index_storage.read_sort_keys(self.name, self.low, self.high, descending=self.descending, limit=limit)


def sort_entry(query: Query) -> str:
    """The entry whose list has every task, in the query's order."""
    return _SORT_ENTRIES[query.sort]


def index_range(org: str, pool: str, query: Query, entry: str, after: str | None = None) -> IndexRange:
    """The rows of an entry in the query's direction, from the sort key `after` (included) where there is one.

    Lists in order of creation are cut to the query's window.
    """
    low, high = _bounds(query, entry)
    if after is not None:
        low, high = (max(low, after), high) if query.ascending else (low, min(high, after))
    return IndexRange(index_updates.list_name(org, pool, entry), low, high, not query.ascending)


def _bounds(query: Query, entry: str) -> tuple[str, str]:
    field, _, value = entry.partition("=")
    if field == "word":
        return value, f"{value}\U0010ffff"
    if field == "due":
        return ("0", _HIGHEST) if query.ascending else (_LOWEST, _DIGITS_END)
    after, before = query.created_after, query.created_before
    if field in queries.ORDERED_FIELDS:
        return "0", _DIGITS_END
    low = "0" if after is None else _instant_text(after)
    return low, _DIGITS_END if before is None else f"{_instant_text(before)}#~"


def _instant_text(at_ms: int) -> str:
    return f"{min(max(0, at_ms), 10**13 - 1):013d}"


def find_matches(org: str, pool: str, query: Query, after: str | None, needed: int) -> Matches:
    """The tasks that match a query, in its order: `needed` of them, from the first or behind the sort key `after`.

    Raises InvalidRequest for a query that takes more than MAX_CALLS.
    """
    return _Intersection(org, pool, query).find(after, needed)


class _Intersection:
    """One query, and what has been read of its lists."""

    def __init__(self, org: str, pool: str, query: Query) -> None:
        self._org, self._pool, self._query = org, pool, query
        self._conditions: list[Condition] = queries.conditions(query) or [(ALL_TASKS,)]
        self._window = index_range(org, pool, query, ALL_TASKS)
        self._calls = 0

    def find(self, after: str | None, needed: int) -> Matches:
        """See find_matches."""
        first, *unread = self._smallest_first()
        positions = self._positions(first)
        while positions and unread and not self._should_fetch(positions, unread):
            positions &= self._positions(unread.pop(0))
        if positions and self._should_fetch(positions, unread):
            return self._fetch(positions, after)
        return self._sort(positions, after, needed)

    def _smallest_first(self) -> list[Condition]:
        conditions = self._conditions
        if len(conditions) == 1:
            return conditions
        return sorted(conditions, key=lambda condition: sum(map(self._size, condition)))

    def _size(self, entry: str) -> int:
        """The number of an entry's rows. That of a word is not counted: it is taken to fit into one call."""
        return self._sizes.get(entry, min(ROWS_PER_CALL - 1, self._sizes[ALL_TASKS]))

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """The number of all tasks, and of those under each entry that is counted. One call."""
        entries = {ALL_TASKS, *chain.from_iterable(self._conditions)}
        counted = [entry for entry in entries if entry.partition("=")[0] not in queries.UNCOUNTED_FIELDS]
        rows = {entry: index_updates.counter_row(self._org, self._pool, entry) for entry in counted}
        counters = index_storage.read_counters(rows.values())
        sizes = {entry: counters[row].total() for entry, row in rows.items()}
        return sizes | {f"phase={phase}": counters[rows[ALL_TASKS]][phase] for phase in Phase}

    def _should_fetch(self, positions: set[str], unread: list[Condition]) -> bool:
        """Whether to fetch these tasks takes no more calls than to read the remaining lists and the order.

        Raises InvalidRequest when both take too many.
        """
        entries = [*chain.from_iterable(unread), *([] if self._query.sort == "created" else [ALL_TASKS])]
        reading = sum(1 + self._size(entry) // ROWS_PER_CALL for entry in entries)
        fetching = -(-len(positions) // MAX_KEYS)
        if self._calls + min(reading, fetching) > MAX_CALLS:
            raise _too_expensive()
        return 0 < reading >= fetching

    def _positions(self, condition: Condition) -> set[str]:
        """The tasks that meet a condition, within the window."""
        low, high = self._window.low, self._window.high
        return {position for entry in condition for position in self._read(entry) if low <= position <= high}

    def _read(self, entry: str) -> Iterator[str]:
        for sort_keys in index_range(self._org, self._pool, self._query, entry).read():
            self._calls += 1
            if self._calls > MAX_CALLS:
                raise _too_expensive()
            yield from map(queries.position_in, sort_keys)

    def _fetch(self, positions: set[str], after: str | None) -> Matches:
        """The matches, by fetching all these tasks: with payload and result if one call does it."""
        ids = [queries.task_id_in(position) for position in positions]
        tasks = index_storage.find_light_tasks(ids) if len(ids) > MAX_KEYS else index_storage.find_tasks(ids)
        matching = (
            task
            for task in tasks.values()
            if queries.position(task) in positions and queries.matches(task, self._query)
        )
        sort_keys = sorted(
            (queries.sort_key(task, self._query) for task in matching), reverse=not self._query.ascending
        )
        return Matches(self._after(sort_keys, after), len(sort_keys), tasks if len(ids) <= MAX_KEYS else None)

    def _sort(self, positions: set[str], after: str | None, needed: int) -> Matches:
        """The matches that are needed, in order, by reading lists alone."""
        if self._query.sort == "created" or not positions:
            ordered = sorted(positions, reverse=not self._query.ascending)
            return Matches(self._after(ordered, after), len(positions))
        order = index_range(self._org, self._pool, self._query, sort_entry(self._query), after)
        keys = (key for key in chain.from_iterable(order.read()) if key != after)
        matching = (key for key in keys if queries.position_in(key) in positions)
        return Matches(list(islice(matching, needed)), len(positions))

    def _after(self, sort_keys: list[str], after: str | None) -> list[str]:
        if after is None:
            return sort_keys
        return [key for key in sort_keys if (key > after if self._query.ascending else key < after)]


def _too_expensive() -> InvalidRequest:
    return InvalidRequest(
        "The query would have to look through too many tasks: narrow it by project, agent or creation time"
    )
