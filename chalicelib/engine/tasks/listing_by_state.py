"""Lists of tasks, page by page, youngest first, in a pool whose tasks are indexed only by their state.

A task costs less than with the indexes of `listing`, and a page costs a few calls more.
"""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from chalicelib.domain.tasks.task import PHASES, Phase, Status, Task
from chalicelib.engine.security import cursors
from chalicelib.engine.tasks import payloads
from chalicelib.errors import NotConfigured
from chalicelib.storage.tasks import listing
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks.listing import Row

MAX_EXAMINED = 1_000
"""Tasks that are examined for one page at most. A page then ends early, and its cursor leads on."""
MAX_PAGE_CHARS = 2_000_000
"""Of the tasks' metadata and errors on one page, as JSON."""
EXAMINED_AT_ONCE = 100
LIST_STATES = (Status.PENDING, Status.LEASED, Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED)
"""One state for each list, in the order of a task's life: a task whose state changes while the lists are read is seen
twice rather than never."""


class StateFilter(NamedTuple):
    """Which tasks a list shows; None: all."""

    statuses: frozenset[Status] | None = None
    worker_id: str | None = None
    type: str | None = None

    def matches(self, task: Task) -> bool:
        """Whether the list shows the task."""
        fits = self.worker_id in (None, task.worker_id) and self.type in (None, task.type)
        return fits and (self.statuses is None or task.status in self.statuses)

    @property
    def list_states(self) -> list[Status]:
        """The lists that contain the tasks, each by one of its states."""
        if self.statuses is None:
            return [*LIST_STATES]
        return [state for state in LIST_STATES if state in self.statuses or _is_listed_with(state, self.statuses)]

    @property
    def needs_filtering(self) -> bool:
        """Whether those lists contain other tasks, too."""
        is_partial = self.statuses is not None and len(self.statuses) < sum(map(_states_in_list, self.list_states))
        return is_partial or self.worker_id is not None or self.type is not None


def _is_listed_with(state: Status, statuses: frozenset[Status]) -> bool:
    return PHASES[state] is not Phase.HELD and any(PHASES[other] is PHASES[state] for other in statuses)


def _states_in_list(state: Status) -> int:
    return 1 if PHASES[state] is Phase.HELD else sum(phase is PHASES[state] for phase in PHASES.values())


class Page(NamedTuple):
    """One page of tasks; `cursor` leads to the next page, None on the last page."""

    tasks: list[Task]
    cursor: str | None


def read_page(org: str, pool: str, wanted: StateFilter, limit: int, cursor: str | None = None) -> Page:
    """Read the page of at most `limit` tasks after a cursor, or the first page, without long payloads and results.

    Raises InvalidRequest for a cursor of another list, NotConfigured for a pool without lists. One call for each list
    that is read: one for a state, two for held tasks, six for all; with filtering, one more for each hundred tasks that
    are examined, at most MAX_EXAMINED.
    """
    if not task_table.is_listed_by_state(pool):
        raise NotConfigured(f"Tasks of {pool} are not listed here: name the pool in WATCHED_POOLS")
    bound = (org, pool, ",".join(sorted(wanted.statuses or ())), wanted.worker_id or "", wanted.type or "")
    after = cursors.read(cursor, *bound) if cursor is not None else None
    size = max(EXAMINED_AT_ONCE, limit + 1) if wanted.needs_filtering else limit + 1
    tasks, mark = _select(_merge_lists(org, pool, wanted, after, size), wanted, limit)
    return Page(tasks, cursors.seal(mark, *bound) if mark is not None else None)


def _select(rows: Iterator[Row], wanted: StateFilter, limit: int) -> tuple[list[Task], str | None]:
    """The first matching tasks, as many as fit into an answer, and the mark after which there may be more."""
    tasks: list[Task] = []
    mark, chars = None, 0
    for number, row in enumerate(rows, 1):
        if row.task is not None and wanted.matches(row.task):
            chars += payloads.answer_chars([row.task.metadata, row.task.error])
            if len(tasks) == limit or (tasks and chars > MAX_PAGE_CHARS):
                return tasks, mark
            tasks.append(row.task)
        mark = row.mark
        if number == MAX_EXAMINED:
            return tasks, mark
    return tasks, None


def _merge_lists(org: str, pool: str, wanted: StateFilter, after: str | None, size: int) -> Iterator[Row]:
    """Merge the lists, youngest first, each task once."""
    lists = [listing.iterate_state(org, pool, status, after, size) for status in wanted.list_states]
    last = None
    for row in heapq.merge(*lists, key=lambda row: row.mark, reverse=True):
        if row.mark != last:
            yield row
        last = row.mark
