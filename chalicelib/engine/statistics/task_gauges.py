"""Every five minutes: how many tasks of all orgs wait, are held and run, as metrics.

The figures are the counters that the relay keeps of each pool. Which pools have any is told by the index of the hours
in which something happened, so that nothing is scanned.
"""

from collections.abc import Iterator

from chalicelib import clock
from chalicelib.domain.statistics import counters as statistics
from chalicelib.domain.statistics.counters import HOURS, NOW, Row
from chalicelib.observability import count
from chalicelib.storage.statistics import counters as stats

METRICS = {"pending": "TasksPending", "active": "TasksHeld", "running": "TasksRunning"}
"""Counter of a pool -> metric. Held tasks include those that run."""


def report() -> int:
    """Send the metrics; returns of how many pools they are the sum.

    These are the pools in which anything happened since midnight UTC, and those whose tasks waited then; until one
    o'clock since the midnight before, because the day's closing rows are written meanwhile. One call for each hour of
    the day so far, and one for each hundred pools.
    """
    pools = set(_active_pools(clock.now()))
    figures = statistics.total(stats.find_many(pools).values())
    for counter, metric in METRICS.items():
        # A relay that is behind may count an end before its beginning.
        count(metric, max(0, figures[counter]))
    return len(pools)


def _active_pools(now: int) -> Iterator[Row]:
    first = statistics.day_of(now - clock.HOUR) * HOURS
    for hour in range(first, now // clock.HOUR + 1):
        for partition, _ in stats.active_in(hour):
            org, pool, _ = partition.split("#")
            yield statistics.lifetime(org, pool), NOW
