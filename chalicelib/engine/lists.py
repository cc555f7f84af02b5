"""Tasks page by page, youngest first, with their total."""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain import statistics as rules
from chalicelib.domain.statistics import NOW, Counts
from chalicelib.domain.tasks import PHASES, Phase, Status, Task
from chalicelib.engine import cursors
from chalicelib.storage import stats, task_lists
from chalicelib.storage import workers as worker_storage

TOTALS_KEPT_MS = 2 * clock.SECOND
"""How long a process believes a pool's totals, so that turning pages costs one call each."""
MOST_HELD = 500
_KEPT = 10_000
_totals: dict[rules.Row, tuple[int, Counts]] = {}


class Filter(NamedTuple):
    """Which tasks of a pool; None takes all. `statuses` are states of one phase: all of it, or one of them."""

    statuses: frozenset[Status] | None = None
    worker_id: str | None = None

    @property
    def phase(self) -> Phase | None:
        """The phase that holds the states. Raises ValueError when there is more than one."""
        if self.statuses is None:
            return None
        [phase] = {PHASES[status] for status in self.statuses}
        return phase

    @property
    def status(self) -> Status | None:
        """The one state, where the filter does not take its whole phase."""
        if self.statuses is None or self.statuses == _states_of(self.phase):
            return None
        [status] = self.statuses
        return status


class Page(NamedTuple):
    """One page of tasks. `total` is how many the filter takes; while there are more than a page of them it comes from
    counters, which follow within seconds. `cursor` leads to the next page, None after the last."""

    tasks: list[Task]
    total: int
    cursor: str | None


def page(org: str, pool: str, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
    """The page of `limit` tasks after a cursor, or the first. One call, one more for a total that is not known here.

    A worker's tasks take one call more: first those it holds, then those it ended, latest first. Raises InvalidRequest
    for a cursor of another list.
    """
    bound = (org, pool, *sorted(wanted.statuses or ()), wanted.worker_id)
    after = cursors.read(cursor, *bound) if cursor is not None else None
    rows = _rows(org, pool, wanted, after, limit + 1)
    more = len(rows) > limit
    shown = rows[:limit]
    known = more or after is not None
    return Page(
        tasks=[row.task for row in shown],
        total=max(len(rows), _total(org, pool, wanted)) if known else len(shown),
        cursor=cursors.seal(shown[-1].mark, *bound) if more else None,
    )


def _rows(org: str, pool: str, wanted: Filter, after: str | None, limit: int) -> list[task_lists.Row]:
    if wanted.worker_id is None:
        return task_lists.listed(org, pool, wanted.phase, wanted.status, after, limit)
    if wanted.phase is Phase.PENDING:
        return []
    # Of what it holds, one state is sifted out of all: a worker holds no more than its slots.
    most = limit if wanted.status is None else max(limit, MOST_HELD)
    rows = task_lists.of_worker(org, pool, wanted.worker_id, wanted.phase, after, most)
    return [row for row in rows if wanted.status in (None, row.task.status)][:limit]


def _total(org: str, pool: str, wanted: Filter) -> int:
    if wanted.worker_id is None:
        return _counted(_counts((rules.lifetime(org, pool), NOW)), wanted)
    ended = _counts((rules.lifetime(org, pool), rules.worker_row(wanted.worker_id)))
    worker = worker_storage.find(org, pool, wanted.worker_id) if wanted.phase in (None, Phase.HELD) else None
    held = len(worker.leases) if worker is not None else 0
    return _counted(Counts(ended.values | {"pending": 0, "active": held}), wanted)


def _counted(counts: Counts, wanted: Filter) -> int:
    if wanted.status is Status.RUNNING:
        return counts["running"]
    if wanted.status is Status.LEASED:
        return counts["active"] - counts["running"]
    return sum(counts[_COUNTERS[phase]] for phase in ([wanted.phase] if wanted.phase is not None else Phase))


_COUNTERS = {
    Phase.PENDING: "pending",
    Phase.HELD: "active",
    Phase.COMPLETED: "kept_completed",
    Phase.FAILED: "kept_failed",
    Phase.CANCELLED: "kept_cancelled",
}


def _counts(row: rules.Row) -> Counts:
    now = clock.now()
    at, counts = _totals.get(row, (0, Counts()))
    if now - at < TOTALS_KEPT_MS:
        return counts
    if len(_totals) >= _KEPT:
        _totals.clear()
    counts = stats.find(row).counts
    _totals[row] = (now, counts)
    return counts


def _states_of(phase: Phase | None) -> frozenset[Status]:
    return frozenset(status for status, its in PHASES.items() if its is phase)
