"""Which worker of a pool has which task URL: one item for each URL, in the `access` table."""

from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write


class WorkerUrlItem(AccessTable):
    worker_id = UnicodeAttribute()
    since = NumberAttribute()


class Claim(NamedTuple):
    """The worker that has a URL, and since when in epoch milliseconds."""

    worker_id: str
    since: int


def claim_write(org: str, pool: str, digest: str, claim: Claim, instead_of: Claim | None = None) -> Write:
    """The write that gives a worker a URL; refused when another worker has it, unless under exactly the claim
    `instead_of`. `digest` stands for the URL, which may contain secrets."""
    is_free = WorkerUrlItem.id.does_not_exist() | (WorkerUrlItem.worker_id == claim.worker_id)
    if instead_of is not None:
        is_free |= (WorkerUrlItem.worker_id == instead_of.worker_id) & (WorkerUrlItem.since == instead_of.since)
    return dynamodb.put(WorkerUrlItem(_key(org, pool, digest), worker_id=claim.worker_id, since=claim.since), is_free)


def free_write(org: str, pool: str, digest: str, worker_id: str) -> Write:
    """The write that frees a URL; refused when the worker does not have it."""
    return dynamodb.delete(WorkerUrlItem(_key(org, pool, digest)), WorkerUrlItem.worker_id == worker_id)


def from_raw(raw: RawItem) -> Claim:
    """The claim of a raw item."""
    item = WorkerUrlItem.from_raw_data(raw)
    return Claim(item.worker_id, int(item.since))


def _key(org: str, pool: str, digest: str) -> str:
    return f"url#{org}#{pool}#{digest}"
