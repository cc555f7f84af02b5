"""What a remote sent: its pack, and the commits and files in it."""

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.workspaces import paths, trees
from chalicelib.domain.workspaces.manifests import Manifest
from chalicelib.domain.workspaces.values import MAX_FILES, SUBMODULE_MODE, CommitRecord, CommittedFile
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.errors import Conflict
from chalicelib.providers.git import objects, packs, tree_walk
from chalicelib.providers.git.errors import InvalidGitData
from chalicelib.providers.git.objects import CommitFacts, TreeEntry
from chalicelib.providers.git.pack_entries import COMMIT
from chalicelib.providers.git.packs import Pack, PackedObject

MAX_ENTRIES = 3 * MAX_FILES
"""Files and directories of a tree that is listed."""
MAX_MESSAGE_CHARACTERS = 4_000
"""Of a commit's message, in the log."""
MAX_PARENTS = 1_000
"""Of one commit: an item of the log holds all their ids."""
MAX_PERSON_CHARACTERS = 500
"""Of an author's name, and of the address."""
MAX_AT_MS = 253_402_300_799_000
"""The last second of the year 9999. Commits can name any number of seconds."""


class Received(NamedTuple):
    """A remote's branch, and the objects that were not here."""

    tip: str
    pack: Pack | None
    objects: Mapping[str, PackedObject]
    commits: Mapping[str, CommitFacts]

    def record(self, sha: str, generation: int) -> CommitRecord:
        """What the log shows of a received commit."""
        facts = self.commits[sha]
        message = facts.message[:MAX_MESSAGE_CHARACTERS]
        name, email = (text[:MAX_PERSON_CHARACTERS] for text in facts.author)
        at = min(max(facts.at, 0), MAX_AT_MS)
        return CommitRecord(sha, facts.tree, facts.parents, generation, name, email, at, message)


def inspect(tip: str, data: bytes | None) -> Received:
    """Check what was received. Raises Conflict for a pack that is not git's, or that is too large."""
    try:
        if data is None:
            raise InvalidGitData("nothing was sent")
        pack, objects_by_sha = packs.index_received_pack(data)
        commits = {
            sha: objects.parse_commit(packed.content)
            for sha, packed in objects_by_sha.items()
            if packed.kind == COMMIT and packed.content
        }
        if any(len(facts.parents) > MAX_PARENTS for facts in commits.values()):
            raise InvalidGitData(f"a commit has more than {MAX_PARENTS} parents")
    except InvalidGitData as error:
        raise Conflict(f"The remote's answer cannot be used: {error}") from None
    return Received(tip, pack, objects_by_sha, commits)


def list_tree(tree: str, store: ObjectStore, manifest: Manifest, received: Received) -> dict[str, CommittedFile]:
    """List the files of a tree; files that are the same in `manifest` keep their times. Raises Conflict for a tree that
    is incomplete, or has a file name that cannot be stored."""
    files: dict[str, CommittedFile] = {}
    by_id = {file.sha: file for file in manifest.values()}
    now = clock.now()
    try:
        for path, entry in tree_walk.list_files(tree, store.read_tree, MAX_ENTRIES):
            if not paths.is_accepted(path) or path in files:
                raise Conflict(f"The remote has a file whose name cannot be kept here: {path!r}")
            before = manifest.get(path)
            if before is not None and before.has_content(entry.sha, entry.mode):
                files[path] = before
            else:
                files[path] = _place(entry, by_id, store, received, now)
    except InvalidGitData as error:
        raise Conflict(f"The remote's answer cannot be used: {error}") from None
    if blocking := trees.files_in_the_way(files, files):
        raise Conflict(f"The remote has a file that is a directory, too: {blocking[0]!r}")
    return files


def _place(
    entry: TreeEntry, files_by_sha: Mapping[str, CommittedFile], store: ObjectStore, received: Received, now: int
) -> CommittedFile:
    """Find the content of a file that is new at its path."""
    if entry.mode == SUBMODULE_MODE:
        return CommittedFile(entry.sha, entry.mode, 0, now, now, "", 0)
    packed = received.objects.get(entry.sha)
    if packed is not None and received.pack is not None:
        return CommittedFile(entry.sha, entry.mode, packed.size, now, now, received.pack.name, packed.offset)
    if entry.sha in files_by_sha:
        return files_by_sha[entry.sha]._replace(mode=entry.mode, created_at=now, modified_at=now)
    size = len(store.read(entry.sha).content)
    pack, offset = store.locate(entry.sha)
    return CommittedFile(entry.sha, entry.mode, size, now, now, pack, offset)
