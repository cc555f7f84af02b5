"""The histories of the tasks of managed pools: rows of the `listings` table, one for each logged change."""

from chalicelib.domain.histories import Entry
from chalicelib.storage import base
from chalicelib.storage.base import Write
from chalicelib.storage.listings import ListingItem, whatever


def noted(org: str, task_id: str, entry: Entry) -> Write:
    """The write of an entry. Whoever commits it knows from the log whether it is new."""
    return base.put(ListingItem(_key(org, task_id), _rank(entry), entry=list(entry)), whatever())


def newest(org: str, task_id: str, limit: int) -> list[Entry]:
    """Up to `limit` entries of a task, newest first, as of now. One call."""
    with base.reading():
        found = ListingItem.query(
            _key(org, task_id), consistent_read=True, scan_index_forward=False, limit=limit, page_size=limit
        )
        return [Entry(*(item.entry or ())) for item in found]


def forgotten(org: str, task_id: str, limit: int) -> list[Write]:
    """The writes that remove the oldest entries of a task."""
    with base.reading():
        found = ListingItem.query(_key(org, task_id), consistent_read=True, limit=limit, page_size=limit)
        return [base.delete(ListingItem(item.list, item.rank), whatever()) for item in found]


def _rank(entry: Entry) -> str:
    return f"{entry.at:013d}#{int(entry.id.rpartition('_')[2]):08d}"


def _key(org: str, task_id: str) -> str:
    return f"{org}#{task_id}"
