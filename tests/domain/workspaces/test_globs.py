"""Patterns of file names."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.workspaces.globs import compile_glob
from chalicelib.errors import InvalidRequest


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.py", "a.py", True),
        ("*.py", "src/a.py", True),
        ("*.py", "a.pyc", False),
        ("src", "src", True),
        ("src", "a/src", True),
        ("?.md", "a.md", True),
        ("?.md", "ab.md", False),
        ("[ab].md", "b.md", True),
        ("[!ab].md", "b.md", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/b/a.py", False),
        ("src/*.py", "x/src/a.py", False),
        ("/src/*.py", "src/a.py", True),
        ("src/**", "src/a/b.py", True),
        ("src/**", "src", True),
        ("src/**/*.py", "src/a.py", True),
        ("src/**/*.py", "src/a/b/c.py", True),
        ("src/**/*.py", "lib/a.py", False),
        ("**/test/*.py", "test/a.py", True),
        ("**/test/*.py", "a/b/test/a.py", True),
        ("**/a/**/b", "x/a/y/z/b", True),
        ("**/a/**/b", "x/a/y/z/c", False),
        ("**", "a/b/c", True),
        ("a/**/a", "a", False),
        ("**/a/a/**", "x/a/b/a/a/c", True),
        ("*", ".hidden", True),
        ("A.py", "a.py", False),
    ],
)
def test_a_pattern_matches_its_names_and_no_others(pattern: str, path: str, expected: bool) -> None:
    assert compile_glob(pattern)(path) is expected


@given(st.text("ab*?[]!", max_size=8), st.text("ab", max_size=8))
def test_a_pattern_without_a_slash_matches_as_fnmatch_does(pattern: str, name: str) -> None:
    if pattern and pattern != "**":
        assert compile_glob(pattern)(name) is fnmatch.fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 16, "a" * 254 + "b"),
        ("[a-z]*" * 16 + "!", "a" * 255),
        ("**/a/" * 8 + "b", "a/" * 500 + "c"),
        ("**/*a/" * 5 + "b", "aaaa/" * 200 + "c"),
    ],
)
def test_no_pattern_runs_for_ever(pattern: str, path: str) -> None:
    matches = compile_glob(pattern)
    assert not any(matches(path) for _ in range(200))


@pytest.mark.parametrize("pattern", ["*a" * 17, "a" * 256])
def test_a_pattern_has_bounds(pattern: str) -> None:
    with pytest.raises(InvalidRequest, match="at most"):
        compile_glob(pattern)
