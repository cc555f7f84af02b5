"""The commit that merges two histories, or the names of the files that both changed."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.workspaces import merging, trees
from chalicelib.domain.workspaces.manifests import Manifest
from chalicelib.domain.workspaces.values import LINK_MODE, SUBMODULE_MODE, CommitRecord, CommittedFile
from chalicelib.engine.workspaces.commits import COMMITTER
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.errors import Conflict
from chalicelib.providers.git import objects
from chalicelib.providers.git.objects import CommitDraft, NewObject, Person, blob_id
from chalicelib.providers.git.pack_entries import BLOB
from chalicelib.providers.git.packs import Pack, write_pack

MAX_NAMED = 20
"""Paths that an error names."""


class Sides(NamedTuple):
    """What is merged: the files of the common ancestor, ours and theirs, and where their contents are."""

    store: ObjectStore
    base: Manifest
    ours: Manifest
    theirs: Manifest


class Merged(NamedTuple):
    """The commit of a merge, its files, and the pack with what is new in it."""

    record: CommitRecord
    manifest: Manifest
    pack: Pack


def merge(sides: Sides, ours: CommitRecord, theirs: CommitRecord, author: Person, message: str) -> Merged:
    """The merge of two commits. Raises Conflict, which names the files, when both changed the same lines, one changed
    what the other deleted, or one has a file where the other has a directory."""
    merged = trees.merge_trees(sides.base, sides.ours, sides.theirs)
    contents = {path: _merge_file(sides, path) for path in merged.both_changed}
    conflicts = {path for path, content in contents.items() if content is None}
    kept = {*merged.files, *contents}
    conflicts.update(trees.files_in_the_way(kept, kept))
    if conflicts:
        raise Conflict(f"Nothing was pulled: both sides changed {name_some(conflicts)}")
    texts = {path: content for path, content in contents.items() if content is not None}
    modes = {path: _mode(sides, path) for path in texts}
    entries = {path: (file.mode, file.sha) for path, file in merged.files.items()}
    entries |= {path: (modes[path], blob_id(text)) for path, text in texts.items()}
    root, folders = objects.build_trees(entries)
    parents = (ours.sha, theirs.sha)
    made = objects.make_commit(CommitDraft(root, parents, author, COMMITTER, clock.now(), message))
    blobs = [NewObject(BLOB, blob_id(text), text) for text in texts.values()]
    new = {each.sha: each for each in (*blobs, *missing_trees(sides.store, folders), made)}
    pack, offsets = write_pack(new.values())
    files = dict(merged.files)
    files |= {path: _stored(sides, path, texts[path], modes[path], pack, offsets) for path in texts}
    facts = objects.parse_commit(made.content)
    generation = 1 + max(ours.generation, theirs.generation)
    record = CommitRecord(made.sha, root, parents, generation, author.name, author.email, facts.at, facts.message)
    return Merged(record, files, pack)


def missing_trees(store: ObjectStore, folders: Mapping[str, NewObject]) -> Iterable[NewObject]:
    """Those of the trees that are not stored. Reads the index of each pack."""
    return (tree for tree in folders.values() if tree.sha not in store)


def _merge_file(sides: Sides, path: str) -> bytes | None:
    """The text with the changes of both sides; None when they do not go together."""
    base, ours, theirs = (files.get(path) for files in (sides.base, sides.ours, sides.theirs))
    if ours is None or theirs is None or any(_has_no_lines(file) for file in (ours, theirs)):
        return None
    texts = (sides.store.read(file.sha).content if file is not None else b"" for file in (base, ours, theirs))
    return merging.merge_texts(*texts)


def _has_no_lines(file: CommittedFile) -> bool:
    return file.mode in (LINK_MODE, SUBMODULE_MODE)


def _mode(sides: Sides, path: str) -> int:
    """The mode that one side gave the file, or else the one that it had."""
    ours, theirs = sides.ours[path].mode, sides.theirs[path].mode
    before = sides.base[path].mode if path in sides.base else ours
    return theirs if ours == before else ours


def _stored(sides: Sides, path: str, text: bytes, mode: int, pack: Pack, offsets: Mapping[str, int]) -> CommittedFile:
    sha = blob_id(text)
    created_at = sides.ours[path].created_at
    return CommittedFile(sha, mode, len(text), created_at, clock.now(), pack.name, offsets[sha])


def name_some(paths: Iterable[str]) -> str:
    """Up to MAX_NAMED paths, in order, and how many there are more."""
    ordered = sorted(paths)
    more = len(ordered) - MAX_NAMED
    return ", ".join(ordered[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
