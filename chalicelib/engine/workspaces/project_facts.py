"""What the current workspace holds: its language, framework and dependencies, read from its own files."""

from functools import partial
from typing import NamedTuple

from chalicelib.domain.workspaces.projects import DEPENDENCY_FILES, MAX_PARSED_BYTES, ProjectFacts, find_facts
from chalicelib.domain.workspaces.values import FileRow, Workspace
from chalicelib.engine.documents import optimistic
from chalicelib.engine.workspaces import files, snapshots, workspaces
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.storage.workspaces import files as storage


class DescribedWorkspace(NamedTuple):
    """A workspace, and what it holds."""

    workspace: Workspace
    facts: ProjectFacts


def describe_current(org: str) -> DescribedWorkspace:
    """The org's current workspace and what it holds. Two calls, one for a list of files and each block that is not in
    memory, and one for changed files that list dependencies."""
    workspace = workspaces.current(org)
    return DescribedWorkspace(workspace, optimistic.retry(partial(_find_facts, workspace)))


def _find_facts(workspace: Workspace) -> ProjectFacts:
    snapshot = snapshots.read(workspace)
    present = snapshot.files()
    names = [name for name in DEPENDENCY_FILES if name in present and present[name].size <= MAX_PARSED_BYTES]
    changed = [snapshot.rows[name] for name in names if name in snapshot.rows]
    contents = _changed_contents(workspace, changed)
    store = ObjectStore(snapshot.repository)
    contents |= {name: store.read_file(snapshot.manifest[name]) for name in names if name not in snapshot.rows}
    texts = {name: content.decode("utf-8", "replace") for name, content in contents.items()}
    return find_facts({path: file.size for path, file in present.items()}, texts)


def _changed_contents(workspace: Workspace, rows: list[FileRow]) -> dict[str, bytes]:
    small = storage.find_contents(workspace.org, workspace.id, [row for row in rows if row.blob is None])
    return {row.path: files.read_row(workspace, row, small.get(row.path)) for row in rows}
