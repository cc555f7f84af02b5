"""Git over the API, with `git http-backend` as the remote."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.client import token
from tests.support.git_server import GitServer, commit_files, git
from tests.support.world import World, answer

ORIGIN = "https://git.example/app.git"


@pytest.fixture
def server(codeserver_api: CodeserverApi, tmp_path: Path) -> GitServer:
    git_server = GitServer(tmp_path)
    git_server.create("app.git")
    codeserver_api.world.servers["git.example"] = git_server.reply
    return git_server


@pytest.fixture
def api_with_remote(codeserver_api: CodeserverApi, server: GitServer) -> CodeserverApi:
    """Set the remote `origin`."""
    assert server.root
    codeserver_api.call("PUT", "/api/git/remotes/origin", {"url": ORIGIN})
    return codeserver_api


def write(api: CodeserverApi, path: str, text: str) -> None:
    api.call("POST", f"/api/files/{path}", {"content": text})


def read(api: CodeserverApi, path: str) -> str:
    reply = api.request("GET", f"/api/files/{path}")
    assert reply.status == 200, reply.text
    return reply.text


def commit(api: CodeserverApi, message: str, **files: str) -> str:
    for path, text in files.items():
        write(api, path, text)
    return str(api.call("POST", "/api/git/commit", {"message": message})["commit_hash"])


def clone(server: GitServer, name: str = "clone") -> Path:
    git(server.root, "clone", "-q", str(server.root / "app.git"), name)
    return server.root / name


def test_what_was_pushed_is_what_git_clones(api_with_remote: CodeserverApi, server: GitServer) -> None:
    write(api_with_remote, "src/main.py", "print('hi')\n")
    api_with_remote.call("POST", "/api/files/logo.bin", {"content": "AAEC/w==", "encoding": "base64"})
    first = commit(api_with_remote, "first")
    second = commit(api_with_remote, "second", README="a project\n")
    pushed = api_with_remote.call("POST", "/api/git/push", {"branch": "main", "remote": "origin"})
    assert pushed["status"] == "success"
    assert pushed["pushed_commits"] == 2
    git(server.root / "app.git", "fsck", "--full", "--strict")
    folder = clone(server)
    assert (folder / "src/main.py").read_text() == "print('hi')\n"
    assert (folder / "logo.bin").read_bytes() == b"\x00\x01\x02\xff"
    assert git(folder, "rev-list", "HEAD").split() == [second, first]
    assert git(folder, "log", "-1", "--format=%an %s").strip() == "dev second"
    assert api_with_remote.call("POST", "/api/git/push", {})["pushed_commits"] == 0


@pytest.mark.parametrize(
    ("moved_to", "status", "expected"),
    [
        ("$3", 200, '"pushed_commits":0'),  # somebody else pushed the same commit
        ("$(git commit-tree -m theirs $3^{tree})", 409, "pull first"),
        ("$2", 409, "refused the branch"),
    ],
)
def test_a_branch_that_moves_during_a_push(
    api_with_remote: CodeserverApi, server: GitServer, moved_to: str, status: int, expected: str
) -> None:
    commit(api_with_remote, "first", a="1\n")
    api_with_remote.call("POST", "/api/git/push", {})
    commit(api_with_remote, "second", a="2\n")
    for setting in ("user.name", "user.email"):
        git(server.root / "app.git", "config", setting, "x@example.com")
    hook = server.root / "app.git/hooks/update"
    hook.write_text(f"#!/bin/sh\ngit update-ref $1 {moved_to}\nexit 1\n")
    hook.chmod(0o755)
    reply = api_with_remote.request("POST", "/api/git/push", {})
    assert reply.status == status, reply.text
    assert expected in reply.text


def test_a_pull_into_an_empty_workspace_takes_the_branch_over(
    api_with_remote: CodeserverApi, server: GitServer
) -> None:
    folder = clone(server)
    git(folder, "checkout", "-q", "-b", "trunk")
    commits = [
        commit_files(folder, f"c{number}", {"a.txt": f"{number}\n", f"d/{number}.txt": "x"}) for number in range(3)
    ]
    git(folder, "push", "-q", "origin", "trunk")
    pulled = api_with_remote.call("POST", "/api/git/pull", {"branch": "trunk"})
    assert (pulled["branch"], pulled["merged_commits"]) == ("trunk", 3)
    assert read(api_with_remote, "a.txt") == "2\n"
    status = api_with_remote.call("GET", "/api/git/status")
    assert (status["branch"], status["commit"], status["is_dirty"]) == ("trunk", commits[-1], False)
    log = api_with_remote.call("GET", "/api/git/log")
    assert [row["hash"] for row in log["commits"]] == commits[::-1]
    assert log["total"] == 3
    assert api_with_remote.call("POST", "/api/git/pull", {})["merged_commits"] == 0


def test_both_sides_are_merged_and_pushed_again(api_with_remote: CodeserverApi, server: GitServer) -> None:
    lines = [f"line {number}\n" for number in range(20)]
    commit(api_with_remote, "base", **{"a.txt": "".join(lines), "gone.txt": "x"})
    api_with_remote.call("POST", "/api/git/push", {})
    folder = clone(server)
    theirs = commit_files(
        folder, "theirs", {"a.txt": "".join(["theirs\n", *lines[1:]]), "new/b.txt": "b\n", "gone.txt": None}
    )
    git(folder, "push", "-q", "origin", "main")
    ours = commit(api_with_remote, "ours", **{"a.txt": "".join([*lines[:-1], "ours\n"]), "c.txt": "c\n"})
    behind = api_with_remote.request("POST", "/api/git/push", {})
    assert behind.status == 409
    assert "pull first" in behind.json["message"]
    assert api_with_remote.call("POST", "/api/git/pull", {})["merged_commits"] == 1
    assert read(api_with_remote, "a.txt") == "".join(["theirs\n", *lines[1:-1], "ours\n"])
    assert read(api_with_remote, "new/b.txt") == "b\n"
    assert api_with_remote.request("GET", "/api/files/gone.txt").status == 404
    log = api_with_remote.call("GET", "/api/git/log")
    assert log["total"] == 4
    assert {row["hash"] for row in log["commits"][1:3]} == {ours, theirs}
    assert api_with_remote.call("POST", "/api/git/push", {})["pushed_commits"] == 2
    git(server.root / "app.git", "fsck", "--full", "--strict")
    git(folder, "pull", "-q", "--ff-only")
    assert (folder / "a.txt").read_text() == "".join(["theirs\n", *lines[1:-1], "ours\n"])
    assert not (folder / "gone.txt").exists()


def test_a_pull_that_conflicts_changes_nothing_and_names_the_files(
    api_with_remote: CodeserverApi, server: GitServer
) -> None:
    commit(api_with_remote, "base", **{"a.txt": "one\n", "b.txt": "b\n"})
    api_with_remote.call("POST", "/api/git/push", {})
    made = clone(server)
    commit_files(made, "theirs", {"a.txt": "theirs\n", "b.txt": "theirs too\n"})
    git(made, "push", "-q", "origin", "main")
    head = commit(api_with_remote, "ours", **{"a.txt": "ours\n"})
    refused = api_with_remote.request("POST", "/api/git/pull", {})
    assert refused.status == 409
    assert refused.json["message"] == "Nothing was pulled: both sides changed a.txt"
    assert (read(api_with_remote, "a.txt"), read(api_with_remote, "b.txt")) == ("ours\n", "b\n")
    assert api_with_remote.call("GET", "/api/git/status")["commit"] == head
    assert api_with_remote.call("GET", "/api/git/log")["total"] == 2


def test_a_pull_that_would_overwrite_a_local_change_is_refused(
    api_with_remote: CodeserverApi, server: GitServer
) -> None:
    commit(api_with_remote, "base", **{"a.txt": "one\n"})
    api_with_remote.call("POST", "/api/git/push", {})
    made = clone(server)
    commit_files(made, "theirs", {"a.txt": "theirs\n", "new.txt": "new\n", "dir/x": "x"})
    git(made, "push", "-q", "origin", "main")
    for path in ("a.txt", "new.txt", "dir"):
        write(api_with_remote, path, "mine\n")
        refused = api_with_remote.request("POST", "/api/git/pull", {})
        assert refused.status == 409
        assert path in refused.json["message"]
        assert "overwritten" in refused.json["message"]
        api_with_remote.call("DELETE", f"/api/files/{path}")
        write(api_with_remote, "a.txt", "one\n")
    write(api_with_remote, "new.txt", "new\n")  # the same as theirs
    write(api_with_remote, "other.txt", "other\n")
    assert api_with_remote.call("POST", "/api/git/pull", {})["merged_commits"] == 1
    assert api_with_remote.call("GET", "/api/git/status")["untracked_files"] == ["other.txt"]


def test_without_a_remote_the_answer_says_how_to_set_one(codeserver_api: CodeserverApi) -> None:
    commit(codeserver_api, "one", a="a")
    for action in ("push", "pull"):
        refused = codeserver_api.request("POST", f"/api/git/{action}", {})
        assert refused.status == 409
        assert "PUT /api/git/remotes/origin" in refused.json["message"]


def test_a_remote_that_needs_credentials(api_with_remote: CodeserverApi, server: GitServer) -> None:
    server.credentials = ("dev", "s3cret-password")
    commit(api_with_remote, "one", a="a")
    refused = api_with_remote.request("POST", "/api/git/push", {})
    assert refused.status == 409
    assert "credentials" in refused.json["message"]
    remote = {"url": ORIGIN, "username": "dev", "password": "s3cret-password"}
    said = api_with_remote.call("PUT", "/api/git/remotes/origin", remote)
    assert said["has_password"] is True
    assert "s3cret" not in str(said)
    assert api_with_remote.call("POST", "/api/git/push", {})["pushed_commits"] == 1
    api_with_remote.call("PUT", "/api/git/remotes/origin", {**remote, "password": "wrong"})
    assert api_with_remote.request("POST", "/api/git/pull", {}).status == 409


def test_remotes_are_listed_without_passwords_and_removed(api_with_remote: CodeserverApi) -> None:
    body = {"url": "https://git.example/b.git", "username": "dev", "password": "s3cret-password"}
    api_with_remote.call("PUT", "/api/git/remotes/backup", body)
    listed = api_with_remote.request("GET", "/api/git/remotes")
    assert "s3cret" not in listed.text
    rows = [(row["name"], row["url"], row["username"], row["has_password"]) for row in listed.json["remotes"]]
    assert rows == [("backup", body["url"], "dev", True), ("origin", ORIGIN, None, False)]
    assert listed.json["total"] == 2
    assert api_with_remote.call("DELETE", "/api/git/remotes/origin")["name"] == "origin"
    assert [row["name"] for row in api_with_remote.call("GET", "/api/git/remotes")["remotes"]] == ["backup"]
    assert api_with_remote.request("DELETE", "/api/git/remotes/origin").status == 404
    assert api_with_remote.request("POST", "/api/git/push", {}).status == 409


@pytest.mark.parametrize(("action", "field"), [("push", "force"), ("pull", "rebase"), ("commit", "amend")])
def test_what_git_can_and_this_api_cannot_is_refused_by_name(
    api_with_remote: CodeserverApi, action: str, field: str
) -> None:
    commit(api_with_remote, "one", a="a")
    write(api_with_remote, "b", "b")
    body = {"message": "two"} if action == "commit" else {}
    refused = api_with_remote.request("POST", f"/api/git/{action}", {**body, field: True})
    assert refused.status == 400
    assert refused.json["message"].startswith(f"{field}: is not a field of this body")
    assert api_with_remote.call("GET", "/api/git/log")["total"] == 1


@pytest.mark.parametrize(
    ("reply", "status", "says"),
    [
        (answer(500), 503, "status 500"),
        (answer(404), 409, "no repository"),
        (answer(302, location="https://elsewhere.example"), 409, "redirect"),
        (answer(200, {"hello": "there"}), 409, "not that of a git repository"),
        (lambda *_: answer(200, content_type="application/x-git-upload-pack-advertisement"), 409, "git's protocol"),
        (None, 503, "cannot be reached"),
    ],
)
def test_a_remote_that_fails_is_an_error_that_says_so(
    api_with_remote: CodeserverApi, world: World, reply: Callable[..., object] | None, status: int, says: str
) -> None:
    commit(api_with_remote, "one", a="a")
    world.servers.pop("git.example")
    if reply is not None:
        world.servers["git.example"] = reply if callable(reply) else lambda *_: reply
    for action in ("push", "pull"):
        refused = api_with_remote.request("POST", f"/api/git/{action}", {})
        assert refused.status == status, refused.text
        assert says in refused.json["message"]


def test_a_branch_that_is_not_there(api_with_remote: CodeserverApi) -> None:
    commit(api_with_remote, "one", a="a")
    api_with_remote.call("POST", "/api/git/push", {})
    assert api_with_remote.request("POST", "/api/git/push", {"branch": "other"}).status == 404
    missing = api_with_remote.request("POST", "/api/git/pull", {"branch": "other"})
    assert missing.status == 404
    assert missing.json["message"] == "Branch not found: other; the remote has main"


def test_nothing_to_push_or_commit(api_with_remote: CodeserverApi) -> None:
    assert "nothing to push" in api_with_remote.request("POST", "/api/git/push", {}).json["message"]
    assert api_with_remote.request("POST", "/api/git/commit", {"message": "m"}).status == 409
    write(api_with_remote, "a", "a")
    commit(api_with_remote, "one")
    write(api_with_remote, "a", "a")
    assert api_with_remote.request("POST", "/api/git/commit", {"message": "again"}).status == 409
    assert api_with_remote.call("GET", "/api/git/status")["is_dirty"] is False


def test_a_commit_of_unknown_or_no_files(codeserver_api: CodeserverApi) -> None:
    write(codeserver_api, "a", "a")
    for body in ({"message": "m", "files": ["a", "nowhere"]}, {"message": "m", "files": []}, {"message": " "}, {}):
        assert codeserver_api.request("POST", "/api/git/commit", body).status == 400
    made = codeserver_api.call("POST", "/api/git/commit", {"message": "m", "files": ["/workspace/a"]})
    assert made["files_changed"] == 1


def test_a_diff_can_be_applied(codeserver_api: CodeserverApi, tmp_path: Path) -> None:
    old = {"a.txt": "".join(f"{number}\n" for number in range(30)), "b.txt": "no line feed", "gone.txt": "x\n"}
    new = {"a.txt": old["a.txt"].replace("3\n", "three\n").replace("28\n", ""), "b.txt": "now\nwith\n", "new.txt": "n"}
    commit(codeserver_api, "old", **old)
    for path, text in new.items():
        write(codeserver_api, path, text)
    codeserver_api.call("DELETE", "/api/files/gone.txt")
    patch = codeserver_api.call("GET", "/api/git/diff")
    git(tmp_path, "init", "-q")
    for path, text in old.items():
        (tmp_path / path).write_text(text)
    (tmp_path / "p.patch").write_text(patch["diff"] + "\n")
    git(tmp_path, "apply", "p.patch")
    assert {path: (tmp_path / path).read_text() for path in new} == new
    assert not (tmp_path / "gone.txt").exists()
    one = codeserver_api.call("GET", "/api/git/diff?file=b.txt")
    assert (one["file"], one["additions"], one["deletions"]) == ("b.txt", 2, 1)
    assert codeserver_api.call("GET", "/api/git/diff?file=gone.txt")["deletions"] == 1
    assert codeserver_api.request("GET", "/api/git/diff?file=nowhere").status == 404


def test_the_log_by_author_and_by_file(api_with_remote: CodeserverApi, server: GitServer) -> None:
    commit(api_with_remote, "one", **{"a.txt": "1\n"})
    api_with_remote.call("POST", "/api/git/push", {})
    folder = clone(server)
    commit_files(folder, "two", {"d/b.txt": "b\n"})
    commit_files(folder, "three", {"a.txt": "1\n2\n"})
    git(folder, "push", "-q", "origin", "main")
    commit(api_with_remote, "four", **{"c.txt": "c\n"})
    api_with_remote.call("POST", "/api/git/pull", {})

    def messages(query: str) -> tuple[list[str], int]:
        log = api_with_remote.call("GET", f"/api/git/log?{query}")
        return [row["message"] for row in log["commits"]], log["total"]

    assert messages("author=peer") == (["three", "two"], 2)
    assert messages("author=PEER@example&limit=1") == (["three"], 2)
    assert messages("file=a.txt") == (["three", "one"], 2)
    assert messages("file=/workspace/d") == (["two"], 1)
    assert messages("file=a.txt&author=dev") == (["one"], 1)
    assert messages("file=nowhere") == ([], 0)


def test_another_org_sees_nothing(codeserver_api: CodeserverApi) -> None:
    commit(codeserver_api, "one", a="a")
    stranger = token(org="umbra")
    for path in ("/api/files/a", "/api/git/diff?file=a"):
        assert codeserver_api.request("GET", path, token=stranger).status == 404
    assert codeserver_api.request("GET", "/api/git/log", token=stranger).json == {"commits": [], "total": 0}
    mine = codeserver_api.call("GET", "/api/workspace/current")["id"]
    assert codeserver_api.request("POST", "/api/workspace/switch", {"workspace_id": mine}, token=stranger).status == 404


def test_an_org_waits_for_a_few_remotes_at_once(
    api_with_remote: CodeserverApi, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(api_with_remote, "one", a="a")
    monkeypatch.setattr("chalicelib.engine.workspaces.remotes.MAX_AT_ONCE", 1)
    statuses: list[int] = []

    def ask_again(*_: object) -> object:
        statuses.append(api_with_remote.request("POST", "/api/git/pull", {}).status)
        other = token(org="umbra")
        statuses.append(api_with_remote.request("POST", "/api/git/pull", {}, token=other).status)
        return answer(500)

    world.servers["git.example"] = ask_again  # type: ignore[assignment]
    assert api_with_remote.request("POST", "/api/git/push", {}).status == 503
    assert statuses == [429, 409], "another org is not held up"
    world.servers["git.example"] = lambda *_: answer(404)
    assert api_with_remote.request("POST", "/api/git/push", {}).status == 409, "the slot is free again"
