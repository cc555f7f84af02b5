"""Reading the figures: days in UTC, the current hour live, closed hours as the rollup left them."""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics import counters as rules
from chalicelib.domain.statistics.counters import CLOSE, HOURS, NOW, Counts
from chalicelib.domain.tasks.worker import Worker
from chalicelib.errors import NotFound
from chalicelib.storage.statistics import counters as stats
from chalicelib.storage.workers import workers as worker_storage


class Day(NamedTuple):
    """One UTC day of a pool."""

    total: Counts
    hours: list[Counts]  # 24
    workers: dict[str, Counts]  # by worker id, those that ended attempts
    pending: int  # tasks waiting now, or when the day ended


def day(org: str, pool: str, number: int) -> Day:
    """The figures of a day, counted from the epoch. Two calls."""
    rows = stats.partition(rules.day_partition(org, pool, number))
    counts = {name: row.counts for name, row in rows.items()}
    hours = [counts.get(rules.hour_row(hour), Counts()) for hour in range(HOURS)]
    named = {name.removeprefix("worker#"): row for name, row in counts.items() if name.startswith("worker#")}
    busy = {worker_id: row for worker_id, row in named.items() if row.processed}
    return Day(rules.total(hours), hours, busy, _pending(org, pool, number, rows, hours))


def _pending(org: str, pool: str, number: int, rows: dict[str, stats.Stored], hours: list[Counts]) -> int:
    if number >= rules.day_of(clock.now()):
        return stats.find((rules.lifetime(org, pool), NOW)).counts["pending"]
    if CLOSE in rows:
        return rows[CLOSE].counts["pending"]
    before = stats.find((rules.day_partition(org, pool, number - 1), CLOSE)).counts["pending"]
    return before + rules.total(hours)["pending"]


class WorkerDay(NamedTuple):
    """One UTC day of a worker."""

    counts: Counts
    uptime: float  # share of the day, so far, that it was online: 0-1


def worker_day(org: str, pool: str, worker_id: str, number: int, kind: str = "Worker") -> WorkerDay:
    """A worker's figures of a day. Raises NotFound when there is neither such a worker nor a figure of it."""
    row = stats.find((rules.day_partition(org, pool, number), rules.worker_row(worker_id)))
    worker = worker_storage.find(org, pool, worker_id)
    if not row.revision and (worker is None or worker.removed):
        raise NotFound(kind, worker_id)
    return WorkerDay(row.counts, _uptime(row.counts["online_ms"], worker, number))


def _uptime(counted_ms: int, worker: Worker | None, number: int) -> float:
    now = clock.now()
    start, end = number * clock.DAY, min(now, (number + 1) * clock.DAY)
    if end <= start:
        return 0.0
    since = worker.online_since if worker is not None and worker.online else None
    running = max(0, end - max(since, start)) if since is not None else 0
    return round(min(1.0, (counted_ms + running) / (end - start)), 4)


def worker_lifetime(org: str, pool: str, worker_id: str) -> Counts:
    """A worker's figures since it registered."""
    return stats.find((rules.lifetime(org, pool), rules.worker_row(worker_id))).counts


def today(org: str, pool: str) -> Counts:
    """A pool's figures of this UTC day so far. One call."""
    partition = rules.day_partition(org, pool, rules.day_of(clock.now()))
    return rules.total(row.counts for row in stats.partition(partition, "hour#").values())
