"""A pool's present and its last hour or two: what monitoring shows and estimates are made from."""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics import counters as rules
from chalicelib.domain.statistics.counters import NOW, Counts
from chalicelib.domain.statistics.histograms import percentile
from chalicelib.engine.statistics import request_counts as requests
from chalicelib.storage.statistics import counters as stats

LABEL = "label#"


class Recent(NamedTuple):
    """What is true now, and what happened in the hour that is running and in the one before: 60 to 120 minutes."""

    at: int
    gauges: Counts  # pending, active, running
    hours: tuple[Counts, Counts]  # of tasks: the running hour, the one before
    requests: tuple[Counts, Counts]  # of the pool's API

    @property
    def tasks(self) -> Counts:
        return rules.total(self.hours)

    @property
    def asked(self) -> Counts:
        """The API's own requests."""
        return rules.total(self.requests)

    @property
    def begun_a_second(self) -> float:
        """Leases, over the last five to ten minutes; as the two below."""
        return rules.rate("begun", self.at, *self.hours)

    @property
    def done_a_second(self) -> float:
        return rules.rate("done", self.at, *self.hours)

    @property
    def requests_a_second(self) -> float:
        return rules.rate("done", self.at, *self.requests)


def read(org: str, pool: str) -> Recent:
    """The pool's figures as of now, with those requests of its API that this process has not written yet. One call."""
    now = clock.now()
    lifetime = (rules.lifetime(org, pool), NOW)
    hours, asked = rules.last_hours(org, pool, now), rules.last_api_hours(org, pool, now)
    found = stats.find_many([lifetime, *hours, *asked])
    running, before = (found[row].plus(requests.unwritten(org, pool, row)) for row in asked)
    return Recent(now, found[lifetime], (found[hours[0]], found[hours[1]]), (running, before))


def percentiles(counts: Counts) -> tuple[float, float, float]:
    """The median, the 95th and the 99th percentile, in milliseconds, of the counts' histogram; 0 of nothing."""
    p50, p95, p99 = (percentile(counts.histogram, share) or 0.0 for share in (0.5, 0.95, 0.99))
    return p50, p95, p99


class Label(NamedTuple):
    """What is known of one label of a pool."""

    gauges: Counts  # pending, active
    today: Counts  # of the UTC day


def labels(org: str, pool: str) -> dict[str, Label]:
    """The pool's labels, each with its figures. Two calls."""
    today = rules.day_partition(org, pool, rules.day_of(clock.now()))
    gauges, days = (stats.partition(name, LABEL) for name in (rules.lifetime(org, pool), today))
    nothing = stats.Stored(Counts(), 0)
    return {
        row.removeprefix(LABEL): Label(gauges.get(row, nothing).counts, days.get(row, nothing).counts)
        for row in sorted(gauges.keys() | days.keys())
    }
