"""The background jobs of a repository: packs are joined, and unreferenced objects are deleted."""

from typing import Any

import boto3
import pytest

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.workspaces.values import MAX_PACKS, Repository
from chalicelib.engine import ttl_cache
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.workspaces import commits, files, log, repack, workspaces
from chalicelib.engine.workspaces.log import LogQuery
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.providers.git.objects import Person
from chalicelib.storage.workspaces import objects, repositories
from tests.support.world import ORG, World

DEV = Person("dev", "dev@example.com")


def repository() -> Repository:
    found = repositories.find(ORG, workspaces.current(ORG).id)
    assert found is not None
    return found


def make_commits(count: int) -> None:
    for number in range(count):
        files.write_file(ORG, f"f{number % 7}", f"content {number}\n".encode())
        files.write_file(ORG, f"dir/g{number % 5}", b"x" * number)
        commits.commit(ORG, f"commit {number}", DEV)


def stored_objects() -> set[str]:
    return {one.key.rpartition("/")[2] for one in objects.list_all(ORG, workspaces.current(ORG).id)}


def test_too_many_packs_are_joined_in_the_background(world: World) -> None:
    make_commits(MAX_PACKS)
    world.settle()
    assert len(repository().packs) == MAX_PACKS
    before = {path: files.read_file(ORG, path).content for path in ("f0", "f6", "dir/g0", "dir/g4")}
    files.write_file(ORG, "last", b"last")
    commits.commit(ORG, "last", DEV)
    world.advance(2)
    assert len(repository().packs) == 1
    ttl_cache.clear_all()
    assert {path: files.read_file(ORG, path).content for path in before} == before
    assert log.read(ORG, LogQuery()).total == MAX_PACKS + 1
    assert log.read(ORG, LogQuery(file="dir/g0")).total == MAX_PACKS // 5
    store = ObjectStore(repository())
    for record in log.read(ORG, LogQuery(limit=100)).records:
        assert record.message.encode() in store.read(record.sha).content
        assert store.read_tree(record.tree)


def test_a_commit_during_the_joining_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world
    make_commits(30)
    join = repack.join_packs
    interrupted: list[bool] = []

    def commit_meanwhile(packs: Any) -> Any:
        if not interrupted:
            interrupted.append(True)
            files.write_file(ORG, "meanwhile", b"m")
            commits.commit(ORG, "meanwhile", DEV)
        return join(packs)

    monkeypatch.setattr(repack, "join_packs", commit_meanwhile)
    assert repack.run_step(Job(ORG, "repack", workspaces.current(ORG).id))
    assert interrupted
    assert files.read_file(ORG, "meanwhile").content == b"m"
    assert files.read_file(ORG, "f0").content == b"content 28\n"
    assert log.read(ORG, LogQuery()).total == 31


def test_large_packs_are_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world
    make_commits(30)
    sizes = sorted(pack.pack_bytes for pack in repository().packs)
    monkeypatch.setattr(repack, "MAX_JOINED_BYTES", sum(sizes[:8]))
    job = Job(ORG, "repack", workspaces.current(ORG).id)
    assert repack.run_step(job)
    assert len(repository().packs) == 23
    assert files.read_file(ORG, "f0").content == b"content 28\n"
    assert repack.run_step(job)


def test_what_nothing_names_is_deleted_when_it_is_old(world: World) -> None:
    make_commits(30)
    files.write_file(ORG, "large", b"l" * 10_000)
    workspace = workspaces.current(ORG)
    job = Job(ORG, "repack", workspace.id)
    objects.put(objects.object_key(ORG, workspace.id, "pack", "of-a-request-that-died"), b"x")
    before = stored_objects()
    repack.run_step(job)
    world.clock.step(max(one.stored_at for one in objects.list_all(ORG, workspace.id)) / clock.SECOND)
    world.clock.step(-world.clock.now() / clock.SECOND + _latest() + 60)
    assert repack.run_cleanup(job)
    assert before < stored_objects(), "nothing was old enough"
    world.clock.step(repack.MIN_AGE_MS / clock.SECOND)
    assert repack.run_cleanup(job)
    kept = stored_objects()
    assert len(kept) == 3, "a pack, a list of files, and a large content"
    assert not kept & {"of-a-request-that-died"}
    ttl_cache.clear_all()
    assert files.read_file(ORG, "f0").content == b"content 28\n"
    assert files.read_file(ORG, "large").content == b"l" * 10_000


def _latest() -> float:
    listed = boto3.client("s3").list_objects_v2(Bucket=settings().payload_bucket)["Contents"]
    return max(each["LastModified"].timestamp() for each in listed)


def test_the_jobs_of_a_workspace_that_is_gone_are_done(world: World) -> None:
    assert world
    job = Job(ORG, "repack", "ws_nowhere")
    assert repack.run_step(job)
    assert repack.run_cleanup(job)
