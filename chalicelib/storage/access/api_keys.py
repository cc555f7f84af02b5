"""API keys, in the `access` table, by the id that each key begins with. A user's document lists the user's keys."""

from collections.abc import Sequence
from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from chalicelib import clock
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.batch_get import key_of
from chalicelib.storage.aws.dynamodb import RawItem, Write


class KeyItem(AccessTable):
    org = UnicodeAttribute()
    user_id = UnicodeAttribute()
    name = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    last4 = UnicodeAttribute()
    permissions = UnicodeSetAttribute()
    created_at = NumberAttribute()
    requests_per_hour = NumberAttribute(null=True)
    burst = NumberAttribute(null=True)
    last_used_at = NumberAttribute(null=True)


class ApiKey(NamedTuple):
    """An API key: what may be shown of it, and its fingerprint. Times in epoch milliseconds."""

    id: str
    org: str
    user_id: str
    name: str
    fingerprint: str
    last4: str
    permissions: frozenset[str]
    created_at: int
    expires_at_ms: int | None = None
    """In whole seconds."""
    requests_per_hour: int | None = None
    burst: int | None = None
    last_used_at: int | None = None


def create_write(key: ApiKey) -> Write:
    """The write of a new key."""
    values = {name: value for name, value in key._asdict().items() if value is not None}
    del values["id"]
    if (expires_at_ms := values.pop("expires_at_ms", None)) is not None:
        values["expires_at_s"] = expires_at_ms // clock.SECOND
    return dynamodb.put(KeyItem(_key(key.id), **values), KeyItem.id.does_not_exist())


def delete_write(identifier: str) -> Write:
    """The write that deletes a key, if it exists."""
    return dynamodb.delete(KeyItem(_key(identifier)), KeyItem.id.exists() | KeyItem.id.does_not_exist())


def record_use_write(identifier: str, now: int, before: int) -> Write:
    """The write of a key's latest use, refused when a use after `before` is stored."""
    is_earlier = KeyItem.last_used_at.does_not_exist() | (KeyItem.last_used_at <= before)
    return dynamodb.update(KeyItem(_key(identifier)), [KeyItem.last_used_at.set(now)], KeyItem.id.exists() & is_earlier)


def find(identifier: str) -> ApiKey | None:
    """The key as of now, or None when it is revoked or has expired."""
    return next(iter(find_many([identifier])), None)


def find_many(identifiers: Sequence[str]) -> list[ApiKey]:
    """The keys that exist and have not expired, as of now, the newest first; one call for each hundred."""
    items = batch_get.read([key_of(KeyItem(_key(identifier))) for identifier in identifiers])
    valid = (
        key for key in (_parse(raw) for _, raw in items) if key.expires_at_ms is None or key.expires_at_ms > clock.now()
    )
    return sorted(valid, key=lambda key: (-key.created_at, key.id))


def _parse(raw: RawItem) -> ApiKey:
    item = KeyItem.from_raw_data(raw)
    return ApiKey(
        id=item.id.removeprefix(_key("")),
        org=item.org,
        user_id=item.user_id,
        name=item.name,
        fingerprint=item.fingerprint,
        last4=item.last4,
        permissions=frozenset(item.permissions),
        created_at=int(item.created_at),
        expires_at_ms=_scaled(item.expires_at_s, clock.SECOND),
        requests_per_hour=_scaled(item.requests_per_hour),
        burst=_scaled(item.burst),
        last_used_at=_scaled(item.last_used_at),
    )


def _scaled(number: float | None, unit: int = 1) -> int | None:
    return None if number is None else int(number) * unit


def _key(identifier: str) -> str:
    return f"key#{identifier}"
