"""Split a text into messages of at most a provider's limit.

A text is cut at the end of a line or of a word, or within a word where that would leave a part less than half full. It
is never cut within what a reader sees as one character (a grapheme cluster, UAX 29). The text is given as atoms, each
one code point as it will be sent, so that an escaped character is never cut apart.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Atom(NamedTuple):
    """One code point: as it is read, as it is sent, and how much of the limit it takes."""

    plain: str
    escaped: str
    size: int


def plain_atoms(text: str) -> list[Atom]:
    """The atoms of a text that is sent without escapes."""
    return [Atom(character, character, utf16_length(character)) for character in text]


def utf16_length(text: str) -> int:
    """The length in UTF-16 code units: what some providers count, and never less than what the others count."""
    return len(text) + sum(character > "\uffff" for character in text)


def split_text(atoms: Sequence[Atom], limit: int) -> list[str]:
    """The text in parts of at most `limit`, none of them blank. White space at a cut is dropped."""
    if sum(atom.size for atom in atoms) <= limit:
        parts = [_join_escaped(atoms)]
    else:
        parts = list(_split_clusters(list(_clusters(atoms, limit)), limit))
    return [part for part in parts if part.strip()]


def _join_escaped(atoms: Sequence[Atom]) -> str:
    return "".join(atom.escaped for atom in atoms)


def _clusters(atoms: Sequence[Atom], limit: int) -> Iterator[Atom]:
    """The text as grapheme clusters, which are not cut apart. A cluster that alone exceeds the limit comes as its
    atoms."""
    import regex

    start = 0
    for cluster in regex.findall(r"\X", "".join(atom.plain for atom in atoms)):
        own = atoms[start : start + len(cluster)]
        start += len(cluster)
        size = sum(atom.size for atom in own)
        if size > limit:
            yield from own
        else:
            yield Atom(cluster, _join_escaped(own), size)


def _split_clusters(clusters: Sequence[Atom], limit: int) -> Iterator[str]:
    start = 0
    while start < len(clusters):
        end, next_start = _find_cut(clusters, start, limit)
        yield _join_escaped(clusters[start:end])
        start = next_start


def _find_cut(clusters: Sequence[Atom], start: int, limit: int) -> tuple[int, int]:
    """Where the part that begins at `start` ends, and where the next part begins."""
    full = _end_within(clusters, start, limit)
    if full == len(clusters):
        return full, full
    # A cut in the first half would leave too little in this part, such as a single sign before a long link.
    least = _end_within(clusters, start, (limit - 1) // 2)
    for is_end in (_is_line_end, _is_space):
        at = next((at for at in range(full, least, -1) if is_end(clusters[at])), None)
        if at is not None:
            return at, at + 1
    return full, full


def _end_within(clusters: Sequence[Atom], start: int, limit: int) -> int:
    """Where the longest part that begins at `start` and is within the limit ends."""
    size, end = 0, start
    while end < len(clusters) and (size := size + clusters[end].size) <= limit:
        end += 1
    return end


def _is_space(cluster: Atom) -> bool:
    return cluster.plain.isspace()


def _is_line_end(cluster: Atom) -> bool:
    return "\n" in cluster.plain
