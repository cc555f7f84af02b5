"""When periods of the calendar begin."""

from datetime import UTC, datetime

import pytest

from chalicelib.domain.statistics.periods import Period, period_start


def instant(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "period", "start"),
    [
        ("2026-01-27T06:15:30", Period.HOUR, "2026-01-27T06:00:00"),
        ("2026-01-27T06:00:00", Period.HOUR, "2026-01-27T06:00:00"),
        ("2026-01-27T06:15:30", Period.DAY, "2026-01-27"),
        ("2026-01-27T06:15:30", Period.WEEK, "2026-01-26"),  # a Monday
        ("2026-01-26T00:00:00", Period.WEEK, "2026-01-26"),
        ("2026-02-01T23:59:59", Period.WEEK, "2026-01-26"),
        ("2026-01-01T12:00:00", Period.WEEK, "2025-12-29"),
        ("2026-01-27T06:15:30", Period.MONTH, "2026-01-01"),
        ("2028-02-29T23:59:59", Period.MONTH, "2028-02-01"),
    ],
)
def test_a_period_begins_at_its_calendars_boundary(now: str, period: Period, start: str) -> None:
    assert period_start(period, instant(now)) == instant(start)
