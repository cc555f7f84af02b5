"""Files by path: what a workspace holds, what differs from its last commit, and how two histories are put together."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from chalicelib.domain.workspaces.manifests import Manifest
from chalicelib.domain.workspaces.paths import parents
from chalicelib.domain.workspaces.values import CommittedFile, FileRow

Rows = Mapping[str, FileRow]
"""Path -> row."""


class Changes(NamedTuple):
    """The rows that say something: what was written or deleted, and differs from the last commit."""

    modified: dict[str, FileRow]
    """Of files that the last commit has, deleted ones included."""
    untracked: dict[str, FileRow]

    @property
    def all(self) -> dict[str, FileRow]:
        return {**self.modified, **self.untracked}


class WorkFile(NamedTuple):
    """A file as it is now."""

    size: int
    created_at: int
    modified_at: int


def changes(manifest: Manifest, rows: Rows) -> Changes:
    """What differs from the last commit. A row that says the same as the commit is left over from it."""
    differences = Changes({}, {})
    for path, row in rows.items():
        committed = manifest.get(path)
        if committed is None and not row.is_deleted:
            differences.untracked[path] = row
        elif committed is not None and (row.is_deleted or not committed.has_content(row.sha, row.mode)):
            differences.modified[path] = row
    return differences


def work_files(manifest: Manifest, rows: Rows) -> dict[str, WorkFile]:
    """Every file as it is now."""
    files = {path: WorkFile(file.size, file.created_at, file.modified_at) for path, file in manifest.items()}
    for path, row in rows.items():
        if row.is_deleted:
            files.pop(path, None)
        else:
            files[path] = WorkFile(row.size, row.created_at, row.modified_at)
    return files


def blocking_file(path: str, files: Collection[str]) -> str | None:
    """The file that is where the path needs a directory, or None."""
    return next((parent for parent in parents(path) if parent in files), None)


def is_folder(path: str, files: Iterable[str]) -> bool:
    """Whether the path is a directory: there are files below it."""
    prefix = f"{path}/"
    return any(other.startswith(prefix) for other in files)


def files_in_the_way(paths: Iterable[str], files: Collection[str]) -> list[str]:
    """Files of `files` that are where one of the paths needs a directory."""
    return sorted({parent for path in paths for parent in parents(path) if parent in files})


def files_below(folder: str, files: Iterable[str]) -> list[str]:
    """The files below a directory; the root is the empty path."""
    prefix = f"{folder}/" if folder else ""
    return [path for path in files if path.startswith(prefix)]


class TreeMerge(NamedTuple):
    """The three-way merge of three trees, by whole files."""

    files: dict[str, CommittedFile]
    """Files that need no merge of their texts."""
    both_changed: list[str]
    """Paths that both sides changed, each in its way."""


def merge_trees(base: Manifest, ours: Manifest, theirs: Manifest) -> TreeMerge:
    """Take each file from the side that changed it."""
    merge = TreeMerge({}, [])
    for path in sorted({*base, *ours, *theirs}):
        before, our_file, their_file = base.get(path), ours.get(path), theirs.get(path)
        if _is_same(our_file, their_file) or _is_same(before, their_file):
            chosen = our_file
        elif _is_same(before, our_file):
            chosen = their_file
        else:
            merge.both_changed.append(path)
            continue
        if chosen is not None:
            merge.files[path] = chosen
    return merge


def _is_same(first: CommittedFile | None, second: CommittedFile | None) -> bool:
    if first is None or second is None:
        return first is second
    return first.has_content(second.sha, second.mode)


def differing_paths(one: Manifest, other: Manifest) -> set[str]:
    """The paths whose files differ between two trees."""
    return {path for path in {*one, *other} if not _is_same(one.get(path), other.get(path))}
