"""Counters as a function of the event log. The live rows and the recount use the same function, so they agree."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from chalicelib.domain.changes.effects import Event, EventKind
from chalicelib.domain.statistics.counters import (
    DAY_MS,
    NOW_ROW,
    Counts,
    Row,
    day_of,
    day_partition,
    hour_counter,
    hour_of,
    hour_row,
    label_row,
    lifetime_partition,
    slice_of,
    worker_row,
)
from chalicelib.domain.statistics.histograms import bucket_of
from chalicelib.domain.tasks.task import Phase


def count_events(events: Iterable[Event]) -> dict[Row, Counts]:
    """What these events add to each row."""
    sums: dict[Row, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        for row, counts in _event_rows(event).items():
            for name, value in counts.items():
                sums[row][name] += value
    return {row: Counts(dict(counts)) for row, counts in sums.items()}


def _event_rows(event: Event) -> Mapping[Row, Mapping[str, int]]:
    if event.kind is EventKind.OFFLINE:
        return _uptime_rows(event)
    if event.kind is EventKind.ONLINE:
        return {}
    return _pool_rows(event) | _label_rows(event) | _worker_rows(event)


def _pool_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    hour, now = _hour_counts(event), _gauge_changes(event)
    day = day_partition(event.org, event.pool, day_of(event.at))
    rows: dict[Row, Mapping[str, int]] = {(day, hour_row(hour_of(event.at))): hour} if hour else {}
    return rows | {(lifetime_partition(event.org, event.pool), NOW_ROW): now} if now else rows


_COUNTED_AS = {EventKind.SUBMITTED: "created", EventKind.REPLAYED: "retried", EventKind.TAKEN: "leased"}
_UNCOUNTED_KINDS = frozenset(
    {
        EventKind.STARTED,
        EventKind.SWEPT,
        EventKind.CLAIMED,
        EventKind.EDITED,
        EventKind.OVERDUE,
        EventKind.APPROVED,
    }
)
_KINDS_INTO_HELD = frozenset({EventKind.LEASED, EventKind.TAKEN})
_KINDS_INTO_PENDING = frozenset({EventKind.SUBMITTED, EventKind.RETRIED, EventKind.RELEASED, EventKind.REPLAYED})
_STORED_COUNTERS = {Phase.COMPLETED: "kept_completed", Phase.FAILED: "kept_failed", Phase.CANCELLED: "kept_cancelled"}
_END_PHASES = {
    EventKind.COMPLETED: Phase.COMPLETED,
    EventKind.FAILED: Phase.FAILED,
    EventKind.TIMED_OUT: Phase.FAILED,
    EventKind.CANCELLED: Phase.CANCELLED,
}


def _hour_counts(event: Event) -> dict[str, int]:
    if event.kind in _UNCOUNTED_KINDS:
        return {}
    counts = {_COUNTED_AS.get(event.kind, str(event.kind)): 1} | _queue_changes(event)
    if event.kind is EventKind.LEASED:
        counts |= {"waited_ms": event.waited_ms or 0, "waits": 1, f"begun_{slice_of(event.at)}": 1}
    if _is_unapproved(event):
        counts |= {"unapproved": 1}
    if event.kind is EventKind.COMPLETED:
        counts |= {f"done_{slice_of(event.at)}": 1, f"h{bucket_of(event.whole_ms or 0)}": 1}
    return counts | _attempt_time(event) | _total_time(event)


def _queue_changes(event: Event) -> dict[str, int]:
    """The net change of the pending and of the held tasks."""
    was_held = event.left is Phase.HELD and event.kind is not EventKind.STARTED
    was_pending = event.left is Phase.PENDING
    return {
        "pending": int(event.kind in _KINDS_INTO_PENDING) - int(was_pending),
        "active": int(event.kind in _KINDS_INTO_HELD) - int(was_held),
    }


def _gauge_changes(event: Event) -> dict[str, int]:
    if event.kind is EventKind.CLAIMED:
        return {}
    counts = _queue_changes(event) | {
        "running": int(event.kind in (EventKind.STARTED, EventKind.TAKEN)) - int(event.running)
    }
    return {name: value for name, value in (counts | _stored_changes(event)).items() if value}


def _stored_changes(event: Event) -> dict[str, int]:
    """The net change of the ended tasks that are stored."""
    if event.kind in _END_PHASES:
        return {_STORED_COUNTERS[_END_PHASES[event.kind]]: 1}
    return {_STORED_COUNTERS[event.left]: -1} if event.left in _STORED_COUNTERS else {}


def _attempt_time(event: Event) -> dict[str, int]:
    if event.took_ms is None or event.kind is not EventKind.COMPLETED:
        return {}
    return {"took_ms": event.took_ms, "taken": 1}


def _total_time(event: Event) -> dict[str, int]:
    if event.whole_ms is None or event.kind is not EventKind.COMPLETED:
        return {}
    return {"whole_ms": event.whole_ms, "wholes": 1}


def _quality(event: Event) -> dict[str, int]:
    return {} if event.quality is None else {"quality": event.quality, "graded": 1}


def _label_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    """The rows of a label: its counts of the day, its pending and held tasks now, and those that ever ended.

    What waits for a person is not pending there, and what a person refused has not failed.
    """
    if event.label is None:
        return {}
    row, rows, now = label_row(event.label), dict[Row, Mapping[str, int]](), _label_changes(event)
    if event.kind not in _UNCOUNTED_KINDS:
        day = {_COUNTED_AS.get(event.kind, str(event.kind)): 1} | _attempt_time(event) | _total_time(event)
        rows[day_partition(event.org, event.pool, day_of(event.at)), row] = day
    return rows | {(lifetime_partition(event.org, event.pool), row): now} if now else rows


def _label_changes(event: Event) -> dict[str, int]:
    counts = _queue_changes(event) | _ended(event)
    counts["pending"] -= event.awaiting
    return {name: value for name, value in counts.items() if value}


def _ended(event: Event) -> dict[str, int]:
    ends = (EventKind.COMPLETED, EventKind.FAILED, EventKind.TIMED_OUT)
    return {str(event.kind): 1} if event.kind in ends and not _is_unapproved(event) else {}


def _is_unapproved(event: Event) -> bool:
    """Whether a person rejected the task, or approved it not in time."""
    return event.awaiting < 0 and event.kind in (EventKind.FAILED, EventKind.TIMED_OUT)


def _worker_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    if event.worker_id is None:
        return {}
    row = worker_row(event.worker_id)
    counts, stored = _worker_counts(event), _stored_changes(event)
    rows: dict[Row, Mapping[str, int]] = {(lifetime_partition(event.org, event.pool), row): counts | stored}
    if counts:
        rows[day_partition(event.org, event.pool, day_of(event.at)), row] = counts
    return rows if counts or stored else {}


def _worker_counts(event: Event) -> dict[str, int]:
    """What a worker did in an attempt that ended, or what it reports in sum (CLAIMED)."""
    if event.kind is EventKind.CLAIMED:
        claimed = {"completed": event.completed, "failed": event.failed}
        return {name: value for name, value in claimed.items() if value}
    if event.took_ms is None:
        return {}
    outcome = _attempt_outcome(event)
    if outcome is None:
        return {}
    done = {hour_counter(hour_of(event.at)): 1} if outcome == "completed" else {}
    return {outcome: 1, "worked_ms": event.took_ms} | _attempt_time(event) | _total_time(event) | _quality(event) | done


def _attempt_outcome(event: Event) -> str | None:
    """The counter of a worker for the end of an attempt; None for an attempt that does not count."""
    if event.kind in (EventKind.COMPLETED, EventKind.CANCELLED):
        return str(event.kind)
    if not event.attempt_failed:
        return None
    return "timed_out" if event.kind is EventKind.TIMED_OUT else "failed"


def _uptime_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    assert event.worker_id is not None
    row = worker_row(event.worker_id)
    spans = online_by_day(event.since if event.since is not None else event.at, event.at)
    return {(day_partition(event.org, event.pool, day), row): {"online_ms": ms} for day, ms in spans.items()}


def online_by_day(start: int, end: int) -> dict[int, int]:
    """The milliseconds of an interval by UTC day."""
    return {
        day: min(end, (day + 1) * DAY_MS) - max(start, day * DAY_MS)
        for day in range(day_of(start), day_of(max(start, end - 1)) + 1)
        if end > start
    }
