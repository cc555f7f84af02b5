"""Workspaces and what is in them, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

MAIN_PROJECT = "main-project"
"""The workspace that every org has."""
MAIN_BRANCH = "main"
FILE_MODE = 0o100644
PROGRAM_MODE = 0o100755
LINK_MODE = 0o120000
"""A symbolic link is a file that holds a path; nothing here follows it."""
SUBMODULE_MODE = 0o160000

MAX_FILE_BYTES = 3_000_000
MAX_FILES = 20_000
MAX_PACKED_BYTES = 200_000_000
MAX_PACKS = 50
"""With more, packs are merged in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace of an org."""

    org: str
    id: str
    name: str
    created_at: int

    @property
    def path(self) -> str:
        """How the documented API shows it."""
        return f"/workspaces/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgState:
    """Which workspace of an org is current, since when, and how many there are."""

    current: Workspace
    workspaces: int
    switched_at: int
    version: int = 1


class PackRef(NamedTuple):
    """A pack in S3: git's pack, followed by its index."""

    name: str
    pack_bytes: int
    index_bytes: int


class Remote(NamedTuple):
    """A git server that a workspace is pushed to and pulled from. The password is sealed."""

    url: str
    username: str | None
    sealed_password: str | None
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The git repository of a workspace. One conditional write publishes all of it: a pack belongs to the repository
    exactly when it is named here."""

    org: str
    workspace_id: str
    branch: str = MAIN_BRANCH
    head: str | None = None  # the branch's commit
    generation: int = 0  # of that commit: one more than the largest of its parents'
    commits: int = 0  # how many can be reached from it
    manifest: str | None = None  # the name of the list of its files
    files: int = 0  # how many files it has
    packs: tuple[PackRef, ...] = ()
    remotes: Mapping[str, Remote] = field(default_factory=dict)
    version: int = 1

    @property
    def packed_bytes(self) -> int:
        return sum(pack.pack_bytes for pack in self.packs)


class CommittedFile(NamedTuple):
    """A file of a commit: its git object, and where that is stored."""

    sha: str
    mode: int
    size: int
    created_at: int
    modified_at: int
    pack: str
    offset: int

    def has_content(self, sha: str, mode: int) -> bool:
        return (self.sha, self.mode) == (sha, mode)


class FileRow(NamedTuple):
    """A file that was written or deleted since the last commit. `write_id` is new with every write."""

    path: str
    write_id: str
    created_at: int
    modified_at: int
    sha: str = ""
    mode: int = FILE_MODE
    size: int = 0
    blob: str | None = None  # the object in S3 that holds a large content
    is_deleted: bool = False


class CommitRecord(NamedTuple):
    """What the log shows of a commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    generation: int
    author: str
    email: str
    at: int  # epoch milliseconds
    message: str
