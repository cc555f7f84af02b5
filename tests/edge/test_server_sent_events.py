"""The format of server-sent events, as in the HTML standard."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import clock
from chalicelib.edge import ServerEvent, event_stream

EVENT = ServerEvent("code_chunk", {"chunk": "a\r\nb\u2028é", "progress": 1}, "1-2")


@pytest.fixture
def manual_clock() -> Iterator[clock.ManualClock]:
    manual = clock.ManualClock(1_800_000_000_000)
    previous = clock.use(manual)
    yield manual
    clock.use(previous)


def test_an_event_is_three_lines_and_an_empty_one() -> None:
    expected = 'id: 1-2\nevent: code_chunk\ndata: {"chunk":"a\\r\\nb\u2028é","progress":1}\n\n'
    assert bytes(EVENT).decode() == expected


@given(st.text())
def test_no_text_can_end_its_line(text: str) -> None:
    lines = bytes(ServerEvent("e", {"chunk": text}, "1-1")).split(b"\n")
    assert [line.partition(b":")[0] for line in lines] == [b"id", b"event", b"data", b"", b""]
    assert b"\r" not in lines[2]


def test_a_stream_begins_with_the_pause_before_coming_back() -> None:
    assert list(event_stream(iter([EVENT]))) == [b"retry: 1000\n\n", bytes(EVENT)]


def test_nothing_new_is_an_empty_part_and_a_comment_every_ten_seconds(manual_clock: clock.ManualClock) -> None:
    def events() -> Iterator[ServerEvent | None]:
        for second in range(31):
            yield EVENT if second == 15 else None
            manual_clock.advance(1)

    _, *parts = event_stream(events())
    comments = [second for second, part in enumerate(parts) if part == b": keep-alive\n\n"]
    assert comments == [10, 25]
    assert [second for second, part in enumerate(parts) if part == bytes(EVENT)] == [15]
    assert all(not part for second, part in enumerate(parts) if second not in (10, 15, 25))
