"""The background jobs of a repository: join small packs, and delete objects that are no part of it any more."""

from dataclasses import replace
from functools import partial

from chalicelib import clock
from chalicelib.domain.workspaces.manifests import Manifest
from chalicelib.domain.workspaces.values import PackRef, Repository
from chalicelib.engine.documents import background_jobs, optimistic
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.workspaces import publishing, snapshots
from chalicelib.errors import Unavailable
from chalicelib.observability import logger
from chalicelib.providers.git.packs import Pack, join_packs
from chalicelib.storage.workspaces import files, objects, repositories

CLEANUP_JOB = "workspace-cleanup"
MAX_JOINED_BYTES = 8_000_000
"""Of packs that are joined in one step: all of them are in memory."""
ENOUGH_PACKS = 25
"""With so many, no more are joined."""
CLEANUP_WAIT_SECONDS = 15 * 60
"""After packs were joined: no request that read the repository before takes longer."""
MIN_AGE_MS = clock.HOUR
"""Of an object that is deleted: a younger one may be about to be published."""


def run_step(job: Job) -> bool:
    """Join some of a repository's small packs. Returns whether nothing is left to join."""
    return optimistic.retry(partial(_join_some, job.org, job.subject))


def _join_some(org: str, workspace_id: str) -> bool:
    repository = repositories.find(org, workspace_id)
    if repository is None or len(repository.packs) <= ENOUGH_PACKS:
        return True
    chosen = _choose(repository)
    if len(chosen) < 2:
        return True
    joined, shifts = join_packs([_read(repository, pack) for pack in chosen])
    moves = {pack.name: shift for pack, shift in zip(chosen, shifts, strict=True)}
    [stored] = publishing.store_packs(repository, [joined])
    manifest = _moved(snapshots.read_manifest(repository), moves, joined)
    new = replace(
        repository,
        manifest=publishing.store_manifest(repository, manifest) if repository.manifest is not None else None,
        packs=(stored, *(pack for pack in repository.packs if pack.name not in moves)),
        version=repository.version + 1,
    )
    cleanup = background_jobs.create_write(org, CLEANUP_JOB, workspace_id, wait_seconds=CLEANUP_WAIT_SECONDS)
    writes = [repositories.update_write(repository, new), cleanup]
    optimistic.commit_change(new, repositories.from_raw, writes)
    facts = {"org": org, "workspace": workspace_id, "packs": len(chosen)}
    logger().info("Packs of a workspace were joined", extra=facts)
    return len(new.packs) <= ENOUGH_PACKS


def _choose(repository: Repository) -> list[PackRef]:
    """The smallest packs, as many as fit into one step, in the repository's order."""
    chosen: set[str] = set()
    size = 0
    for pack in sorted(repository.packs, key=lambda pack: pack.pack_bytes):
        size += pack.pack_bytes
        if size > MAX_JOINED_BYTES:
            break
        chosen.add(pack.name)
    return [pack for pack in repository.packs if pack.name in chosen]


def _read(repository: Repository, pack: PackRef) -> Pack:
    stored = objects.find(objects.object_key(repository.org, repository.workspace_id, "pack", pack.name))
    if stored is None:
        raise Unavailable(f"The pack {pack.name} of the workspace {repository.workspace_id} is missing")
    return Pack(pack.name, stored[: pack.pack_bytes], stored[pack.pack_bytes :])


def _moved(manifest: Manifest, moves: dict[str, int], joined: Pack) -> Manifest:
    return {
        path: file._replace(pack=joined.name, offset=file.offset + moves[file.pack]) if file.pack in moves else file
        for path, file in manifest.items()
    }


def run_cleanup(job: Job) -> bool:
    """Delete the objects of a workspace that nothing names: of joined packs, of earlier commits, and of requests that
    died. Returns True."""
    repository, rows = files.find_all(job.org, job.subject)
    if repository is None:
        return True
    key = partial(objects.object_key, job.org, job.subject)
    named = {key("pack", pack.name) for pack in repository.packs}
    named |= {key("blob", row.blob) for row in rows.values() if row.blob is not None}
    named |= {key("manifest", repository.manifest)} if repository.manifest is not None else set()
    before = clock.now() - MIN_AGE_MS
    stale = [one.key for one in objects.list_all(job.org, job.subject) if one.stored_at < before]
    objects.delete([each for each in stale if each not in named])
    return True
