"""Files and git over HTTP, with the real git as the remote."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.client import token
from tests.support.git_server import GitServer, commit_files, git, serving
from tests.system.stack import Caller, Stack

CONFLICT = 409


@pytest.fixture
def server(tmp_path: Path) -> GitServer:
    made = GitServer(tmp_path)
    made.create("app.git")
    return made


@pytest.fixture
def address(server: GitServer) -> Iterator[str]:
    with serving(server) as url:
        yield f"{url}/app.git"


@pytest.fixture
def user(yard: Stack, request: pytest.FixtureRequest) -> Caller:
    """A caller of an org of its own."""
    return Caller(yard.urls["codeserver"], token("user", f"org-{request.node.name}"[:60], "dev", "enterprise"))


def write(user: Caller, **texts: str) -> None:
    for path, text in texts.items():
        user.json("POST", f"/api/files/{path}", {"content": text})


def commit(user: Caller, message: str) -> str:
    return str(user.json("POST", "/api/git/commit", {"message": message})["commit_hash"])


def test_push_clone_and_pull_with_a_merge(user: Caller, server: GitServer, address: str) -> None:
    names = {"src/main.py": "print('Hello')\n", "größe/ß.txt": "Grüße\n", "lines.txt": "1\n2\n3\n4\n5\n"}
    for path, text in names.items():
        user.json("POST", f"/api/files/{quote(path)}", {"content": text})
    first = commit(user, "first: ünïcode")
    user.json("PUT", "/api/git/remotes/origin", {"url": address})
    assert user.json("POST", "/api/git/push", {})["pushed_commits"] == 1

    git(server.root, "clone", "-q", address, "clone")
    clone = server.root / "clone"
    assert {path: (clone / path).read_text() for path in names} == names
    assert git(clone, "rev-parse", "HEAD").strip() == first
    assert git(clone, "log", "-1", "--format=%s").strip() == "first: ünïcode"
    git(clone, "fsck", "--full", "--strict")

    commit_files(clone, "theirs", {"lines.txt": "0\n1\n2\n3\n4\n5\n", "theirs/new.txt": "new\n"})
    git(clone, "push", "-q", "origin", "main")
    write(user, **{"lines.txt": "1\n2\n3\n4\n5\n6\n"})
    commit(user, "ours")
    behind = user.post("/api/git/push", {})
    assert behind.status_code == CONFLICT
    assert "pull first" in behind.json()["message"]
    assert user.json("POST", "/api/git/pull", {})["merged_commits"] == 1
    assert user.get("/api/files/lines.txt").text == "0\n1\n2\n3\n4\n5\n6\n"
    assert user.json("POST", "/api/git/push", {})["pushed_commits"] == 2
    git(clone, "pull", "-q", "--ff-only")
    assert (clone / "lines.txt").read_text() == "0\n1\n2\n3\n4\n5\n6\n"
    git(server.root / "app.git", "fsck", "--full", "--strict")
    log = user.json("GET", "/api/git/log")
    assert log["total"] == 4
    assert {row["hash"] for row in log["commits"]} == set(git(clone, "rev-list", "HEAD").split())


def test_a_pull_that_conflicts_changes_nothing(user: Caller, server: GitServer, address: str) -> None:
    write(user, **{"a.txt": "base\n", "b.txt": "b\n"})
    commit(user, "base")
    user.json("PUT", "/api/git/remotes/origin", {"url": address})
    user.json("POST", "/api/git/push", {})
    git(server.root, "clone", "-q", address, "clone")
    commit_files(server.root / "clone", "theirs", {"a.txt": "theirs\n", "b.txt": "theirs\n"})
    git(server.root / "clone", "push", "-q", "origin", "main")
    write(user, **{"a.txt": "ours\n"})
    head = commit(user, "ours")
    refused = user.post("/api/git/pull", {})
    assert refused.status_code == CONFLICT
    assert refused.json()["message"] == "Nothing was pulled: both sides changed a.txt"
    assert user.json("GET", "/api/git/status")["commit"] == head
    assert (user.get("/api/files/a.txt").text, user.get("/api/files/b.txt").text) == ("ours\n", "b\n")


def test_a_long_history_with_deltas_is_pulled_and_its_logs_are_those_of_git(
    user: Caller, server: GitServer, address: str
) -> None:
    git(server.root, "clone", "-q", address, "clone")
    clone = server.root / "clone"
    lines = [f"line {number}\n" for number in range(300)]
    for number in range(120):
        lines[number * 7 % 300] = f"changed {number}\n"
        if number == 60:
            git(clone, "checkout", "-q", "-b", "side")
        if number == 90:
            git(clone, "checkout", "-q", "main")
            commit_files(clone, "on main", {"main.txt": "x"})
            git(clone, "merge", "-q", "--no-edit", "side")
        path = "big.txt" if number % 2 else f"dir{number % 5}/f{number % 3}.txt"
        text = f"{number}\n" + "".join(lines[: 300 if number % 2 else 20])
        commit_files(clone, f"commit {number}", {path: text})
    git(clone, "gc", "-q", "--aggressive")
    git(clone, "push", "-q", "origin", "main")
    count = int(git(clone, "rev-list", "--count", "HEAD"))
    user.json("PUT", "/api/git/remotes/origin", {"url": address})
    assert user.json("POST", "/api/git/pull", {})["merged_commits"] == count
    for path in ("big.txt", "dir0", "dir1/f0.txt", "main.txt"):
        log = user.json("GET", f"/api/git/log?limit=100&file={path}")
        assert {row["hash"] for row in log["commits"]} == set(git(clone, "rev-list", "HEAD", "--", path).split())
    for path in git(clone, "ls-files").split():
        assert user.get(f"/api/files/{path}").content == (clone / path).read_bytes()


def test_credentials_and_dead_remotes(user: Caller, server: GitServer, address: str) -> None:
    server.credentials = ("dev", "its-password")
    write(user, a="a")
    commit(user, "one")
    user.json("PUT", "/api/git/remotes/origin", {"url": address, "username": "dev", "password": "wrong"})
    refused = user.post("/api/git/push", {})
    assert (refused.status_code, "credentials" in refused.json()["message"]) == (CONFLICT, True)
    user.json("PUT", "/api/git/remotes/origin", {"url": address, "username": "dev", "password": "its-password"})
    assert user.json("POST", "/api/git/push", {})["pushed_commits"] == 1
    user.json("PUT", "/api/git/remotes/dead", {"url": "http://127.0.0.1:9/a.git"})
    for action in ("push", "pull"):
        assert user.post(f"/api/git/{action}", {"remote": "dead"}).status_code == 503
        assert user.post(f"/api/git/{action}", {"remote": "nowhere"}).status_code == CONFLICT


def test_a_file_that_is_too_large_for_an_answer_comes_by_a_link(user: Caller, server: GitServer, address: str) -> None:
    git(server.root, "clone", "-q", address, "clone")
    content = "0123456789abcdef" * 250_000
    commit_files(server.root / "clone", "large", {"large.txt": content})
    git(server.root / "clone", "push", "-q", "origin", "main")
    user.json("PUT", "/api/git/remotes/origin", {"url": address})
    user.json("POST", "/api/git/pull", {})
    redirect = user.call("GET", "/api/files/large.txt", allow_redirects=False)
    assert redirect.status_code == 303
    followed = user.get("/api/files/large.txt")
    assert followed.content == content.encode()
    assert 'filename="large.txt"' in followed.headers["content-disposition"]


def test_bytes_of_all_kinds_go_up_and_come_down(user: Caller) -> None:
    for path, text in {"text.md": "# Grüße\r\n", "empty": "", "nul": "a\0b"}.items():
        write(user, **{path: text})
        assert user.get(f"/api/files/{path}").content == text.encode()
    types = {path: user.get(f"/api/files/{path}").headers["content-type"] for path in ("text.md", "nul")}
    assert types == {"text.md": "text/markdown; charset=utf-8", "nul": "application/octet-stream"}
    for path in ("%2e%2e%2fetc", "a%00b", "a/%2e%2e/b", ".git/config", "a%5cb"):
        assert user.post(f"/api/files/{path}", {"content": "x"}).status_code == 400


def test_commits_at_once_all_land(user: Caller) -> None:
    names = [f"f{number}" for number in range(6)]
    write(user, **dict.fromkeys(names, "x"))

    def commit_one(name: str) -> Any:
        return user.json("POST", "/api/git/commit", {"message": name, "files": [name]})

    with ThreadPoolExecutor(6) as threads:
        made = {each["commit_hash"] for each in threads.map(commit_one, names)}
    log = user.json("GET", "/api/git/log")
    assert {row["hash"] for row in log["commits"]} == made
    assert user.json("GET", "/api/git/status")["is_dirty"] is False
