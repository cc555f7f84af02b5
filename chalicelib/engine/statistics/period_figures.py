"""The figures of an API and of its tasks in the current hour, day, week or month (UTC)."""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics import counters, task_lines
from chalicelib.domain.statistics.counters import NOW_ROW, Counts
from chalicelib.domain.statistics.periods import Period, period_start
from chalicelib.engine.statistics import parallel_calls, request_counts
from chalicelib.storage.statistics import counters as counter_storage


class RequestFigures(NamedTuple):
    """The requests of callers that were known, since the period began."""

    start: int
    counts: Counts


class TaskFigures(NamedTuple):
    """The tasks of a pool: what began and ended since the period began, by label, and how many are pending now."""

    start: int
    by_label: dict[str, Counts]
    pending: int

    @property
    def total(self) -> Counts:
        return counters.total(self.by_label.values())


def read_requests(org: str, api: str, period: Period) -> RequestFigures:
    """The requests of an API that counts them, and its callers if it counts those, with what this process has not
    written yet. One call for each hundred hours."""
    start, rows = _hour_rows(org, api, period, counters.api_row)
    rows.append(counters.callers_row(org, api, period, counters.day_of(start)))
    written = counter_storage.find_many(rows)
    unwritten = (request_counts.unwritten_counts(org, api, row) for row in rows)
    return RequestFigures(start, counters.total([*written.values(), *unwritten]))


def read_pool(org: str, pool: str, period: Period) -> Counts:
    """What began and ended of a pool's tasks since the period began. One call for each hundred hours."""
    _, rows = _hour_rows(org, pool, period, counters.hour_row)
    return counters.total(counter_storage.find_many(rows).values())


def _hour_rows(org: str, pool: str, period: Period, name: Callable[[int], str]) -> tuple[int, list[counters.Row]]:
    """When the period began, and the rows of its hours up to now."""
    now = clock.now()
    start = period_start(period, now)
    hours = range(start, now + 1, clock.HOUR)
    return start, [(counters.day_partition(org, pool, counters.day_of(at)), name(counters.hour_of(at))) for at in hours]


def read_tasks(org: str, pool: str, period: Period) -> TaskFigures:
    """The tasks of a pool with a log. One call, and one for each day, six at a time."""
    now = clock.now()
    start = period_start(period, now)
    prefix = task_lines.row_name(counters.hour_of(now), "") if period is Period.HOUR else task_lines.PREFIX
    days = range(counters.day_of(start), counters.day_of(now) + 1)
    by_label: dict[str, list[Counts]] = defaultdict(list)
    for rows in parallel_calls.each(lambda day: _read_rows(org, pool, day, prefix), days):
        for name, row in rows.items():
            by_label[task_lines.hour_and_label(name)[1]].append(row.counts)
    gauges = counter_storage.find((counters.lifetime_partition(org, pool), NOW_ROW)).counts
    sums = {label: counters.total(found) for label, found in sorted(by_label.items())}
    return TaskFigures(start, sums, gauges["pending"])


def _read_rows(org: str, pool: str, day: int, prefix: str) -> dict[str, counter_storage.StoredRow]:
    return counter_storage.read_partition(counters.day_partition(org, pool, day), prefix)
