"""The histories of the tasks of managed pools: rows of the `listings` table, one for each logged change."""

from chalicelib.domain.changes.history import Entry
from chalicelib.domain.tasks.task import Task
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.search.index import ListingItem, whatever


def noted(task: Task, entry: Entry) -> Write:
    """The write of the entry of this version. Whoever commits it knows from the log whether it is new."""
    # Clocks differ: what came first is told by the version, and of tasks that were given one id by their creation.
    rank = f"{task.created_at:013d}#{task.version:08d}"
    return dynamodb.put(ListingItem(_key(task.org, task.id), rank, entry=list(entry)), whatever())


def newest(org: str, task_id: str, limit: int) -> list[Entry]:
    """Up to `limit` entries of a task, newest first, as of now. One call."""
    with dynamodb.reading():
        found = ListingItem.query(
            _key(org, task_id), consistent_read=True, scan_index_forward=False, limit=limit, page_size=limit
        )
        return [Entry(*(item.entry or ())) for item in found]


def forgotten(org: str, task_id: str, limit: int) -> list[Write]:
    """The writes that remove the oldest entries of a task."""
    with dynamodb.reading():
        found = ListingItem.query(_key(org, task_id), consistent_read=True, limit=limit, page_size=limit)
        return [dynamodb.delete(ListingItem(item.list, item.rank), whatever()) for item in found]


def _key(org: str, task_id: str) -> str:
    return f"{org}#{task_id}"
