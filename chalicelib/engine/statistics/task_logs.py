"""The log of a pool's tasks, line by line, with exact totals (setting logged_pools).

A line is an event of the event log. Counters say how many lines each hour has at each level: so the total of a window
needs no line to be read, and only hours with lines are read.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from itertools import chain, islice
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.domain.changes.effects import Event, EventKind
from chalicelib.domain.statistics import counters, task_lines
from chalicelib.domain.statistics.counters import HOURS_PER_DAY, Counts
from chalicelib.domain.statistics.task_lines import LEVELS, Level
from chalicelib.engine.statistics import parallel_calls
from chalicelib.storage.statistics import counters as counter_storage
from chalicelib.storage.statistics import event_log

RETENTION_MS = 7 * clock.DAY
"""How far back a log is shown."""
DEFAULT_WINDOW_MS = clock.DAY


class Line(NamedTuple):
    """One line: what happened to which task, when (epoch milliseconds), and the facts of it."""

    at: int
    level: Level
    task_id: str
    kind: EventKind
    facts: dict[str, Any]


class Page(NamedTuple):
    """The newest lines that match, newest first, and how many match."""

    lines: list[Line]
    total: int


def window_start(since: int | None) -> int:
    """The beginning of the window that a caller asks for, by default a day ago. One before the time for which lines are
    shown is that time."""
    now = clock.now()
    return now - DEFAULT_WINDOW_MS if since is None else max(since, now - RETENTION_MS)


def read_page(org: str, pool: str, task_id: str | None, since: int, levels: Collection[Level], limit: int) -> Page:
    """The newest `limit` lines of these levels since an instant, of one task or of all.

    One call for a task. For all: one call for each day of the window, each hour that is shown, and the hour in which
    the window begins; six at a time.
    """
    if task_id is not None:
        lines = read_task_lines(org, pool, task_id, since, levels)
        return Page(lines[::-1][:limit], len(lines))
    by_hour, first = _count_by_hour(org, pool, since, levels), since // clock.HOUR
    hours = _hours_to_show(by_hour, limit)
    # Of the hour in which the window begins, only a part is in it.
    read = [*hours, *([first] if by_hour[first] and first not in hours else [])]
    lines_by_hour = dict(
        zip(read, parallel_calls.each(lambda hour: _read_hour(org, pool, hour, since, levels), read), strict=True)
    )
    shown = chain.from_iterable(lines_by_hour[hour] for hour in hours)
    total = sum(count for hour, count in by_hour.items() if hour > first) + len(lines_by_hour.get(first, ()))
    return Page(list(islice(shown, limit)), total)


def _count_by_hour(org: str, pool: str, since: int, levels: Collection[Level]) -> Counter[int]:
    """The number of lines of each hour (since the epoch) of the window."""
    days = range(counters.day_of(since), counters.day_of(clock.now()) + 1)
    by_hour: Counter[int] = Counter()
    for day, rows in zip(days, parallel_calls.each(lambda day: _read_day(org, pool, day), days), strict=True):
        for row, counts in rows.items():
            hour = day * HOURS_PER_DAY + task_lines.hour_and_label(row)[0]
            if hour >= since // clock.HOUR:
                by_hour[hour] += sum(counts[task_lines.level_counter(level)] for level in levels)
    return by_hour


def _read_day(org: str, pool: str, day: int) -> dict[str, Counts]:
    rows = counter_storage.read_partition(counters.day_partition(org, pool, day), task_lines.PREFIX)
    return {name: row.counts for name, row in rows.items()}


def _hours_to_show(by_hour: Counter[int], limit: int) -> list[int]:
    """The newest hours that have so many lines together, newest first."""
    hours: list[int] = []
    for hour in sorted((hour for hour, count in by_hour.items() if count), reverse=True):
        if sum(by_hour[one] for one in hours) >= limit:
            break
        hours.append(hour)
    return hours


def _read_hour(org: str, pool: str, hour: int, since: int, levels: Collection[Level]) -> list[Line]:
    """The lines of an hour (since the epoch), newest first."""
    return _matching_lines(event_log.read_hour(org, pool, hour * clock.HOUR), since, levels)[::-1]


def _matching_lines(events: Iterable[Event], since: int, levels: Collection[Level]) -> list[Line]:
    lines = (_line(event) for event in events if event.kind in LEVELS and event.at >= since)
    return [line for line in lines if line.level in levels]


def _line(event: Event) -> Line:
    facts = {
        "label": event.label,
        "attempt": event.attempt,
        "worker_id": event.worker_id,
        "waited_ms": event.waited_ms,
        "took_ms": event.took_ms,
        "total_ms": event.whole_ms,
        "reason": event.reason,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return Line(event.at, LEVELS[event.kind], event.subject, event.kind, known)


def read_task_lines(org: str, pool: str, task_id: str, since: int, levels: Collection[Level]) -> list[Line]:
    """The lines of one task since an instant, oldest first. One call; none for another tenant's or an unknown task."""
    return _matching_lines(event_log.read_task(org, pool, task_id), since, levels)
