"""A workspace as it is now: its repository, the files of its last commit, and what differs from them."""

from typing import NamedTuple

from chalicelib.domain.workspaces import manifests, trees
from chalicelib.domain.workspaces.manifests import Manifest
from chalicelib.domain.workspaces.trees import Changes, WorkFile
from chalicelib.domain.workspaces.values import FileRow, Repository, Workspace
from chalicelib.engine.ttl_cache import SizedCache
from chalicelib.errors import NotFound, Unavailable
from chalicelib.storage.workspaces import files, objects

_manifests: SizedCache[str, Manifest] = SizedCache(60_000)
"""Key -> list of files; the size of the cache is the number of files. A stored list never changes."""


class Snapshot(NamedTuple):
    """A workspace at one moment."""

    repository: Repository
    rows: dict[str, FileRow]
    manifest: Manifest

    @property
    def changes(self) -> Changes:
        """What differs from the last commit."""
        return trees.changes(self.manifest, self.rows)

    def files(self) -> dict[str, WorkFile]:
        """Every file as it is now, by path."""
        return trees.work_files(self.manifest, self.rows)


def read(workspace: Workspace) -> Snapshot:
    """The workspace as it is now. One call for each 4,000 rows, and one for a list of files that is not in memory."""
    repository, rows = files.find_all(workspace.org, workspace.id)
    if repository is None:
        raise NotFound("Workspace", workspace.id)
    return Snapshot(repository, rows, read_manifest(repository))


def read_manifest(repository: Repository) -> Manifest:
    """The files of the repository's last commit. One call, or none where they are in memory."""
    if repository.manifest is None:
        return {}
    key = objects.object_key(repository.org, repository.workspace_id, "manifest", repository.manifest)
    manifest = _manifests.get(key)
    if manifest is None:
        stored = objects.find(key)
        if stored is None:
            raise Unavailable("The repository is being reorganised; try again")
        manifest = keep_manifest(key, manifests.decode_manifest(stored))
    return manifest


def keep_manifest(key: str, manifest: Manifest) -> Manifest:
    """Keep a list of files that was just read or stored, and return it."""
    return _manifests.put(key, manifest, len(manifest))
