"""What a reader of an ended task gets, for any chunks and any position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.chunks.chunk import Chunk, Position
from chalicelib.domain.chunks.output_events import EventKind, Output, OutputEvent, closing_events, events_after, extend

TEXT = st.text("ab", max_size=3)
CHUNKS = st.lists(st.tuples(TEXT, st.none() | st.floats(0, 100)), max_size=6).map(
    lambda pairs: [Chunk(number, text, progress) for number, (text, progress) in enumerate(pairs, 1)]
)


def every_event(chunks: list[Chunk], result: str | None) -> list[OutputEvent]:
    output = Output(3)
    further, events = extend(output, chunks)
    return [output.start, *events, *closing_events(further, result)]


def assemble(events: list[OutputEvent]) -> str:
    """The text that a reader has after these events."""
    text = ""
    for event in events:
        text = "" if event.kind is EventKind.START else text + event.text
    return text


@given(CHUNKS, TEXT | TEXT.map(lambda end: "abba" + end), st.data())
def test_every_reader_of_a_completed_task_has_its_result(chunks: list[Chunk], result: str, data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(1, 6)))
    events = every_event([chunk for chunk in chunks if chunk.seq not in lost], result)
    assert assemble(events) == result
    seen = data.draw(st.integers(0, len(events)))
    position = events[seen - 1].position if seen else None
    assert assemble(events[:seen] + events_after(events, position)) == result


@given(CHUNKS, st.none() | TEXT)
def test_positions_grow_and_progress_does_not_fall(chunks: list[Chunk], result: str | None) -> None:
    events = every_event(chunks, result)
    positions = [event.position for event in events]
    assert positions == [Position(3, number) for number in range(len(events))]
    begun = max(number for number, event in enumerate(events) if event.kind is EventKind.START)
    progress = [event.progress for event in events[begun:] if event.kind is EventKind.CHUNK]
    assert progress == sorted(progress)
    assert [event.kind for event in events].count(EventKind.END) == 1
    assert events[-1].kind is EventKind.END


def test_chunks_behind_a_gap_wait() -> None:
    output, events = extend(Output(1), [Chunk(1, "a"), Chunk(3, "c")])
    assert ([event.text for event in events], output.text, output.seq) == (["a"], "a", 1)
    output, events = extend(output, [Chunk(2, "b"), Chunk(3, "c")])
    assert (output.text, [event.position.number for event in events]) == ("abc", [2, 3])


@pytest.mark.parametrize(
    ("chunks", "result", "expected"),
    [
        (["a"], "a", ["end"]),
        (["a"], "ab", ["chunk b", "end"]),
        (["x"], "ab", ["start", "chunk ab", "end"]),
        (["x"], "", ["start", "end"]),
        ([], "ab", ["chunk ab", "end"]),
        (["a"], None, ["end"]),
    ],
)
def test_the_result_decides(chunks: list[str], result: str | None, expected: list[str]) -> None:
    output, _ = extend(Output(1), [Chunk(number, text) for number, text in enumerate(chunks, 1)])
    assert [f"{event.kind} {event.text}".strip() for event in closing_events(output, result)] == expected


def test_a_reader_that_has_everything_gets_nothing_and_one_from_elsewhere_all() -> None:
    events = every_event([Chunk(1, "a")], "a")
    assert events_after(events, events[-1].position) == []
    assert events_after(events, Position(3, 99)) == events
    assert events_after(events, Position(2, 99)) == events
    assert events_after(events, None) == events


@pytest.mark.parametrize("text", ["", "1", "1-", "-1-2", "1-2-3", "１-2", " 1-2", "1-2\n", "1-9999999999", "a-b"])
def test_no_other_text_is_a_position(text: str) -> None:
    assert Position.parse(text) is None


def test_a_position_is_a_text() -> None:
    assert Position.parse(str(Position(12, 345))) == Position(12, 345)
