"""Paths within a workspace: which are accepted, and how they are spelled.

A path is judged after it was decoded, so `%2e%2e` and `%2F` are no way around a rule. An accepted path is relative to
the root, in Unicode's NFC, and safe to check out with git on every system.
"""

import unicodedata
from typing import NamedTuple

from chalicelib.errors import InvalidRequest

MAX_SEGMENT_BYTES = 255
MAX_PATH_BYTES = 1024
ROOT = "/workspace"
"""How the root of the current workspace is spelled in the documented API."""
ROOTS = "/workspaces"
"""Followed by a workspace's name, this is its root."""

_GIT_NAMES = frozenset({".git", "git~1"})
"""What git's own folder is called: its name, and the short name that Windows makes of it."""


class RootedPath(NamedTuple):
    """A path, and the workspace that it names by `/workspaces/<name>`; None when it names none."""

    workspace: str | None
    path: str


def parse_path(text: str, field: str = "path") -> RootedPath:
    """The accepted path of a file. `/workspace/` and `/workspaces/<name>/` in front are the root.

    Raises InvalidRequest, which names `field`, for a path that is not accepted and for the root itself.
    """
    rooted = parse_folder(text, field)
    if not rooted.path:
        raise _refusal(field, "must name a file, not the root")
    if text.endswith("/"):
        raise _refusal(field, "must name a file, which has no slash at the end")
    return rooted


def parse_folder(text: str, field: str = "path") -> RootedPath:
    """As `parse_path`, for a directory: the root is the empty path, and one slash at the end is allowed."""
    _require_characters(text, field)
    path = unicodedata.normalize("NFC", text).removeprefix("/")
    rooted = _split_root(path.removesuffix("/") if path != "/" else path)
    if rooted.path:
        _require_segments(rooted.path, field)
    return rooted


def is_accepted(path: str) -> bool:
    """Whether a path from elsewhere, such as a pulled commit, is spelled as an accepted path is."""
    try:
        _require_characters(path, "path")
        _require_segments(path, "path")
    except InvalidRequest:
        return False
    return unicodedata.is_normalized("NFC", path)


def absolute(path: str) -> str:
    """The path as the documented API shows it."""
    return f"{ROOT}/{path}" if path else ROOT


def name_of(path: str) -> str:
    """The last segment; of the root, its own name."""
    return path.rpartition("/")[2] or ROOT.removeprefix("/")


def parents(path: str) -> list[str]:
    """The directories above a path, from the top down, without the root."""
    return [path[:index] for index, letter in enumerate(path) if letter == "/"]


def _split_root(path: str) -> RootedPath:
    head, _, rest = path.partition("/")
    if head == "workspace":
        return RootedPath(None, rest)
    name, _, below = rest.partition("/")
    if head == "workspaces" and name:
        return RootedPath(name, below)
    return RootedPath(None, path)


def _require_characters(text: str, field: str) -> None:
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise _refusal(field, "must have no control characters")
    if "\\" in text:
        raise _refusal(field, "must have no backslash: directories are separated by /")


def _require_segments(path: str, field: str) -> None:
    if len(path.encode()) > MAX_PATH_BYTES:
        raise _refusal(field, f"must have at most {MAX_PATH_BYTES} bytes")
    for segment in path.split("/"):
        if not _visible(segment).strip(". "):
            raise _refusal(field, "must have no empty, '.' or '..' segment, nor one of dots and spaces alone")
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise _refusal(field, f"must have at most {MAX_SEGMENT_BYTES} bytes between two slashes")
        if _is_git_folder(segment):
            raise _refusal(field, "must not name git's own folder")


def _visible(segment: str) -> str:
    """The segment without format characters, which have no width. HFS+ leaves many of them out of names."""
    return "".join(letter for letter in segment if unicodedata.category(letter) != "Cf")


def _is_git_folder(segment: str) -> bool:
    """Whether some file system or a reader takes the segment for `.git`: HFS+ ignores characters, NTFS dots and spaces
    at the end and what follows a colon."""
    name = _visible(segment).partition(":")[0]
    return unicodedata.normalize("NFKC", name).casefold().rstrip(". ") in _GIT_NAMES


def _refusal(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {problem}", fields={field: problem})
