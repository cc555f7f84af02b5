"""Publish a new state of a repository: its objects first, then the one conditional write that makes them part of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.domain.workspaces import manifests
from chalicelib.domain.workspaces.manifests import Manifest
from chalicelib.domain.workspaces.values import (
    MAX_FILES,
    MAX_PACKED_BYTES,
    MAX_PACKS,
    CommitRecord,
    FileRow,
    PackRef,
    Repository,
)
from chalicelib.engine.documents import background_jobs, optimistic
from chalicelib.engine.workspaces import snapshots
from chalicelib.errors import Conflict, Unavailable
from chalicelib.observability import logger
from chalicelib.providers.git.packs import Pack
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.workspaces import files, objects, repositories

REPACK_JOB = "repack"
REPACK_INTERVAL = 25
"""With so many packs more than the maximum, another job is written: one may have been given up."""
ROWS_PER_WRITE = 50
"""Rows that are removed in one transaction, which has two writes for each."""


def publish(
    old: Repository,
    head: CommitRecord,
    manifest: Manifest,
    new_packs: Sequence[Pack],
    records: Sequence[CommitRecord],
    commits: int,
    branch: str | None = None,
) -> None:
    """Make `head` the commit of the repository's branch. `commits` is how many can be reached from it.

    One call for each pack and for the list of files, one for each 25 groups of commits, and one that publishes. Raises
    StaleRead when somebody else published since `old` was read, and Conflict for a repository that would be too large.
    """
    require_room(old, manifest, new_packs)
    stored = store_packs(old, new_packs)
    new = replace(
        old,
        branch=branch or old.branch,
        head=head.sha,
        generation=head.generation,
        commits=commits,
        manifest=store_manifest(old, manifest),
        files=len(manifest),
        packs=(*old.packs, *stored),
        version=old.version + 1,
    )
    *earlier, last = _batches(repositories.log_writes(old.org, old.workspace_id, records))
    for batch in earlier:
        dynamodb.commit(*batch)
    writes = [repositories.update_write(old, new), *last, *_job_writes(old, new)]
    optimistic.commit_change(new, repositories.from_raw, writes)


def require_room(repository: Repository, manifest: Manifest, new_packs: Sequence[Pack]) -> None:
    """Raise Conflict when the repository would hold more than is allowed."""
    if len(manifest) > MAX_FILES:
        raise Conflict(f"The workspace would have {len(manifest)} files; at most {MAX_FILES} are kept")
    size = repository.packed_bytes + sum(len(pack.data) for pack in new_packs)
    if size > MAX_PACKED_BYTES:
        raise Conflict(f"The repository would have {size} bytes; at most {MAX_PACKED_BYTES} are kept")


def store_packs(repository: Repository, new_packs: Sequence[Pack]) -> list[PackRef]:
    """Store packs. They are no part of the repository before they are published. One call for each."""
    for pack in new_packs:
        objects.put(_key(repository, "pack", pack.name), pack.data + pack.index)
    return [PackRef(pack.name, len(pack.data), len(pack.index)) for pack in new_packs]


def store_manifest(repository: Repository, manifest: Manifest) -> str:
    """Store a list of files, and return its name. One call."""
    encoded = manifests.encode_manifest(manifest)
    name = hashlib.sha256(encoded).hexdigest()[:32]
    key = _key(repository, "manifest", name)
    objects.put(key, encoded)
    snapshots.keep_manifest(key, manifest)
    return name


def _key(repository: Repository, kind: objects.Kind, name: str) -> str:
    return objects.object_key(repository.org, repository.workspace_id, kind, name)


def _batches(writes: Sequence[Write]) -> list[Sequence[Write]]:
    """The writes in transactions; of none, one empty one."""
    step = repositories.LOG_WRITES
    return [writes[start : start + step] for start in range(0, len(writes), step)] or [()]


def _job_writes(old: Repository, new: Repository) -> list[Write]:
    """The write of a job that merges packs, when there have come to be too many."""
    before, after = ((len(one.packs) - 1 - MAX_PACKS) // REPACK_INTERVAL for one in (old, new))
    if len(new.packs) <= MAX_PACKS or before == after:
        return []
    return [background_jobs.create_write(new.org, REPACK_JOB, new.workspace_id)]


def remove_published_rows(repository: Repository, rows: Sequence[FileRow]) -> None:
    """As `remove_rows`, after a publication: a row that cannot be removed now says nothing, and is removed after a
    later commit."""
    try:
        remove_rows(repository, rows)
    except Unavailable as error:
        logger().warning("Rows of committed files are left over", extra={"org": repository.org}, exc_info=error)


def remove_rows(repository: Repository, rows: Sequence[FileRow]) -> None:
    """Remove rows that say the same as the last commit. One call for each 50, and one for contents in S3.

    A row that was written again stays. Raises Unavailable.
    """
    for start in range(0, len(rows), ROWS_PER_WRITE):
        _remove_batch(repository, rows[start : start + ROWS_PER_WRITE])
    if blobs := [_key(repository, "blob", row.blob) for row in rows if row.blob is not None]:
        objects.delete(blobs)


def _remove_batch(repository: Repository, rows: Sequence[FileRow]) -> None:
    while rows:
        writes = [files.delete_writes(repository.org, repository.workspace_id, row) for row in rows]
        try:
            dynamodb.commit(*(write for pair in writes for write in pair))
        except ConditionFailed as error:
            rows = [row for row, has_failed in zip(rows, error.failed[::2], strict=True) if not has_failed]
        else:
            return
