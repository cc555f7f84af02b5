"""The repository of a workspace, and the log of its commits."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence

from chalicelib.domain.workspaces.values import CommitRecord, PackRef, Remote, Repository
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.workspaces import queries, table
from chalicelib.storage.workspaces.table import LogItem, RepositoryItem

MAX_LOG_ITEM_BYTES = 60_000
"""Of the JSON of the commits that one item of the log holds."""
LOG_WRITES = 25
"""Items of the log in one transaction, which may hold four megabytes."""


def create_write(repository: Repository) -> Write:
    """The write of a new repository."""
    return dynamodb.put(_item(repository), RepositoryItem.key.does_not_exist())


def update_write(old: Repository, new: Repository) -> Write:
    """The write from `old` to `new`, on the condition that nobody wrote since `old` was read."""
    return dynamodb.put(_item(new), RepositoryItem.version == old.version)


def find(org: str, workspace_id: str) -> Repository | None:
    """The repository as of now, or None. One call."""
    with dynamodb.reading():
        try:
            item = RepositoryItem.get(table.partition(org, workspace_id), table.REPOSITORY, consistent_read=True)
        except RepositoryItem.DoesNotExist:
            return None
    return parse(item)


def log_writes(org: str, workspace_id: str, records: Iterable[CommitRecord]) -> list[Write]:
    """The writes that add commits to the log. A commit's place in the log follows from its history, so that a second
    write of it says the same; one that the branch does not reach is not shown."""
    where = table.partition(org, workspace_id)
    items = [LogItem(where, _log_key(group[0]), records=_pack(group)) for group in _group(records)]
    return [dynamodb.put(item, table.unconditional()) for item in items]


def read_log(
    org: str, workspace_id: str, limit: int | None = None
) -> tuple[Repository | None, Iterator[list[CommitRecord]]]:
    """The repository, and the commits by descending generation of each group's first commit.

    One call for each megabyte, or for each `limit` groups; a further one is made when its commits are asked for.
    """
    where = table.partition(org, workspace_id)
    batch = None if limit is None else limit + 2
    items = queries.read_range(where, table.LOG_PREFIX, table.REPOSITORY, descending=True, limit=batch)
    first = next(items, None)
    repository = from_raw(first) if first is not None and first["key"]["S"] == table.REPOSITORY else None
    return repository, (_unpack(LogItem.from_raw_data(raw).records) for raw in items)


def from_raw(raw: RawItem) -> Repository:
    """The raw item of a query or a refused write as a value."""
    return parse(RepositoryItem.from_raw_data(raw))


def parse(item: RepositoryItem) -> Repository:
    """The stored item as a value."""
    _, org, workspace_id = _split(item.partition)
    return Repository(
        org=org,
        workspace_id=workspace_id,
        branch=item.branch,
        head=item.head,
        generation=int(item.generation),
        commits=int(item.commits),
        manifest=item.manifest,
        files=int(item.files),
        packs=tuple(PackRef(*pack) for pack in item.packs),
        remotes={name: Remote(*remote) for name, remote in item.remotes.items()},
        version=int(item.version),
    )


def _split(partition: str) -> Sequence[str]:
    kind, _, rest = partition.partition("#")
    org, _, workspace_id = rest.rpartition("#")
    return kind, org, workspace_id


def _item(repository: Repository) -> RepositoryItem:
    return RepositoryItem(
        table.partition(repository.org, repository.workspace_id),
        table.REPOSITORY,
        branch=repository.branch,
        head=repository.head,
        generation=repository.generation,
        commits=repository.commits,
        manifest=repository.manifest,
        files=repository.files,
        packs=[list(pack) for pack in repository.packs],
        remotes={name: list(remote) for name, remote in repository.remotes.items()},
        version=repository.version,
    )


def _log_key(record: CommitRecord) -> str:
    return f"{table.LOG_PREFIX}{record.generation:08d}#{record.sha}"


def _group(records: Iterable[CommitRecord]) -> Iterator[list[CommitRecord]]:
    """The commits in groups for one item each, latest generation first."""
    group: list[CommitRecord] = []
    size = 0
    for record in sorted(records, key=lambda record: (record.generation, record.sha), reverse=True):
        length = len(_encode(record))
        if group and size + length > MAX_LOG_ITEM_BYTES:
            yield group
            group, size = [], 0
        group.append(record)
        size += length
    if group:
        yield group


def _encode(record: CommitRecord) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def _pack(records: Sequence[CommitRecord]) -> bytes:
    return zlib.compress(b"[" + b",".join(map(_encode, records)) + b"]")


def _unpack(stored: bytes) -> list[CommitRecord]:
    rows = json.loads(zlib.decompress(stored))
    return [CommitRecord(sha, tree, tuple(parents), *rest) for sha, tree, parents, *rest in rows]
