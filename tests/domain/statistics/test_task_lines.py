"""Which events become lines of a log, and how lines are counted."""

from typing import Any

from chalicelib.domain.changes.effects import Event, EventKind
from chalicelib.domain.statistics.counters import COUNTERS
from chalicelib.domain.statistics.task_lines import LEVELS, count_lines, hour_and_label, level_counter, row_name

AT = 7 * 86_400_000 + 5 * 3_600_000 + 1
ROW = ("acme#code#7", "log#05#python")


def event(kind: EventKind, **fields: Any) -> Event:
    base = {"org": "acme", "pool": "code", "subject": "task_1", "version": 1, "at": AT, "label": "python"}
    return Event(kind=kind, **(base | fields))


def test_every_kind_is_a_line_but_those_about_workers_and_deletions() -> None:
    others = {EventKind.SWEPT, EventKind.CLAIMED, EventKind.ONLINE, EventKind.OFFLINE}
    assert set(EventKind) - set(LEVELS) == others
    assert count_lines([event(kind) for kind in others]) == {}


def test_lines_are_counted_by_level_and_ends_by_kind_for_each_hour_and_label() -> None:
    events = [
        event(EventKind.SUBMITTED),
        event(EventKind.LEASED),
        event(EventKind.COMPLETED, took_ms=1_500),
        event(EventKind.FAILED),
        event(EventKind.SUBMITTED, label=None),
        event(EventKind.SUBMITTED, at=AT + 3_600_000),
    ]
    counted = {row: counts.values for row, counts in count_lines(events).items()}
    assert counted == {
        ROW: {
            "log_info": 2,
            "log_debug": 1,
            "log_error": 1,
            "created": 1,
            "completed": 1,
            "failed": 1,
            "took_ms": 1_500,
            "taken": 1,
        },
        (ROW[0], "log#05#"): {"log_info": 1, "created": 1},
        (ROW[0], "log#06#python"): {"log_info": 1, "created": 1},
    }


def test_names_of_rows_are_read_as_they_are_made() -> None:
    for hour, label in ((0, ""), (23, "python"), (7, "c++")):
        assert hour_and_label(row_name(hour, label)) == (hour, label)


def test_every_counter_has_an_attribute() -> None:
    assert {level_counter(level) for level in LEVELS.values()} < set(COUNTERS)
