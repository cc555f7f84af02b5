"""The three-way merge, compared with git's."""

import subprocess
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from chalicelib.domain.workspaces.line_matching import Block, matching_blocks, split_lines
from chalicelib.domain.workspaces.merging import merge_texts


def change_lines(lines: list[str], random: Random, changes: int) -> list[str]:
    lines = list(lines)
    for _ in range(changes):
        place = random.randrange(len(lines) + 1)
        kind = random.choice("ird")
        if kind == "i":
            lines.insert(place, f"new {random.randrange(99)}\n")
        elif place < len(lines):
            lines[place : place + 1] = [f"changed {random.randrange(99)}\n"] if kind == "r" else []
    return lines


def merge_with_git(folder: Path, *texts: str) -> str | None:
    ours, base, theirs = (folder / name for name in ("ours", "base", "theirs"))
    for path, text in zip((base, ours, theirs), texts, strict=True):
        path.write_text(text)
    command = ["git", "merge-file", "-p", str(ours), str(base), str(theirs)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout if run.returncode == 0 else None


@pytest.mark.parametrize("repeated", [False, True], ids=["different lines", "lines that repeat"])
def test_clean_merges_are_those_of_git(tmp_path: Path, repeated: bool) -> None:
    random = Random(5)
    outcomes: Counter[str] = Counter()
    for _ in range(150):
        base = [f"line {random.randrange(6) if repeated else number}\n" for number in range(random.randrange(5, 60))]
        ours, theirs = (change_lines(base, random, random.randrange(4)) for _ in range(2))
        texts = ["".join(lines) for lines in (base, ours, theirs)]
        expected, merged = merge_with_git(tmp_path, *texts), merge_texts(*(text.encode() for text in texts))
        if merged is not None and expected is not None:
            assert merged.decode() == expected
        outcomes[
            f"git {'merges' if expected is not None else 'conflicts'}, we "
            f"{'merge' if merged is not None else 'conflict'}"
        ] += 1
    assert outcomes["git merges, we merge"] > 100
    assert outcomes["git merges, we conflict"] <= 2
    assert outcomes["git conflicts, we merge"] <= 2


def test_what_only_one_side_changed_is_taken() -> None:
    base = b"a\nb\nc\n"
    assert merge_texts(base, base, b"x\n") == b"x\n"
    assert merge_texts(base, b"x\n", base) == b"x\n"
    assert merge_texts(base, b"x\n", b"x\n") == b"x\n"
    assert merge_texts(base, b"", base) == b""


def test_changes_of_the_same_lines_conflict() -> None:
    assert merge_texts(b"a\n", b"b\n", b"c\n") is None
    assert merge_texts(b"", b"b\n", b"c\n") is None
    assert merge_texts(b"a\nb\n", b"a\n", b"a\nx\n") is None
    assert merge_texts(b"a", b"a\0", b"a") is None


def test_line_ends_are_kept() -> None:
    base = b"a\r\nb\rc\r\nd"
    assert merge_texts(base, b"x\r\n" + base, base + b"\r\ny") == b"x\r\n" + base + b"\r\ny"


def test_lines_end_at_a_line_feed_alone() -> None:
    assert split_lines(b"a\r\nb\rc\n\nd") == [b"a\r\n", b"b\rc\n", b"\n", b"d"]
    assert split_lines(b"") == []
    assert split_lines(b"\n") == [b"\n"]


@pytest.mark.parametrize("seed", range(20))
def test_blocks_are_of_equal_lines_and_in_order(seed: int) -> None:
    random = Random(seed)
    texts = [[b"%d\n" % random.randrange(8) for _ in range(random.randrange(60))] for _ in range(2)]
    left, right = texts
    place, other = 0, 0
    for block in matching_blocks(left, right):
        assert (block.left, block.right) >= (place, other)
        assert block.left >= place
        assert block.right >= other
        assert left[block.left : block.left + block.size] == right[block.right : block.right + block.size]
        place, other = block.left + block.size, block.right + block.size
    assert matching_blocks(left, right)[-1] == Block(len(left), len(right), 0)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([b"a\n", b"b\n"] * 200_000, [b"b\n", b"a\n", b"a\n"] * 200_000),
        ([b"%d\n" % number for number in range(300_000)], [b"%d\n" % number for number in reversed(range(300_000))]),
        (
            [b"%d\n" % (number % 700) for number in range(300_000)],
            [b"%d\n" % (number % 699) for number in range(300_000)],
        ),
    ],
    ids=["two lines", "reversed", "many repeats"],
)
def test_no_texts_are_compared_for_ever(left: list[bytes], right: list[bytes]) -> None:
    assert matching_blocks(left, right)


def _one_anchor_each(depth: int, between: bytes) -> list[bytes]:
    """Lines of which one alone is unique and, behind it, again one: patience diff makes `depth` regions of them."""
    return [line for number in range(depth) for line in (between, b"%d\n" % (number + 1), between, b"%d\n" % number)]


def test_texts_that_leave_one_anchor_at_a_time_are_compared_as_far_as_there_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, right = _one_anchor_each(50, b"ours\n"), _one_anchor_each(50, b"theirs\n")
    whole = sum(block.size for block in matching_blocks(left, right))
    assert whole == 100
    monkeypatch.setattr("chalicelib.domain.workspaces.line_matching.MAX_SCANNED_LINES", 1000)
    blocks = matching_blocks(left, right)
    assert 0 < sum(block.size for block in blocks) < 20
    assert all(left[b.left : b.left + b.size] == right[b.right : b.right + b.size] for b in blocks)
