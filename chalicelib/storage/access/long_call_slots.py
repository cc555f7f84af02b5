"""Slots, in the `access` table: how many requests of an org may do a certain slow thing at once.

One item for each org and kind, with a token for each request that holds a slot. A token begins with the instant at
which it ends by itself, so that a request that died holds its slot hardly longer than one that lived.
"""

from collections.abc import Collection
from contextlib import suppress

from pynamodb.attributes import UnicodeSetAttribute
from pynamodb.expressions.condition import Condition, size

from chalicelib import clock
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed

KEPT_SECONDS = 3_600
"""How long an item stays after its latest use."""


class SlotsItem(AccessTable):
    held = UnicodeSetAttribute(null=True)


def take(org: str, kind: str, most: int, token: str) -> frozenset[str]:
    """Add a token where there are fewer than `most`. Empty when it was; otherwise the tokens that are there. One call.

    Raises Unavailable.
    """
    free: Condition = SlotsItem.held.does_not_exist() | (size(SlotsItem.held) < most)
    expires_at_s = clock.now() // clock.SECOND + KEPT_SECONDS
    actions = [SlotsItem.held.add({token}), SlotsItem.expires_at_s.set(expires_at_s)]
    try:
        dynamodb.commit(dynamodb.update(_key(org, kind), actions, free))
    except ConditionFailed as refused:
        return _tokens(refused)
    return frozenset()


def _tokens(refused: ConditionFailed) -> frozenset[str]:
    [raw] = refused.items
    return frozenset() if raw is None else frozenset(SlotsItem.from_raw_data(raw).held or ())


def release(org: str, kind: str, tokens: Collection[str]) -> None:
    """Remove tokens, as far as they are there. One call. Raises Unavailable."""
    with suppress(ConditionFailed):
        dynamodb.commit(dynamodb.update(_key(org, kind), [SlotsItem.held.delete(set(tokens))], SlotsItem.held.exists()))


def _key(org: str, kind: str) -> SlotsItem:
    return SlotsItem(f"slots#{kind}#{org}")
