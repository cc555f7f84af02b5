"""The events of a stream of a task's output, as pure functions of what is stored.

The stream of each lease begins with START; what follows it, concatenated, is the output. So a reader that sees another
START throws away what it has. Chunks are in order: one that is missing is waited for. When the task has ended, no
further chunk can be stored, and the worker's result decides: what it has beyond the chunks follows as one more, and if
the chunks are no beginning of it, it follows whole after another START. Therefore every reader of a completed task has
exactly its result, whatever chunks were lost or late.

Each event has a position, which is the same for every reader, so that a reader can go on after the last one it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from chalicelib.domain.chunks.chunk import Chunk, Position


class EventKind(StrEnum):
    """What an event of the stream says."""

    START = "start"
    """The output begins, or begins again."""
    CHUNK = "chunk"
    END = "end"
    """The task has ended."""


class OutputEvent(NamedTuple):
    """One event of the stream."""

    position: Position
    kind: EventKind
    text: str = ""
    progress: float = 0


@dataclass(frozen=True, slots=True)
class Output:
    """What was read of the output of one lease: the chunks up to `seq`, without a gap."""

    epoch: int
    seq: int = 0
    text: str = ""
    progress: float = 0

    @property
    def start(self) -> OutputEvent:
        """The first event of the lease."""
        return OutputEvent(Position(self.epoch, 0), EventKind.START)


def extend(output: Output, chunks: Iterable[Chunk]) -> tuple[Output, list[OutputEvent]]:
    """The output with those of the chunks, in order, that follow without a gap; and their events. Progress never
    falls."""
    events = []
    for chunk in chunks:
        if chunk.seq != output.seq + 1:
            break
        progress = max(output.progress, chunk.progress or 0)
        output = replace(output, seq=chunk.seq, text=output.text + chunk.text, progress=progress)
        events.append(OutputEvent(Position(output.epoch, chunk.seq), EventKind.CHUNK, chunk.text, progress))
    return output, events


def closing_events(output: Output, result: str | None) -> list[OutputEvent]:
    """The events after all chunks of an ended task; `result` is its final output if it was completed."""
    missing: list[tuple[EventKind, str]] = []
    if result is not None and not result.startswith(output.text):
        missing = [(EventKind.START, ""), *([(EventKind.CHUNK, result)] if result else [])]
    elif result is not None and result != output.text:
        missing = [(EventKind.CHUNK, result[len(output.text) :])]
    return [
        OutputEvent(Position(output.epoch, output.seq + number), kind, text, 100 if kind is EventKind.CHUNK else 0)
        for number, (kind, text) in enumerate([*missing, (EventKind.END, "")], 1)
    ]


def events_after(events: Sequence[OutputEvent], position: Position | None) -> list[OutputEvent]:
    """The events behind a position, of all events of an ended task. All of them if it has none such as that position,
    because then it is not known what the reader has."""
    if position is None or not events or position > events[-1].position:
        return list(events)
    return [event for event in events if event.position > position]
