"""Pulls of files that git allows and a workspace does not, and of histories that conflict."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.workspaces.values import FILE_MODE, LINK_MODE, SUBMODULE_MODE
from chalicelib.engine.workspaces import commits, files, log, pull, push, received, remotes, snapshots, workspaces
from chalicelib.engine.workspaces.log import LogQuery
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.errors import Conflict, NotFound, Unavailable
from chalicelib.providers.git import objects as git_objects
from chalicelib.providers.git import pack_entries, packs, tree_walk
from chalicelib.providers.git.objects import NewObject, Person
from chalicelib.providers.git.pack_entries import BLOB, TREE
from tests.support import aws
from tests.support.git_server import (
    GitServer,
    commit_files,
    crafted_commit,
    crafted_object,
    crafted_server,
    git,
)
from tests.support.world import ORG, World

DEV = Person("dev", "dev@example.com")


class Peer:
    """A clone beside the workspace, with the same remote."""

    def __init__(self, world: World, folder: Path) -> None:
        self.server = GitServer(folder)
        self.server.create("a.git")
        world.servers["git.example"] = self.server.reply
        remotes.set_remote(ORG, "origin", "https://git.example/a.git", None, None)
        git(folder, "clone", "-q", "a.git", "clone")
        self.clone = folder / "clone"

    def commit(self, message: str, **texts: str | None) -> str:
        return commit_files(self.clone, message, texts)

    def push(self) -> None:
        git(self.clone, "push", "-q", "origin", "HEAD:main")

    def fetch(self) -> None:
        git(self.clone, "pull", "-q", "--no-rebase", "--no-edit", "origin", "main")

    def check(self) -> None:
        git(self.server.root / "a.git", "fsck", "--full", "--strict")


@pytest.fixture
def peer(world: World, tmp_path: Path) -> Peer:
    return Peer(world, tmp_path)


def pull_all() -> int:
    return pull.pull(ORG, "origin", "main", DEV).commits


def push_all() -> int:
    return push.push(ORG, "origin", None).commits


def commit(message: str, **contents: bytes | None) -> str:
    for path, content in contents.items():
        if content is None:
            files.delete_file(ORG, path)
        else:
            files.write_file(ORG, path, content)
    return commits.commit(ORG, message, DEV).record.sha


def read_contents() -> dict[str, bytes]:
    found = snapshots.read(workspaces.current(ORG)).files()
    return {path: files.read_file(ORG, path).content for path in found}


def test_modes_links_and_submodules_stay_what_they_are(peer: Peer) -> None:
    (peer.clone / "run.sh").write_text("#!/bin/sh\n")
    (peer.clone / "run.sh").chmod(0o755)
    (peer.clone / "link").symlink_to("/etc/passwd")
    other = "1" * 40
    git(peer.clone, "update-index", "--add", "--cacheinfo", f"160000,{other},module")
    git(peer.clone, "add", "run.sh", "link")
    git(peer.clone, "commit", "-q", "-m", "odd ones")
    peer.push()
    pull_all()
    assert files.read_file(ORG, "link").content == b"/etc/passwd", "nothing follows a link"
    with pytest.raises(Conflict, match="submodule"):
        files.read_file(ORG, "module")
    files.write_file(ORG, "run.sh", b"#!/bin/sh\nexit\n")
    files.write_file(ORG, "new", b"n")
    commit("changed")
    manifest = snapshots.read(workspaces.current(ORG)).manifest
    modes = {path: file.mode for path, file in manifest.items()}
    assert modes == {"run.sh": 0o100755, "link": LINK_MODE, "module": SUBMODULE_MODE, "new": FILE_MODE}
    push_all()
    peer.fetch()
    peer.check()
    assert os.access(peer.clone / "run.sh", os.X_OK)
    assert (peer.clone / "link").is_symlink()
    files.write_file(ORG, "link", b"a file now")
    files.delete_file(ORG, "module")
    assert "-Subproject commit " + other in commits.diff(ORG).text
    commit("no links")
    push_all()
    peer.fetch()
    assert (peer.clone / "link").read_text() == "a file now"
    assert not (peer.clone / "link").is_symlink()


@pytest.mark.parametrize(
    "name",
    [
        "a\\b",
        "gro\u0308\u00dfe",
        "a\nb",
        "x" * 200 + "/" + "y" * 200 + "/" + "z" * 255 + "/" + "w" * 255 + "/" + "v" * 255,
    ],
)
def test_a_name_that_cannot_be_kept_is_refused_and_named(peer: Peer, name: str) -> None:
    commit("ours", a=b"a")
    push_all()
    peer.fetch()
    peer.commit("odd name", **{name: "x"})
    peer.push()
    with pytest.raises(Conflict, match="cannot be kept here"):
        pull_all()
    assert read_contents() == {"a": b"a"}
    assert log.read(ORG, LogQuery()).total == 1


def test_a_name_that_is_not_utf_8_is_refused(peer: Peer) -> None:
    (Path(os.fsdecode(os.fsencode(peer.clone) + b"/\xff"))).write_text("x")
    git(peer.clone, "add", "-A")
    git(peer.clone, "commit", "-q", "-m", "bytes")
    peer.push()
    with pytest.raises(Conflict, match=r"cannot be kept here: '\\udcff'"):
        pull_all()


def test_an_odd_name_in_an_older_commit_is_no_harm(peer: Peer) -> None:
    (Path(os.fsdecode(os.fsencode(peer.clone) + b"/\xff"))).write_text("x")
    peer.commit("odd", a="1")
    (Path(os.fsdecode(os.fsencode(peer.clone) + b"/\xff"))).unlink()
    peer.commit("even", a="2")
    peer.push()
    assert pull_all() == 2
    assert log.read(ORG, LogQuery(file="a")).total == 2
    peer.server.create("other.git")
    remotes.set_remote(ORG, "other", "https://git.example/other.git", None, None)
    assert push.push(ORG, "other", None).commits == 2
    git(peer.server.root / "other.git", "fsck", "--full", "--strict")


def test_objects_that_the_remote_did_not_send(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        peer.commit(f"{number}", a=f"{number}", b=f"{number}")
    old_tree = git(peer.clone, "rev-parse", "HEAD~2^{tree}").strip()
    peer.push()
    index = packs.index_received_pack

    def index_without_old_tree(data: bytes) -> Any:
        _, objects_by_sha = index(data)
        kept = {sha: one for sha, one in objects_by_sha.items() if sha != old_tree}
        read = {
            sha: pack_entries.read_object(
                lambda start, length: data[start : start + length], one.offset, lambda sha: objects_by_sha[sha].offset
            )
            for sha, one in kept.items()
        }
        return index(packs.write_pack([NewObject(one.kind, sha, one.content) for sha, one in read.items()])[0].data)

    monkeypatch.setattr(packs, "index_received_pack", index_without_old_tree)
    assert pull_all() == 3
    with pytest.raises(Conflict, match=f"{old_tree} is missing"):
        log.read(ORG, LogQuery(file="a"))
    peer.server.create("other.git")
    remotes.set_remote(ORG, "other", "https://git.example/other.git", None, None)
    with pytest.raises(Conflict, match="is missing"):
        push.push(ORG, "other", None)
    commit("ours", a=b"ours")
    assert log.read(ORG, LogQuery()).total == 4


def test_one_side_deletes_what_the_other_changes(peer: Peer) -> None:
    commit("base", a=b"a\n", b=b"b\n", c=b"c\n")
    push_all()
    peer.fetch()
    peer.commit("theirs", a=None, b="changed\n")
    peer.push()
    commit("ours", a=b"changed\n", b=None)
    with pytest.raises(Conflict, match=r"both sides changed a, b$"):
        pull_all()
    assert read_contents() == {"a": b"changed\n", "c": b"c\n"}


def test_a_file_here_is_a_directory_there(peer: Peer) -> None:
    commit("base", x=b"x")
    push_all()
    peer.fetch()
    peer.commit("theirs", **{"a/b": "theirs"})
    peer.push()
    commit("ours", a=b"ours")
    with pytest.raises(Conflict, match=r"both sides changed a$"):
        pull_all()


def test_binary_files_that_both_changed_conflict_and_others_merge(peer: Peer) -> None:
    commit("base", b=b"\0\1", t=b"1\n2\n3\n", same=b"s")
    push_all()
    peer.fetch()
    (peer.clone / "b").write_bytes(b"\0theirs")
    peer.commit("theirs", t="0\n1\n2\n3\n", same="changed alike")
    peer.push()
    commit("ours", b=b"\0ours", t=b"1\n2\n3\n4\n", same=b"changed alike")
    with pytest.raises(Conflict, match=r"both sides changed b$"):
        pull_all()
    commit("undone", b=b"\0\1")
    assert pull_all() == 1
    assert read_contents() == {"b": b"\0theirs", "t": b"0\n1\n2\n3\n4\n", "same": b"changed alike"}
    push_all()
    peer.fetch()
    peer.check()


def test_a_moved_file_and_one_that_came_back(peer: Peer) -> None:
    commit("base", **{"old/name": b"content", "back": b"first"})
    push_all()
    peer.fetch()
    peer.commit("moved", **{"old/name": None, "new/name": "content", "back": "second"})
    peer.commit("back again", back="first")
    peer.push()
    assert pull_all() == 2
    assert read_contents() == {"new/name": b"content", "back": b"first"}


def test_histories_that_have_nothing_in_common(peer: Peer) -> None:
    commit("ours", ours=b"o", both=b"same")
    peer.commit("theirs", theirs="t", both="same")
    peer.push()
    assert pull_all() == 1
    assert read_contents() == {"ours": b"o", "theirs": b"t", "both": b"same"}
    assert log.read(ORG, LogQuery()).total == 3
    push_all()
    peer.check()


def test_merges_go_on_from_merges(peer: Peer) -> None:
    """Both sides change and merge in turn; each merge begins at the last one."""
    commit("base", a=b"".join(b"%d\n" % number for number in range(40)))
    push_all()
    peer.fetch()
    for number in range(4):
        lines = files.read_file(ORG, "a").content.splitlines(keepends=True)
        lines[number] = b"ours %d\n" % number
        commit(f"ours {number}", a=b"".join(lines))
        theirs = (peer.clone / "a").read_text().splitlines(keepends=True)
        theirs[-1 - number] = f"theirs {number}\n"
        peer.commit(f"theirs {number}", a="".join(theirs))
        peer.push()
        pull_all()
        push_all()
        peer.fetch()
    assert files.read_file(ORG, "a").content == (peer.clone / "a").read_bytes()
    assert log.read(ORG, LogQuery()).total == int(git(peer.clone, "rev-list", "--count", "HEAD"))
    shown = [record.sha for record in log.read(ORG, LogQuery(limit=100)).records]
    assert set(shown) == set(git(peer.clone, "rev-list", "HEAD").split())
    peer.check()


def test_a_commit_that_is_made_during_a_pull_is_merged(peer: Peer) -> None:
    commit("base", a=b"a", b=b"b")
    push_all()
    peer.fetch()
    peer.commit("theirs", a="theirs")
    peer.push()
    interrupted: list[bool] = []

    def commit_meanwhile(call: aws.Call, send: Callable[[], Any]) -> Any:
        if call == ("S3", "PUT") and not interrupted:
            interrupted.append(True)
            with aws.without_interference():
                commit("meanwhile", b=b"ours")
        return send()

    with aws.interfering(commit_meanwhile):
        assert pull_all() == 1
    assert interrupted
    assert read_contents() == {"a": b"theirs", "b": b"ours"}
    assert log.read(ORG, LogQuery()).total == 4


def test_the_remotes_branch_moves_during_a_push(peer: Peer, world: World) -> None:
    commit("base", a=b"a")
    push_all()
    peer.fetch()
    commit("ours", a=b"ours")
    reply = peer.server.reply
    moved: list[bool] = []

    def move_before_the_pack(url: str, headers: dict[str, str], body: bytes) -> Any:
        if url.endswith("/git-receive-pack") and not moved:
            moved.append(True)
            peer.commit("theirs", b="b")
            peer.push()
        return reply(url, headers, body)

    world.servers["git.example"] = move_before_the_pack
    with pytest.raises(Conflict, match="pull first"):
        push_all()
    assert moved
    peer.check()
    assert pull_all() == 1
    assert push_all() == 2


def test_a_shallow_remote_does_not_have_the_whole_history(peer: Peer, world: World) -> None:
    for number in range(3):
        peer.commit(f"{number}", a=f"{number}")
    peer.push()
    root = peer.server.root
    git(root, "clone", "-q", "--bare", "--depth", "1", f"file://{root}/a.git", "shallow.git")
    remotes.set_remote(ORG, "shallow", "https://git.example/shallow.git", None, None)
    with pytest.raises(Conflict, match="whole history"):
        pull.pull(ORG, "shallow", "main", DEV)


def test_a_tree_that_stands_for_millions_of_files_is_refused(peer: Peer) -> None:
    blob = _hash(peer, "x")
    tree = _make_tree(peer, "".join(f"100644 blob {blob}\tf{number}\n" for number in range(10)))
    for _ in range(7):
        tree = _make_tree(peer, "".join(f"040000 tree {tree}\td{number}\n" for number in range(10)))
    made = git(peer.clone, "commit-tree", "-m", "bomb", tree).strip()
    git(peer.clone, "push", "-q", "origin", f"{made}:refs/heads/main")
    with pytest.raises(Conflict, match="more than"):
        pull_all()


def _hash(peer: Peer, text: str) -> str:
    (peer.clone / "blob").write_text(text)
    return git(peer.clone, "hash-object", "-w", "blob").strip()


def _make_tree(peer: Peer, listing: str) -> str:
    (peer.clone / "listing").write_text(listing)
    return git(peer.clone, "-c", "alias.make=!git mktree < listing", "make").strip()


def serve_crafted(world: World, made: NewObject, *others: NewObject) -> None:
    """Have a server answer that sends these objects, of which `made` is the commit of its branch."""
    world.servers["git.example"] = crafted_server(made.sha, [*others, made])
    remotes.set_remote(ORG, "origin", "https://git.example/a.git", None, None)


def tree_of(*entries: tuple[str, str, NewObject]) -> NewObject:
    """A tree of (mode, name, object)."""
    lines = (f"{mode} {name}\0".encode() + bytes.fromhex(one.sha) for mode, name, one in entries)
    return crafted_object(TREE, b"".join(lines))


X = crafted_object(BLOB, b"x")
WITH_X = tree_of(("100644", "f", X))


@pytest.mark.parametrize(("seconds", "year"), [("253402300800", 9999), ("9" * 30, 9999), ("-5", 1970)])
def test_a_commit_of_any_time_is_shown(world: World, seconds: str, year: int) -> None:
    serve_crafted(world, crafted_commit(WITH_X.sha, seconds=seconds), WITH_X, X)
    assert pull_all() == 1
    [record] = log.read(ORG, LogQuery()).records
    assert clock.utc(record.at).year == year


def test_an_author_of_any_length_is_shown_in_part(world: World) -> None:
    name, address = os.urandom(300_000).hex(), os.urandom(300_000).hex()
    serve_crafted(world, crafted_commit(WITH_X.sha, f"{name} <{address}>"), WITH_X, X)
    assert pull_all() == 1
    [record] = log.read(ORG, LogQuery()).records
    assert (record.author, record.email) == (name[:500], address[:500])


def test_a_commit_of_too_many_parents_is_refused(world: World) -> None:
    parents = [crafted_commit(WITH_X.sha, seconds=str(number)) for number in range(1_001)]
    made = crafted_commit(WITH_X.sha, parents=[parent.sha for parent in parents])
    serve_crafted(world, made, WITH_X, X, *parents)
    with pytest.raises(Conflict, match="more than 1000 parents"):
        pull_all()


@pytest.mark.parametrize("mode", ["040000", "40000"])
def test_trees_that_the_remote_wrote_in_another_way(world: World, mode: str) -> None:
    """Old programs wrote zeros in front of modes, and others write empty directories. A commit here has other trees."""
    empty = tree_of()
    inner = tree_of((mode, "empty", empty), (mode, "sub", WITH_X))
    root = tree_of((mode, "inner", inner))
    theirs = crafted_commit(root.sha)
    serve_crafted(world, theirs, root, inner, empty, WITH_X, X)
    pull_all()
    ours = commit("more", g=b"g")
    store = ObjectStore(snapshots.read(workspaces.current(ORG)).repository)
    tree = git_objects.parse_commit(store.read(ours).content).tree
    listed = tree_walk.list_files(tree, store.read_tree, 100)
    assert {path: store.read(entry.sha).content for path, entry in listed} == {"g": b"g", "inner/sub/f": b"x"}


def test_a_directory_that_is_too_deep_is_refused(world: World) -> None:
    trees = [WITH_X]
    for _ in range(20):
        trees.append(tree_of(("40000", "d" * 250, trees[-1])))
    serve_crafted(world, crafted_commit(trees[-1].sha), X, *trees)
    with pytest.raises(Conflict, match="path has more than 4096 characters"):
        pull_all()


@pytest.mark.parametrize("died", [False, True])
def test_a_row_that_says_the_same_as_the_last_commit_does_not_undo_a_pull(peer: Peer, died: bool) -> None:
    commit("base", a=b"one", large=b"1" * 10_000)
    push_all()
    peer.fetch()
    if died:  # after a commit was published and before its rows were removed
        files.write_file(ORG, "a", b"two")
        with aws.interfering(fail_removals):
            commits.commit(ORG, "ours", DEV)
        push_all()
        peer.fetch()
    else:
        files.write_file(ORG, "a", b"one")
        files.write_file(ORG, "large", b"1" * 10_000)
    assert snapshots.read(workspaces.current(ORG)).rows
    peer.commit("theirs", a="theirs", large="theirs")
    peer.push()
    assert commits.status(ORG).modified == []
    pull_all()
    assert read_contents() == {"a": b"theirs", "large": b"theirs"}
    assert commits.status(ORG).modified == []
    assert snapshots.read(workspaces.current(ORG)).rows == {}


def fail_removals(call: aws.Call, send: Callable[[], Any]) -> Any:
    """Carry out the first transaction alone."""
    if call == ("DynamoDB", "TransactWriteItems") and workspaces_have_no_changes():
        raise Unavailable("The database is busy; try again")
    return send()


def workspaces_have_no_changes() -> bool:
    with aws.without_interference():
        return not commits.status(ORG).modified


def test_a_file_that_came_and_went_is_pulled(peer: Peer) -> None:
    commit("base", a=b"a")
    push_all()
    peer.fetch()
    files.write_file(ORG, "b", b"came")
    files.delete_file(ORG, "b")
    peer.commit("theirs", b="theirs")
    peer.push()
    pull_all()
    assert read_contents() == {"a": b"a", "b": b"theirs"}


def test_a_pull_that_cannot_remove_rows_changes_nothing(peer: Peer) -> None:
    commit("base", a=b"one")
    push_all()
    peer.fetch()
    files.write_file(ORG, "a", b"one")
    peer.commit("theirs", a="theirs")
    peer.push()

    with aws.interfering(fail_removals), pytest.raises(Unavailable):
        pull_all()
    assert read_contents() == {"a": b"one"}
    assert pull_all() == 1
    assert read_contents() == {"a": b"theirs"}


def test_too_many_files_and_bytes_are_refused(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    peer.commit("theirs", **{f"f{number}": "x" for number in range(12)})
    peer.push()
    monkeypatch.setattr(received, "MAX_ENTRIES", 10)
    with pytest.raises(Conflict, match="more than 10 files"):
        pull_all()
    monkeypatch.setattr(received, "MAX_ENTRIES", 100)
    monkeypatch.setattr("chalicelib.engine.workspaces.publishing.MAX_FILES", 11)
    with pytest.raises(Conflict, match="12 files; at most 11"):
        pull_all()
    monkeypatch.setattr("chalicelib.engine.workspaces.publishing.MAX_FILES", 12)
    monkeypatch.setattr("chalicelib.engine.workspaces.publishing.MAX_PACKED_BYTES", 10)
    with pytest.raises(Conflict, match="at most 10 are kept"):
        pull_all()
    assert read_contents() == {}


def test_a_pull_that_failed_in_the_middle_is_made_again(peer: Peer) -> None:
    for number in range(5):
        peer.commit(f"{number}", a=f"{number}")
    peer.push()
    count = [0]

    def fail_the_publication(call: aws.Call, send: Callable[[], Any]) -> Any:
        count[0] += call == ("DynamoDB", "TransactWriteItems")
        if count[0] == 1:
            raise Unavailable("The database is busy; try again")
        return send()

    with aws.interfering(fail_the_publication), pytest.raises(Unavailable):
        pull_all()
    assert read_contents() == {}
    assert log.read(ORG, LogQuery()).total == 0
    assert pull_all() == 5
    assert pull_all() == 0


def test_a_branch_and_a_remote_that_are_not_there(peer: Peer) -> None:
    with pytest.raises(NotFound, match="the remote has none"):
        pull_all()
    with pytest.raises(Conflict, match="no remote upstream"):
        pull.pull(ORG, "upstream", "main", DEV)
    assert peer.server.requests
