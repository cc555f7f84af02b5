"""An agent's working hours: a window of each day in its own time zone.

    {"timezone": "America/New_York", "start": "09:00", "end": "17:00", "days": ["monday", "tuesday"]}

The window runs from `start` up to but not including `end`, which may be "24:00". One that ends before it starts runs
past midnight and belongs to the day on which it began; one that ends when it starts lasts 24 hours. Without `days`
every day counts. Where clocks are put forward a window may lack an hour, where they are put back it has one more.
"""

from collections.abc import Mapping
from typing import Any

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def is_open(hours: Mapping[str, Any] | None, now: int) -> bool:
    """Whether `now`, in epoch milliseconds, is within the working hours; None is always."""
    if hours is None:
        return True
    today, minute = _local(hours["timezone"], now)
    start, end = _minute(hours["start"]), _minute(hours["end"])
    if start >= end:  # past midnight: the rest of yesterday's window comes first
        return (minute >= start and _is_working_day(hours, today)) or (
            minute < end and _is_working_day(hours, today - 1)
        )
    return start <= minute < end and _is_working_day(hours, today)


def is_zone(name: str) -> bool:
    """Whether the name is a time zone of the IANA database, such as Europe/Berlin."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # OSError: a folder of the database, such as America
        return False
    return True


def _is_working_day(hours: Mapping[str, Any], day: int) -> bool:
    return DAYS[day % len(DAYS)] in (hours.get("days") or DAYS)


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _local(zone: str, now: int) -> tuple[int, int]:
    """The day of the week, 0 for Monday, and the minute of the day, as the zone's clocks show them."""
    # Imported here, because only workers with working hours need it.
    from datetime import datetime
    from zoneinfo import ZoneInfo

    shown = datetime.fromtimestamp(now / 1000, ZoneInfo(zone))
    return shown.weekday(), shown.hour * 60 + shown.minute
