"""Fetch and push with the real git; servers that are not git's, and what is sent to them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.providers.git import objects, packs, remote
from chalicelib.providers.git.objects import CommitDraft, NewObject, Person, blob_id
from chalicelib.providers.git.pack_entries import BLOB, COMMIT
from chalicelib.providers.git.remote import RemoteAccess, RemoteFailure
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Response, Unreachable
from tests.support.git_server import GitServer, commit_files, git

URL = "https://git.example/a.git"
DEV = Person("dev", "dev@example.com")
Reply = Callable[[str, dict[str, str], bytes], Response]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    git_server = GitServer(tmp_path)
    git_server.create("a.git")
    with Replying(git_server.reply):
        yield git_server


class Replying:
    """Sends requests to a function."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.sent: list[tuple[str, str, dict[str, str]]] = []

    def __enter__(self) -> "Replying":
        self._before = outbound.use_sender(self._send)
        return self

    def __exit__(self, *_: object) -> None:
        outbound.use_sender(self._before)

    def _send(self, method: str, url: str, *, headers: Any, body: bytes, **_: Any) -> Response:
        self.sent.append((method, url, dict(headers)))
        return self._reply(url, dict(headers), body)


def first_commit() -> tuple[NewObject, list[NewObject]]:
    root, folders = objects.build_trees({"a": (0o100644, blob_id(b"a"))})
    commit = objects.make_commit(CommitDraft(root, (), DEV, DEV, 1_700_000_000_000, "first"))
    return commit, [commit, *folders.values(), NewObject(BLOB, blob_id(b"a"), b"a")]


def test_what_is_pushed_is_fetched_again(server: GitServer) -> None:
    commit, objects = first_commit()
    remote.push(RemoteAccess(URL), "main", commit.sha, lambda tip: objects if tip is None else None)
    fetched = remote.fetch(RemoteAccess(URL), "main", [])
    assert (fetched.tip, fetched.branches) == (commit.sha, ["main"])
    assert fetched.pack is not None
    _, found = packs.index_received_pack(fetched.pack)
    assert set(found) == {each.sha for each in objects}
    assert remote.fetch(RemoteAccess(URL), "main", [commit.sha]).pack is None
    assert remote.fetch(RemoteAccess(URL), "other", []) == (None, None, ["main"])
    git(server.root / "a.git", "fsck", "--full", "--strict")


def test_only_what_is_missing_is_fetched(server: GitServer) -> None:
    git(server.root, "clone", "-q", "a.git", "clone")
    clone = server.root / "clone"
    shas = [commit_files(clone, f"c{number}", {"f": f"{number}\n" * 50}) for number in range(5)]
    git(clone, "push", "-q", "origin", "main")
    fetched = remote.fetch(RemoteAccess(URL), "main", shas[2::-1])
    assert fetched.pack is not None
    _, found = packs.index_received_pack(fetched.pack)
    assert {sha for sha, one in found.items() if one.kind == COMMIT} == set(shas[3:])


def test_an_empty_repository_has_no_branch(server: GitServer) -> None:
    assert server.root
    assert remote.fetch(RemoteAccess(URL), "main", []) == (None, None, [])


def test_the_remotes_branch_is_shown_before_anything_is_sent(server: GitServer) -> None:
    commit, made = first_commit()
    remote.push(RemoteAccess(URL), "main", commit.sha, lambda _: made)
    seen: list[str | None] = []

    class Behind(Exception):
        pass

    def refuse(tip: str | None) -> list[NewObject]:
        seen.append(tip)
        raise Behind

    with pytest.raises(Behind):
        remote.push(RemoteAccess(URL), "main", "f" * 40, refuse)
    assert seen == [commit.sha]
    assert git(server.root / "a.git", "rev-parse", "main").strip() == commit.sha


def test_a_branch_that_the_remote_refuses(server: GitServer) -> None:
    commit, objects = first_commit()
    hook = server.root / "a.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RemoteFailure, match="refused the branch") as refused:
        remote.push(RemoteAccess(URL), "main", commit.sha, lambda _: objects)
    assert refused.value.reason == "refused"


def test_objects_that_are_missing_make_no_commit(server: GitServer) -> None:
    commit, made = first_commit()
    with pytest.raises(RemoteFailure) as refused:
        remote.push(RemoteAccess(URL), "main", commit.sha, lambda _: made[:1])
    assert refused.value.reason == "refused"
    assert remote.fetch(RemoteAccess(URL), "main", []).tip is None


def test_credentials_are_sent_and_judged(server: GitServer) -> None:
    server.credentials = ("dev", "s\u00e9cret")
    commit, objects = first_commit()
    for access in (RemoteAccess(URL), RemoteAccess(URL, "dev", "wrong"), RemoteAccess(URL, "dev")):
        for call in (
            lambda access=access: remote.fetch(access, "main", []),
            lambda access=access: remote.push(access, "main", commit.sha, lambda _: objects),
        ):
            with pytest.raises(RemoteFailure) as refused:
                call()
            assert refused.value.reason == "unauthorized"
            assert "wrong" not in str(refused.value)
    remote.push(RemoteAccess(URL, "dev", "s\u00e9cret"), "main", commit.sha, lambda _: objects)


ADVERTISED = {"content-type": "application/x-git-upload-pack-advertisement"}


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response(200, {"content-type": "text/html"}, b"<html>"), "not git"),
        (Response(200, {}, b""), "not git"),
        (Response(200, ADVERTISED, b""), "not git"),
        (Response(200, ADVERTISED, b"garbage"), "not git"),
        (Response(200, ADVERTISED, b"zzzz"), "not git"),
        (Response(200, ADVERTISED, b"ffff"), "not git"),
        (Response(200, ADVERTISED, b"001e# service=git-upload-pack\n0000"), "not git"),
        (Response(200, ADVERTISED, b"001e# service=git-upload-pack\n0000" + b"0032" + b"x" * 46 + b"0000"), "not git"),
        (Response(200, ADVERTISED, b"000eversion 2\n0000"), "not git"),
        (Response(301, {"location": "https://elsewhere.example"}, b""), "redirect"),
        (Response(403, {}, b""), "forbidden"),
        (Response(404, {}, b""), "missing"),
        (Response(410, {}, b""), "missing"),
        (Response(429, {}, b""), "failed"),
        (Response(500, {}, b""), "failed"),
    ],
)
def test_what_is_no_git_server(response: Response, reason: str) -> None:
    with Replying(lambda *_: response) as peer:
        for call in (
            lambda: remote.fetch(RemoteAccess(URL), "main", []),
            lambda: remote.push(RemoteAccess(URL), "main", "f" * 40, lambda _: []),
        ):
            with pytest.raises(RemoteFailure) as failed:
                call()
            assert failed.value.reason == reason
    assert {url.partition("?")[0] for _, url, _ in peer.sent} <= {
        f"{URL}/info/refs",
        f"{URL}/git-upload-pack",
        f"{URL}/git-receive-pack",
    }


@pytest.mark.parametrize(
    ("reason", "expected"), [("refused", "unreachable"), ("timed out", "unreachable"), ("too large", "too large")]
)
def test_a_server_out_of_reach(reason: Any, expected: str) -> None:
    def fail(*_: Any) -> Response:
        raise Unreachable(reason)

    with Replying(fail), pytest.raises(RemoteFailure) as failed:
        remote.fetch(RemoteAccess(URL), "main", [])
    assert failed.value.reason == expected


def test_what_is_too_large_is_not_sent(server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.root
    commit, objects = first_commit()
    monkeypatch.setattr(remote, "MAX_TRANSFER_BYTES", 100)
    with pytest.raises(RemoteFailure, match="would have to be sent") as failed:
        remote.push(RemoteAccess(URL), "main", commit.sha, lambda _: objects)
    assert failed.value.reason == "too large"
