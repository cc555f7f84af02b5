"""The files of the current workspace: list, read, write and delete them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.files.downloads import attachment
from chalicelib.domain.workspaces import paths, trees
from chalicelib.domain.workspaces.globs import compile_glob
from chalicelib.domain.workspaces.paths import RootedPath
from chalicelib.domain.workspaces.trees import WorkFile
from chalicelib.domain.workspaces.values import (
    FILE_MODE,
    MAX_FILE_BYTES,
    MAX_FILES,
    PROGRAM_MODE,
    SUBMODULE_MODE,
    CommittedFile,
    FileRow,
    Workspace,
)
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.workspaces import snapshots, workspaces
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.engine.workspaces.snapshots import Snapshot
from chalicelib.errors import Conflict, InvalidRequest, NotFound, TooLarge
from chalicelib.providers.git.objects import blob_id
from chalicelib.storage.aws import dynamodb, s3
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workspaces import files as storage
from chalicelib.storage.workspaces import objects
from chalicelib.storage.workspaces.files import MAX_INLINE_BYTES

MAX_PAGE_CHARS = 4_000_000
"""Of a list's page: Lambda accepts answers up to 6 MB, and writes letters beyond ASCII as escapes."""
ENTRY_CHARS = 150
"""Of an entry in an answer, without its path and its name."""
LINK_TTL_S = 300
"""How long a link to a large file is valid."""


class FileQuery(NamedTuple):
    """Which files to list. `path` is a directory as the caller spells it."""

    path: str = "/"
    recursive: bool = False
    pattern: str | None = None
    limit: int = 1000
    offset: int = 0


class Entry(NamedTuple):
    """A file or a directory. A directory has the latest time and the sum of the sizes of the files below it."""

    path: str
    is_folder: bool
    size: int
    modified_at: int


class FileList(NamedTuple):
    """One page of a directory, in order of the paths."""

    path: str
    entries: list[Entry]
    total: int


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file's content or, where it is too large for an answer, a link to it."""

    path: str
    content: bytes
    link: Callable[[str, str], str] | None = None
    """Makes a link that answers with this media type, as an attachment of this name."""


def resolve(workspace: Workspace, rooted: RootedPath) -> str:
    """The path within the current workspace. Raises InvalidRequest for one that names another workspace."""
    if rooted.workspace not in (None, workspace.name):
        problem = (
            f"names the workspace {rooted.workspace}, and the current one is {workspace.name}: switch to it, or write "
            f"{paths.ROOT}{paths.ROOTS}/{rooted.workspace} for a directory of the current one"
        )
        raise InvalidRequest(f"path {problem}", fields={"path": problem})
    return rooted.path


def list_files(org: str, query: FileQuery) -> FileList:
    """A page of what is in a directory of the current workspace; one that grows too large ends early. Two calls, and
    one for each 4,000 changed files.

    Raises InvalidRequest, NotFound for a directory that does not exist, Conflict for a file.
    """
    rooted = paths.parse_folder(query.path)
    matches = compile_glob(query.pattern) if query.pattern is not None else lambda _: True
    workspace = workspaces.current(org)
    folder = resolve(workspace, rooted)
    files = snapshots.read(workspace).files()
    if folder in files:
        raise Conflict(f"{paths.absolute(folder)} is a file, not a directory")
    if folder and not trees.is_folder(folder, files):
        raise NotFound("Directory", folder)
    start = len(folder) + 1 if folder else 0
    entries = _entries(folder, files, query.recursive)
    found = [entry for entry in entries if matches(entry.path[start:])]
    return FileList(folder, _that_fit(found[query.offset : query.offset + query.limit]), len(found))


def _that_fit(entries: list[Entry]) -> list[Entry]:
    """As many of the entries as fit into one answer, at least one."""
    chars = 0
    for number, entry in enumerate(entries):
        chars += 2 * len(json.dumps(entry.path)) + ENTRY_CHARS
        if number and chars > MAX_PAGE_CHARS:
            return entries[:number]
    return entries


def _entries(folder: str, files: dict[str, WorkFile], recursive: bool) -> list[Entry]:
    depth = folder.count("/") + 1 if folder else 0
    entries: dict[str, Entry] = {}
    for path in trees.files_below(folder, files):
        file = files[path]
        above = [parent for parent in paths.parents(path) if parent.count("/") >= depth]
        for parent in above if recursive else above[:1]:
            before = entries.get(parent, Entry(parent, True, 0, 0))
            modified_at = max(before.modified_at, file.modified_at)
            entries[parent] = Entry(parent, True, before.size + file.size, modified_at)
        if recursive or not above:
            entries[path] = Entry(path, False, file.size, file.modified_at)
    return [entries[path] for path in sorted(entries)]


def read_file(org: str, path: str) -> ReadFile:
    """A file of the current workspace. Two calls, one more for a list of files or a block of a pack that is not in
    memory, and one for a changed file of more than 8 KiB.

    Raises InvalidRequest, NotFound, and Conflict for a directory.
    """
    rooted = paths.parse_path(path)
    workspace = workspaces.current(org)
    return optimistic.retry(partial(_read, workspace, resolve(workspace, rooted)))


def _read(workspace: Workspace, path: str) -> ReadFile:
    repository, row, content = storage.find(workspace.org, workspace.id, path)
    if repository is None:
        raise NotFound("Workspace", workspace.id)
    if row is not None:
        if row.is_deleted:
            raise _missing(workspace, path)
        return ReadFile(path, read_row(workspace, row, content))
    file = snapshots.read_manifest(repository).get(path)
    if file is None:
        raise _missing(workspace, path)
    if file.mode == SUBMODULE_MODE:
        raise Conflict(f"{paths.absolute(path)} is a submodule: its files are in another repository")
    committed = ObjectStore(repository).read_file(file)
    if file.size <= MAX_FILE_BYTES:
        return ReadFile(path, committed)
    return ReadFile(path, committed, _make_link(workspace, file, committed))


def read_row(workspace: Workspace, row: FileRow, content: bytes | None) -> bytes:
    """The content of a changed file; `content` is what the table holds. Raises StaleRead when it was replaced."""
    if row.blob is not None:
        content = objects.find(objects.object_key(workspace.org, workspace.id, "blob", row.blob))
    if content is None:
        raise StaleRead
    return content


def _make_link(workspace: Workspace, file: CommittedFile, content: bytes) -> Callable[[str, str], str]:
    key = objects.object_key(workspace.org, workspace.id, "blob", file.sha)
    objects.put(key, content)

    def link(media_type: str, name: str) -> str:
        headers = {"ResponseContentType": media_type, "ResponseContentDisposition": attachment(name)}
        return s3.presigned_url(key, LINK_TTL_S, **headers)

    return link


def _missing(workspace: Workspace, path: str) -> Exception:
    if trees.is_folder(path, snapshots.read(workspace).files()):
        return Conflict(f"{paths.absolute(path)} is a directory: list it, or name one of its files")
    return NotFound("File", path)


def write_file(org: str, path: str, content: bytes) -> FileRow:
    """Create or replace a file of the current workspace. Three calls, one more for a list of files that is not in
    memory, and one for a content of more than 8 KiB. Of two writes at once the later one holds.

    Raises InvalidRequest, TooLarge, and Conflict where a file is in the place of a directory or the other way round,
    or where the workspace is full.
    """
    if len(content) > MAX_FILE_BYTES:
        raise TooLarge(f"The file has {len(content)} bytes; at most {MAX_FILE_BYTES} are accepted")
    rooted = paths.parse_path(path)
    workspace = workspaces.current(org)
    return optimistic.retry(partial(_write, workspace, resolve(workspace, rooted), content))


def _write(workspace: Workspace, path: str, content: bytes) -> FileRow:
    snapshot = snapshots.read(workspace)
    files = snapshot.files()
    _require_place(path, files)
    before, now = files.get(path), clock.now()
    mode = _mode(snapshot, path)
    write_id = ids.new("w")
    is_large = len(content) > MAX_INLINE_BYTES
    row = FileRow(
        path=path,
        write_id=write_id,
        created_at=before.created_at if before is not None else now,
        modified_at=now,
        sha=blob_id(content),
        mode=mode,
        size=len(content),
        blob=write_id if is_large else None,
    )
    if is_large:
        objects.put(objects.object_key(workspace.org, workspace.id, "blob", write_id), content)
    _store_row(workspace, snapshot.rows.get(path), row, None if is_large else content)
    return row


def _require_place(path: str, files: dict[str, WorkFile]) -> None:
    if (blocking := trees.blocking_file(path, files)) is not None:
        raise Conflict(f"{paths.absolute(blocking)} is a file, so nothing can be below it")
    if path not in files and trees.is_folder(path, files):
        raise Conflict(f"{paths.absolute(path)} is a directory, and cannot be a file as well")
    if path not in files and len(files) >= MAX_FILES:
        raise Conflict(f"The workspace has {len(files)} files, the maximum")


def _mode(snapshot: Snapshot, path: str) -> int:
    """The mode of a file that is written: a program stays one; what was a link or a submodule becomes a file."""
    before = snapshot.rows.get(path) or snapshot.manifest.get(path)
    return PROGRAM_MODE if before is not None and before.mode == PROGRAM_MODE else FILE_MODE


def delete_file(org: str, path: str) -> FileRow:
    """Delete a file of the current workspace. Three calls, and one for a list of files that is not in memory.

    Raises InvalidRequest, NotFound, and Conflict for a directory.
    """
    rooted = paths.parse_path(path)
    workspace = workspaces.current(org)
    return optimistic.retry(partial(_delete, workspace, resolve(workspace, rooted)))


def _delete(workspace: Workspace, path: str) -> FileRow:
    snapshot = snapshots.read(workspace)
    before = snapshot.files().get(path)
    if before is None:
        raise _missing(workspace, path)
    row = FileRow(path, ids.new("w"), before.created_at, clock.now(), mode=_mode(snapshot, path), is_deleted=True)
    _store_row(workspace, snapshot.rows.get(path), row, None)
    return row


def _store_row(workspace: Workspace, old: FileRow | None, new: FileRow, content: bytes | None) -> None:
    """Store a row on the condition that nobody wrote it meanwhile, and delete the large content that it replaces."""
    try:
        dynamodb.commit(*storage.write_writes(workspace.org, workspace.id, old, new, content))
    except ConditionFailed as error:
        if not optimistic.is_stored(new, storage.from_raw, error):
            if new.blob is not None:
                objects.delete([objects.object_key(workspace.org, workspace.id, "blob", new.blob)])
            raise StaleRead from None
    if old is not None and old.blob is not None:
        objects.delete([objects.object_key(workspace.org, workspace.id, "blob", old.blob)])
