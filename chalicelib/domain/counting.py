"""Counters as a function of the event log: the live rows and a recount use the same rules, so they must agree."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from chalicelib.domain.effects import ENDED, Event, Kind
from chalicelib.domain.statistics import (
    DAY_MS,
    NOW,
    Counts,
    Row,
    day_of,
    day_partition,
    hour_of,
    hour_row,
    lifetime,
    worker_row,
)


def deltas(events: Iterable[Event]) -> dict[Row, Counts]:
    """What these events add to which rows."""
    summed: dict[Row, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        for row, counts in _of_event(event).items():
            for name, value in counts.items():
                summed[row][name] += value
    return {row: Counts(dict(counts)) for row, counts in summed.items()}


def _of_event(event: Event) -> Mapping[Row, Mapping[str, int]]:
    if event.kind is Kind.OFFLINE:
        return _uptime(event)
    if event.kind is Kind.ONLINE:
        return {}
    return _pool_rows(event) | _worker_rows(event)


def _pool_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    counts = _pool_counts(event)
    gauges = {name: counts[name] for name in ("pending", "active") if counts.get(name)}
    day = day_partition(event.org, event.pool, day_of(event.at))
    rows: dict[Row, Mapping[str, int]] = {(day, hour_row(hour_of(event.at))): counts}
    return rows | {(lifetime(event.org, event.pool), NOW): gauges} if gauges else rows


_COUNTED_AS = {Kind.SUBMITTED: "created", Kind.REPLAYED: "retried"}
_INTO_PENDING = frozenset({Kind.SUBMITTED, Kind.RETRIED, Kind.RELEASED, Kind.REPLAYED})


def _pool_counts(event: Event) -> dict[str, int]:
    counts = {_COUNTED_AS.get(event.kind, str(event.kind)): 1}
    was_held = event.took_ms is not None
    was_pending = event.kind is Kind.LEASED or (event.kind in ENDED and not was_held)
    counts["pending"] = int(event.kind in _INTO_PENDING) - int(was_pending)
    counts["active"] = int(event.kind is Kind.LEASED) - int(was_held)
    if event.kind is Kind.LEASED:
        counts |= {"waited_ms": event.waited_ms or 0, "waits": 1}
    return counts | _took(event)


def _took(event: Event) -> dict[str, int]:
    if event.took_ms is None or event.kind is not Kind.COMPLETED:
        return {}
    return {"took_ms": event.took_ms, "taken": 1}


def _worker_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    if event.worker_id is None or event.took_ms is None:
        return {}
    if event.kind is Kind.COMPLETED:
        counts = {"completed": 1}
    elif event.burned:
        counts = {"timed_out" if event.kind is Kind.TIMED_OUT else "failed": 1}
    else:
        return {}
    counts |= _took(event)
    row = worker_row(event.worker_id)
    day = day_partition(event.org, event.pool, day_of(event.at))
    return {(day, row): counts, (lifetime(event.org, event.pool), row): counts}


def _uptime(event: Event) -> dict[Row, Mapping[str, int]]:
    assert event.worker_id is not None
    row = worker_row(event.worker_id)
    spans = online_by_day(event.since if event.since is not None else event.at, event.at)
    return {(day_partition(event.org, event.pool, day), row): {"online_ms": ms} for day, ms in spans.items()}


def online_by_day(start: int, end: int) -> dict[int, int]:
    """The interval's milliseconds, cut at UTC midnights: day -> milliseconds."""
    return {
        day: min(end, (day + 1) * DAY_MS) - max(start, day * DAY_MS)
        for day in range(day_of(start), day_of(max(start, end - 1)) + 1)
        if end > start
    }
