"""Commit what differs from the last commit, and show it: status and differences."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.workspaces import paths, trees
from chalicelib.domain.workspaces.manifests import Manifest
from chalicelib.domain.workspaces.patches import Patch, make_patch
from chalicelib.domain.workspaces.values import CommitRecord, CommittedFile, FileRow, Workspace
from chalicelib.engine.documents import optimistic
from chalicelib.engine.workspaces import files, publishing, snapshots, workspaces
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.engine.workspaces.snapshots import Snapshot
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.observability import logger
from chalicelib.providers.git import objects
from chalicelib.providers.git.objects import CommitDraft, NewObject, Person
from chalicelib.providers.git.pack_entries import BLOB
from chalicelib.providers.git.packs import Pack, write_pack
from chalicelib.storage.workspaces import files as storage

COMMITTER = Person("OpenHands", "openhands@yardmaster.invalid")
"""Who makes the commits, in the name of the author."""
MAX_COMMITTED_FILES = 1000
"""Of one commit."""
MAX_COMMITTED_BYTES = 100_000_000
"""Of the files of one commit together, which are all in memory."""
MAX_COMPARED_FILES = 500
"""Of one difference."""
MAX_COMPARED_BYTES = 60_000_000
"""Of the old and the new files of one difference of several files together."""
MAX_COMPARED_SECONDS = 15.0
"""For all files of one difference. Each takes some seconds at most."""
MAX_SHOWN_CHARS = 3_100_000
"""Of the text of a difference in an answer: Lambda's runtime writes letters beyond ASCII as escapes."""
_TOO_MUCH = "The differences are too large to show together: name one file"
COMMIT_TRIES = 40
"""Commits of one workspace at once wait for each other by trying again."""


class Status(NamedTuple):
    """What differs from the last commit."""

    branch: str
    commit: str | None
    modified: list[str]
    untracked: list[str]


class Committed(NamedTuple):
    """A commit that was made."""

    record: CommitRecord
    files_changed: int


def status(org: str) -> Status:
    """What differs from the last commit of the current workspace. Two calls, and one for a list of files that is not in
    memory."""
    snapshot = snapshots.read(workspaces.current(org))
    changes = snapshot.changes
    repository = snapshot.repository
    return Status(repository.branch, repository.head, sorted(changes.modified), sorted(changes.untracked))


def commit(org: str, message: str, author: Person, chosen: Sequence[str] | None = None) -> Committed:
    """Commit the chosen files, or all that differ from the last commit of the current workspace.

    Six calls for one file of up to 8 KiB: the current workspace, its state, the content, the pack, the list of files,
    and the write that publishes; one more for a list of files that is not in memory, and one that removes the file's
    row. A commit that comes second is made again on top of the first one.

    Raises InvalidRequest for unknown files, Conflict when nothing differs or a file is in the place of a directory.
    """
    rooted = None if chosen is None else [paths.parse_path(path, "files") for path in chosen]
    workspace = workspaces.current(org)
    names = None if rooted is None else [files.resolve(workspace, each) for each in rooted]
    return optimistic.retry(partial(_commit, workspace, message, author, names), tries=COMMIT_TRIES)


def _commit(workspace: Workspace, message: str, author: Person, names: Sequence[str] | None) -> Committed:
    snapshot = snapshots.read(workspace)
    rows = _choose(snapshot, names)
    contents = _read_contents(workspace, rows)
    draft = partial(CommitDraft, author=author, committer=COMMITTER, at=clock.now(), message=message)
    repository = snapshot.repository
    parents = () if repository.head is None else (repository.head,)
    pack, manifest, record = _build(snapshot, rows, contents, parents, draft)
    publishing.publish(repository, record, manifest, [pack], [record], repository.commits + 1)
    publishing.remove_published_rows(repository, [*rows.values(), *_left_over(snapshot)])
    logger().info("A commit was made", extra={"org": workspace.org, "workspace": workspace.id, "commit": record.sha})
    return Committed(record, len(rows))


def _choose(snapshot: Snapshot, names: Sequence[str] | None) -> dict[str, FileRow]:
    """The changed files to commit, by path."""
    changed = snapshot.changes.all
    if names is not None:
        unknown = sorted({name for name in names if name not in changed and name not in snapshot.manifest})
        if unknown:
            problem = f"has unknown ones: {', '.join(unknown[:10])}"
            raise InvalidRequest(f"files {problem}", fields={"files": problem})
        changed = {name: changed[name] for name in names if name in changed}
    if not changed:
        raise Conflict("There is nothing to commit: no file differs from the last commit")
    if len(changed) > MAX_COMMITTED_FILES:
        raise Conflict(
            f"{len(changed)} files differ, and one commit takes {MAX_COMMITTED_FILES}: name some of them in `files`"
        )
    if (size := sum(row.size for row in changed.values())) > MAX_COMMITTED_BYTES:
        raise Conflict(
            f"{size} bytes differ, and one commit takes {MAX_COMMITTED_BYTES}: name some of the files in `files`"
        )
    kept = {path for path in snapshot.manifest if path not in changed}
    kept |= {path for path, row in changed.items() if not row.is_deleted}
    if blocking := trees.files_in_the_way(kept, kept):
        raise Conflict(f"{paths.absolute(blocking[0])} is a file and a directory: delete one of them")
    return changed


def _left_over(snapshot: Snapshot) -> list[FileRow]:
    """Rows that say the same as the last commit."""
    changed = snapshot.changes.all
    return [row for path, row in snapshot.rows.items() if path not in changed][: publishing.ROWS_PER_WRITE]


def _read_contents(workspace: Workspace, rows: Mapping[str, FileRow]) -> dict[str, bytes]:
    """The contents of the rows that are no deletions. Raises StaleRead when one was replaced meanwhile."""
    written = {path: row for path, row in rows.items() if not row.is_deleted}
    small = storage.find_contents(workspace.org, workspace.id, [row for row in written.values() if row.blob is None])
    return {path: files.read_row(workspace, row, small.get(path)) for path, row in written.items()}


def _build(
    snapshot: Snapshot,
    rows: Mapping[str, FileRow],
    contents: Mapping[str, bytes],
    parents: tuple[str, ...],
    draft: partial[CommitDraft],
) -> tuple[Pack, Manifest, CommitRecord]:
    """The pack of a commit's new objects, its list of files, and its record."""
    entries = {path: (file.mode, file.sha) for path, file in snapshot.manifest.items() if path not in rows}
    entries |= {path: (row.mode, row.sha) for path, row in rows.items() if not row.is_deleted}
    root, folders = objects.build_trees(entries)
    made = objects.make_commit(draft(tree=root, parents=parents))
    changed_folders = {"", *(parent for path in rows for parent in paths.parents(path))}
    new = [NewObject(BLOB, rows[path].sha, content) for path, content in contents.items()]
    new += [folders[folder] for folder in changed_folders if folder in folders] + [made]
    pack, offsets = write_pack({each.sha: each for each in new}.values())
    manifest = {path: file for path, file in snapshot.manifest.items() if path not in rows}
    manifest |= {path: _committed(rows[path], pack, offsets) for path in contents}
    return pack, manifest, _record(made, root, parents, snapshot.repository.generation + 1)


def _committed(row: FileRow, pack: Pack, offsets: Mapping[str, int]) -> CommittedFile:
    return CommittedFile(row.sha, row.mode, row.size, row.created_at, row.modified_at, pack.name, offsets[row.sha])


def _record(made: NewObject, tree: str, parents: tuple[str, ...], generation: int) -> CommitRecord:
    facts = objects.parse_commit(made.content)
    return CommitRecord(
        made.sha, tree, parents, generation, facts.author.name, facts.author.email, facts.at, facts.message
    )


def diff(org: str, path: str | None = None) -> Patch:
    """What differs from the last commit of the current workspace, in one file or in all. Two calls, one for a list of
    files, and one for each block of old and each large new content that is not in memory.

    Raises InvalidRequest, and NotFound for a file that neither the workspace nor its last commit has.
    """
    rooted = None if path is None else paths.parse_path(path, "file")
    workspace = workspaces.current(org)
    name = None if rooted is None else files.resolve(workspace, rooted)
    return optimistic.retry(partial(_diff, workspace, name))


def _diff(workspace: Workspace, name: str | None) -> Patch:
    snapshot = snapshots.read(workspace)
    changed = snapshot.changes.all
    if name is not None:
        if name not in changed and name not in snapshot.manifest:
            raise NotFound("File", name)
        changed = {path: row for path, row in changed.items() if path == name}
    _require_comparable(snapshot, changed)
    store, contents = ObjectStore(snapshot.repository), _read_contents(workspace, changed)
    patches, ends_at = [], clock.stopwatch() + MAX_COMPARED_SECONDS
    for path in sorted(changed):
        if clock.stopwatch() > ends_at:
            raise Conflict(_TOO_MUCH)
        committed = snapshot.manifest.get(path)
        old = store.read_file(committed) if committed is not None else None
        patches.append(make_patch(path, old, contents.get(path)))
    return _joined(patches)


def _require_comparable(snapshot: Snapshot, changed: Mapping[str, FileRow]) -> None:
    """Raise InvalidRequest where too many files differ, or too large ones."""
    old_files = [snapshot.manifest[path] for path in changed if path in snapshot.manifest]
    size = sum(row.size for row in changed.values()) + sum(file.size for file in old_files)
    if len(changed) > MAX_COMPARED_FILES or (len(changed) > 1 and size > MAX_COMPARED_BYTES):
        most = f"at most {MAX_COMPARED_FILES} of at most {MAX_COMPARED_BYTES} bytes are compared at once"
        problem = f"is required: {len(changed)} files differ, and {most}"
        raise InvalidRequest(f"file {problem}", fields={"file": problem})


def _joined(patches: Sequence[Patch]) -> Patch:
    text = "\n".join(patch.text for patch in patches if patch.text)
    if len(json.dumps(text)) > MAX_SHOWN_CHARS:
        raise Conflict(_TOO_MUCH)
    return Patch(text, sum(patch.additions for patch in patches), sum(patch.deletions for patch in patches))
