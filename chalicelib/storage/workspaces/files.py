"""Files that differ from the last commit. A small content is in the table, a large one in S3."""

from collections.abc import Iterable

from chalicelib.domain.workspaces.values import FileRow, Repository
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.workspaces import queries, repositories, table
from chalicelib.storage.workspaces.table import ContentItem, FileItem, RepositoryItem

MAX_INLINE_BYTES = 8_192
"""Larger contents are in S3."""


def write_writes(org: str, workspace_id: str, old: FileRow | None, new: FileRow, content: bytes | None) -> list[Write]:
    """The writes of a file's row and, unless it is in S3 or deleted, its content. Refused when somebody wrote the row
    since `old` was read."""
    condition = FileItem.write_id == old.write_id if old is not None else FileItem.key.does_not_exist()
    writes = [dynamodb.put(_item(org, workspace_id, new), condition)]
    if content is not None:
        item = _content_key(org, workspace_id, new.path)
        item.write_id, item.content = new.write_id, content
        writes.append(dynamodb.put(item, table.unconditional()))
    return writes


def delete_writes(org: str, workspace_id: str, row: FileRow) -> list[Write]:
    """The writes that remove a row and its content. Refused when somebody wrote the row since it was read."""
    item = FileItem(table.partition(org, workspace_id), table.path_key(table.FILE_PREFIX, row.path))
    content = _content_key(org, workspace_id, row.path)
    return [
        dynamodb.delete(item, FileItem.write_id == row.write_id),
        dynamodb.delete(content, table.unconditional()),
    ]


def find(org: str, workspace_id: str, path: str) -> tuple[Repository | None, FileRow | None, bytes | None]:
    """The repository, the file's row and its small content, all of one moment. One call."""
    where = table.partition(org, workspace_id)
    repository, row, content = dynamodb.read_together(
        RepositoryItem(where, table.REPOSITORY),
        FileItem(where, table.path_key(table.FILE_PREFIX, path)),
        _content_key(org, workspace_id, path),
    )
    return (
        repositories.from_raw(repository) if repository else None,
        from_raw(row) if row else None,
        bytes(ContentItem.from_raw_data(content).content) if content else None,
    )


def find_all(org: str, workspace_id: str) -> tuple[Repository | None, dict[str, FileRow]]:
    """The repository, and every row by path. One call for each megabyte, which is about 4,000 rows.

    The repository is read last: a row that a commit removes meanwhile is in the repository that is read after it.
    """
    last = table.end_of(table.FILE_PREFIX)
    items = list(queries.read_range(table.partition(org, workspace_id), table.REPOSITORY, last, descending=True))
    if not items or items[-1]["key"]["S"] != table.REPOSITORY:
        return None, {}
    rows = (from_raw(raw) for raw in reversed(items[:-1]))
    return repositories.from_raw(items[-1]), {row.path: row for row in rows}


def find_contents(org: str, workspace_id: str, rows: Iterable[FileRow]) -> dict[str, bytes]:
    """The small contents of rows by path; one call for each hundred. A content of another write is left out."""
    wanted = {table.path_key(table.DATA_PREFIX, row.path): row for row in rows}
    if not wanted:
        return {}
    keys = [batch_get.key_of(_content_key(org, workspace_id, row.path)) for row in wanted.values()]
    items = [ContentItem.from_raw_data(raw) for _, raw in batch_get.read(keys)]
    found = {wanted[item.key].path: item for item in items if item.write_id == wanted[item.key].write_id}
    return {path: bytes(item.content) for path, item in found.items()}


def from_raw(raw: RawItem) -> FileRow:
    """The raw item of a query or a refused write as a value."""
    # By hand, because a workspace may have thousands of rows.
    texts = {name: value["S"] for name, value in raw.items() if "S" in value}
    numbers = {name: int(value["N"]) for name, value in raw.items() if "N" in value}
    return FileRow(
        path=texts["path"],
        write_id=texts["write_id"],
        created_at=numbers["created_at"],
        modified_at=numbers["modified_at"],
        sha=texts.get("sha", ""),
        mode=numbers["mode"],
        size=numbers["size"],
        blob=texts.get("blob"),
        is_deleted="is_deleted" in raw,
    )


def _item(org: str, workspace_id: str, row: FileRow) -> FileItem:
    return FileItem(
        table.partition(org, workspace_id),
        table.path_key(table.FILE_PREFIX, row.path),
        path=row.path,
        write_id=row.write_id,
        created_at=row.created_at,
        modified_at=row.modified_at,
        sha=row.sha or None,
        mode=row.mode,
        size=row.size,
        blob=row.blob,
        is_deleted=row.is_deleted or None,
    )


def _content_key(org: str, workspace_id: str, path: str) -> ContentItem:
    return ContentItem(table.partition(org, workspace_id), table.path_key(table.DATA_PREFIX, path))
