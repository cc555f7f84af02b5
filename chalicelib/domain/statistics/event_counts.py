"""Counters as a function of the event log: the live rows and a recount use the same rules, so they must agree."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from chalicelib.domain.changes.effects import Event, Kind
from chalicelib.domain.statistics.counters import (
    DAY_MS,
    NOW,
    Counts,
    Row,
    day_of,
    day_partition,
    hour_counter,
    hour_of,
    hour_row,
    label_row,
    lifetime,
    slice_of,
    worker_row,
)
from chalicelib.domain.statistics.histograms import bucket_of
from chalicelib.domain.tasks.task import Phase


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
    return _pool_rows(event) | _label_rows(event) | _worker_rows(event)


def _pool_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    hour, now = _hour_counts(event), _gauges(event)
    day = day_partition(event.org, event.pool, day_of(event.at))
    rows: dict[Row, Mapping[str, int]] = {(day, hour_row(hour_of(event.at))): hour} if hour else {}
    return rows | {(lifetime(event.org, event.pool), NOW): now} if now else rows


_COUNTED_AS = {Kind.SUBMITTED: "created", Kind.REPLAYED: "retried", Kind.TAKEN: "leased"}
_UNCOUNTED = frozenset({Kind.STARTED, Kind.SWEPT, Kind.CLAIMED, Kind.EDITED, Kind.OVERDUE})
_INTO_HELD = frozenset({Kind.LEASED, Kind.TAKEN})
_INTO_PENDING = frozenset({Kind.SUBMITTED, Kind.RETRIED, Kind.RELEASED, Kind.REPLAYED})
_KEPT = {Phase.COMPLETED: "kept_completed", Phase.FAILED: "kept_failed", Phase.CANCELLED: "kept_cancelled"}
_ENDS_AS = {
    Kind.COMPLETED: Phase.COMPLETED,
    Kind.FAILED: Phase.FAILED,
    Kind.TIMED_OUT: Phase.FAILED,
    Kind.CANCELLED: Phase.CANCELLED,
}


def _hour_counts(event: Event) -> dict[str, int]:
    if event.kind in _UNCOUNTED:
        return {}
    counts = {_COUNTED_AS.get(event.kind, str(event.kind)): 1} | _waiting(event)
    if event.kind is Kind.LEASED:
        counts |= {"waited_ms": event.waited_ms or 0, "waits": 1, f"begun_{slice_of(event.at)}": 1}
    if event.kind is Kind.COMPLETED:
        counts |= {f"done_{slice_of(event.at)}": 1, f"h{bucket_of(event.whole_ms or 0)}": 1}
    return counts | _took(event) | _whole(event)


def _waiting(event: Event) -> dict[str, int]:
    """The net change of those that wait and of those that are held."""
    was_held = event.left is Phase.HELD and event.kind is not Kind.STARTED
    was_pending = event.left is Phase.PENDING
    return {
        "pending": int(event.kind in _INTO_PENDING) - int(was_pending),
        "active": int(event.kind in _INTO_HELD) - int(was_held),
    }


def _gauges(event: Event) -> dict[str, int]:
    if event.kind is Kind.CLAIMED:
        return {}
    counts = _waiting(event) | {"running": int(event.kind in (Kind.STARTED, Kind.TAKEN)) - int(event.running)}
    return {name: value for name, value in (counts | _kept(event)).items() if value}


def _kept(event: Event) -> dict[str, int]:
    """The net change of the ended tasks that are stored."""
    if event.kind in _ENDS_AS:
        return {_KEPT[_ENDS_AS[event.kind]]: 1}
    return {_KEPT[event.left]: -1} if event.left in _KEPT else {}


def _took(event: Event) -> dict[str, int]:
    if event.took_ms is None or event.kind is not Kind.COMPLETED:
        return {}
    return {"took_ms": event.took_ms, "taken": 1}


def _whole(event: Event) -> dict[str, int]:
    if event.whole_ms is None or event.kind is not Kind.COMPLETED:
        return {}
    return {"whole_ms": event.whole_ms, "wholes": 1}


def _graded(event: Event) -> dict[str, int]:
    return {} if event.quality is None else {"quality": event.quality, "graded": 1}


def _label_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    """The figures of a label: a day's, and how many of its tasks wait or are held now."""
    if event.label is None or event.kind in _UNCOUNTED:
        return {}
    row = label_row(event.label)
    day = {_COUNTED_AS.get(event.kind, str(event.kind)): 1} | _took(event) | _whole(event)
    now = {name: value for name, value in _waiting(event).items() if value}
    rows: dict[Row, Mapping[str, int]] = {(day_partition(event.org, event.pool, day_of(event.at)), row): day}
    return rows | {(lifetime(event.org, event.pool), row): now} if now else rows


def _worker_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    if event.worker_id is None:
        return {}
    row = worker_row(event.worker_id)
    worked, kept = _worked(event), _kept(event)
    rows: dict[Row, Mapping[str, int]] = {(lifetime(event.org, event.pool), row): worked | kept}
    if worked:
        rows[day_partition(event.org, event.pool, day_of(event.at)), row] = worked
    return rows if worked or kept else {}


def _worked(event: Event) -> dict[str, int]:
    """What a worker did in an attempt that ended, or says that it did besides."""
    if event.kind is Kind.CLAIMED:
        claimed = {"completed": event.completed, "failed": event.failed}
        return {name: value for name, value in claimed.items() if value}
    if event.took_ms is None:
        return {}
    outcome = _outcome(event)
    if outcome is None:
        return {}
    done = {hour_counter(hour_of(event.at)): 1} if outcome == "completed" else {}
    return {outcome: 1, "worked_ms": event.took_ms} | _took(event) | _whole(event) | _graded(event) | done


def _outcome(event: Event) -> str | None:
    """How an attempt ended, as its worker's counters have it; None where it went back unburned."""
    if event.kind in (Kind.COMPLETED, Kind.CANCELLED):
        return str(event.kind)
    if not event.burned:
        return None
    return "timed_out" if event.kind is Kind.TIMED_OUT else "failed"


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
