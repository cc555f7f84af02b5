"""The `access` table: rate limits and the directory of workers. The other modules beside it have its other items."""

from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Item, RawItem, Write


class AccessTable(Item):
    class Meta:
        setting = "access_table"
        ttl = "expires_at"

    id = UnicodeAttribute(hash_key=True)
    expires_at_s = NumberAttribute(null=True, attr_name="expires_at")  # epoch seconds


class LimitItem(AccessTable):
    tat = NumberAttribute(null=True)


class DirectoryItem(AccessTable):
    org = UnicodeAttribute()
    pool = UnicodeAttribute()
    worker_id = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    plan = UnicodeAttribute()


def spend(key: str, tat: int, *, busy: bool, now: int, latest: int, expires_at_s: int) -> tuple[bool, int]:
    """Move a limiter's theoretical arrival time, in one conditional call.

    With `busy`, add `tat` to a stored time that is in the future and not after `latest`; otherwise set `tat` where the
    stored time has passed. Returns whether it was written, and the time as it now is (0 when there is none).
    """
    action: Action = LimitItem.tat.add(tat) if busy else LimitItem.tat.set(tat)
    if busy:
        condition = (LimitItem.tat > now) & (LimitItem.tat <= latest)
    else:
        condition = LimitItem.tat.does_not_exist() | (LimitItem.tat <= now)
    return _move(key, action, condition, expires_at_s)


def clamp(key: str, tat: int, *, beyond: int, expires_at_s: int) -> tuple[bool, int]:
    """Set a limiter's theoretical arrival time that is later than it can be. Returns as `spend` does. One call."""
    return _move(key, LimitItem.tat.set(tat), LimitItem.tat > beyond, expires_at_s)


def _move(key: str, action: Action, condition: Condition, expires_at_s: int) -> tuple[bool, int]:
    try:
        write = dynamodb.update(LimitItem(key), [action, LimitItem.expires_at_s.set(expires_at_s)], condition)
        return True, _tat(dynamodb.commit(write, returning="ALL_NEW"))
    except ConditionFailed as error:
        return False, _tat(error.items[0] or {})


def give_back_write(key: str, interval: int) -> Write:
    """The write that moves a limiter's theoretical arrival time back by one request."""
    always = LimitItem.tat.exists() | LimitItem.tat.does_not_exist()
    return dynamodb.update(LimitItem(key), [LimitItem.tat.add(-interval)], always)


def _tat(stored: RawItem) -> int:
    return int(stored["tat"]["N"]) if "tat" in stored else 0


class DirectoryEntry(NamedTuple):
    """The org and the pool of a worker id, and the fingerprint of its key."""

    worker_id: str
    org: str
    pool: str
    fingerprint: str
    plan: str


def add_to_directory_write(entry: DirectoryEntry) -> Write:
    """The write that adds a worker to the directory, by its id alone."""
    item = DirectoryItem(
        _directory_key(entry.worker_id),
        org=entry.org,
        pool=entry.pool,
        worker_id=entry.worker_id,
        fingerprint=entry.fingerprint,
        plan=entry.plan,
    )
    return dynamodb.put(item, DirectoryItem.id.does_not_exist())


def remove_from_directory_write(worker_id: str) -> Write:
    """The write that removes a worker from the directory."""
    key = DirectoryItem(_directory_key(worker_id))
    return dynamodb.delete(key, DirectoryItem.id.exists() | DirectoryItem.id.does_not_exist())


def find_directory_entry(worker_id: str) -> DirectoryEntry | None:
    """The directory's entry for a worker id, or None."""
    with dynamodb.reading():
        try:
            item = DirectoryItem.get(_directory_key(worker_id), consistent_read=True)
        except DirectoryItem.DoesNotExist:
            return None
    return DirectoryEntry(worker_id, item.org, item.pool, item.fingerprint, item.plan)


def _directory_key(worker_id: str) -> str:
    return f"worker#{worker_id}"
