"""The three-way merge of a text (diff3)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chalicelib.domain.workspaces.line_matching import Block, matching_blocks, split_lines


class _Anchor(NamedTuple):
    """Lines that both sides kept: `start` to `end` in the base, and where they begin on each side."""

    start: int
    end: int
    ours: int
    theirs: int


def merge_texts(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The text with the changes of both sides. None where both changed the same lines in different ways, and where one
    of the texts is binary."""
    if any(is_binary(text) for text in (base, ours, theirs)):
        return None
    merged = _merge_lines(*(split_lines(text) for text in (base, ours, theirs)))
    return None if merged is None else b"".join(merged)


def is_binary(content: bytes) -> bool:
    """Whether git takes the content for binary: there is a NUL among its first 8,000 bytes."""
    return b"\0" in content[:8000]


def _merge_lines(base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> list[bytes] | None:
    """Between two anchors at most one side may have changed, or both in the same way."""
    merged: list[bytes] = []
    line, our_line, their_line = 0, 0, 0
    for anchor in _anchors(base, ours, theirs):
        before, our_part, their_part = (
            base[line : anchor.start],
            ours[our_line : anchor.ours],
            theirs[their_line : anchor.theirs],
        )
        if our_part == their_part or their_part == before:
            merged += our_part
        elif our_part == before:
            merged += their_part
        else:
            return None
        merged += base[anchor.start : anchor.end]
        size = anchor.end - anchor.start
        line, our_line, their_line = anchor.end, anchor.ours + size, anchor.theirs + size
    return merged


def _anchors(base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> Iterator[_Anchor]:
    our_blocks, their_blocks = matching_blocks(base, ours), matching_blocks(base, theirs)
    index, other = 0, 0
    while index < len(our_blocks) and other < len(their_blocks):
        yield from _overlap(our_blocks[index], their_blocks[other])
        if _end(our_blocks[index]) < _end(their_blocks[other]):
            index += 1
        else:
            other += 1
    yield _Anchor(len(base), len(base), len(ours), len(theirs))


def _overlap(mine: Block, other: Block) -> Sequence[_Anchor]:
    start, end = max(mine.left, other.left), min(_end(mine), _end(other))
    if start >= end:
        return ()
    return (_Anchor(start, end, mine.right + start - mine.left, other.right + start - other.left),)


def _end(block: Block) -> int:
    return block.left + block.size
