"""Figures of a pool now and in the last 60 to 120 minutes, for monitoring and for wait estimates."""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import NOW_ROW, Counts
from chalicelib.domain.statistics.histograms import percentile
from chalicelib.engine.statistics import request_counts
from chalicelib.storage.statistics import counters as counter_storage

LABEL_PREFIX = "label#"


class Recent(NamedTuple):
    """The current gauges, and the counts of the current hour and the hour before: of the last 60 to 120 minutes."""

    at: int
    gauges: Counts  # pending, active, running
    hours: tuple[Counts, Counts]  # of tasks: the current hour, the hour before
    requests: tuple[Counts, Counts]  # of the pool's API

    @property
    def tasks(self) -> Counts:
        return counters.total(self.hours)

    @property
    def api_requests(self) -> Counts:
        """The requests of the pool's API in both hours."""
        return counters.total(self.requests)

    @property
    def leases_per_second(self) -> float:
        """Tasks leased per second in the last five to ten minutes."""
        return counters.rate_per_second("begun", self.at, *self.hours)

    @property
    def completions_per_second(self) -> float:
        """Tasks completed per second in the last five to ten minutes."""
        return counters.rate_per_second("done", self.at, *self.hours)

    @property
    def requests_per_second(self) -> float:
        """Requests answered per second in the last five to ten minutes."""
        return counters.rate_per_second("done", self.at, *self.requests)


def read_recent(org: str, pool: str) -> Recent:
    """The figures of a pool as of now, including the requests that this process has not written yet. One call."""
    now = clock.now()
    lifetime = (counters.lifetime_partition(org, pool), NOW_ROW)
    hours, api_hours = counters.last_hour_rows(org, pool, now), counters.last_api_hour_rows(org, pool, now)
    rows = counter_storage.find_many([lifetime, *hours, *api_hours])
    current, before = (rows[row].plus(request_counts.unwritten_counts(org, pool, row)) for row in api_hours)
    return Recent(now, rows[lifetime], (rows[hours[0]], rows[hours[1]]), (current, before))


def percentiles(counts: Counts) -> tuple[float, float, float]:
    """The 50th, 95th and 99th percentile of the histogram in milliseconds; 0 for an empty one."""
    p50, p95, p99 = (percentile(counts.histogram, share) or 0.0 for share in (0.5, 0.95, 0.99))
    return p50, p95, p99


class Label(NamedTuple):
    """The figures of one label of a pool."""

    gauges: Counts  # pending, active
    today: Counts  # of the UTC day


def read_labels(org: str, pool: str) -> dict[str, Label]:
    """The labels of a pool with their figures. Two calls."""
    today = counters.day_partition(org, pool, counters.day_of(clock.now()))
    gauges, days = (
        counter_storage.read_partition(name, LABEL_PREFIX) for name in (counters.lifetime_partition(org, pool), today)
    )
    nothing = counter_storage.StoredRow(Counts(), 0)
    return {
        row.removeprefix(LABEL_PREFIX): Label(gauges.get(row, nothing).counts, days.get(row, nothing).counts)
        for row in sorted(gauges.keys() | days.keys())
    }
