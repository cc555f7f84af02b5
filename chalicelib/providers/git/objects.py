"""Git's objects: the ids of blobs, trees of files, and commits."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chalicelib.providers.git.errors import InvalidGitData

FOLDER_MODE = 0o040000


class TreeEntry(NamedTuple):
    """An entry of a tree: a file or a directory."""

    name: str
    mode: int
    sha: str

    @property
    def is_folder(self) -> bool:
        return self.mode == FOLDER_MODE


class Person(NamedTuple):
    """Who made a commit."""

    name: str
    email: str


class CommitDraft(NamedTuple):
    """A commit to make. `at` is in epoch milliseconds."""

    tree: str
    parents: Sequence[str]
    author: Person
    committer: Person
    at: int
    message: str


class CommitFacts(NamedTuple):
    """What a commit says. `at` is in epoch milliseconds."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    at: int
    message: str


class NewObject(NamedTuple):
    """An object to store: its type as packs number them, its id and its content."""

    kind: int
    sha: str
    content: bytes


def blob_id(content: bytes) -> str:
    """The id of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def build_trees(files: Mapping[str, tuple[int, str]]) -> tuple[str, dict[str, NewObject]]:
    """The trees of files, which are path -> (mode, id): the root's id, and every tree by its directory's path."""
    from dulwich.objects import ObjectID, Tree

    folders: dict[str, list[TreeEntry]] = {"": []}
    for path, (mode, sha) in files.items():
        folder, _, name = path.rpartition("/")
        _add_folder(folders, folder)
        folders[folder].append(TreeEntry(name, mode, sha))
    trees: dict[str, NewObject] = {}
    for folder in sorted(folders, key=lambda path: path.count("/") if path else -1, reverse=True):
        tree = Tree()
        for entry in folders[folder]:
            tree.add(entry.name.encode(), entry.mode, ObjectID(entry.sha.encode()))
        made = NewObject(tree.type_num, tree.id.decode(), tree.as_raw_string())
        trees[folder] = made
        if folder:
            above, _, name = folder.rpartition("/")
            folders[above].append(TreeEntry(name, FOLDER_MODE, made.sha))
    return trees[""].sha, trees


def _add_folder(folders: dict[str, list[TreeEntry]], folder: str) -> None:
    while folder not in folders:
        folders[folder] = []
        folder = folder.rpartition("/")[0]


def parse_tree(content: bytes) -> list[TreeEntry]:
    """The entries of a tree; bytes of names that are not UTF-8 become lone surrogates. Raises InvalidGitData."""
    from dulwich.errors import ObjectFormatException
    from dulwich.objects import parse_tree as parse

    try:
        entries = parse(content, 20, strict=False)
        return [TreeEntry(name.decode(errors="surrogateescape"), mode, sha.decode()) for name, mode, sha in entries]
    except (ObjectFormatException, ValueError):
        raise InvalidGitData("a tree cannot be read") from None


def make_commit(draft: CommitDraft) -> NewObject:
    """The object of a commit."""
    from dulwich.objects import Commit, ObjectID

    commit = Commit()
    commit.tree = ObjectID(draft.tree.encode())
    commit.parents = [ObjectID(parent.encode()) for parent in draft.parents]
    commit.author, commit.committer = _signature(draft.author), _signature(draft.committer)
    commit.author_time = commit.commit_time = draft.at // 1000
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = draft.message.rstrip("\n").encode() + b"\n"
    return NewObject(commit.type_num, commit.id.decode(), commit.as_raw_string())


def parse_commit(content: bytes) -> CommitFacts:
    """What a commit says. Raises InvalidGitData."""
    from dulwich.objects import Commit

    try:
        commit = Commit.from_string(content)
        return CommitFacts(
            sha=commit.id.decode(),
            tree=commit.tree.decode(),
            parents=tuple(parent.decode() for parent in commit.parents),
            author=_parse_signature(commit.author.decode("utf-8", "replace")),
            at=int(commit.author_time) * 1000,
            message=commit.message.decode("utf-8", "replace").rstrip("\n"),
        )
    except Exception:  # noqa: BLE001 - dulwich has many ways to say that data is not what it should be
        raise InvalidGitData("a commit cannot be read") from None


def _signature(person: Person) -> bytes:
    return f"{_clean(person.name)} <{_clean(person.email)}>".encode()


def _clean(text: str) -> str:
    """The text without what would end a name or an address in a commit."""
    return "".join(letter for letter in text if letter not in "<>\n\r\0").strip() or "unknown"


def _parse_signature(signature: str) -> Person:
    name, _, rest = signature.partition(" <")
    return Person(name.strip(), rest.partition(">")[0])
