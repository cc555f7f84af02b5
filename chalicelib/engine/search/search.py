"""The tasks of a managed pool, found by what they are and say: filtered, sorted, searched and counted.

A page is read from one list where one list has just what is asked for. Else the lists of all that is asked for are
narrowed down to the tasks that are in each (engine.sifting). Lists follow within a second or so; the tasks shown are
as of now, and those that a list has wrongly are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from chalicelib.domain.search import age_tree, index_moves
from chalicelib.domain.search import query as facets
from chalicelib.domain.search.index_moves import Row
from chalicelib.domain.search.query import ALL, Query
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.engine.search import intersection
from chalicelib.engine.search.intersection import Found, Span
from chalicelib.engine.security import cursors
from chalicelib.errors import InvalidRequest
from chalicelib.storage.search import index as listings

__all__ = ["Page", "Query", "page", "tallies", "task_ids"]

SPARE = 5
"""Rows read beyond a page, in the same calls, in place of those whose task is gone or fits no longer."""
DEEPEST = intersection.MOST_CALLS * listings.ROWS_PER_CALL
"""Rows that may be skipped, from the nearer end, to get to a page by its number; a cursor gets anywhere."""


class Page(NamedTuple):
    """One page of tasks, with their payload. `total` is of all pages; where it comes from counters it follows as the
    lists do. `cursor` leads to the next page, None after the last."""

    tasks: list[Task]
    total: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A page that is asked for: so many rows after so many that are skipped, or after a rank."""

    org: str
    pool: str
    query: Query
    limit: int
    skip: int
    after: str | None

    @property
    def needed(self) -> int:
        """Rows that are read: one more than are shown says whether there is a next page."""
        return self.skip + self.limit + SPARE + 1


def page(org: str, pool: str, query: Query, *, page: int = 1, limit: int = 20, cursor: str | None = None) -> Page:
    """The page of this number, or the one behind a cursor of the same query, whatever its number.

    Two calls where one list has what is asked for (docs/how-it-works/lists-of-tasks.md says what all else costs).
    Raises InvalidRequest for a cursor of another list, and for what would take more than a request's calls; ValueError
    for priorities that are not whole levels.
    """
    bound = (org, pool, *(sorted(part) if isinstance(part, frozenset) else part for part in query))
    after = cursors.read(cursor, *bound) if cursor is not None else None
    asked = _Asked(org, pool, query, limit, (page - 1) * limit if after is None else 0, after)
    span = _span(asked)
    found = _walked(asked, span) if span is not None else intersection.sift(org, pool, query, after, asked.needed)
    return _shown(asked, found, bound)


def _span(asked: _Asked) -> Span | None:
    """The one list, in the order asked for, whose rows are just the tasks asked for; None when there is none."""
    query, conditions = asked.query, facets.conditions(asked.query)
    wanted = len(conditions) + query.windowed
    if wanted > 1 or (wanted and query.sort != "created"):
        return None
    entries = conditions[0] if conditions else (intersection.order_of(query),)
    if len(entries) != 1 or entries[0].startswith("word="):
        return None
    return intersection.span(asked.org, asked.pool, query, entries[0], asked.after)


def _walked(asked: _Asked, span: Span) -> Found:
    if asked.skip > listings.ROWS_PER_CALL:
        return _far_away(asked, span)
    rows = [rank for ranks in span.read(asked.needed) for rank in ranks if rank != asked.after]
    whole = asked.after is None and len(rows) < asked.needed
    return Found(rows, len(rows) if whole else None)


def _far_away(asked: _Asked, span: Span) -> Found:
    """The rows of a page that is calls away, read from the nearer end of the list."""
    total = _total(asked, listings.numbers(_counters(asked)))
    behind = total - asked.skip
    if behind <= 0:
        return Found([], total)
    if min(asked.skip, behind) > DEEPEST:
        raise InvalidRequest(f"page: more than {DEEPEST} rows from either end; only links.next leads there")
    if asked.skip < behind:
        return Found(list(chain.from_iterable(span.read(asked.needed))), total)
    return Found(list(chain.from_iterable(span.reversed.read(behind)))[::-1], total, first=asked.skip)


def _shown(asked: _Asked, found: Found, bound: tuple[object, ...]) -> Page:
    """The tasks of the rows as of now, and the total."""
    skip = asked.skip - found.first
    rows = found.rows[skip : skip + asked.limit + SPARE]
    tasks, total = _looked_up(asked, found, [facets.id_of(rank) for rank in rows])
    fit = [rank for rank in rows if _fits(tasks.get(facets.id_of(rank)), rank, asked)][: asked.limit]
    last = fit[-1] if len(fit) == asked.limit else rows[-1] if rows else None
    more = last is not None and last != found.rows[-1]
    return Page(
        tasks=[tasks[facets.id_of(rank)] for rank in fit],
        total=max(total, len(fit)),
        cursor=cursors.seal(last, *bound) if last is not None and more else None,
    )


def _looked_up(asked: _Asked, found: Found, ids: list[str]) -> tuple[Mapping[str, Task], int]:
    """The tasks as of now and the total, in one call if any."""
    if found.total is None:
        tasks, counted = listings.tasks_and_numbers(ids, _counters(asked))
        return tasks, _total(asked, counted)
    return found.tasks if found.tasks is not None else listings.tasks(ids), found.total


def _counters(asked: _Asked) -> list[Row]:
    """Where the rows of the one list are counted: those of a window along the paths to its ends."""
    return [_counter(asked), *_nodes(asked).values()]


def _nodes(asked: _Asked) -> dict[str, Row]:
    after, before = asked.query.created_after, asked.query.created_before
    ends = [*([] if after is None else [after]), *([] if before is None else [before + 1])]
    names = (node.name for end in ends for node in age_tree.path(end))
    return {name: index_moves.age(asked.org, asked.pool, name) for name in names}


def _counter(asked: _Asked) -> Row:
    conditions = facets.conditions(asked.query)
    entry = conditions[0][0] if conditions and asked.query.phases is None else ALL
    return index_moves.counter(asked.org, asked.pool, entry)


def _total(asked: _Asked, counted: Mapping[Row, Mapping[str, int]]) -> int:
    after, before = asked.query.created_after, asked.query.created_before
    total = sum(counted[_counter(asked)][phase] for phase in asked.query.phases or Phase)
    nodes = {name: counted[row] for name, row in _nodes(asked).items()}
    until = total if before is None else age_tree.older(before + 1, nodes)
    return max(0, until - (0 if after is None else age_tree.older(after, nodes)))


def _fits(task: Task | None, rank: str, asked: _Asked) -> bool:
    same = task is not None and facets.place(task) == facets.place_of(rank)
    return same and task is not None and task.org == asked.org and facets.fits(task, asked.query)


def tallies(org: str, pool: str, facet: str, values: Sequence[str]) -> dict[str, dict[Phase, int]]:
    """How many tasks of each phase have each value of a facet ("project", "agent", "creator", "tag").

    One call for each hundred values; a value that no task has is all zeros."""
    counters = {value: index_moves.counter(org, pool, f"{facet}={value}") for value in values}
    found = listings.numbers(counters.values())
    return {value: {phase: found[counter][phase] for phase in Phase} for value, counter in counters.items()}


def task_ids(org: str, pool: str, facet: str, value: str) -> Iterator[str]:
    """Ids of the tasks that have this value of a facet, youngest first, read as they are asked for: one call for each
    few thousand."""
    span = intersection.span(org, pool, Query(), f"{facet}={value}")
    return (facets.id_of(rank) for ranks in span.read() for rank in ranks)
