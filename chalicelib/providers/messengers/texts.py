"""Texts in parts: what is longer than a provider takes is cut at the end of a line or of a word.

A text is given as atoms, each of one character as it will be written, which is never cut apart: an escaped character
stays whole.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Atom(NamedTuple):
    """One character: as it is, as it is written, and how much of the limit it takes."""

    plain: str
    written: str
    size: int


def plain(text: str) -> list[Atom]:
    """Atoms of a text that is written as it is."""
    return [Atom(one, one, units(one)) for one in text]


def units(text: str) -> int:
    """UTF-16 code units: what some providers count in, and never less than what the others count."""
    return len(text) + sum(one > "\uffff" for one in text)


def split(atoms: Sequence[Atom], limit: int) -> list[str]:
    """The text in parts of at most `limit`, none of them blank. The white space that it is cut at is dropped."""
    parts, start = [], 0
    while start < len(atoms):
        end, following = _cut(atoms, start, limit)
        parts.append("".join(one.written for one in atoms[start:end]))
        start = following
    return [one for one in parts if one.strip()]


def _cut(atoms: Sequence[Atom], start: int, limit: int) -> tuple[int, int]:
    """Where the part that begins at `start` ends, and where the next one begins."""
    full = _full(atoms, start, limit)
    if full == len(atoms):
        return full, full
    # An end of line in the first half would leave too little in this part.
    for found, least in ((_is_line_end, (start + full) // 2), (str.isspace, start)):
        at = _last(atoms, found, range(full, least, -1))
        if at is not None:
            return at, at + 1
    return full, full


def _full(atoms: Sequence[Atom], start: int, limit: int) -> int:
    size, end = 0, start
    while end < len(atoms) and (size := size + atoms[end].size) <= limit:
        end += 1
    return end


def _last(atoms: Sequence[Atom], wanted: Callable[[str], bool], places: Iterable[int]) -> int | None:
    return next((at for at in places if wanted(atoms[at].plain)), None)


def _is_line_end(one: str) -> bool:
    return one == "\n"
