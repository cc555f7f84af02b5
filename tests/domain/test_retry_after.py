"""Retry-After, in every form that HTTP has for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.retry_after import header_value, parse_ms

NOW = 784_111_777_000  # 1994-11-06T08:49:37Z, the instant of the RFC's examples
YEAR = 365 * 86_400_000


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " sun, 6 nov 1994  08:49:37 utc ",
        "06 Nov 1994 08:49:37 +0000",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 06 08:49:37 1994",
        "Mon, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_each_form_of_a_date_is_the_same_instant(date: str) -> None:
    assert parse_ms(date, NOW - 90_500) == 90_500
    assert parse_ms(date, NOW) == parse_ms(date, NOW + YEAR) == 0
    assert parse_ms(date, None) is None


@pytest.mark.parametrize(
    ("digits", "now", "year"),
    [
        ("94", 2026, 1994),
        ("26", 2026, 2026),
        ("27", 2026, 2027),
        ("76", 2026, 2076),
        ("77", 2026, 1977),
        ("01", 2099, 2101),
    ],
)
def test_two_digits_are_the_year_that_is_at_most_fifty_years_ahead(digits: str, now: int, year: int) -> None:
    at = parse_ms(f"Fri, 01 Jan {now} 00:00:00 GMT", 0)
    assert at is not None
    said, meant = f"Friday, 01-Jan-{digits} 00:00:00 GMT", f"Fri, 01 Jan {year} 00:00:00 GMT"
    assert parse_ms(said, at) == parse_ms(meant, at)
    assert (parse_ms(said, at) == 0) is (year <= now)


def test_a_leap_second_is_the_one_after() -> None:
    assert parse_ms("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799_000) == 1_000


@pytest.mark.parametrize(
    ("said", "found"), [("0", 0), ("7", 7_000), (" 007 ", 7_000), ("9" * 5_000, 999_999_999_999_000)]
)
def test_seconds(said: str, found: int) -> None:
    assert parse_ms(said, NOW) == parse_ms(said, None) == found


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "soon",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "7s",
        "5, 10",
        "\u0663",
        "\u00b2",
        "Sun, 06 Nov 1994",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 PST",
        "1994-11-06T08:49:37Z",
    ],
)
def test_what_cannot_be_read_says_nothing(said: str | None) -> None:
    assert parse_ms(said, NOW) is None


@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT", fullmatch=True)
)
def test_anything_is_a_time_not_to_come_before_now_or_nothing(said: str) -> None:
    found = parse_ms(said, NOW)
    assert found is None or found >= 0


def test_the_name_is_found_in_any_case() -> None:
    assert header_value({"x": "1", "Retry-AFTER": "2"}) == "2"
    assert header_value({}) is None
