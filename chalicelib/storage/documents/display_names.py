"""Workers and documents of one org, read together."""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.domain.document import Document
from chalicelib.domain.tasks.worker import Worker
from chalicelib.storage.aws import batch_get
from chalicelib.storage.aws.dynamodb import Item
from chalicelib.storage.documents import documents
from chalicelib.storage.documents.documents import DocumentItem
from chalicelib.storage.workers import workers
from chalicelib.storage.workers.table import WorkerItem, org_pool


class WorkersAndDocuments(NamedTuple):
    """The workers and documents that exist, by id."""

    workers: dict[str, Worker]
    documents: dict[str, Document]


def find(org: str, pool: str, worker_ids: Sequence[str], kind: str, document_ids: Sequence[str]) -> WorkersAndDocuments:
    """The workers of a pool and the documents of a kind, as of now; one call for each hundred of them."""
    workers_partition, documents_partition = org_pool(org, pool), documents.partition_key(org, kind)
    keys = [_key(WorkerItem, "org_pool", workers_partition, worker_id) for worker_id in worker_ids]
    keys += [_key(DocumentItem, "shelf", documents_partition, document_id) for document_id in document_ids]
    named = WorkersAndDocuments({}, {})
    for model, raw in batch_get.read(keys):
        if model is DocumentItem:
            named.documents[raw["id"]["S"]] = documents.from_raw(raw)
        elif workers.is_worker(raw):
            named.workers[raw["id"]["S"]] = workers.from_raw(raw)
    return named


def _key(model: type[Item], hash_name: str, partition: str, identifier: str) -> batch_get.Key:
    return model, {hash_name: {"S": partition}, "id": {"S": identifier}}
