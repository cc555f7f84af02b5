"""Quotas: how many things of a kind an org has, counted in the transactions that add and remove them."""

from pynamodb.attributes import NumberAttribute

from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Write


class QuotaItem(AccessTable):
    used = NumberAttribute(null=True)


def take_write(org: str, kind: str, most: int) -> Write:
    """The write that counts one more, refused when the org has `most` already."""
    is_free = QuotaItem.used.does_not_exist() | (QuotaItem.used < most)
    return dynamodb.update(_key(org, kind), [QuotaItem.used.add(1)], is_free)


def give_back_write(org: str, kind: str) -> Write:
    """The write that counts one less."""
    return dynamodb.update(_key(org, kind), [QuotaItem.used.add(-1)], QuotaItem.used > 0)


def delete_write(org: str, kind: str) -> Write:
    """The write that deletes the count; refused when there is none."""
    return dynamodb.delete(_key(org, kind), QuotaItem.used.exists())


def _key(org: str, kind: str) -> QuotaItem:
    return QuotaItem(f"quota#{org}#{kind}")
