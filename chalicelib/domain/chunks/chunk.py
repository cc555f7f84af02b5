"""A chunk: one piece of the output of a task's attempt, and where it is among the others."""

import re
from typing import NamedTuple

MAX_TEXT_CHARS = 8_000
"""Of one chunk."""
MAX_SEQ = 4_000
"""How many chunks an attempt may have."""
MAX_OUTPUT_CHARS = 400_000
"""Of all chunks of an attempt together."""
_POSITION = re.compile(r"([0-9]{1,9})-([0-9]{1,9})", re.ASCII)


class Chunk(NamedTuple):
    """One piece of an attempt's output. `seq` counts from 1 within the attempt."""

    seq: int
    text: str
    progress: float | None = None
    """Percent of the whole task, 0 to 100, if the worker says so."""


class OutputState(NamedTuple):
    """What is stored of an attempt's output, all in all."""

    chars: int = 0
    progress: float = 0
    """The highest that was reported, in percent."""


class Position(NamedTuple):
    """The place of an event in the stream of a task's output: its lease, and its number within the lease."""

    epoch: int
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """The position that `str` made this text of; None for another text."""
        match = _POSITION.fullmatch(text)
        return cls(int(match[1]), int(match[2])) if match else None
