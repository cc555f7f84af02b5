"""Figures by day (UTC): the current hour from live counters, closed hours from their rollup."""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import CLOSING_ROW, HOURS_PER_DAY, NOW_ROW, Counts
from chalicelib.domain.tasks.worker import Worker
from chalicelib.errors import NotFound
from chalicelib.storage.statistics import counters as counter_storage
from chalicelib.storage.workers import workers as worker_storage


class Day(NamedTuple):
    """One UTC day of a pool."""

    total: Counts
    hours: list[Counts]  # 24
    workers: dict[str, Counts]  # by worker id; workers that ended an attempt
    pending: int  # tasks pending now, or at the end of the day


def read_day(org: str, pool: str, number: int) -> Day:
    """The figures of a pool on a day (days since the epoch). Two calls."""
    rows = counter_storage.read_partition(counters.day_partition(org, pool, number))
    counts = {name: row.counts for name, row in rows.items()}
    hours = [counts.get(counters.hour_row(hour), Counts()) for hour in range(HOURS_PER_DAY)]
    by_worker = {name.removeprefix("worker#"): row for name, row in counts.items() if name.startswith("worker#")}
    busy = {worker_id: row for worker_id, row in by_worker.items() if row.processed}
    return Day(counters.total(hours), hours, busy, _pending(org, pool, number, rows, hours))


def _pending(org: str, pool: str, number: int, rows: dict[str, counter_storage.StoredRow], hours: list[Counts]) -> int:
    if number >= counters.day_of(clock.now()):
        return counter_storage.find((counters.lifetime_partition(org, pool), NOW_ROW)).counts["pending"]
    if CLOSING_ROW in rows:
        return rows[CLOSING_ROW].counts["pending"]
    before = counter_storage.find((counters.day_partition(org, pool, number - 1), CLOSING_ROW)).counts["pending"]
    return before + counters.total(hours)["pending"]


class WorkerDay(NamedTuple):
    """One UTC day of a worker."""

    counts: Counts
    uptime: float  # share of the day so far that it was online, 0-1


def read_worker_day(org: str, pool: str, worker_id: str, number: int, kind: str = "Worker") -> WorkerDay:
    """The figures of a worker on a day. Two calls. Raises NotFound for a worker that does not exist and has none."""
    row = counter_storage.find((counters.day_partition(org, pool, number), counters.worker_row(worker_id)))
    worker = worker_storage.find(org, pool, worker_id)
    if not row.revision and (worker is None or worker.removed):
        raise NotFound(kind, worker_id)
    return WorkerDay(row.counts, _uptime(row.counts["online_ms"], worker, number))


def _uptime(counted_ms: int, worker: Worker | None, number: int) -> float:
    now = clock.now()
    start, end = number * clock.DAY, min(now, (number + 1) * clock.DAY)
    if end <= start:
        return 0.0
    since = worker.online_since if worker is not None and worker.is_online else None
    running = max(0, end - max(since, start)) if since is not None else 0
    return round(min(1.0, (counted_ms + running) / (end - start)), 4)


def read_worker_lifetime(org: str, pool: str, worker_id: str) -> Counts:
    """The figures of a worker since it registered. One call."""
    return counter_storage.find((counters.lifetime_partition(org, pool), counters.worker_row(worker_id))).counts


def read_today(org: str, pool: str) -> Counts:
    """The figures of a pool today (UTC), so far. One call."""
    partition = counters.day_partition(org, pool, counters.day_of(clock.now()))
    return counters.total(row.counts for row in counter_storage.read_partition(partition, "hour#").values())
