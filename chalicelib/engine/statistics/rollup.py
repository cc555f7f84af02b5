"""Rollups: a closed hour or day is recounted from the event log, and the recount replaces its rows.

A second run changes nothing. The relay adds a late event to a recounted row as to any other.
"""

from dataclasses import dataclass

from chalicelib import clock
from chalicelib.domain.statistics import counters, event_counts
from chalicelib.domain.statistics.counters import CLOSING_ROW, COUNTERS, HOURS_PER_DAY, Counts, Row
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.statistics import counters as counter_storage
from chalicelib.storage.statistics import event_log as event_storage

DAY_IN_USE = "The rows of the day keep changing; the next run recounts them"
_DAILY_PREFIXES = ("worker#", "label#")
"""Rows of a day. Requests of an API are not in the log, so their rows are not recounted."""
_RECOUNTED_COUNTERS = tuple(name for name in COUNTERS if name != "online_ms")
"""Uptime is counted when it ends, perhaps days later, so the log of an hour cannot recount it."""


@dataclass(frozen=True, slots=True)
class _Pool:
    org: str
    pool: str


def roll_up_hour(now: int | None = None) -> int:
    """Recount the last closed hour of every pool with events in it; returns the number of pools."""
    closed = (now or clock.now()) // clock.HOUR - 1
    return _recount_hours(range(closed, closed + 1))


def roll_up_days(now: int | None = None) -> int:
    """Recount the last two closed days: rows of hours, workers and labels, and the closing row.

    Two days, because an event can reach the log after the run for its own day. Returns the number of days recounted,
    summed over the pools.
    """
    today = counters.day_of(now or clock.now())
    return sum(_recount_pools(day) for day in (today - 2, today - 1))


def _recount_pools(day: int) -> int:
    hours = range(day * HOURS_PER_DAY, (day + 1) * HOURS_PER_DAY)
    _recount_hours(hours)
    pools = {_pool_of(row) for hour in hours for row in counter_storage.active_hour_rows(hour)}
    for pool in pools:
        _recount_rows(pool, day)
        _write_closing_row(pool, day)
    return len(pools)


def _recount_hours(hours: range) -> int:
    rows = [(hour, row) for hour in hours for row in counter_storage.active_hour_rows(hour) if row[1] != CLOSING_ROW]
    for hour, row in rows:
        _recount_hour(_pool_of(row), hour, row)
    return len(rows)


def _pool_of(row: Row) -> _Pool:
    org, pool, _ = row[0].split("#")
    return _Pool(org, pool)


def _recount_hour(pool: _Pool, hour: int, row: Row) -> None:
    def attempt() -> None:
        before = counter_storage.find(row)
        counted = event_counts.count_events(event_storage.read_hour(pool.org, pool.pool, hour * clock.HOUR))
        _require(_replace_row(row, counted.get(row, Counts()), before))

    optimistic.retry(attempt, message="The rows of the hour keep changing; the next run recounts them")


def _recount_rows(pool: _Pool, day: int) -> None:
    partition = counters.day_partition(pool.org, pool.pool, day)

    def attempt() -> None:
        before = {
            name: row
            for name, row in counter_storage.read_partition(partition).items()
            if name.startswith(_DAILY_PREFIXES)
        }
        counted = _recount_day(pool, day)
        rows = [((partition, name), row) for name, row in before.items()]
        refused = [row for row, stored in rows if not _replace_row(row, counted.get(row, Counts()), stored)]
        _require(not refused)

    optimistic.retry(attempt, message=DAY_IN_USE)


def _recount_day(pool: _Pool, day: int) -> dict[Row, Counts]:
    instants = (day * clock.DAY + hour * clock.HOUR for hour in range(HOURS_PER_DAY))
    return event_counts.count_events(
        event for at in instants for event in event_storage.read_hour(pool.org, pool.pool, at)
    )


def _replace_row(row: Row, counts: Counts, before: counter_storage.StoredRow) -> bool:
    if before.closed and all(counts[name] == before.counts[name] for name in _RECOUNTED_COUNTERS):
        return True
    try:
        dynamodb.commit(counter_storage.replacement_write(row, counts, _RECOUNTED_COUNTERS, before))
    except ConditionFailed:
        return False
    return True


def _write_closing_row(pool: _Pool, day: int) -> None:
    """Store the number of tasks pending at the end of the day: that of the day before plus the day's change."""
    optimistic.retry(lambda: _require(_try_closing_row(pool, day)), message=DAY_IN_USE)


def _require(is_written: bool) -> None:
    if not is_written:
        raise StaleRead


def _try_closing_row(pool: _Pool, day: int) -> bool:
    opening = counter_storage.find((counters.day_partition(pool.org, pool.pool, day - 1), CLOSING_ROW)).counts[
        "pending"
    ]
    partition = counters.day_partition(pool.org, pool.pool, day)
    rows = counter_storage.read_partition(partition)
    change = sum(row.counts["pending"] for name, row in rows.items() if name.startswith("hour#"))
    before = rows.get(CLOSING_ROW, counter_storage.StoredRow(Counts(), 0))
    # While tasks are pending the row is indexed under the first hour of the next day: so its run finds the pool.
    next_day = (day + 1) * HOURS_PER_DAY if opening + change else None
    counts = Counts({"pending": opening + change})
    if before.closed and before.counts["pending"] == counts["pending"]:
        return True
    try:
        dynamodb.commit(
            counter_storage.replacement_write((partition, CLOSING_ROW), counts, ("pending",), before, hour=next_day)
        )
    except ConditionFailed:
        return False
    return True
