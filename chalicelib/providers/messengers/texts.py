"""Texts in parts: what is longer than a provider takes is cut at the end of a line or of a word, or within a word where
that would leave a part less than half full; never within what a reader sees as one character (UAX 29).

A text is given as atoms, each of one code point as it will be written, which is never cut apart: an escaped character
stays whole.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Atom(NamedTuple):
    """One code point: as it is, as it is written, and how much of the limit it takes."""

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
    if sum(one.size for one in atoms) <= limit:
        parts = [_written(atoms)]
    else:
        parts = list(_parts(list(_clusters(atoms, limit)), limit))
    return [one for one in parts if one.strip()]


def _written(atoms: Sequence[Atom]) -> str:
    return "".join(one.written for one in atoms)


def _clusters(atoms: Sequence[Atom], limit: int) -> Iterator[Atom]:
    """The text by what must not be cut apart: grapheme clusters, but the atoms of one that alone is over the limit."""
    import regex

    start = 0
    for plain in regex.findall(r"\X", "".join(one.plain for one in atoms)):
        own = atoms[start : start + len(plain)]
        start += len(plain)
        size = sum(one.size for one in own)
        if size > limit:
            yield from own
        else:
            yield Atom(plain, _written(own), size)


def _parts(clusters: Sequence[Atom], limit: int) -> Iterator[str]:
    start = 0
    while start < len(clusters):
        end, following = _cut(clusters, start, limit)
        yield _written(clusters[start:end])
        start = following


def _cut(clusters: Sequence[Atom], start: int, limit: int) -> tuple[int, int]:
    """Where the part that begins at `start` ends, and where the next one begins."""
    full = _filled(clusters, start, limit)
    if full == len(clusters):
        return full, full
    # A cut in the first half would leave too little in this part: a sign alone, before a long link.
    least = _filled(clusters, start, (limit - 1) // 2)
    for is_end in (_is_line_end, _is_space):
        at = next((at for at in range(full, least, -1) if is_end(clusters[at])), None)
        if at is not None:
            return at, at + 1
    return full, full


def _filled(clusters: Sequence[Atom], start: int, limit: int) -> int:
    """How far a part that begins at `start` reaches within the limit."""
    size, end = 0, start
    while end < len(clusters) and (size := size + clusters[end].size) <= limit:
        end += 1
    return end


def _is_space(cluster: Atom) -> bool:
    return cluster.plain.isspace()


def _is_line_end(cluster: Atom) -> bool:
    return "\n" in cluster.plain
