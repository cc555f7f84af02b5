"""The histories of managed tasks: rows of the `listings` table, one for each logged change."""

from chalicelib.domain.changes.history import Entry
from chalicelib.domain.tasks.task import Task
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.search.index import ListingItem, unconditional


def entry_write(task: Task, entry: Entry) -> Write:
    """The write of the history entry of this version. It has no condition: the log's write in the same transaction
    is refused for an entry that is not new."""
    # Clocks differ, so the version orders the entries, and the creation time orders tasks that had one id in turn.
    rank = f"{task.created_at:013d}#{task.version:08d}"
    return dynamodb.put(ListingItem(_partition(task.org, task.id), rank, entry=list(entry)), unconditional())


def newest(org: str, task_id: str, limit: int) -> list[Entry]:
    """Up to `limit` entries of a task, newest first, as of now. One call."""
    with dynamodb.reading():
        items = ListingItem.query(
            _partition(org, task_id), consistent_read=True, scan_index_forward=False, limit=limit, page_size=limit
        )
        return [Entry(*(item.entry or ())) for item in items]


def delete_oldest_writes(org: str, task_id: str, limit: int) -> list[Write]:
    """The writes that delete the oldest entries of a task, at most `limit`. One call to read them."""
    with dynamodb.reading():
        items = ListingItem.query(_partition(org, task_id), consistent_read=True, limit=limit, page_size=limit)
        return [dynamodb.delete(ListingItem(item.list, item.rank), unconditional()) for item in items]


def _partition(org: str, task_id: str) -> str:
    return f"{org}#{task_id}"
