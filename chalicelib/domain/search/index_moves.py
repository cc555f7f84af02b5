"""How the lists of a managed pool follow its tasks.

What a task is filed under is kept beside the lists, with the version it is of: so a change that comes twice, late or
out of order moves nothing that has moved, and lists that were left behind catch up with the next change.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chalicelib.domain.search import age_tree
from chalicelib.domain.search.query import ALL, IN_ORDER, UNCOUNTED, entries, place
from chalicelib.domain.tasks.task import Phase, Task

LAST = "~"
"""Behind every row of a list: where it is counted."""
MOST_WRITES = 100
"""As many as one transaction takes."""
_PHASES = frozenset(Phase)


class Row(NamedTuple):
    """The key of an item of the listings."""

    list: str
    rank: str


class Filed(NamedTuple):
    """What a task is filed under, as of which version of it; on the way to the next, after a part of the way."""

    version: int = 0
    marks: frozenset[str] = frozenset()


class Move(NamedTuple):
    """From what a task is filed under to what it is to be filed under."""

    org: str
    pool: str
    place: str
    before: Filed
    after: Filed

    @property
    def added(self) -> frozenset[str]:
        return self.after.marks - self.before.marks

    @property
    def removed(self) -> frozenset[str]:
        return self.before.marks - self.after.marks

    @property
    def ledger(self) -> Row:
        """Where it is kept what the task is filed under."""
        return Row(f"{self.org}#{self.pool}#{self.place}", LAST)

    def rows(self, marks: Iterable[str]) -> Iterator[Row]:
        """The rows of those marks that are entries."""
        return (row(self.org, self.pool, mark, self.place) for mark in marks if _count(mark) is None)

    def counts(self, marks: Iterable[str]) -> Iterator[tuple[Row, str]]:
        """The counters of those marks that are counts, and what each counts."""
        for mark in marks:
            counted = _count(mark)
            if counted is not None:
                yield counter(self.org, self.pool, counted[1]), counted[0]
            if mark == ALL:
                yield from self._ages()

    def _ages(self) -> Iterator[tuple[Row, str]]:
        created = int(self.place.partition("#")[0])
        return ((age(self.org, self.pool, node.name), age_tree.DIGITS[node.digit]) for node in age_tree.path(created))


def filed(task: Task) -> Filed:
    """What a task is to be filed under: its entries, and that it is counted under them in its phase."""
    found = entries(task)
    counted = {f"{task.phase}\t{entry}" for entry in found if entry.partition("=")[0] not in UNCOUNTED}
    return Filed(task.version, found | counted)


def _count(mark: str) -> tuple[str, str] | None:
    """(phase, entry) of a mark that counts a task, None for an entry."""
    phase, _, entry = mark.partition("\t")
    return (phase, entry) if phase in _PHASES else None


def list_of(org: str, pool: str, entry: str) -> str:
    """The list that an entry is, or is a range of."""
    facet = entry.partition("=")[0]
    return f"{org}#{pool}#{facet if facet in IN_ORDER else entry}"


def row(org: str, pool: str, entry: str, place: str) -> Row:
    """The row that files the task with this place under an entry."""
    facet, _, value = entry.partition("=")
    return Row(list_of(org, pool, entry), f"{value}#{place}" if facet in IN_ORDER else place)


def counter(org: str, pool: str, entry: str) -> Row:
    """Where it is counted how many tasks of each phase are filed under an entry."""
    return Row(list_of(org, pool, entry), LAST)


def age(org: str, pool: str, node: str) -> Row:
    """Where it is counted how many tasks were made in each part of a node's time."""
    return counter(org, pool, f"age={node}")


def moves(changes: Iterable[tuple[Task | None, Task | None]]) -> list[Move]:
    """What becomes of the lists by changes of tasks, in order: one move for each task. One that was removed is filed
    under nothing, as of the version after its last."""
    found: dict[str, Move] = {}
    for old, new in changes:
        known = new or old
        if known is not None:
            after = filed(new) if new is not None else Filed(known.version + 1)
            before = filed(old) if old is not None else Filed()
            move = Move(known.org, known.pool, place(known), before, after)
            earlier = found.setdefault(move.place, move)
            found[move.place] = earlier._replace(after=max(earlier.after, after, key=lambda one: one.version))
    return list(found.values())


def again(move: Move, stored: Filed) -> Move | None:
    """The move from what is stored in truth; None when that is as new."""
    return move._replace(before=stored) if stored.version < move.after.version else None


def packed(waiting: list[Move]) -> tuple[list[Move], list[Move]]:
    """The moves that one transaction carries out, and the rest. A move that is too large alone is cut in two."""
    touched: set[Row] = set()
    for number, move in enumerate(waiting):
        touched |= _touched(move)
        if len(touched) > MOST_WRITES and number:
            return waiting[:number], waiting[number:]
        if len(touched) > MOST_WRITES:
            first, rest = _cut(move)
            return [first], [rest, *waiting[1:]]
    return waiting, []


def _touched(move: Move) -> set[Row]:
    marks = move.added | move.removed
    return {move.ledger, *move.rows(marks), *(row for row, _ in move.counts(marks))}


def _cut(move: Move) -> tuple[Move, Move]:
    """Part of the way, which keeps the version that it comes from, and the rest of it."""
    before = move.before
    part = frozenset(sorted(move.added | move.removed)[: MOST_WRITES - 1 - age_tree.DEPTH])
    middle = Filed(before.version, before.marks ^ part)
    return move._replace(after=middle), move._replace(before=middle)
