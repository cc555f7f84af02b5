"""Pull a branch of a remote into the current workspace: fast-forward or a three-way merge.

A pull that conflicts changes nothing.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from chalicelib.domain.workspaces import history, trees
from chalicelib.domain.workspaces.manifests import Manifest
from chalicelib.domain.workspaces.values import CommitRecord, FileRow, Workspace
from chalicelib.engine.documents import optimistic
from chalicelib.engine.workspaces import log, publishing, remotes, snapshots, workspaces
from chalicelib.engine.workspaces.merges import Sides, merge, missing_trees, name_some
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.engine.workspaces.received import Received, inspect, list_tree
from chalicelib.engine.workspaces.snapshots import Snapshot
from chalicelib.errors import Conflict, NotFound
from chalicelib.observability import logger
from chalicelib.providers.git import objects
from chalicelib.providers.git import remote as git_remote
from chalicelib.providers.git.objects import Person
from chalicelib.providers.git.packs import Pack, write_pack

MAX_NAMED = 20
"""Branches that an error names."""


class Pulled(NamedTuple):
    """What was pulled: the remote's branch, and how many of its commits were not here."""

    branch: str
    commits: int


class _Head(NamedTuple):
    """What the branch becomes: its commit, its files, and the packs and commits that are new."""

    record: CommitRecord
    manifest: Manifest
    packs: list[Pack]
    records: list[CommitRecord]


def pull(org: str, remote_name: str, branch: str | None, author: Person) -> Pulled:
    """Pull a branch, by default the one of the workspace's own name. A workspace without a commit takes its name over.

    Ten calls, one for each block of a pack that is not in memory, and two or three requests to the remote. Raises
    NotFound for a branch that the remote does not have, Conflict without a remote, when both sides changed the same
    lines, or when a local change would be overwritten, Unavailable when the remote does not answer,
    TooManyRequests.
    """
    workspace = workspaces.current(org)
    repository, records = log.read_all(org, workspace.id)
    access = remotes.access(repository, remote_name)
    name = branch or repository.branch
    local_shas = [record.sha for record in records]
    with remotes.requesting(org, remote_name):
        fetched = git_remote.fetch(access, name, local_shas)
    if fetched.tip is None:
        listed = ", ".join(fetched.branches[:MAX_NAMED]) or "none"
        raise NotFound("Branch", f"{name}; the remote has {listed}")
    if fetched.tip in set(local_shas):
        return Pulled(name, 0)
    received = inspect(fetched.tip, fetched.pack)
    message = f"Merge branch '{name}' of {access.url}"
    count = optimistic.retry(partial(_integrate, workspace, received, name, author, message))
    logger().info("A branch was pulled", extra={"org": org, "workspace": workspace.id, "commits": count})
    return Pulled(name, count)


def _integrate(workspace: Workspace, received: Received, branch: str, author: Person, message: str) -> int:
    """Put the received commits and the workspace's own together, and publish. Returns how many were new."""
    snapshot = snapshots.read(workspace)
    repository, local_list = log.read_all(workspace.org, workspace.id)
    if repository.version != snapshot.repository.version:
        raise optimistic.StaleRead
    local_records = {record.sha: record for record in local_list}
    if received.tip in local_records:
        return 0
    new = _new_records(received, local_records)
    head = _next_head(snapshot, received, local_records, new, author, message)
    touched = trees.differing_paths(snapshot.manifest, head.manifest)
    _require_no_overwriting(snapshot, head.manifest, touched)
    # Beside the new commit, a row that says the same as the old one would undo what is pulled.
    left_over = [row for row in _unchanged_rows(snapshot, snapshot.manifest) if row.path in touched]
    publishing.remove_rows(repository, left_over)
    total = repository.commits + len(head.records)
    is_first = repository.head is None
    publishing.publish(
        repository, head.record, head.manifest, head.packs, head.records, total, branch if is_first else None
    )
    publishing.remove_published_rows(repository, _unchanged_rows(snapshot, head.manifest))
    return len(new)


def _new_records(received: Received, local_records: Mapping[str, CommitRecord]) -> list[CommitRecord]:
    """The records of the commits that are not here, each after its parents. Raises Conflict for an incomplete
    history."""
    parents = {sha: facts.parents for sha, facts in received.commits.items()}
    missing = history.reachable(received.tip, parents, local_records)
    if not missing <= received.commits.keys():
        raise Conflict("The remote did not send the whole history of the branch")
    ordered = history.in_order(missing, parents)
    generations = history.generations(
        ordered, parents, {sha: record.generation for sha, record in local_records.items()}
    )
    return [received.record(sha, generations[sha]) for sha in ordered]


def _next_head(
    snapshot: Snapshot,
    received: Received,
    local_records: Mapping[str, CommitRecord],
    new: Sequence[CommitRecord],
    author: Person,
    message: str,
) -> _Head:
    repository = snapshot.repository
    held = [received.pack] if received.pack is not None else []
    records = {**local_records, **{record.sha: record for record in new}}
    tip = records[received.tip]
    store = ObjectStore(repository, held)
    theirs = list_tree(tip.tree, store, snapshot.manifest, received)
    parents = {sha: record.parents for sha, record in records.items()}
    if repository.head is None or repository.head in history.reachable(tip.sha, parents):
        return _Head(tip, theirs, [*held, *_other_trees(store, tip, theirs)], list(new))
    base = history.merge_base(repository.head, tip.sha, parents, lambda sha: records[sha].generation)
    base_files = list_tree(records[base].tree, store, snapshot.manifest, received) if base is not None else {}
    merged = merge(Sides(store, base_files, snapshot.manifest, theirs), records[repository.head], tip, author, message)
    return _Head(merged.record, merged.manifest, [*held, merged.pack], [*new, merged.record])


def _other_trees(store: ObjectStore, tip: CommitRecord, files: Manifest) -> list[Pack]:
    """A pack of the trees as the next commit would name them, where the remote wrote them in another way: with zeros in
    front of modes, as old programs did, or with empty directories. None where all are the same."""
    root, folders = objects.build_trees({path: (file.mode, file.sha) for path, file in files.items()})
    return [] if root == tip.tree else [write_pack(missing_trees(store, folders))[0]]


def _require_no_overwriting(snapshot: Snapshot, manifest: Manifest, touched: set[str]) -> None:
    """Raise Conflict when the new files would replace something that was changed here and not committed."""
    changed = snapshot.changes.all
    same = {row.path for row in _unchanged_rows(snapshot, manifest)}
    lost = {path for path in changed if path in touched and path not in same}
    kept = {path for path, row in changed.items() if not row.is_deleted and path not in same}
    lost |= {*trees.files_in_the_way(kept, manifest), *(kept & set(trees.files_in_the_way(manifest, kept)))}
    if lost:
        raise Conflict(f"Local changes would be overwritten; commit them first: {name_some(lost)}")


def _unchanged_rows(snapshot: Snapshot, manifest: Manifest) -> list[FileRow]:
    remaining = trees.changes(manifest, snapshot.rows).all
    return [row for path, row in snapshot.rows.items() if path not in remaining]
