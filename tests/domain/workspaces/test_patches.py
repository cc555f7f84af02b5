"""Patches that git must be able to apply (also tests/apis/codeserver/test_git.py)."""

from pathlib import Path
from random import Random

import pytest

from chalicelib.domain.workspaces import patches
from chalicelib.domain.workspaces.patches import Patch, make_patch
from tests.support.git_server import git


def test_the_documented_example() -> None:
    old = b"def main():\n    print('Hello')\n"
    new = b"def main():\n    print('Starting')\n    print('Hello')\n"
    patch = make_patch("src/main.py", old, new)
    assert patch.text == (
        "--- a/src/main.py\n+++ b/src/main.py\n@@ -1,2 +1,3 @@\n"
        " def main():\n+    print('Starting')\n     print('Hello')"
    )
    assert (patch.additions, patch.deletions) == (1, 0)


def test_new_and_deleted_files() -> None:
    assert make_patch("a", None, b"x\n").text == "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+x"
    assert make_patch("a", b"x\ny\n", None).text == "--- a/a\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y"
    assert make_patch("a", b"x", b"x") == Patch("", 0, 0)
    assert make_patch("a", None, None) == Patch("", 0, 0)


def test_binary_and_very_large_differences_are_named_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_patch("a", b"\0", b"x") == Patch("Binary files a/a and b/a differ", 0, 0)
    monkeypatch.setattr(patches, "MAX_PATCH_BYTES", 10)
    large = make_patch("a", b"x\n" * 5, b"y\n" * 4)
    assert large == Patch("Files a/a and b/a differ in too many lines to show", 4, 5)


@pytest.mark.parametrize("seed", range(15))
def test_git_applies_a_patch(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    ends = ["\n", "\r\n", "\r"]
    old = "".join(f"{random.randrange(9)}{random.choice(ends)}" for _ in range(random.randrange(50)))
    lines = old.splitlines(keepends=True)
    for _ in range(random.randrange(6)):
        lines.insert(random.randrange(len(lines) + 1), f"new {random.randrange(9)}\n")
        del lines[random.randrange(len(lines))]
    new = "".join(lines) + random.choice(["", "no line feed"])
    patch = make_patch("a.txt", old.encode(), new.encode())
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_bytes(old.encode())
    (tmp_path / "p").write_bytes(patch.text.encode() + b"\n")
    if old != new:
        git(tmp_path, "apply", "--whitespace=nowarn", "p")
    assert (tmp_path / "a.txt").read_bytes() == new.encode()
