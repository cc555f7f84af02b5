"""Slots, in the `access` table: how many requests of an org may make a slow call of one kind at once.

One item for each org and kind holds a token for each request that has a slot. A token begins with the instant at which
it expires, so that a request that died holds its slot hardly longer than one that lives.
"""

from collections.abc import Collection
from contextlib import suppress

from pynamodb.attributes import UnicodeSetAttribute
from pynamodb.expressions.condition import Condition, size

from chalicelib import clock
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed

ITEM_TTL_SECONDS = 3_600
"""How long an item stays after its latest use."""


class SlotsItem(AccessTable):
    held = UnicodeSetAttribute(null=True)


def take(org: str, kind: str, most: int, token: str) -> frozenset[str]:
    """Add a token where there are fewer than `most`. Returns no tokens then, otherwise those that are there. One call.

    Raises Unavailable.
    """
    is_free: Condition = SlotsItem.held.does_not_exist() | (size(SlotsItem.held) < most)
    expires_at_s = clock.now() // clock.SECOND + ITEM_TTL_SECONDS
    actions = [SlotsItem.held.add({token}), SlotsItem.expires_at_s.set(expires_at_s)]
    try:
        dynamodb.commit(dynamodb.update(_key(org, kind), actions, is_free))
    except ConditionFailed as error:
        return _tokens(error)
    return frozenset()


def _tokens(error: ConditionFailed) -> frozenset[str]:
    [raw] = error.items
    return frozenset() if raw is None else frozenset(SlotsItem.from_raw_data(raw).held or ())


def release(org: str, kind: str, tokens: Collection[str]) -> None:
    """Remove those of the tokens that are there. One call. Raises Unavailable."""
    with suppress(ConditionFailed):
        dynamodb.commit(dynamodb.update(_key(org, kind), [SlotsItem.held.delete(set(tokens))], SlotsItem.held.exists()))


def _key(org: str, kind: str) -> SlotsItem:
    return SlotsItem(f"slots#{kind}#{org}")
