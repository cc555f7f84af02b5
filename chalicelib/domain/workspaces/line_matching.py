"""Which lines of two texts belong together, in a time that is bounded whatever the texts are.

Lines that occur once in both texts are the anchors (patience diff); what lies between two anchors is compared in the
same way, and where there is no anchor by difflib, as long as it is small. The rest counts as different.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

MAX_LEAF_CELLS = 250_000
"""The largest product of two numbers of lines without an anchor that difflib compares."""
MAX_CELLS = 5_000_000
"""The sum of these products for one pair of texts: about two seconds."""

MAX_SCANNED_LINES = 20_000_000
"""Lines among which anchors are looked for, for one pair of texts: about two seconds. Texts can be made so that each
anchor leaves one region with one anchor."""

Lines = Sequence[bytes]


class Block(NamedTuple):
    """`size` equal lines, from line `left` of one text and line `right` of the other on."""

    left: int
    right: int
    size: int


class _Region(NamedTuple):
    left: int
    left_end: int
    right: int
    right_end: int

    @property
    def lines(self) -> int:
        """How many lines it has, of both texts."""
        return self.left_end - self.left + self.right_end - self.right


def split_lines(content: bytes) -> list[bytes]:
    """The lines with their line feeds; the last one may have none. Only a line feed ends a line, as in git."""
    *lines, last = content.split(b"\n")
    return [line + b"\n" for line in lines] + ([last] if last else [])


def matching_blocks(left: Lines, right: Lines) -> list[Block]:
    """The blocks of equal lines, in order; at the end one of size 0 at the ends of both texts."""
    blocks: list[Block] = []
    cells, scanned = 0, 0
    waiting = [_Region(0, len(left), 0, len(right))]
    while waiting:
        region, trimmed = _trim(left, right, waiting.pop())
        blocks += trimmed
        if region.left == region.left_end or region.right == region.right_end:
            continue
        scanned += region.lines
        if scanned > MAX_SCANNED_LINES:
            continue
        anchors = _anchors(left, right, region)
        if anchors:
            waiting += _between(region, anchors)
            blocks += [Block(line, other, 1) for line, other in anchors]
            continue
        size = (region.left_end - region.left) * (region.right_end - region.right)
        if size <= MAX_LEAF_CELLS and cells + size <= MAX_CELLS:
            cells += size
            blocks += _compare(left, right, region)
    return [*_joined(sorted(blocks)), Block(len(left), len(right), 0)]


def _trim(left: Lines, right: Lines, region: _Region) -> tuple[_Region, list[Block]]:
    """The region without the equal lines at its beginning and its end, and those lines."""
    start, start_right, end, end_right = region.left, region.right, region.left_end, region.right_end
    while start < end and start_right < end_right and left[start] == right[start_right]:
        start, start_right = start + 1, start_right + 1
    while start < end and start_right < end_right and left[end - 1] == right[end_right - 1]:
        end, end_right = end - 1, end_right - 1
    blocks = [
        Block(region.left, region.right, start - region.left),
        Block(end, end_right, region.left_end - end),
    ]
    return _Region(start, end, start_right, end_right), [block for block in blocks if block.size]


def _anchors(left: Lines, right: Lines, region: _Region) -> list[tuple[int, int]]:
    """The longest series of lines that occur once on each side and come in the same order there."""
    unique = _unique_lines(right, region.right, region.right_end)
    own = _unique_lines(left, region.left, region.left_end)
    pairs = [(index, unique[line]) for line, index in own.items() if line in unique]
    return _longest_increasing(sorted(pairs))


def _unique_lines(lines: Lines, start: int, end: int) -> dict[bytes, int]:
    counts = Counter(lines[start:end])
    return {lines[index]: index for index in range(start, end) if counts[lines[index]] == 1}


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of the pairs, which are in order of the first number, that is in order of the second, too."""
    tails: list[int] = []  # the smallest last number of a series of each length
    indexes: list[int] = []
    before: list[int] = []
    for index, (_, number) in enumerate(pairs):
        length = bisect_left(tails, number)
        before.append(indexes[length - 1] if length else -1)
        tails[length : length + 1] = [number]
        indexes[length : length + 1] = [index]
    series: list[tuple[int, int]] = []
    index = indexes[-1] if indexes else -1
    while index >= 0:
        series.append(pairs[index])
        index = before[index]
    return series[::-1]


def _between(region: _Region, anchors: Sequence[tuple[int, int]]) -> Iterable[_Region]:
    starts = [(region.left, region.right), *((line + 1, other + 1) for line, other in anchors)]
    ends = [*anchors, (region.left_end, region.right_end)]
    for (left, right), (left_end, right_end) in zip(starts, ends, strict=True):
        yield _Region(left, left_end, right, right_end)


def _compare(left: Lines, right: Lines, region: _Region) -> Iterable[Block]:
    part, other = left[region.left : region.left_end], right[region.right : region.right_end]
    for start, start_other, size in SequenceMatcher(None, part, other, autojunk=False).get_matching_blocks():
        if size:
            yield Block(region.left + start, region.right + start_other, size)


def _joined(blocks: Iterable[Block]) -> list[Block]:
    """The blocks, with those that follow each other in both texts as one."""
    joined: list[Block] = []
    for block in blocks:
        if joined and (joined[-1].left + joined[-1].size, joined[-1].right + joined[-1].size) == block[:2]:
            joined[-1] = joined[-1]._replace(size=joined[-1].size + block.size)
        else:
            joined.append(block)
    return joined
