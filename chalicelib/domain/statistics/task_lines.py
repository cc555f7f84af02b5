"""The lines of a pool's log: which events are shown as lines, at which level, and how many there are of each.

Only pools whose API shows a log are counted so (setting logged_pools): a row for each hour and label, which the same
transaction changes that records the event. The row also counts the tasks that began and ended, by hour and label.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

from chalicelib.domain.changes.effects import Event, EventKind
from chalicelib.domain.statistics.counters import Counts, Row, day_of, day_partition, hour_of

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Mapping[EventKind, Level] = {
    EventKind.LEASED: "debug",
    EventKind.TAKEN: "debug",
    EventKind.EDITED: "debug",
    EventKind.APPROVED: "info",
    EventKind.SUBMITTED: "info",
    EventKind.STARTED: "info",
    EventKind.COMPLETED: "info",
    EventKind.CANCELLED: "info",
    EventKind.REPLAYED: "info",
    EventKind.RELEASED: "warning",
    EventKind.RETRIED: "warning",
    EventKind.OVERDUE: "warning",
    EventKind.FAILED: "error",
    EventKind.TIMED_OUT: "error",
}
"""Kind of a line -> its level. Events of other kinds are no lines: they are about workers, or about what is deleted."""
PREFIX = "log#"
_COUNTED_KINDS = {
    EventKind.SUBMITTED: "created",
    EventKind.COMPLETED: "completed",
    EventKind.FAILED: "failed",
    EventKind.TIMED_OUT: "timed_out",
    EventKind.CANCELLED: "cancelled",
    EventKind.RETRIED: "retried",
}


def count_lines(events: Iterable[Event]) -> dict[Row, Counts]:
    """What these events add to the rows of their hours and labels."""
    sums: dict[Row, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        if event.kind in LEVELS:
            counts = sums[_row(event)]
            counts[level_counter(LEVELS[event.kind])] += 1
            if event.kind in _COUNTED_KINDS:
                counts[_COUNTED_KINDS[event.kind]] += 1
            if event.kind is EventKind.COMPLETED and event.took_ms is not None:
                counts["took_ms"] += event.took_ms
                counts["taken"] += 1
    return {row: Counts(dict(counts)) for row, counts in sums.items()}


def _row(event: Event) -> Row:
    return day_partition(event.org, event.pool, day_of(event.at)), row_name(hour_of(event.at), event.label or "")


def row_name(hour: int, label: str) -> str:
    """The name of the row of an hour of the day and a label."""
    return f"{PREFIX}{hour:02d}#{label}"


def hour_and_label(row: str) -> tuple[int, str]:
    """The hour of the day and the label of a row, "" for tasks without one."""
    hour, _, label = row.removeprefix(PREFIX).partition("#")
    return int(hour), label


def level_counter(level: Level) -> str:
    """The counter of the lines of a level."""
    return f"log_{level}"
