from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.changes.effects import Event, EventKind
from chalicelib.domain.statistics import counters, event_counts
from chalicelib.domain.statistics.counters import DAY_MS, HOUR_MS, Counts, Row, peak_hours
from chalicelib.domain.statistics.histograms import bucket_of
from chalicelib.domain.tasks.task import Phase

DAY = 20_000
START = DAY * DAY_MS
HOUR_ROW = (f"acme#p#{DAY}", "hour#00")
NOW_ROW = ("acme#p", "now")


def event(kind: EventKind, **said: Any) -> Event:
    return Event(**({"org": "acme", "pool": "p", "kind": kind, "subject": "task_1", "version": 1, "at": START} | said))


def figures(*events: Event) -> dict[Row, dict[str, int]]:
    found = event_counts.count_events(events)
    return {row: {name: value for name, value in counts.values.items() if value} for row, counts in found.items()}


WORKED = {"worked_ms": 70}
HELD: dict[str, Any] = {"worker_id": "w", "took_ms": 70, "left": Phase.HELD}
WAITED: dict[str, Any] = {"left": Phase.PENDING}
DONE = HELD | {"running": True, "whole_ms": 100}
WHOLE = {"whole_ms": 100, "wholes": 1, "done_0": 1, f"h{bucket_of(100)}": 1}
WORKER = ((f"acme#p#{DAY}", "worker#w"), ("acme#p", "worker#w"))


@pytest.mark.parametrize(
    ("kind", "said", "hour", "gauges"),
    [
        (EventKind.SUBMITTED, {}, {"created": 1}, {"pending": 1}),
        (
            EventKind.LEASED,
            WAITED | {"worker_id": "w", "waited_ms": 30},
            {"leased": 1, "waited_ms": 30, "waits": 1, "begun_0": 1},
            {"pending": -1, "active": 1},
        ),
        (
            EventKind.COMPLETED,
            DONE,
            {"completed": 1, "took_ms": 70, "taken": 1} | WHOLE,
            {"active": -1, "running": -1, "kept_completed": 1},
        ),
        (EventKind.FAILED, HELD | {"attempt_failed": True}, {"failed": 1}, {"active": -1, "kept_failed": 1}),
        (EventKind.TIMED_OUT, HELD | {"attempt_failed": True}, {"timed_out": 1}, {"active": -1, "kept_failed": 1}),
        (EventKind.TIMED_OUT, WAITED, {"timed_out": 1}, {"pending": -1, "kept_failed": 1}),
        (
            EventKind.FAILED,
            WAITED | {"awaiting": -1},
            {"failed": 1, "unapproved": 1},
            {"pending": -1, "kept_failed": 1},
        ),
        (EventKind.CANCELLED, HELD, {"cancelled": 1}, {"active": -1, "kept_cancelled": 1}),
        (EventKind.CANCELLED, WAITED, {"cancelled": 1}, {"pending": -1, "kept_cancelled": 1}),
        (EventKind.RETRIED, HELD | {"attempt_failed": True}, {"retried": 1}, {"active": -1, "pending": 1}),
        (EventKind.RELEASED, HELD, {"released": 1}, {"active": -1, "pending": 1}),
        (EventKind.REPLAYED, {"left": Phase.FAILED}, {"retried": 1}, {"pending": 1, "kept_failed": -1}),
    ],
)
def test_each_kind_is_counted_in_its_hour_and_moves_the_gauges(
    kind: EventKind, said: dict[str, Any], hour: dict[str, int], gauges: dict[str, int]
) -> None:
    found = figures(event(kind, **said))
    assert found[HOUR_ROW] == hour | {name: gauges[name] for name in ("pending", "active") if name in gauges}
    assert found[NOW_ROW] == gauges


@pytest.mark.parametrize(
    ("kind", "said", "gauges"),
    [
        (EventKind.STARTED, {"left": Phase.HELD, "worker_id": "w"}, {"running": 1}),
        (EventKind.SWEPT, {"left": Phase.COMPLETED}, {"kept_completed": -1}),
        (EventKind.CLAIMED, {"worker_id": "w", "completed": 1}, None),
    ],
)
def test_what_is_no_transition_moves_at_most_a_gauge(
    kind: EventKind, said: dict[str, Any], gauges: dict[str, int] | None
) -> None:
    found = figures(event(kind, **said))
    assert (found.get(HOUR_ROW), found.get(NOW_ROW)) == (None, gauges)


@pytest.mark.parametrize(
    ("kind", "said", "counts", "kept"),
    [
        (
            EventKind.COMPLETED,
            HELD,
            WORKED | {"completed": 1, "took_ms": 70, "taken": 1, "at_0": 1},
            {"kept_completed": 1},
        ),
        (EventKind.FAILED, HELD | {"attempt_failed": True}, WORKED | {"failed": 1}, {"kept_failed": 1}),
        (EventKind.RETRIED, HELD | {"attempt_failed": True}, WORKED | {"failed": 1}, {}),
        (EventKind.TIMED_OUT, HELD | {"attempt_failed": True}, WORKED | {"timed_out": 1}, {"kept_failed": 1}),
        (EventKind.CLAIMED, {"worker_id": "w", "completed": 1}, {"completed": 1}, {}),
        (EventKind.CANCELLED, HELD, WORKED | {"cancelled": 1}, {"kept_cancelled": 1}),
        (EventKind.CANCELLED, {"worker_id": "w", "left": Phase.PENDING}, {}, {"kept_cancelled": 1}),
        (EventKind.REPLAYED, {"worker_id": "w", "left": Phase.FAILED}, {}, {"kept_failed": -1}),
        (EventKind.SWEPT, {"worker_id": "w", "left": Phase.CANCELLED}, {}, {"kept_cancelled": -1}),
        (EventKind.RELEASED, HELD, {}, {}),
        (EventKind.LEASED, WAITED | {"worker_id": "w", "waited_ms": 1}, {}, {}),
        (EventKind.SUBMITTED, {}, {}, {}),
    ],
)
def test_a_worker_answers_for_the_attempts_it_ended_today_and_ever(
    kind: EventKind, said: dict[str, Any], counts: dict[str, int], kept: dict[str, int]
) -> None:
    found = figures(event(kind, **said))
    today, ever = (found.get(row, {}) for row in WORKER)
    assert (today, ever) == (counts, counts | kept)


LABEL = ((f"acme#p#{DAY}", "label#email"), ("acme#p", "label#email"))


@pytest.mark.parametrize(
    ("kind", "fields", "day", "now"),
    [
        (EventKind.SUBMITTED, {}, {"created": 1}, {"pending": 1}),
        (EventKind.LEASED, WAITED | {"worker_id": "w"}, {"leased": 1}, {"pending": -1, "active": 1}),
        (EventKind.STARTED, {"left": Phase.HELD}, {}, {}),
        (
            EventKind.COMPLETED,
            DONE,
            {"completed": 1, "took_ms": 70, "taken": 1, "whole_ms": 100, "wholes": 1},
            {"active": -1, "completed": 1},
        ),
        (EventKind.SWEPT, {"left": Phase.COMPLETED}, {}, {}),
        (EventKind.SUBMITTED, {"awaiting": 1}, {"created": 1}, {}),
        (EventKind.APPROVED, {"awaiting": -1}, {}, {"pending": 1}),
        (EventKind.FAILED, WAITED | {"awaiting": -1}, {"failed": 1}, {}),
        (EventKind.TIMED_OUT, WAITED | {"awaiting": -1}, {"timed_out": 1}, {}),
        (EventKind.CANCELLED, WAITED | {"awaiting": -1}, {"cancelled": 1}, {}),
        (EventKind.REPLAYED, {"left": Phase.FAILED, "awaiting": 1}, {"retried": 1}, {}),
    ],
)
def test_a_label_has_figures_of_its_own(
    kind: EventKind, fields: dict[str, Any], day: dict[str, int], now: dict[str, int]
) -> None:
    found = figures(event(kind, label="email", **fields))
    assert tuple(found.get(row, {}) for row in LABEL) == (day, now)
    assert not set(LABEL) & figures(event(kind, **fields)).keys()


@pytest.mark.parametrize("hour", [0, 9, 23])
def test_an_event_falls_into_the_hour_row_of_its_utc_day(hour: int) -> None:
    found = figures(event(EventKind.SUBMITTED, at=START + hour * HOUR_MS + HOUR_MS - 1))
    assert (f"acme#p#{DAY}", f"hour#{hour:02d}") in found


def test_time_online_is_counted_when_it_ends_and_coming_online_counts_nothing() -> None:
    gone = event(EventKind.OFFLINE, worker_id="w", since=START - 1_000, at=START + 2_000)
    assert figures(gone) == {
        (f"acme#p#{DAY - 1}", "worker#w"): {"online_ms": 1_000},
        (f"acme#p#{DAY}", "worker#w"): {"online_ms": 2_000},
    }
    assert figures(event(EventKind.ONLINE, worker_id="w")) == {}


def test_an_interval_is_cut_at_every_midnight() -> None:
    assert event_counts.online_by_day(START - 1, START + 2 * DAY_MS + 5) == {
        DAY - 1: 1,
        DAY: DAY_MS,
        DAY + 1: DAY_MS,
        DAY + 2: 5,
    }
    assert event_counts.online_by_day(START, START + DAY_MS) == {DAY: DAY_MS}
    assert event_counts.online_by_day(START, START) == {}


@given(start=st.integers(0, 10**13), length=st.integers(0, 10 * DAY_MS))
def test_cutting_loses_no_millisecond_and_no_day_has_more_than_its_own(start: int, length: int) -> None:
    found = event_counts.online_by_day(start, start + length)
    assert sum(found.values()) == length
    assert all(0 < share <= DAY_MS for share in found.values())


EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from([kind for kind in EventKind if kind is not EventKind.ONLINE]),
        worker_id=st.sampled_from(["w", "v"]),
        at=st.integers(START, START + 3 * DAY_MS),
        took_ms=st.none() | st.integers(0, 10**6),
        waited_ms=st.integers(0, 10**6),
        attempt_failed=st.booleans(),
        left=st.none() | st.sampled_from(Phase),
        label=st.sampled_from([None, "email"]),
        since=st.integers(START - DAY_MS, START),
    ),
    max_size=30,
)


@given(events=EVENTS, cut=st.integers(0, 30))
def test_counting_in_parts_gives_the_same_as_counting_the_whole(events: list[Event], cut: int) -> None:
    first, second = event_counts.count_events(events[:cut]), event_counts.count_events(events[cut:])
    summed = {row: first.get(row, Counts()).plus(second.get(row, Counts())) for row in first.keys() | second.keys()}
    assert summed == event_counts.count_events(events)


def test_averages_and_rates_of_nothing_are_zero_and_otherwise_rounded() -> None:
    assert (Counts().average_ms, Counts().success_rate, Counts().processed) == (0, 0.0, 0)
    some = Counts({"completed": 2, "failed": 1, "timed_out": 0, "took_ms": 101, "taken": 2, "cancelled": 7})
    assert (some.average_ms, some.success_rate, some.processed, some.failures) == (50, 0.6667, 3, 1)


def test_the_total_is_the_sum_of_its_rows() -> None:
    assert counters.total([Counts({"a": 1, "b": 2}), Counts({"b": 3})]).values == {"a": 1, "b": 5}


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        (0, (3 + 9) / 300),  # the hour before's last five minutes, and none of the current ones yet
        (2.5, (3 + 9) / 450),
        (5, (3 + 5) / 300),
        (59, (7 + 11) / 540),
    ],
)
def test_a_rate_is_of_the_current_five_minutes_and_the_five_before(minute: float, expected: float) -> None:
    current = Counts({"done_0": 3, "done_1": 5, "done_10": 7, "done_11": 11})
    before = Counts({"done_11": 9, "done_0": 100})
    now = START + round(minute * 60_000)
    assert counters.rate_per_second("done", now, current, before) == pytest.approx(expected)


def test_the_hour_before_midnight_is_the_day_before_s() -> None:
    assert counters.last_hour_rows("acme", "p", START) == (HOUR_ROW, (f"acme#p#{DAY - 1}", "hour#23"))
    assert counters.last_api_hour_rows("acme", "p", START + HOUR_MS) == (
        (f"acme#p#{DAY}", "api#01"),
        (f"acme#p#{DAY}", "api#00"),
    )


@pytest.mark.parametrize(
    ("done", "spans"),
    [
        ({}, []),
        ({9: 1}, [(9, 10)]),
        ({10: 4, 11: 5, 12: 2, 14: 3, 15: 5}, [(10, 12), (14, 16)]),
        (dict.fromkeys(range(24), 7), [(0, 24)]),
    ],
)
def test_the_peaks_are_the_hours_with_at_least_half_of_the_best_one(
    done: dict[int, int], spans: list[tuple[int, int]]
) -> None:
    assert peak_hours([done.get(hour, 0) for hour in range(24)]) == spans
