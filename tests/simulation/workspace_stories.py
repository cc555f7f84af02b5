"""Stories of workspaces for tests that kill a process, and what must hold of every workspace."""

from collections.abc import Callable
from itertools import count

from chalicelib.config import settings
from chalicelib.domain.workspaces.values import Repository
from chalicelib.engine import ttl_cache
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.workspaces import commits, files, log, pull, push, remotes, repack, snapshots, workspaces
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.errors import Conflict, Unavailable
from chalicelib.providers.git.objects import Person, blob_id
from chalicelib.storage.workspaces import files as file_storage
from chalicelib.storage.workspaces import repositories, table
from tests.support import aws
from tests.support.git_server import GitServer, commit_files, git, process_server
from tests.support.world import ORG, World

Act = Callable[[], object]
DEV = Person("dev", "dev@example.com")
LARGE = b"large " * 2_000
_numbers = count()


def workspaces_are_whole(_: World) -> None:
    """22: what a repository names is there; every file can be read and is what its id says; the log has all commits."""
    stored = aws.raw_items(settings().workspaces_table)
    all_repositories = [repositories.from_raw(raw) for raw in stored if raw["key"]["S"] == table.REPOSITORY]
    if all_repositories:
        ttl_cache.clear_all()
    with aws.without_interference():
        for repository in all_repositories:
            try:
                _require_whole(repository)
            except (Unavailable, Conflict, KeyError, StaleRead) as error:
                raise AssertionError(f"{repository.workspace_id} names what is not stored") from error


def _require_whole(repository: Repository) -> None:
    workspace = workspaces.get(repository.org, repository.workspace_id)
    snapshot = snapshots.read(workspace)
    store = ObjectStore(snapshot.repository)
    for path, file in snapshot.manifest.items():
        assert blob_id(store.read_file(file)) == file.sha, f"{path} is not what was committed"
    written = [row for row in snapshot.rows.values() if not row.is_deleted]
    small = file_storage.find_contents(workspace.org, workspace.id, [row for row in written if row.blob is None])
    for row in written:
        assert blob_id(files.read_row(workspace, row, small.get(row.path))) == row.sha, (
            f"{row.path} is not what was written"
        )
    _, records = log.read_all(workspace.org, workspace.id)
    assert len(records) == repository.commits, f"{len(records)} of {repository.commits} commits are in the log"
    assert [record.sha for record in records[:1]] == ([repository.head] if repository.head else [])
    for record in records:
        assert store.read(record.sha).content, f"{record.sha} is in no pack"
        assert store.read_tree(record.tree) is not None


def _write(**contents: bytes) -> None:
    for path, content in contents.items():
        files.write_file(ORG, path, content)


def _commit_all(message: str = "m") -> object:
    return commits.commit(ORG, message, DEV)


def _first_use(_: World) -> Act:
    return lambda: workspaces.current(ORG)


def _create(_: World) -> Act:
    workspaces.current(ORG)
    return lambda: workspaces.create(ORG, "second")


def _switch(_: World) -> Act:
    made = workspaces.create(ORG, "second")
    return lambda: workspaces.switch(ORG, made.id)


def _write_small(_: World) -> Act:
    _write(a=b"before")
    return lambda: files.write_file(ORG, "a", b"after")


def _write_large(_: World) -> Act:
    _write(a=LARGE)
    return lambda: files.write_file(ORG, "a", LARGE * 2)


def _delete(_: World) -> Act:
    _write(a=LARGE)
    _commit_all()
    _write(a=LARGE * 2)
    return lambda: files.delete_file(ORG, "a")


def _commit(_: World) -> Act:
    _write(a=b"a", b=LARGE, c=b"c")
    _commit_all("first")
    _write(a=b"2", b=LARGE * 2, d=b"d")
    files.delete_file(ORG, "c")
    return lambda: _commit_all("second")


def _server(world: World) -> tuple[GitServer, str]:
    """The git server, with a repository of its own for this world, which is the remote `origin`."""
    server = process_server()
    name = f"kill-{next(_numbers)}.git"
    server.create(name)
    world.servers["git.example"] = server.reply
    remotes.set_remote(ORG, "origin", f"https://git.example/{name}", None, None)
    return server, name


def _set_remote(_: World) -> Act:
    workspaces.current(ORG)
    return lambda: remotes.set_remote(ORG, "origin", "https://git.example/a.git", "dev", "password")


def _remove_remote(_: World) -> Act:
    remotes.set_remote(ORG, "origin", "https://git.example/a.git", "dev", "password")
    return lambda: remotes.remove_remote(ORG, "origin")


def _push(world: World) -> Act:
    _server(world)
    _write(a=b"a", b=LARGE)
    _commit_all()
    return lambda: push.push(ORG, "origin", None)


def _pull(world: World) -> Act:
    server, name = _server(world)
    _commit_elsewhere(server, name, {"a": "a", "d/b": "b"})
    return lambda: pull.pull(ORG, "origin", None, DEV)


def _pull_and_merge(world: World) -> Act:
    server, name = _server(world)
    _write(a=b"1\n2\n3\n4\n5\n", b=b"b")
    _commit_all()
    push.push(ORG, "origin", None)
    _commit_elsewhere(server, name, {"a": "0\n1\n2\n3\n4\n5\n", "c": "c"})
    _write(a=b"1\n2\n3\n4\n5\n6\n")
    _commit_all("ours")
    _write(untracked=b"u")
    return lambda: pull.pull(ORG, "origin", None, DEV)


def _commit_elsewhere(server: GitServer, name: str, texts: dict[str, str]) -> None:
    clone = server.root / f"{name}-clone"
    git(server.root, "clone", "-q", name, str(clone))
    commit_files(clone, "theirs", texts)
    git(clone, "push", "-q", "origin", "HEAD:main")


def _join_packs(_: World) -> Act:
    for number in range(repack.ENOUGH_PACKS + 1):
        _write(a=b"%d" % number)
        _commit_all()
    job = Job(ORG, "repack", workspaces.current(ORG).id)
    return lambda: repack.run_step(job)


def _clean_up(world: World) -> Act:
    join = _join_packs(world)
    _write(b=LARGE)
    join()
    world.clock.step(1_000_000_000)  # so that what was just stored is old
    job = Job(ORG, "cleanup", workspaces.current(ORG).id)
    return lambda: repack.run_cleanup(job)


def _has(path: str, content: bytes | None) -> Callable[[], None]:
    """Check a file; None is one that is not there."""

    def check() -> None:
        found = {name: files.read_file(ORG, name).content for name in snapshots.read(workspaces.current(ORG)).files()}
        assert found.get(path) == content

    return check


def _require_committed() -> None:
    status = commits.status(ORG)
    assert (status.modified, status.untracked) == ([], [])
    assert [record.message for record in log.read(ORG, log.LogQuery()).records] == ["second", "first"]
    _has("b", LARGE * 2)()
    _has("c", None)()


def _require_merged() -> None:
    _has("a", b"0\n1\n2\n3\n4\n5\n6\n")()
    _has("c", b"c")()
    assert commits.status(ORG).untracked == ["untracked"]
    assert len(log.read(ORG, log.LogQuery()).records[0].parents) == 2


def _require_pushed() -> None:
    assert push.push(ORG, "origin", None).commits == 0


def _is_second_current() -> None:
    assert workspaces.current(ORG).name == "second"


CHECKS: dict[str, Callable[[], None]] = {
    "switch of workspaces": _is_second_current,
    "small file": _has("a", b"after"),
    "large file": _has("a", LARGE * 2),
    "deleted file": _has("a", None),
    "commit": _require_committed,
    "push": _require_pushed,
    "pull": _has("d/b", b"b"),
    "pull with a merge": _require_merged,
    "joining of packs": _has("a", b"%d" % repack.ENOUGH_PACKS),
    "cleanup of a workspace": _has("b", LARGE),
}
"""Story -> what holds once its act was tried again."""
STORIES: dict[str, Callable[[World], Act]] = {
    "first use of workspaces": _first_use,
    "new workspace": _create,
    "switch of workspaces": _switch,
    "small file": _write_small,
    "large file": _write_large,
    "deleted file": _delete,
    "commit": _commit,
    "remote": _set_remote,
    "remote removed": _remove_remote,
    "push": _push,
    "pull": _pull,
    "pull with a merge": _pull_and_merge,
    "joining of packs": _join_packs,
    "cleanup of a workspace": _clean_up,
}
