"""Push the branch of the current workspace to a remote."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from chalicelib.domain.workspaces import history
from chalicelib.domain.workspaces.values import CommitRecord, Repository
from chalicelib.engine.workspaces import log, remotes, workspaces
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.errors import Conflict, NotFound
from chalicelib.observability import logger
from chalicelib.providers.git import remote as git_remote
from chalicelib.providers.git import tree_walk
from chalicelib.providers.git.objects import NewObject
from chalicelib.providers.git.remote import RemoteAccess, RemoteFailure

MAX_PUSHED_BYTES = 150_000_000
"""Of the objects of one push, before they are compressed."""


class Pushed(NamedTuple):
    """What was pushed: the branch, and how many commits the remote did not have."""

    branch: str
    commits: int


def push(org: str, remote_name: str, branch: str | None) -> Pushed:
    """Push the branch, by default the workspace's own. Four calls, one for each megabyte of the log, one for each block
    of a pack that is not in memory, and two requests to the remote, three when it refuses the branch.

    Raises NotFound for another branch, Conflict without a remote or a commit, or when the remote's branch has commits
    that are not here, Unavailable when the remote does not answer,
    TooManyRequests.
    """
    workspace = workspaces.current(org)
    repository, records = log.read_all(org, workspace.id)
    access = remotes.access(repository, remote_name)
    name = branch or repository.branch
    if name != repository.branch:
        raise NotFound("Branch", name)
    if repository.head is None:
        raise Conflict("There is nothing to push: the workspace has no commit")
    outgoing = _Outgoing(repository, {record.sha: record for record in records})
    with remotes.requesting(org, remote_name):
        _send(access, name, repository.head, outgoing)
    facts = {"org": org, "workspace": workspace.id, "commits": outgoing.count}
    logger().info("A branch was pushed", extra=facts)
    return Pushed(name, outgoing.count)


def _send(access: RemoteAccess, branch: str, head: str, outgoing: "_Outgoing") -> None:
    """Push, and when the remote refuses the branch look whether somebody else has pushed at the same moment."""
    try:
        git_remote.push(access, branch, head, outgoing.objects)
    except RemoteFailure as failure:
        if failure.reason != "refused":
            raise
        git_remote.push(access, branch, head, partial(outgoing.explain, failure))


class _Outgoing:
    """What the remote does not have, once its branch is known."""

    def __init__(self, repository: Repository, records: Mapping[str, CommitRecord]) -> None:
        self._repository, self._records = repository, records
        self.count = 0

    def objects(self, remote_tip: str | None) -> Sequence[NewObject] | None:
        """The objects that the remote, whose branch is at `remote_tip`, does not have; None when it has all. Raises
        Conflict when the branch has commits that are not here."""
        if remote_tip == self._repository.head:
            return None
        self._require_known(remote_tip)
        parents = {sha: record.parents for sha, record in self._records.items()}
        present = history.reachable(remote_tip, parents)
        missing = history.reachable(self._repository.head, parents, present)
        self.count = len(missing)
        new_objects, size = [], 0
        for each in self._collect(history.in_order(missing, parents)):
            new_objects.append(each)
            size += len(each.content)
            if size > MAX_PUSHED_BYTES:
                raise Conflict(f"More than {MAX_PUSHED_BYTES} bytes would have to be pushed at once")
        return new_objects

    def explain(self, refusal: RemoteFailure, remote_tip: str | None) -> None:
        """After a refusal: nothing, if the branch has what was to be pushed. Else raises Conflict as `objects` does, or
        the refusal."""
        self._require_known(remote_tip)
        if remote_tip != self._repository.head:
            raise refusal
        self.count = 0

    def _require_known(self, remote_tip: str | None) -> None:
        if remote_tip is not None and remote_tip not in self._records:
            raise Conflict("The remote's branch has commits that are not here: pull first")

    def _collect(self, commits: Sequence[str]) -> Iterator[NewObject]:
        """Each commit with the trees and blobs that its parents do not have."""
        store, seen = ObjectStore(self._repository), set[str]()
        for sha in commits:
            record = self._records[sha]
            bases = [self._records[parent].tree for parent in record.parents]
            for each in (sha, *tree_walk.new_objects(record.tree, bases, store.read_tree, seen)):
                stored = store.read(each)
                yield NewObject(stored.kind, each, stored.content)
