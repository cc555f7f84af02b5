"""The git repository of the current workspace (delqhi-platform.md, "Git Operations")."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib import clock
from chalicelib.domain.workspaces import messages
from chalicelib.domain.workspaces.values import CommitRecord, Remote
from chalicelib.edge import SECRET, Caller, ClosedSchema, NaiveInstant, Routes, Schema
from chalicelib.engine.workspaces import commits, log, pull, push, remotes
from chalicelib.engine.workspaces.authors import author_of
from chalicelib.engine.workspaces.log import LogQuery

routes = Routes("/api/git", tag="Git")

Path = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Branch = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_+@=-]*([./][A-Za-z0-9_+@=-]+)*$", max_length=200)
]
RemoteName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64),
    Field(description="What the remote is called.", examples=["origin"]),
]

AnyRemoteName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""Of a remote that may be there; one that cannot be there is not found."""


def _require_message(text: str) -> str:
    if not messages.is_message(text):
        raise ValueError("must have no control characters but tabs and line breaks")
    return text


Message = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000),
    AfterValidator(_require_message),
    Field(examples=["feat: Add authentication"]),
]


class StatusOut(Schema):
    """What differs from the last commit. Nothing is staged: a commit takes the files that it names, or all."""

    branch: str = Field(examples=["main"])
    commit: str | None = Field(description="The last commit; null before the first one.", examples=["abc123def456"])
    modified_files: list[str] = Field(description="Of files that the last commit has, deleted ones included.")
    untracked_files: list[str]
    staged_files: list[str] = Field(default=[], description="Always empty.")
    is_dirty: bool


class CommitIn(ClosedSchema):
    """A commit to make."""

    message: Message
    files: list[Path] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="The files to commit; without it all that differ from the last commit.",
        examples=[["src/auth.py", "src/main.py"]],
    )


class CommitOut(Schema):
    """A commit that was made."""

    commit_hash: str = Field(examples=["abc123def456"])
    message: str
    author: str
    timestamp: NaiveInstant
    files_changed: int


class DiffOut(Schema):
    """What differs from the last commit, as a unified diff."""

    file: str | None = Field(description="Null for all files.")
    diff: str
    additions: int
    deletions: int


class LogRow(Schema):
    """A commit."""

    hash: str = Field(examples=["abc123def456"])
    message: str
    author: str
    timestamp: NaiveInstant

    @classmethod
    def from_record(cls, record: CommitRecord) -> Self:
        return cls(hash=record.sha, message=record.message, author=record.author, timestamp=record.at)


class LogOut(Schema):
    """The latest commits, each before its parents; `total` counts all of them."""

    commits: list[LogRow]
    total: int


class RemoteBranch(ClosedSchema):
    """A branch of a remote."""

    branch: Branch | None = Field(default=None, description="By default the workspace's own branch.", examples=["main"])
    remote: RemoteName = "origin"


class PushOut(Schema):
    """A branch that was pushed."""

    branch: str
    remote: str
    status: Literal["success"] = "success"
    pushed_commits: int
    timestamp: NaiveInstant


class PullOut(Schema):
    """A branch that was pulled."""

    branch: str
    remote: str
    status: Literal["success"] = "success"
    merged_commits: int
    timestamp: NaiveInstant


class RemoteIn(ClosedSchema):
    """A git server, and the credentials for it."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048)] = Field(
        description="The repository's address, without credentials.", examples=["https://git.example.com/team/app.git"]
    )
    username: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    password: Annotated[str, StringConstraints(min_length=1, max_length=1024), SECRET] | None = Field(
        default=None, description="A password or an access token; it is stored encrypted and never shown."
    )


class RemoteOut(Schema):
    """A remote as it is set now, without its password."""

    name: str = Field(examples=["origin"])
    url: str = Field(examples=["https://git.example.com/team/app.git"])
    username: str | None
    has_password: bool
    updated_at: NaiveInstant

    @classmethod
    def from_remote(cls, name: str, remote: Remote) -> Self:
        return cls(
            name=name,
            url=remote.url,
            username=remote.username,
            has_password=remote.sealed_password is not None,
            updated_at=remote.updated_at,
        )


class RemoteList(Schema):
    """The remotes of the current workspace, in the order of their names."""

    remotes: list[RemoteOut]
    total: int


class DeletedRemote(Schema):
    """A remote that was removed."""

    name: str = Field(examples=["origin"])
    status: Literal["deleted"] = "deleted"
    deleted_at: NaiveInstant


@routes.get("/status")
def get_git_status(caller: Caller) -> StatusOut:
    """See what differs from the last commit of the current workspace."""
    status = commits.status(caller.org)
    return StatusOut(
        branch=status.branch,
        commit=status.commit,
        modified_files=status.modified,
        untracked_files=status.untracked,
        is_dirty=bool(status.modified or status.untracked),
    )


@routes.post("/commit", errors=[409])
def commit_changes(caller: Caller, body: CommitIn) -> CommitOut:
    """Commit files of the current workspace."""
    made = commits.commit(caller.org, body.message, author_of(caller.org, caller.subject), body.files)
    record = made.record
    return CommitOut(
        commit_hash=record.sha,
        message=record.message,
        author=record.author,
        timestamp=record.at,
        files_changed=made.files_changed,
    )


@routes.get("/diff", errors=[404, 409])
def get_git_diff(caller: Caller, file: Path | None = None) -> DiffOut:
    """See the differences from the last commit of the current workspace, in one file or in all."""
    patch = commits.diff(caller.org, file)
    return DiffOut(file=file, diff=patch.text, additions=patch.additions, deletions=patch.deletions)


@routes.get("/log")
def get_git_log(
    caller: Caller,
    limit: Annotated[int, Field(ge=1, le=100)] = 10,
    file: Path | None = None,
    author: Annotated[str | None, StringConstraints(min_length=1, max_length=255)] = None,
) -> LogOut:
    """List the latest commits: all, those that changed a file or directory, or those of an author."""
    page = log.read(caller.org, LogQuery(limit, file, author))
    return LogOut(commits=[LogRow.from_record(record) for record in page.records], total=page.total)


@routes.post("/push", errors=[404, 409])
def push_changes(caller: Caller, body: RemoteBranch) -> PushOut:
    """Push the branch of the current workspace to a remote."""
    pushed = push.push(caller.org, body.remote, body.branch)
    return PushOut(branch=pushed.branch, remote=body.remote, pushed_commits=pushed.commits, timestamp=clock.now())


@routes.post("/pull", errors=[404, 409])
def pull_changes(caller: Caller, body: RemoteBranch) -> PullOut:
    """Pull a branch of a remote into the current workspace, and merge it. A conflict changes nothing."""
    pulled = pull.pull(caller.org, body.remote, body.branch, author_of(caller.org, caller.subject))
    return PullOut(branch=pulled.branch, remote=body.remote, merged_commits=pulled.commits, timestamp=clock.now())


@routes.get("/remotes")
def list_git_remotes(caller: Caller) -> RemoteList:
    """List the remotes of the current workspace, without passwords. The document has no such endpoint."""
    rows = [RemoteOut.from_remote(name, remote) for name, remote in remotes.list_remotes(caller.org)]
    return RemoteList(remotes=rows, total=len(rows))


@routes.put("/remotes/{name}", errors=[409])
def set_git_remote(caller: Caller, name: RemoteName, body: RemoteIn) -> RemoteOut:
    """Set a remote of the current workspace, with these credentials or none. The document has no such endpoint."""
    remote = remotes.set_remote(caller.org, name, body.url, body.username, body.password)
    return RemoteOut.from_remote(name, remote)


@routes.delete("/remotes/{name}")
def delete_git_remote(caller: Caller, name: AnyRemoteName) -> DeletedRemote:
    """Remove a remote of the current workspace, with its credentials. The document has no such endpoint."""
    remotes.remove_remote(caller.org, name)
    return DeletedRemote(name=name, deleted_at=clock.now())
