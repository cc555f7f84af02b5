"""When an API last had a request of each of an org's callers, in the `stats` table."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib import clock, ids
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Item

KEPT_DAYS = 40
"""Longer than any period in which a caller counts once."""


class CallerItem(Item):
    class Meta:
        setting = "stats_table"

    partition = UnicodeAttribute(hash_key=True)
    row = UnicodeAttribute(range_key=True)
    day = NumberAttribute(null=True)  # the latest with a request
    expires_at = NumberAttribute(null=True)


def mark_day(org: str, api: str, subject: str, day: int) -> int | None:
    """Record that a caller has called on a day (days since the epoch). Returns its latest day before, None for its
    first one in KEPT_DAYS. One call. Raises ConditionFailed for a day that is recorded."""
    item = CallerItem(f"caller#{org}#{api}", ids.derived("caller", org, api, subject))
    actions = [CallerItem.day.set(day), CallerItem.expires_at.set((day + KEPT_DAYS) * clock.DAY // clock.SECOND)]
    is_later = CallerItem.day.does_not_exist() | (CallerItem.day < day)
    before = dynamodb.commit(dynamodb.update(item, actions, is_later), returning="ALL_OLD")
    return int(before["day"]["N"]) if before else None
