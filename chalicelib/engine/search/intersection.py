"""The tasks that meet several conditions: those that are in the lists of each.

The shortest list is read first. From there on, whatever takes fewer calls: the next list, to keep what is in both, or
the tasks that are left, to look at them.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

from chalicelib.domain.search import index_moves
from chalicelib.domain.search import query as facets
from chalicelib.domain.search.query import ALL, Query, Sort
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.errors import InvalidRequest
from chalicelib.storage.aws.batch_get import MOST_KEYS
from chalicelib.storage.search import index as listings
from chalicelib.storage.search.index import ROWS_PER_CALL

MOST_CALLS = 30
"""What finding a page may take; a query that would take more is refused."""

Condition = tuple[str, ...]
"""Entries any of which meets it."""

_ORDERS: dict[Sort, str] = {"created": ALL, "updated": "updated=", "priority": "priority=", "due": "due="}
_LOWEST, _HIGHEST = "!", "\x7f"
_DIGITS_END = ":"
"""Behind every digit, and so behind all rows of a list that are neither its counter nor without a due date."""


class Found(NamedTuple):
    """Ranks of the tasks that were found, in order, as many as were needed; of how many, unless counters tell; the
    tasks themselves where they had to be looked at; and how many stand before the first rank."""

    rows: list[str]
    total: int | None
    tasks: Mapping[str, Task] | None = None
    first: int = 0


class Span(NamedTuple):
    """The rows of a list between two ranks, which count, in one of both directions."""

    name: str
    low: str
    high: str
    descending: bool

    @property
    def reversed(self) -> "Span":
        """The same rows from the other end."""
        return self._replace(descending=not self.descending)

    def read(self, limit: int | None = None) -> Iterator[list[str]]:
        """The ranks, what each call reads, as they are asked for."""
        return listings.ranks(self.name, self.low, self.high, descending=self.descending, limit=limit)


def order_of(query: Query) -> str:
    """The entry whose list has every task, in the order that is asked for."""
    return _ORDERS[query.sort]


def span(org: str, pool: str, query: Query, entry: str, after: str | None = None) -> Span:
    """The rows of an entry, within the query's window where they stand by creation, in its direction; from `after` on,
    which counts, if it is named."""
    low, high = _bounds(query, entry)
    if after is not None:
        low, high = (max(low, after), high) if query.ascending else (low, min(high, after))
    return Span(index_moves.list_of(org, pool, entry), low, high, not query.ascending)


def _bounds(query: Query, entry: str) -> tuple[str, str]:
    facet, _, value = entry.partition("=")
    if facet == "word":
        return value, f"{value}\U0010ffff"
    if facet == "due":
        return ("0", _HIGHEST) if query.ascending else (_LOWEST, _DIGITS_END)
    after, before = query.created_after, query.created_before
    if facet in facets.IN_ORDER:
        return "0", _DIGITS_END
    return "0" if after is None else _instant(after), _DIGITS_END if before is None else f"{_instant(before)}#~"


def _instant(at: int) -> str:
    return f"{min(max(0, at), 10**13 - 1):013d}"


def sift(org: str, pool: str, query: Query, after: str | None, needed: int) -> Found:
    """The tasks that a query asks for, in its order, from the first or from those behind a rank."""
    return _Sieve(org, pool, query).found(after, needed)


class _Sieve:
    """One query, with what is known of its lists."""

    def __init__(self, org: str, pool: str, query: Query) -> None:
        self._org, self._pool, self._query = org, pool, query
        self._conditions: list[Condition] = facets.conditions(query) or [(ALL,)]
        self._window = span(org, pool, query, ALL)
        self._calls = 0

    def found(self, after: str | None, needed: int) -> Found:
        """See sift."""
        first, *waiting = self._shortest_first()
        places = self._places(first)
        while places and waiting and not self._better_fetched(places, waiting):
            places &= self._places(waiting.pop(0))
        if places and self._better_fetched(places, waiting):
            return self._fetched(places, after)
        return self._ordered(places, after, needed)

    def _shortest_first(self) -> list[Condition]:
        found = self._conditions
        return found if len(found) == 1 else sorted(found, key=lambda one: sum(map(self._size, one)))

    def _size(self, entry: str) -> int:
        """How many rows an entry has; of a word nobody knows, and one call is taken to read them."""
        return self._sizes.get(entry, min(ROWS_PER_CALL - 1, self._sizes[ALL]))

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """How many tasks there are, and how many are filed under each entry that is counted. One call."""
        entries = {ALL, *chain.from_iterable(self._conditions)}
        counted = [entry for entry in entries if entry.partition("=")[0] not in facets.UNCOUNTED]
        counters = {entry: index_moves.counter(self._org, self._pool, entry) for entry in counted}
        found = listings.numbers(counters.values())
        sizes = {entry: found[counter].total() for entry, counter in counters.items()}
        return sizes | {f"phase={phase}": found[counters[ALL]][phase] for phase in Phase}

    def _better_fetched(self, places: set[str], waiting: list[Condition]) -> bool:
        """Whether looking at these tasks takes no more calls than reading the lists that are left, and their order.
        Raises InvalidRequest when either takes too many."""
        unread = [*chain.from_iterable(waiting), *([] if self._query.sort == "created" else [ALL])]
        reading = sum(1 + self._size(entry) // ROWS_PER_CALL for entry in unread)
        fetching = -(-len(places) // MOST_KEYS)
        if self._calls + min(reading, fetching) > MOST_CALLS:
            raise _too_much()
        return 0 < reading >= fetching

    def _places(self, condition: Condition) -> set[str]:
        """The tasks that meet a condition, within the window."""
        low, high = self._window.low, self._window.high
        return {place for entry in condition for place in self._read(entry) if low <= place <= high}

    def _read(self, entry: str) -> Iterator[str]:
        for ranks in span(self._org, self._pool, self._query, entry).read():
            self._calls += 1
            if self._calls > MOST_CALLS:
                raise _too_much()
            yield from map(facets.place_of, ranks)

    def _fetched(self, places: set[str], after: str | None) -> Found:
        """All of them, looked at; whole if one call does it."""
        ids = [facets.id_of(place) for place in places]
        tasks = listings.light_tasks(ids) if len(ids) > MOST_KEYS else listings.tasks(ids)
        mine = (task for task in tasks.values() if facets.place(task) in places and facets.fits(task, self._query))
        ranks = sorted((facets.rank(task, self._query) for task in mine), reverse=not self._query.ascending)
        return Found(self._behind(ranks, after), len(ranks), tasks if len(ids) <= MOST_KEYS else None)

    def _ordered(self, places: set[str], after: str | None, needed: int) -> Found:
        """Those that are needed, by the lists alone."""
        if self._query.sort == "created" or not places:
            return Found(self._behind(sorted(places, reverse=not self._query.ascending), after), len(places))
        order = span(self._org, self._pool, self._query, order_of(self._query), after)
        ranks = (rank for rank in chain.from_iterable(order.read()) if rank != after)
        return Found(list(islice((rank for rank in ranks if facets.place_of(rank) in places), needed)), len(places))

    def _behind(self, ranks: list[str], after: str | None) -> list[str]:
        if after is None:
            return ranks
        return [rank for rank in ranks if (rank > after if self._query.ascending else rank < after)]


def _too_much() -> InvalidRequest:
    return InvalidRequest("Too many tasks would have to be looked through: ask for fewer, by project, agent or time")
