"""Times, hours and tags as callers write them."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.apis.projects.tasks.inputs import Hours, Tags, UtcInstant
from chalicelib.edge import InstantMs

due, moment, hours = TypeAdapter(UtcInstant), TypeAdapter(InstantMs), TypeAdapter(Hours)
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(
    st.datetimes(
        datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("9998-01-01"), timezones=st.none() | ZONES
    )
)
def test_an_instant_is_kept_in_utc_whatever_its_offset(instant: datetime) -> None:
    meant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    assert moment.validate_strings(instant.isoformat()) == round(meant.timestamp() * 1000)
    kept = due.validate_python(instant.isoformat())
    assert datetime.fromisoformat(kept) == meant.astimezone(UTC).replace(microsecond=0)
    assert due.validate_python(kept) == kept


@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?([+-]\d\d:\d\d|Z)?", fullmatch=True))
def test_a_text_is_an_instant_or_is_refused(text: str) -> None:
    try:
        kept = due.validate_python(text)
    except ValidationError:
        return
    assert datetime.fromisoformat(kept).tzinfo == UTC
    assert kept.endswith("Z")


@given(st.floats(0, 100_000))
def test_hours_are_numbers_that_a_table_can_keep(said: float) -> None:
    kept = hours.validate_python(said)
    assert abs(kept - said) <= 0.00001
    assert len(str(kept)) < 18


def test_a_tag_is_said_once_in_any_case() -> None:
    assert TypeAdapter(Tags).validate_python([" React", "react", "UI"]) == ["React", "UI"]
