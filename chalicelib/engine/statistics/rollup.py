"""Rollups: a closed hour or day is recounted from the event log, and the recount replaces its rows.

Running one twice changes nothing; a late event is added to the recount by the relay as to any row.
"""

from dataclasses import dataclass

from chalicelib import clock
from chalicelib.domain.statistics import counters as statistics
from chalicelib.domain.statistics import event_counts
from chalicelib.domain.statistics.counters import CLOSE, COUNTERS, HOURS, Counts, Row
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Refused
from chalicelib.storage.statistics import counters as stats
from chalicelib.storage.statistics import event_log as event_storage

DAY_IN_USE = "The day is still being counted; the next run closes it"
_BY_DAY = ("worker#", "label#")
"""Rows of a day. An API's own requests are in no log: nothing recounts them."""
_RECOUNTED = tuple(name for name in COUNTERS if name != "online_ms")
"""Uptime is counted when it ends, perhaps days later: an hour's log alone cannot recount it."""


@dataclass(frozen=True, slots=True)
class _Pool:
    org: str
    pool: str


def hourly(now: int | None = None) -> int:
    """Recount the hour that closed last, of every pool in which anything happened; returns how many pools."""
    closed = (now or clock.now()) // clock.HOUR - 1
    return _recount_hours(range(closed, closed + 1))


def daily(now: int | None = None) -> int:
    """Recount the two days that closed last: their hours, workers' and labels' rows and closing queue lengths.

    Two, because an event may reach the log after its own day's run. Returns how many pools' days were recounted.
    """
    today = statistics.day_of(now or clock.now())
    return sum(_recount(day) for day in (today - 2, today - 1))


def _recount(day: int) -> int:
    hours = range(day * HOURS, (day + 1) * HOURS)
    _recount_hours(hours)
    pools = {_pool_of(row) for hour in hours for row in stats.active_in(hour)}
    for pool in pools:
        _recount_rows(pool, day)
        _close(pool, day)
    return len(pools)


def _recount_hours(hours: range) -> int:
    rows = [(hour, row) for hour in hours for row in stats.active_in(hour) if row[1] != CLOSE]
    for hour, row in rows:
        _recount_hour(_pool_of(row), hour, row)
    return len(rows)


def _pool_of(row: Row) -> _Pool:
    org, pool, _ = row[0].split("#")
    return _Pool(org, pool)


def _recount_hour(pool: _Pool, hour: int, row: Row) -> None:
    def attempt() -> None:
        before = stats.find(row)
        counted = event_counts.deltas(event_storage.hour(pool.org, pool.pool, hour * clock.HOUR))
        _require(_replaced(row, counted.get(row, Counts()), before))

    optimistic.retry(attempt, message="The hour is still being counted; the next run closes it")


def _recount_rows(pool: _Pool, day: int) -> None:
    partition = statistics.day_partition(pool.org, pool.pool, day)

    def attempt() -> None:
        before = {name: row for name, row in stats.partition(partition).items() if name.startswith(_BY_DAY)}
        counted = _recount_day(pool, day)
        rows = [((partition, name), row) for name, row in before.items()]
        refused = [row for row, stored in rows if not _replaced(row, counted.get(row, Counts()), stored)]
        _require(not refused)

    optimistic.retry(attempt, message=DAY_IN_USE)


def _recount_day(pool: _Pool, day: int) -> dict[Row, Counts]:
    instants = (day * clock.DAY + hour * clock.HOUR for hour in range(HOURS))
    return event_counts.deltas(event for at in instants for event in event_storage.hour(pool.org, pool.pool, at))


def _replaced(row: Row, counts: Counts, before: stats.Stored) -> bool:
    if before.closed and all(counts[name] == before.counts[name] for name in _RECOUNTED):
        return True
    try:
        dynamodb.commit(stats.replaced(row, counts, _RECOUNTED, before))
    except Refused:
        return False
    return True


def _close(pool: _Pool, day: int) -> None:
    """Write down how many tasks were pending when the day ended: what the day before left, and the day's change."""
    optimistic.retry(lambda: _require(_closed(pool, day)), message=DAY_IN_USE)


def _require(is_written: bool) -> None:
    if not is_written:
        raise StaleRead


def _closed(pool: _Pool, day: int) -> bool:
    opening = stats.find((statistics.day_partition(pool.org, pool.pool, day - 1), CLOSE)).counts["pending"]
    partition = statistics.day_partition(pool.org, pool.pool, day)
    rows = stats.partition(partition)
    change = sum(row.counts["pending"] for name, row in rows.items() if name.startswith("hour#"))
    before = rows.get(CLOSE, stats.Stored(Counts(), 0))
    # Filed under the next day's first hour while anything is pending, so that the next daily run finds the pool.
    next_day = (day + 1) * HOURS if opening + change else None
    counts = Counts({"pending": opening + change})
    if before.closed and before.counts["pending"] == counts["pending"]:
        return True
    try:
        dynamodb.commit(stats.replaced((partition, CLOSE), counts, ("pending",), before, hour=next_day))
    except Refused:
        return False
    return True
