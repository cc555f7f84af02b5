"""Tasks page by page, youngest first, of a pool whose tasks are listed by their state alone: cheaper for each task than
`lists`, and a few calls more for each page."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from chalicelib.domain.tasks.task import PHASES, Phase, Status, Task
from chalicelib.engine.security import cursors
from chalicelib.errors import NotConfigured
from chalicelib.storage.tasks import listing
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks.listing import Row

MAX_EXAMINED = 1_000
"""The most tasks that are looked at for one page; beyond that it ends early, and its cursor leads on."""
EXAMINED_AT_ONCE = 100
LIST_STATES = (Status.PENDING, Status.LEASED, Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED)
"""A state of each list that there is, in the order of a task's life: read so, a task that moves on meanwhile is seen
twice rather than never."""


class StateFilter(NamedTuple):
    """Which tasks; None takes all."""

    statuses: frozenset[Status] | None = None
    worker_id: str | None = None
    type: str | None = None

    def takes(self, task: Task) -> bool:
        """Whether the task is among them."""
        fits = self.worker_id in (None, task.worker_id) and self.type in (None, task.type)
        return fits and (self.statuses is None or task.status in self.statuses)

    @property
    def shelves(self) -> list[Status]:
        """The lists in which they are."""
        if self.statuses is None:
            return [*LIST_STATES]
        return [one for one in LIST_STATES if one in self.statuses or _is_listed_with(one, self.statuses)]

    @property
    def sifts(self) -> bool:
        """Whether those lists have others in them, too."""
        ends = self.statuses is not None and len(self.statuses) < sum(map(_states_in_list, self.shelves))
        return ends or self.worker_id is not None or self.type is not None


def _is_listed_with(shelf: Status, statuses: frozenset[Status]) -> bool:
    return PHASES[shelf] is not Phase.HELD and any(PHASES[one] is PHASES[shelf] for one in statuses)


def _states_in_list(shelf: Status) -> int:
    return 1 if PHASES[shelf] is Phase.HELD else sum(phase is PHASES[shelf] for phase in PHASES.values())


class Page(NamedTuple):
    """One page; `cursor` leads to the next one, None after the last."""

    tasks: list[Task]
    cursor: str | None


def read_page(org: str, pool: str, wanted: StateFilter, limit: int, cursor: str | None = None) -> Page:
    """The page of at most `limit` tasks after a cursor, or the first, without long payloads and results.

    One call for each list that is read: one for a state, two for those held, six for all; where others are sifted out,
    one more for each hundred, of at most MOST_SIFTED. Raises InvalidRequest for a cursor of another list, NotConfigured
    for a pool whose tasks are in none.
    """
    if not task_table.is_listed_by_state(pool):
        raise NotConfigured(f"Tasks of {pool} are not listed here: name it in WATCHED_POOLS")
    bound = (org, pool, ",".join(sorted(wanted.statuses or ())), wanted.worker_id or "", wanted.type or "")
    after = cursors.read(cursor, *bound) if cursor is not None else None
    size = max(EXAMINED_AT_ONCE, limit + 1) if wanted.sifts else limit + 1
    tasks, mark = _select(_merge_lists(org, pool, wanted, after, size), wanted, limit)
    return Page(tasks, cursors.seal(mark, *bound) if mark is not None else None)


def _select(rows: Iterator[Row], wanted: StateFilter, limit: int) -> tuple[list[Task], str | None]:
    """The first tasks of the rows that are wanted, and the mark after which there may be more."""
    tasks: list[Task] = []
    mark = None
    for number, row in enumerate(rows, 1):
        if row.task is not None and wanted.takes(row.task):
            if len(tasks) == limit:
                return tasks, mark
            tasks.append(row.task)
        mark = row.mark
        if number == MAX_EXAMINED:
            return tasks, mark
    return tasks, None


def _merge_lists(org: str, pool: str, wanted: StateFilter, after: str | None, size: int) -> Iterator[Row]:
    """All the lists as one, youngest first, each task once."""
    lists = [listing.iterate_state(org, pool, status, after, size) for status in wanted.shelves]
    last = None
    for row in heapq.merge(*lists, key=lambda row: row.mark, reverse=True):
        if row.mark != last:
            yield row
        last = row.mark
