"""Metrics sent every five minutes: how many tasks of all orgs are pending, held and running.

They are sums of the counters that the relay maintains for each pool. The pools are found by the index of the hours
with events, so nothing is scanned.
"""

from collections.abc import Iterator

from chalicelib import clock
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import HOURS_PER_DAY, NOW_ROW, Row
from chalicelib.observability import count
from chalicelib.storage.statistics import counters as counter_storage

METRICS = {"pending": "TasksPending", "active": "TasksHeld", "running": "TasksRunning"}
"""Counter of a pool -> metric. Held tasks include the running ones."""


def report_gauges() -> int:
    """Send the metrics; returns the number of pools that they sum up.

    These are the pools with events since midnight UTC, and those with pending tasks at midnight. Until 01:00 it is the
    midnight before, because the day's closing rows are being written. One call for each hour of the day so far, and
    one for each hundred pools.
    """
    pools = set(_active_pools(clock.now()))
    figures = counters.total(counter_storage.find_many(pools).values())
    for counter, metric in METRICS.items():
        # A relay that is behind can count the end of a task before its beginning.
        count(metric, max(0, figures[counter]))
    return len(pools)


def _active_pools(now: int) -> Iterator[Row]:
    first = counters.day_of(now - clock.HOUR) * HOURS_PER_DAY
    for hour in range(first, now // clock.HOUR + 1):
        for partition, _ in counter_storage.active_hour_rows(hour):
            org, pool, _ = partition.split("#")
            yield counters.lifetime_partition(org, pool), NOW_ROW
