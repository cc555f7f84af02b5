from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tasks.working_hours import DAYS, is_open, is_zone

MINUTES = st.integers(0, 24 * 60 - 1)
ZONES = st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
YEARS = st.integers(1_700_000_000_000, 1_800_000_000_000)


def text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def instant(local: str, zone: str, fold: int = 0) -> int:
    """Epoch milliseconds of a local time. Of a local time that occurs twice, the first or the second."""
    return int(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def hours(start: str, end: str, zone: str = "UTC", days: list[str] | None = None) -> dict[str, Any]:
    return {"timezone": zone, "start": start, "end": end} | ({"days": days} if days else {})


@given(ZONES, MINUTES, st.integers(0, 24 * 60), st.sets(st.sampled_from(DAYS), min_size=1), YEARS)
def test_open_is_what_the_clocks_on_the_wall_say(zone: str, start: int, end: int, days: set[str], now: int) -> None:
    wall = datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    long = timedelta(minutes=end - start if end > start else end - start + 24 * 60)
    begins = [midnight + timedelta(days=back, minutes=start) for back in (-1, 0)]
    expected = any(DAYS[one.weekday()] in days and one <= wall < one + long for one in begins)
    assert is_open(hours(text(start), text(end), zone, sorted(days)), now) is expected


@given(MINUTES, MINUTES, YEARS)
def test_a_window_and_what_is_left_of_the_day_are_never_open_together(start: int, end: int, now: int) -> None:
    window, rest = hours(text(start), text(end)), hours(text(end), text(start))
    assert (is_open(window, now) != is_open(rest, now)) or start == end


@pytest.mark.parametrize(
    ("said", "local", "open"),
    [
        (hours("09:00", "17:00"), "2026-01-05T08:59:59", False),
        (hours("09:00", "17:00"), "2026-01-05T09:00:00", True),
        (hours("09:00", "17:00"), "2026-01-05T17:00:00", False),
        (hours("22:00", "06:00", days=["friday"]), "2026-01-10T05:59", True),  # a Saturday
        (hours("22:00", "06:00", days=["friday"]), "2026-01-10T22:00", False),
        (hours("22:00", "06:00", days=["friday"]), "2026-01-09T05:59", False),
        (hours("18:00", "24:00"), "2026-01-05T23:59:59", True),
        (hours("00:00", "24:00", days=["monday"]), "2026-01-05T00:00", True),
        (hours("00:00", "24:00", days=["monday"]), "2026-01-06T00:00", False),
        (hours("09:00", "09:00", days=["monday"]), "2026-01-06T08:59", True),
        (hours("09:00", "09:00", days=["monday"]), "2026-01-05T08:59", False),
    ],
)
def test_windows_past_midnight_and_whole_days(said: dict[str, Any], local: str, open: bool) -> None:
    assert is_open(said, instant(local, "UTC")) is open


def test_the_day_on_which_clocks_are_put_forward_lacks_the_window_that_is_skipped() -> None:
    schedule = hours("02:00", "03:00", "America/New_York")
    before, after = instant("2026-03-08T01:59", "America/New_York"), instant("2026-03-08T03:00", "America/New_York")
    assert after - before == 60_000
    assert not is_open(schedule, before) and not is_open(schedule, after)


def test_the_day_on_which_clocks_are_put_back_has_the_window_twice() -> None:
    schedule = hours("01:00", "02:00", "America/New_York")
    first, second = (instant("2026-11-01T01:30", "America/New_York", fold) for fold in (0, 1))
    assert second - first == 3_600_000
    assert is_open(schedule, first) and is_open(schedule, second)


def test_without_hours_it_is_always_open() -> None:
    assert is_open(None, 0)


@given(st.one_of(st.text(), st.sampled_from(["America", "../UTC", "/etc/passwd", "utc", "", ".", "a\0b", "EST/5"])))
def test_what_is_no_zone_is_known_as_none(name: str) -> None:
    assert is_zone(name) is False or name in {"UTC", "EST", "MST", "HST", "GMT", "WET", "CET", "MET", "EET", "GB", "NZ"}


def test_zones_are_those_of_the_database() -> None:
    assert is_zone("UTC") and is_zone("Europe/Berlin") and is_zone("America/Argentina/Ushuaia")
