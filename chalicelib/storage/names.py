"""Workers and documents of one org together: BatchGetItem reads from several tables at once."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chalicelib.config import settings
from chalicelib.domain.documents import Document
from chalicelib.domain.tasks import Worker
from chalicelib.storage import base, documents, workers
from chalicelib.storage.base import RawItem
from chalicelib.storage.workers import WorkerItem

MOST_KEYS = 100
"""As many as one call takes."""
Key = tuple[str, RawItem]
"""A table's name, and the key of one of its items."""


class Found(NamedTuple):
    """Those that exist, by id."""

    workers: dict[str, Worker]
    documents: dict[str, Document]


def find(org: str, pool: str, worker_ids: Sequence[str], kind: str, document_ids: Sequence[str]) -> Found:
    """The workers of a pool and the documents of a kind, as of now; one call for each hundred of them."""
    crew, shelf = workers.org_pool(org, pool), documents.shelf(org, kind)
    keys = [_key(settings().workers_table, "org_pool", crew, one) for one in worker_ids]
    keys += [_key(settings().documents_table, "shelf", shelf, one) for one in document_ids]
    found = Found({}, {})
    for table, raw in _read(keys):
        if table == settings().documents_table:
            found.documents[raw["id"]["S"]] = documents.from_raw(raw)
        elif workers.is_worker(raw):
            found.workers[raw["id"]["S"]] = workers.from_raw(raw)
    return found


def _key(table: str, hash_name: str, partition: str, identifier: str) -> Key:
    return table, {hash_name: {"S": partition}, "id": {"S": identifier}}


def _read(keys: Sequence[Key]) -> Iterator[tuple[str, RawItem]]:
    connection = WorkerItem._get_connection().connection
    waiting = list(keys)
    while waiting:
        asked: dict[str, Any] = {}
        for table, key in waiting[:MOST_KEYS]:
            asked.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append(key)
        answer = base.call(connection, "BatchGetItem", {"RequestItems": asked})
        yield from ((table, raw) for table, items in answer["Responses"].items() for raw in items)
        left = answer.get("UnprocessedKeys", {})
        waiting = [(table, key) for table, more in left.items() for key in more["Keys"]] + waiting[MOST_KEYS:]
