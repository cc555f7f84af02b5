"""Files over the API."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain.workspaces.values import MAX_FILE_BYTES
from tests.apis.codeserver.conftest import CodeserverApi

BINARY = bytes(range(256))


def write(api: CodeserverApi, path: str, content: str | bytes) -> Any:
    body: dict[str, str] = (
        {"content": content}
        if isinstance(content, str)
        else {
            "content": base64.b64encode(content).decode(),
            "encoding": "base64",
        }
    )
    return api.call("POST", f"/api/files/{path}", body)


def list_paths(api: CodeserverApi, query: str = "") -> list[str]:
    return [row["path"] for row in api.call("GET", f"/api/files?{query}")["files"]]


def test_a_file_is_read_as_it_was_written(codeserver_api: CodeserverApi) -> None:
    text = "def hello():\n    print('Grüße 😀')"
    made = write(codeserver_api, "src/hello.py", text)
    assert (made["path"], made["name"], made["type"]) == ("/workspace/src/hello.py", "hello.py", "file")
    assert made["size_bytes"] == len(text.encode())
    reply = codeserver_api.request("GET", "/api/files/src/hello.py")
    assert reply.content == text.encode()
    assert reply.headers["content-type"] == "text/x-python; charset=utf-8"
    assert "content-disposition" not in reply.headers


def test_a_binary_file_is_an_attachment(codeserver_api: CodeserverApi) -> None:
    for name, content in (("data.bin", BINARY), ("large.bin", BINARY * 100), ("zero", b"\0")):
        write(codeserver_api, name, content)
        reply = codeserver_api.request("GET", f"/api/files/{name}")
        assert reply.content == content
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["content-disposition"] == f'attachment; filename="{name}"'


def test_a_committed_file_is_read_from_its_pack(codeserver_api: CodeserverApi) -> None:
    contents: dict[str, bytes] = {"a": b"", "b": b"small", "dir/c": BINARY * 50, "d": b"x" * 2_500_000}
    for path, content in contents.items():
        write(codeserver_api, path, content)
    codeserver_api.call("POST", "/api/git/commit", {"message": "all"})
    assert codeserver_api.call("GET", "/api/git/status")["is_dirty"] is False
    for path, content in contents.items():
        assert codeserver_api.request("GET", f"/api/files/{path}").content == content


def test_an_empty_file_and_one_of_the_largest_size(codeserver_api: CodeserverApi) -> None:
    assert write(codeserver_api, "empty", "")["size_bytes"] == 0
    assert codeserver_api.request("GET", "/api/files/empty").text == ""
    largest = b"\xff" * MAX_FILE_BYTES
    write(codeserver_api, "largest", largest)
    assert codeserver_api.request("GET", "/api/files/largest").content == largest
    body = {"content": base64.b64encode(largest + b"x").decode(), "encoding": "base64"}
    refused = codeserver_api.request("POST", "/api/files/too-large", body)
    assert refused.status == 413
    assert str(MAX_FILE_BYTES) in refused.json["message"]
    assert codeserver_api.request("GET", "/api/files/too-large").status == 404


def test_a_text_that_is_too_large_as_json_is_accepted_as_base64(codeserver_api: CodeserverApi) -> None:
    text = "é" * (MAX_FILE_BYTES // 2)
    assert "\\u00e9" in json.dumps(text[0])
    refused = codeserver_api.request("POST", "/api/files/accents.txt", {"content": text})
    assert refused.status == 413
    assert "encoding base64" in refused.json["message"]
    assert write(codeserver_api, "accents.txt", text.encode())["size_bytes"] == MAX_FILE_BYTES
    assert codeserver_api.request("GET", "/api/files/accents.txt").text == text


def test_what_is_not_base64_is_refused(codeserver_api: CodeserverApi) -> None:
    for content in ("a", "****", "YQ=", "YQ==\n", "é"):
        body = {"content": content, "encoding": "base64"}
        refused = codeserver_api.request("POST", "/api/files/a", body)
        assert refused.status == 400
        assert "content is not base64" in refused.json["message"]
    assert list_paths(codeserver_api) == []


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "a/../../b",
        "%2e%2e/b",
        "a/%2E%2E/b",
        "a/./b",
        "a%2F%2Fb",
        "a//b",
        "a/",
        ".git/config",
        ".GIT/config",
        "a/.git",
        ".g%E2%80%8Cit/config",
        ".git%20/x",
        ".git./x",
        "git~1/config",
        ".git::$INDEX_ALLOCATION/x",
        "a%00b",
        "a%0Ab",
        "a%7Fb",
        "a%5Cb",
        "..%5C..%5Cetc",
        "x" * 256,
        "/".join(["y" * 200] * 6),
        "workspace",
        "workspaces/other/a",
        "%ff.txt",
        "dir%C3/a",
    ],
)
def test_a_path_that_is_no_files_place_is_refused(codeserver_api: CodeserverApi, path: str) -> None:
    refused = codeserver_api.request("POST", f"/api/files/{path}", {"content": "x"})
    assert refused.status == 400, refused.text
    assert "path" in refused.json["message"]
    assert codeserver_api.request("GET", f"/api/files/{path}").status == 400
    assert codeserver_api.request("DELETE", f"/api/files/{path}").status == 400
    assert list_paths(codeserver_api, "recursive=true") == []


@pytest.mark.parametrize(
    "path",
    ["a.txt", "/a.txt", "workspace/a.txt", "/workspace/a.txt", "workspaces/main-project/a.txt"],
)
def test_the_root_has_several_spellings(codeserver_api: CodeserverApi, path: str) -> None:
    assert write(codeserver_api, path, "x")["path"] == "/workspace/a.txt"
    assert list_paths(codeserver_api) == ["/workspace/a.txt"]


def test_a_path_that_is_the_digest_of_a_long_one(codeserver_api: CodeserverApi) -> None:
    long = "/".join("x" * 250 for _ in range(4))
    digest = "#" + hashlib.sha256(long.encode()).hexdigest()
    for path in (long, digest):
        codeserver_api.call("POST", f"/api/files/{quote(path)}", {"content": path})
    for path in (long, digest):
        assert codeserver_api.request("GET", f"/api/files/{quote(path)}").text == path


def test_names_of_all_scripts_and_long_paths(codeserver_api: CodeserverApi) -> None:
    long = "/".join(["y" * 203] * 5) + "/zzz"
    paths = ["größe.txt", "日本/語.md", "😀", " spaced name ", "%41", "a'b\"c", "-rf", "..a", ".gitignore", long]
    assert len(long) == 1023
    for path in paths:
        write(codeserver_api, quote(path, safe="/"), path)
    for path in paths:
        assert codeserver_api.request("GET", f"/api/files/{quote(path, safe='/')}").text == path
    codeserver_api.call("POST", "/api/git/commit", {"message": "names"})
    for path in paths:
        assert codeserver_api.request("GET", f"/api/files/{quote(path, safe='/')}").text == path
    assert codeserver_api.call("GET", "/api/git/status")["is_dirty"] is False
    decomposed = "gro\u0308\u00dfe.txt"
    assert codeserver_api.request("GET", f"/api/files/{quote(decomposed)}").text == "größe.txt"


def test_a_directory_is_listed(codeserver_api: CodeserverApi) -> None:
    for path in ("README.md", "src/main.py", "src/util/a.py", "src/util/b.txt", "docs/x.md"):
        write(codeserver_api, path, path)
    assert list_paths(codeserver_api) == ["/workspace/README.md", "/workspace/docs", "/workspace/src"]
    assert list_paths(codeserver_api, "path=/workspace/src") == ["/workspace/src/main.py", "/workspace/src/util"]
    everything = codeserver_api.call("GET", "/api/files?path=/workspace/src/&recursive=true")
    assert (everything["total"], everything["path"]) == (4, "/workspace/src")
    types = {row["path"]: (row["type"], row["size_bytes"]) for row in everything["files"]}
    assert types["/workspace/src/util"] == ("directory", len("src/util/a.py") + len("src/util/b.txt"))
    assert list_paths(codeserver_api, "recursive=true&pattern=*.py") == [
        "/workspace/src/main.py",
        "/workspace/src/util/a.py",
    ]
    assert list_paths(codeserver_api, "recursive=true&pattern=src/**/*.py") == [
        "/workspace/src/main.py",
        "/workspace/src/util/a.py",
    ]
    page = codeserver_api.call("GET", "/api/files?recursive=true&limit=2&offset=6")
    assert (len(page["files"]), page["total"]) == (2, 8)
    assert codeserver_api.call("GET", "/api/files?offset=1000000")["files"] == []
    for offset in ("-1", "99999999999999999999"):
        assert codeserver_api.request("GET", f"/api/files?offset={offset}").status == 400
    assert codeserver_api.request("GET", "/api/files?path=nowhere").status == 404
    assert codeserver_api.request("GET", "/api/files?path=README.md").status == 409


def test_a_deleted_file_is_gone_before_and_after_the_commit(codeserver_api: CodeserverApi) -> None:
    write(codeserver_api, "dir/a.txt", "a")
    codeserver_api.call("POST", "/api/git/commit", {"message": "one"})
    gone = codeserver_api.call("DELETE", "/api/files/dir/a.txt")
    assert gone["path"] == "/workspace/dir/a.txt"
    assert codeserver_api.call("GET", "/api/git/status")["modified_files"] == ["dir/a.txt"]
    for _ in range(2):
        assert codeserver_api.request("GET", "/api/files/dir/a.txt").status == 404
        assert codeserver_api.request("DELETE", "/api/files/dir/a.txt").status == 404
        assert list_paths(codeserver_api, "recursive=true") == []
        codeserver_api.request("POST", "/api/git/commit", {"message": "two"})
    assert codeserver_api.call("GET", "/api/git/status")["is_dirty"] is False


def test_a_new_file_that_was_deleted_is_nothing_to_commit(codeserver_api: CodeserverApi) -> None:
    write(codeserver_api, "a", "a")
    codeserver_api.call("DELETE", "/api/files/a")
    assert codeserver_api.call("GET", "/api/git/status")["is_dirty"] is False
    assert codeserver_api.request("POST", "/api/git/commit", {"message": "m"}).status == 409


def test_a_file_and_a_directory_cannot_have_one_path(codeserver_api: CodeserverApi) -> None:
    write(codeserver_api, "a/b", "x")
    write(codeserver_api, "c", "x")
    for path in ("a", "c/d", "c/d/e", "a/b/c"):
        assert codeserver_api.request("POST", f"/api/files/{path}", {"content": "x"}).status == 409
    for method in ("GET", "DELETE"):
        assert codeserver_api.request(method, "/api/files/a").status == 409
    codeserver_api.call("POST", "/api/git/commit", {"message": "one"})
    assert codeserver_api.request("POST", "/api/files/a", {"content": "x"}).status == 409
    codeserver_api.call("DELETE", "/api/files/a/b")
    write(codeserver_api, "a", "a file now")
    codeserver_api.call("POST", "/api/git/commit", {"message": "two"})
    assert list_paths(codeserver_api, "recursive=true") == ["/workspace/a", "/workspace/c"]


def test_writing_again_keeps_the_time_of_creation(codeserver_api: CodeserverApi) -> None:
    first = write(codeserver_api, "a", "1")["created_at"]
    codeserver_api.world.clock.advance(60)
    assert write(codeserver_api, "a", "2")["created_at"] == first
    codeserver_api.call("POST", "/api/git/commit", {"message": "m"})
    codeserver_api.world.clock.advance(60)
    assert write(codeserver_api, "a", "3")["created_at"] == first
    [row] = codeserver_api.call("GET", "/api/files")["files"]
    assert row["modified_at"] > first


def test_a_page_of_a_tenant_runs_no_script(codeserver_api: CodeserverApi) -> None:
    for name in ("page.html", "image.svg"):
        write(codeserver_api, name, "<script>alert(1)</script>")
        reply = codeserver_api.request("GET", f"/api/files/{name}")
        assert "sandbox" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
