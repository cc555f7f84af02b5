"""Read `Retry-After` (RFC 9110, 10.2.3): seconds, or a date in any of HTTP's three forms."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_SECONDS = re.compile(r"\d+", re.ASCII)
_MOST_DIGITS = 12
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY, _TIME = r"(?:[a-z]+,? +)?", r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>[0-5]\d|60)"
_MONTH, _ZONE = r"(?P<month>[a-z]{3})", r"(?: +(?:gmt|utc?|z|[+-]0000))?"
_FORMS = [
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_DAY}(?P<day>\d\d?) +{_MONTH} +(?P<year>\d{{4}}) +{_TIME}{_ZONE}",  # Sun, 06 Nov 1994 08:49:37 GMT
        rf"{_DAY}(?P<day>\d\d?)-{_MONTH}-(?P<year>\d\d|\d{{4}}) +{_TIME}{_ZONE}",  # Sunday, 06-Nov-94 08:49:37 GMT
        rf"{_DAY}{_MONTH} +(?P<day>\d\d?) +{_TIME} +(?P<year>\d{{4}})",  # Sun Nov  6 08:49:37 1994
    )
]


def header_value(headers: Mapping[str, str]) -> str | None:
    """The text of the Retry-After header, whose name is found in any case; None if there is none."""
    return next((value for name, value in headers.items() if name.lower() == "retry-after"), None)


def parse_ms(value: str | None, now: int | None) -> int | None:
    """How many milliseconds to wait: 0 if the date has passed, None if there is no value that can be read.

    `now` is in epoch milliseconds; without it a date cannot be read.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return int(text[:_MOST_DIGITS]) * 1000
    at = _instant(text, now) if now is not None else None
    return max(0, at - now) if at is not None and now is not None else None


def _instant(text: str, now: int) -> int | None:
    """A date's epoch milliseconds. The name of the weekday is not checked."""
    date = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    if date is None:
        return None
    try:
        month = _MONTHS.index(date["month"].lower()) + 1
        day, hour, minute, second = (int(date[unit]) for unit in ("day", "hour", "minute", "second"))
        at = datetime(_year(date["year"], now), month, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)
    except (ValueError, OverflowError):
        return None
    return round(at.timestamp() * 1000)


def _year(digits: str, now: int) -> int:
    """Two digits mean the year that is at most 50 years ahead (RFC 9110, 5.6.7)."""
    if len(digits) > 2:
        return int(digits)
    latest = datetime.fromtimestamp(now / 1000, UTC).year + 50
    return latest - (latest - int(digits)) % 100
