"""Objects in git's format."""

import hashlib
from pathlib import Path

import pytest

from chalicelib.providers.git import objects, tree_walk
from chalicelib.providers.git.errors import InvalidGitData
from chalicelib.providers.git.objects import CommitDraft, NewObject, Person, TreeEntry, blob_id
from tests.support.git_server import commit_files, git

FILES = {
    "README.md": "read me\n",
    "src/a.py": "a\n",
    "src/deep/b.py": "b\n",
    "src-2/c": "c\n",
    "src.d/e": "e\n",
    "ä": "",
}


def test_ids_of_contents() -> None:
    assert blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_trees_are_those_of_git(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit_files(tmp_path, "all", FILES)
    entries = {path: (0o100644, blob_id(text.encode())) for path, text in FILES.items()}
    root, folders = objects.build_trees(entries)
    assert root == git(tmp_path, "rev-parse", "HEAD^{tree}").strip()
    assert set(folders) == {"", "src", "src/deep", "src-2", "src.d"}
    by_id = {tree.sha: tree for tree in folders.values()}

    def read_tree(sha: str) -> list[TreeEntry]:
        return objects.parse_tree(by_id[sha].content)

    assert {path: (entry.mode, entry.sha) for path, entry in tree_walk.list_files(root, read_tree, 100)} == entries
    entry = tree_walk.find_entry(root, "src/deep/b.py", read_tree)
    assert entry is not None
    assert entry.sha == blob_id(b"b\n")
    with pytest.raises(InvalidGitData, match="more than 8"):
        list(tree_walk.list_files(root, read_tree, 8))
    for path in ("src/deep/x", "README.md/x", "nowhere/x"):
        assert tree_walk.find_entry(root, path, read_tree) is None


def test_no_files_are_the_empty_tree() -> None:
    root, folders = objects.build_trees({})
    assert root == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert objects.parse_tree(folders[""].content) == []


def test_new_objects_of_a_tree() -> None:
    old, old_folders = objects.build_trees({"a/x": (0o100644, "1" * 40), "b/y": (0o100644, "2" * 40)})
    new, new_folders = objects.build_trees(
        {"a/x": (0o100644, "1" * 40), "b/y": (0o100644, "3" * 40), "s": (0o160000, "4" * 40)}
    )
    by_id: dict[str, NewObject] = {tree.sha: tree for tree in (*old_folders.values(), *new_folders.values())}
    read: list[str] = []

    def read_tree(sha: str) -> list[TreeEntry]:
        read.append(sha)
        return objects.parse_tree(by_id[sha].content)

    found = list(tree_walk.new_objects(new, [old], read_tree, set()))
    assert found == [new, new_folders["b"].sha, "3" * 40]
    assert new_folders["a"].sha not in read, "what is the same is not read"
    assert list(tree_walk.new_objects(new, [new], read_tree, set())) == []
    assert len(list(tree_walk.new_objects(new, [], read_tree, set()))) == 5


def test_a_commit_is_read_as_it_was_made() -> None:
    author = Person("D\u00e9v <x>\n", "dev@example.com")
    draft = CommitDraft(
        "a" * 40, ("b" * 40, "c" * 40), author, Person("", ""), 1_700_000_000_500, "subject\n\nbody\n\n"
    )
    commit = objects.make_commit(draft)
    assert commit.sha == hashlib.sha1(b"commit %d\0" % len(commit.content) + commit.content).hexdigest()
    facts = objects.parse_commit(commit.content)
    assert facts == (
        commit.sha,
        "a" * 40,
        ("b" * 40, "c" * 40),
        Person("D\u00e9v x", "dev@example.com"),
        1_700_000_000_000,
        "subject\n\nbody",
    )
    assert b"committer unknown <unknown> 1700000000 +0000" in commit.content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"tree x\n\nmessage",
        b"tree " + b"a" * 40 + b"\n\nno author",
        b"tree " + b"a" * 40 + b"\nauthor x",
        b"tree " + b"a" * 40 + b"\nauthor A <a@b> 1 \ncommitter A <a@b> 1 +0000\n\nm",
    ],
)
def test_what_is_no_commit(content: bytes) -> None:
    with pytest.raises(InvalidGitData):
        objects.parse_commit(content)


@pytest.mark.parametrize("content", [b"x", b"100644 a", b"100644 a\0short", b"abc a\0" + b"x" * 20])
def test_what_is_no_tree(content: bytes) -> None:
    with pytest.raises(InvalidGitData):
        objects.parse_tree(content)
