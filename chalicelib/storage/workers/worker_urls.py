"""Which worker of a pool listens at a URL: one item for each URL, in the `access` table."""

from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write


class WorkerUrlItem(AccessTable):
    worker_id = UnicodeAttribute()
    since = NumberAttribute()


class Claim(NamedTuple):
    """That a worker took a URL, at an instant."""

    worker_id: str
    since: int


def claimed(org: str, pool: str, digest: str, claim: Claim, instead_of: Claim | None = None) -> Write:
    """The write by which a worker takes a URL that is free, or its own already, or held under exactly the claim
    `instead_of`. `digest` stands for the URL, which may hold secrets."""
    mine = WorkerUrlItem.id.does_not_exist() | (WorkerUrlItem.worker_id == claim.worker_id)
    if instead_of is not None:
        mine |= (WorkerUrlItem.worker_id == instead_of.worker_id) & (WorkerUrlItem.since == instead_of.since)
    return dynamodb.put(WorkerUrlItem(_key(org, pool, digest), worker_id=claim.worker_id, since=claim.since), mine)


def freed(org: str, pool: str, digest: str, worker_id: str) -> Write:
    """The write that frees a URL, refused unless it is the worker's."""
    return dynamodb.delete(WorkerUrlItem(_key(org, pool, digest)), WorkerUrlItem.worker_id == worker_id)


def from_raw(raw: RawItem) -> Claim:
    """A raw item as a value."""
    item = WorkerUrlItem.from_raw_data(raw)
    return Claim(item.worker_id, int(item.since))


def _key(org: str, pool: str, digest: str) -> str:
    return f"url#{org}#{pool}#{digest}"
