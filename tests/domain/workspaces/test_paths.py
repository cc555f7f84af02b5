"""Which paths are accepted; git accepts the same."""

import pytest
from dulwich.index import validate_path_element_hfs, validate_path_element_ntfs
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.workspaces import paths
from chalicelib.errors import InvalidRequest

NAMES = st.one_of(
    st.text(alphabet=".git GIT~1 \u200c\u200d\u2066\ufeff:$/", max_size=12),
    st.text(max_size=20),
    st.sampled_from([".git", ".GIT", "git~1", ".git ", ".git.", ".g\u200cit", ".git::$DATA", "..", "a"]),
)


@pytest.mark.parametrize(
    ("text", "workspace", "path"),
    [
        ("a", None, "a"),
        ("/a/b", None, "a/b"),
        ("workspace/a", None, "a"),
        ("/workspace/a", None, "a"),
        ("/workspace/workspace/a", None, "workspace/a"),
        ("workspaces/main-project/a", "main-project", "a"),
        ("/workspaces/x/workspaces/y", "x", "workspaces/y"),
        ("workspacex/a", None, "workspacex/a"),
        ("workspaces", None, "workspaces"),
        ("gro\u0308\u00dfe", None, "gr\u00f6\u00dfe"),
        ("a b/c.d", None, "a b/c.d"),
        ("..a", None, "..a"),
        (".gitignore", None, ".gitignore"),
        ("git~10", None, "git~10"),
        ("%2e%2e", None, "%2e%2e"),
    ],
)
def test_the_root_can_be_in_front(text: str, workspace: str | None, path: str) -> None:
    assert paths.parse_path(text) == (workspace, path)


@pytest.mark.parametrize("text", ["", "/", "workspace", "/workspace/", "workspaces/x", "/workspaces/x/"])
def test_the_root_is_a_directory_and_no_file(text: str) -> None:
    assert paths.parse_folder(text).path == ""
    with pytest.raises(InvalidRequest):
        paths.parse_path(text)


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "a/..",
        "../a",
        "/..",
        "//a",
        "a//b",
        "./a",
        "a/",
        "workspace//a",
        "workspaces//a",
        "...",
        " ",
        ".\u200c.",
        "a\\b",
        "a\0",
        "a\nb",
        "a\x7f",
        "a\x85b",
        "a\ud800",
        ".git",
        "a/.git/config",
        ".GiT",
        ".git.",
        ".git ...",
        "git~1",
        "GIT~1",
        ".git:x",
        ".gi\u200dt",
        "\ufeff.git",
        ".g\u200bit",
        ".git\u2060",
        "\u200b",
        "\uff0egit",
        "x" * 256,
        "\u00e4" * 128,
        "/".join(["x" * 204] * 5) + "/x",
    ],
)
def test_an_unsafe_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        paths.parse_path(text, "files")
    assert list(refused.value.fields) == ["files"]
    assert not paths.is_accepted(text.removeprefix("/"))


def test_a_path_may_be_as_long_as_the_limit() -> None:
    longest = "/".join(["x" * 204] * 5)
    assert len(longest) == 1024
    assert paths.parse_path(longest).path == longest


@given(st.lists(NAMES, min_size=1, max_size=4).map("/".join))
def test_an_accepted_path_stays_as_it_is_and_is_safe_for_git(text: str) -> None:
    try:
        path = paths.parse_path(text).path
    except InvalidRequest:
        return
    assert paths.is_accepted(path)
    assert paths.parse_path(f"/workspace/{path}") == (None, path)
    for segment in path.split("/"):
        assert validate_path_element_ntfs(segment.encode())
        assert validate_path_element_hfs(segment.encode())


def test_parents_and_names() -> None:
    assert paths.parents("a/b/c") == ["a", "a/b"]
    assert paths.parents("a") == []
    assert paths.name_of("a/b") == "b"
    assert paths.name_of("") == "workspace"
    assert (paths.absolute("a"), paths.absolute("")) == ("/workspace/a", "/workspace")
