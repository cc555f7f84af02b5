"""The difference of two versions of a file as git shows it (unified diff)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chalicelib.domain.workspaces.line_matching import Block, matching_blocks, split_lines
from chalicelib.domain.workspaces.merging import is_binary

CONTEXT_LINES = 3
MAX_PATCH_BYTES = 1_000_000
"""Larger differences of a file are counted, and not shown."""
NO_FILE = "/dev/null"


class Patch(NamedTuple):
    """The text of a difference, without a line feed at its end, and its lines that were added and removed."""

    text: str
    additions: int
    deletions: int


class _Change(NamedTuple):
    """Old lines from `start` to `end` become new lines from `new_start` to `new_end`."""

    start: int
    end: int
    new_start: int
    new_end: int


def make_patch(path: str, old: bytes | None, new: bytes | None) -> Patch:
    """The difference of a file between `old` and `new`; None is a file that does not exist."""
    if old == new:
        return Patch("", 0, 0)
    before, after = (f"a/{path}" if old is not None else NO_FILE), (f"b/{path}" if new is not None else NO_FILE)
    if is_binary(old or b"") or is_binary(new or b""):
        return Patch(f"Binary files {before} and {after} differ", 0, 0)
    old_lines, new_lines = split_lines(old or b""), split_lines(new or b"")
    changes = list(_changes(matching_blocks(old_lines, new_lines)))
    additions = sum(change.new_end - change.new_start for change in changes)
    deletions = sum(change.end - change.start for change in changes)
    text = "\n".join([f"--- {before}", f"+++ {after}", *_hunks(old_lines, new_lines, changes)])
    if len(text.encode()) > MAX_PATCH_BYTES:
        text = f"Files {before} and {after} differ in too many lines to show"
    return Patch(text, additions, deletions)


def _changes(blocks: Sequence[Block]) -> Iterator[_Change]:
    """What lies between the blocks of equal lines."""
    line, new_line = 0, 0
    for block in blocks:
        if block.left > line or block.right > new_line:
            yield _Change(line, block.left, new_line, block.right)
        line, new_line = block.left + block.size, block.right + block.size


def _hunks(old: Sequence[bytes], new: Sequence[bytes], changes: Sequence[_Change]) -> Iterator[str]:
    for group in _groups(changes):
        yield from _hunk(old, new, group)


def _groups(changes: Sequence[_Change]) -> Iterator[list[_Change]]:
    """The changes whose lines of context meet."""
    group: list[_Change] = []
    for change in changes:
        if group and change.start - group[-1].end > 2 * CONTEXT_LINES:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _hunk(old: Sequence[bytes], new: Sequence[bytes], group: Sequence[_Change]) -> Iterator[str]:
    first, last = group[0], group[-1]
    lead = min(CONTEXT_LINES, first.start)
    trail = min(CONTEXT_LINES, len(old) - last.end)
    start, new_start = first.start - lead, first.new_start - lead
    yield f"@@ -{_range(start, last.end + trail)} +{_range(new_start, last.new_end + trail)} @@"
    line = start
    for change in group:
        yield from _marked(" ", old[line : change.start])
        yield from _marked("-", old[change.start : change.end])
        yield from _marked("+", new[change.new_start : change.new_end])
        line = change.end
    yield from _marked(" ", old[line : line + trail])


def _range(start: int, end: int) -> str:
    """Lines as a hunk's head names them: the first one's number, and how many; an empty range follows its number."""
    size = end - start
    number = start + 1 if size else start
    return f"{number}" if size == 1 else f"{number},{size}"


def _marked(mark: str, lines: Sequence[bytes]) -> Iterator[str]:
    for line in lines:
        text = line.decode("utf-8", "replace")
        yield mark + text.removesuffix("\n")
        if not text.endswith("\n"):
            yield "\\ No newline at end of file"
