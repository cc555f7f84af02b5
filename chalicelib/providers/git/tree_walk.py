"""Walk through trees: all files of one, the entry of a path, and what is new against other trees."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from chalicelib.providers.git.errors import InvalidGitData
from chalicelib.providers.git.objects import TreeEntry

MAX_PATH_CHARACTERS = 4_096
"""Of a directory's path: no system checks a longer one out."""
ReadTree = Callable[[str], Sequence[TreeEntry]]
"""Reads the entries of a tree by its id."""


def list_files(root: str, read_tree: ReadTree, limit: int) -> Iterator[tuple[str, TreeEntry]]:
    """(path, entry) of every file below a tree. Raises InvalidGitData after more than `limit` files and directories: a
    few trees that name each other can stand for millions; and for a directory that is too deep."""
    waiting, seen = [("", root)], 0
    while waiting:
        folder, sha = waiting.pop()
        entries = read_tree(sha)
        seen += len(entries)
        if seen > limit:
            raise InvalidGitData(f"a tree has more than {limit} files and directories")
        if len(folder) > MAX_PATH_CHARACTERS:
            raise InvalidGitData(f"a tree has a directory whose path has more than {MAX_PATH_CHARACTERS} characters")
        for entry in entries:
            path = f"{folder}{entry.name}"
            if entry.is_folder:
                waiting.append((f"{path}/", entry.sha))
            else:
                yield path, entry


def find_entry(root: str, path: str, read_tree: ReadTree) -> TreeEntry | None:
    """The entry of a file or a directory, or None."""
    *folders, name = path.split("/")
    sha = root
    for folder in folders:
        entry = _entry_of(read_tree(sha), folder)
        if entry is None or not entry.is_folder:
            return None
        sha = entry.sha
    return _entry_of(read_tree(sha), name)


def _entry_of(entries: Iterable[TreeEntry], name: str) -> TreeEntry | None:
    return next((entry for entry in entries if entry.name == name), None)


def new_objects(root: str, bases: Sequence[str], read_tree: ReadTree, seen: set[str]) -> Iterator[str]:
    """The ids of the trees and blobs of `root` that none of the `bases` has at the same place. Each id comes once;
    `seen` has those that came before."""
    waiting = [(root, bases)] if root not in bases else []
    while waiting:
        sha, same_place = waiting.pop()
        if sha in seen:
            continue
        seen.add(sha)
        yield sha
        based = [{entry.name: entry for entry in read_tree(base)} for base in same_place]
        for entry in read_tree(sha):
            same = [entries[entry.name] for entries in based if entry.name in entries]
            if any(other.sha == entry.sha for other in same):
                continue
            if entry.is_folder:
                waiting.append((entry.sha, [other.sha for other in same if other.is_folder]))
            elif not _is_elsewhere(entry) and entry.sha not in seen:
                seen.add(entry.sha)
                yield entry.sha


def _is_elsewhere(entry: TreeEntry) -> bool:
    """Whether the entry is a submodule: its commit is in another repository."""
    return entry.mode == 0o160000
