"""The log of the current workspace's commits."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from chalicelib.domain.workspaces import paths
from chalicelib.domain.workspaces.values import CommitRecord, Repository
from chalicelib.engine.workspaces import files, workspaces
from chalicelib.engine.workspaces.object_store import ObjectStore
from chalicelib.errors import NotFound
from chalicelib.providers.git import tree_walk
from chalicelib.providers.git.objects import TreeEntry
from chalicelib.storage.workspaces import repositories


class LogQuery(NamedTuple):
    """Which commits to show. `author` is a part of a name or an address, in any case."""

    limit: int = 10
    file: str | None = None
    author: str | None = None


class LogPage(NamedTuple):
    """The latest commits, each before its parents, and how many there are in all."""

    records: list[CommitRecord]
    total: int


def read(org: str, query: LogQuery) -> LogPage:
    """The commits of the current workspace. Two calls.

    With an author, one call for each megabyte of the log. With a file also one for each block of the packs that hold
    its directories and are not in memory. Raises InvalidRequest.
    """
    rooted = None if query.file is None else paths.parse_path(query.file, "file")
    workspace = workspaces.current(org)
    is_filtered = query.file is not None or query.author is not None
    repository, groups = repositories.read_log(org, workspace.id, None if is_filtered else query.limit)
    if repository is None:
        raise NotFound("Workspace", workspace.id)
    if not is_filtered:
        return LogPage(list(islice(walk(repository, groups), query.limit)), repository.commits)
    records = list(walk(repository, groups))
    if rooted is not None:
        records = _of_path(repository, records, files.resolve(workspace, rooted))
    if query.author is not None:
        wanted = query.author.casefold()
        records = [record for record in records if wanted in f"{record.author} <{record.email}>".casefold()]
    return LogPage(records[: query.limit], len(records))


def read_all(org: str, workspace_id: str) -> tuple[Repository, list[CommitRecord]]:
    """The repository and every commit of it. One call for each megabyte of the log. Raises NotFound."""
    repository, groups = repositories.read_log(org, workspace_id)
    if repository is None:
        raise NotFound("Workspace", workspace_id)
    return repository, list(walk(repository, groups))


def walk(repository: Repository, groups: Iterable[list[CommitRecord]]) -> Iterator[CommitRecord]:
    """The commits that the branch reaches, each before its parents. Commits of a pull that was not published are in the
    log, too, and are passed over."""
    wanted = {repository.head}
    loaded: list[tuple[int, str, CommitRecord]] = []
    waiting = iter(groups)
    group = next(waiting, None)
    while group is not None or loaded:
        while group is not None and (not loaded or -loaded[0][0] <= group[0].generation):
            for record in group:
                heapq.heappush(loaded, (-record.generation, record.sha, record))
            group = next(waiting, None)
        record = heapq.heappop(loaded)[2]
        if record.sha in wanted:
            wanted.discard(record.sha)
            wanted.update(record.parents)
            yield record


def _of_path(repository: Repository, records: list[CommitRecord], path: str) -> list[CommitRecord]:
    """The commits that changed a file or directory, as `git log -- path` finds them: of a merge that took one side's
    version, only that side is followed."""
    store = ObjectStore(repository)
    entries: dict[str, TreeEntry | None] = {}

    def entry_of(record: CommitRecord) -> TreeEntry | None:
        if record.tree not in entries:
            entries[record.tree] = tree_walk.find_entry(record.tree, path, store.read_tree)
        return entries[record.tree]

    by_id = {record.sha: record for record in records}
    wanted = {records[0].sha} if records else set()
    changing = []
    for record in records:
        if record.sha not in wanted:
            continue
        entry = entry_of(record)
        parents = [by_id[parent] for parent in record.parents if parent in by_id]
        same = [parent for parent in parents if entry_of(parent) == entry]
        if not same and (parents or entry is not None):
            changing.append(record)
        wanted.update(parent.sha for parent in (same[:1] or parents))
    return changing
