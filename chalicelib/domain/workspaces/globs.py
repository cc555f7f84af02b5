"""Patterns of file names. Matching takes a time that is bounded by the lengths of pattern and path."""

import fnmatch
import re
from collections.abc import Callable, Sequence

from chalicelib.errors import InvalidRequest

MAX_PATTERN_CHARACTERS = 255
MAX_STARS = 16
"""With more, a pattern is no question about file names."""
_ANY_FOLDERS = "**"


def compile_glob(pattern: str) -> Callable[[str], bool]:
    """A predicate of paths.

    `*`, `?` and `[...]` match within a segment, `**` any number of segments. A pattern without a slash is matched
    against the last segment alone. Raises InvalidRequest for a pattern that is too long or has too many stars.
    """
    _require_bounded(pattern)
    segments = pattern.removeprefix("/").split("/")
    if len(segments) == 1 and segments[0] != _ANY_FOLDERS:
        match_name = _compile_segment(segments[0])
        return lambda path: match_name(path.rpartition("/")[2])
    runs = _split_at_any_folders(segments)
    return lambda path: _match_runs(runs, path.split("/"))


Predicate = Callable[[str], bool]


def _require_bounded(pattern: str) -> None:
    problem = None
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        problem = f"must have at most {MAX_PATTERN_CHARACTERS} characters"
    elif pattern.count("*") > MAX_STARS:
        problem = f"must have at most {MAX_STARS} stars"
    if problem:
        raise InvalidRequest(f"pattern {problem}", fields={"pattern": problem})


def _compile_segment(segment: str) -> Predicate:
    # fnmatch's expressions do not backtrack across a star, so each match is linear in the name for each star.
    compiled = re.compile(fnmatch.translate(segment))
    return lambda name: compiled.match(name) is not None


def _split_at_any_folders(segments: Sequence[str]) -> list[list[Predicate]]:
    """The runs of segments between the `**`."""
    runs: list[list[Predicate]] = [[]]
    for segment in segments:
        if segment == _ANY_FOLDERS:
            runs.append([])
        else:
            runs[-1].append(_compile_segment(segment))
    return runs


def _match_runs(runs: Sequence[Sequence[Predicate]], names: Sequence[str]) -> bool:
    """Whether the names are the runs, in order, with any names between two runs.

    Each run takes the first place that fits: a later one could only leave fewer names for those that follow.
    """
    first, *others = runs
    if not others:
        return len(names) == len(first) and _fits(first, names, 0)
    last = others.pop()
    end = len(names) - len(last)
    position = len(first)
    if end < position or not _fits(first, names, 0) or not _fits(last, names, end):
        return False
    for run in others:
        places = (start for start in range(position, end - len(run) + 1) if _fits(run, names, start))
        start = next(places, None)
        if start is None:
            return False
        position = start + len(run)
    return True


def _fits(run: Sequence[Predicate], names: Sequence[str], start: int) -> bool:
    return all(matches(names[start + index]) for index, matches in enumerate(run))
