"""Lists of tasks, page by page, youngest first, with their total."""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics import counters as rules
from chalicelib.domain.statistics.counters import NOW_ROW, Counts
from chalicelib.domain.tasks.task import HELD, PHASES, Phase, Status, Task
from chalicelib.engine.security import cursors
from chalicelib.engine.tasks import payloads
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.storage.statistics import counters as stats
from chalicelib.storage.tasks import listing
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks.listing import Row
from chalicelib.storage.workers import workers as worker_storage

TOTALS_TTL_MS = 2 * clock.SECOND
"""How long a process caches a pool's totals, so that each further page costs one call."""
MAX_HELD = 500
MAX_PAGE_CHARS = 2_000_000
"""Characters of the tasks' JSON on one page: Lambda accepts answers up to 6 MB, and the page is JSON within JSON."""
_totals: TtlCache[rules.Row, Counts] = TtlCache(TOTALS_TTL_MS)


class Filter(NamedTuple):
    """Which tasks of a pool a list shows; None: all. `statuses` are the states of one phase, or one held state."""

    statuses: frozenset[Status] | None = None
    worker_id: str | None = None

    @property
    def phase(self) -> Phase | None:
        """The phase of the states. Raises ValueError if there is more than one."""
        if self.statuses is None:
            return None
        [phase] = {PHASES[status] for status in self.statuses}
        return phase

    @property
    def status(self) -> Status | None:
        """The one held state, if the filter does not name a whole phase. Raises ValueError for another state."""
        if self.statuses is None or self.statuses == _statuses_in(self.phase):
            return None
        [status] = self.statuses & HELD
        return status


class Page(NamedTuple):
    """One page of tasks. `total` is how many tasks match the filter; if they fill more than one page, it comes from
    counters, which are a few seconds behind. `cursor` leads to the next page; None on the last page."""

    tasks: list[Task]
    total: int
    cursor: str | None


class _Rows(NamedTuple):
    rows: list[Row]
    """One row more than the page shows, if there is one."""
    total: int | None = None


def read_page(org: str, pool: str, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
    """Read the page of at most `limit` tasks after a cursor, or the first page. A page that grows too large ends early.

    A worker's tasks are listed in this order: first those it holds, then those it ended, latest first. Raises
    InvalidRequest for a cursor of another list, ValueError for a pool without lists. One call; one more for a
    total that is not cached, one more if a payload or result is long, and one more for the tasks of a worker.
    """
    if not task_table.is_listed(pool):
        raise ValueError(f"Tasks of the pool {pool} have no list: name the pool in LISTED_POOLS")
    bound = (org, pool, ",".join(sorted(wanted.statuses or ())), wanted.worker_id or "")
    after = cursors.read(cursor, *bound) if cursor is not None else None
    candidates = _read_rows(org, pool, wanted, after, limit + 1)
    shown = list(payloads.that_fit(candidates.rows[:limit], _size, MAX_PAGE_CHARS))
    has_more = len(candidates.rows) > len(shown)
    tasks = [row.task for row in shown if row.task is not None]
    return Page(
        tasks=tasks,
        total=_total(org, pool, wanted, candidates, is_whole=after is None and not has_more),
        cursor=cursors.seal(shown[-1].mark, *bound) if has_more else None,
    )


def _read_rows(org: str, pool: str, wanted: Filter, after: str | None, limit: int) -> _Rows:
    if wanted.worker_id is None:
        return _Rows(listing.list_tasks(org, pool, wanted.statuses, after, limit))
    if wanted.phase is Phase.PENDING:
        return _Rows([], 0)
    if wanted.status is None:
        return _Rows(listing.list_worker_tasks(org, pool, wanted.worker_id, wanted.phase, after, limit))
    # All that the worker holds is read, no more than its slots, and one state of it is kept.
    held = listing.list_worker_tasks(org, pool, wanted.worker_id, wanted.phase, None, MAX_HELD)
    matching = [row for row in held if row.task is not None and row.task.status is wanted.status]
    return _Rows([row for row in matching if after is None or row.mark < after][:limit], len(matching))


def _size(row: Row) -> int:
    task = row.task
    return 0 if task is None else payloads.answer_chars([task.payload, task.result, task.metadata, task.error])


def _total(org: str, pool: str, wanted: Filter, rows: _Rows, *, is_whole: bool) -> int:
    if rows.total is not None:
        return rows.total
    seen = sum(row.task is not None for row in rows.rows)
    return seen if is_whole else max(seen, _read_total(org, pool, wanted))


def _read_total(org: str, pool: str, wanted: Filter) -> int:
    if wanted.worker_id is None:
        return _sum_counts(_read_counts((rules.lifetime_partition(org, pool), NOW_ROW)), wanted)
    ended = _read_counts((rules.lifetime_partition(org, pool), rules.worker_row(wanted.worker_id)))
    worker = worker_storage.find(org, pool, wanted.worker_id) if wanted.phase in (None, Phase.HELD) else None
    held = len(worker.leases) if worker is not None else 0
    return _sum_counts(Counts(ended.values | {"pending": 0, "active": held}), wanted)


def _sum_counts(counts: Counts, wanted: Filter) -> int:
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


def _read_counts(row: rules.Row) -> Counts:
    cached = _totals.get(row)
    return cached if cached is not None else _totals.put(row, stats.find(row).counts)


def _statuses_in(phase: Phase | None) -> frozenset[Status]:
    return frozenset(status for status, its in PHASES.items() if its is phase)
