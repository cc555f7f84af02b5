"""Periods of the calendar, in UTC, that figures are given for."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from chalicelib.domain.statistics.counters import DAY_MS, HOUR_MS


class Period(StrEnum):
    """The current hour, day, week (from Monday) or month, up to now."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def period_start(period: Period, now: int) -> int:
    """When the current period began, in epoch milliseconds."""
    if period is Period.HOUR:
        return now - now % HOUR_MS
    today = datetime.fromtimestamp(now // DAY_MS * DAY_MS / 1000, UTC)
    if period is Period.WEEK:
        today -= timedelta(days=today.weekday())
    if period is Period.MONTH:
        today = today.replace(day=1)
    return round(today.timestamp() * 1000)
