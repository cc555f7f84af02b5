"""Slots, in the `access` table: how many requests of an org may make a slow call of one kind at once.

One item for each org and kind holds a token for each request that has a slot. A token begins with the instant at which
it expires, so that a request that died holds its slot hardly longer than one that lives.
"""

from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeSetAttribute
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chalicelib import clock
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed

ITEM_TTL_SECONDS = 3_600
"""How long an item stays after its latest use; no kind rests longer."""


class SlotsItem(AccessTable):
    held = UnicodeSetAttribute(null=True)
    rest_until_ms = NumberAttribute(null=True, attr_name="rest_until")


class Refusal(NamedTuple):
    """Why no slot was free: the tokens that are held, and until when the kind rests, in epoch milliseconds."""

    tokens: frozenset[str]
    rest_until_ms: int


def take(org: str, kind: str, most: int, token: str) -> Refusal | None:
    """Add a token where there are fewer than `most` and the kind does not rest. Returns why it was not added, or None.
    One call.

    Raises Unavailable.
    """
    now = clock.now()
    is_free: Condition = SlotsItem.held.does_not_exist() | (size(SlotsItem.held) < most)
    # A rest that ends later than any can that begins now was begun before the clock stepped back.
    latest_ms = now + ITEM_TTL_SECONDS * clock.SECOND
    until = SlotsItem.rest_until_ms
    is_awake: Condition = until.does_not_exist() | (until <= now) | (until > latest_ms)
    actions = [SlotsItem.held.add({token}), _expiry_action()]
    try:
        dynamodb.commit(dynamodb.update(_key(org, kind), actions, is_free & is_awake))
    except ConditionFailed as error:
        refusal = _refusal(error)
        # With its own token there it was taken before: the answer was lost, and the AWS client sent it again.
        return refusal if token not in refusal.tokens else None
    return None


def _refusal(error: ConditionFailed) -> Refusal:
    [raw] = error.items
    if raw is None:
        return Refusal(frozenset(), 0)
    item = SlotsItem.from_raw_data(raw)
    return Refusal(frozenset(item.held or ()), int(item.rest_until_ms or 0))


def rest(org: str, kind: str, until_ms: int) -> None:
    """Let no token be added until then, if the kind does not rest longer already. One call. Raises Unavailable."""
    is_longer = SlotsItem.rest_until_ms.does_not_exist() | (SlotsItem.rest_until_ms < until_ms)
    actions = [SlotsItem.rest_until_ms.set(until_ms), _expiry_action()]
    with suppress(ConditionFailed):
        dynamodb.commit(dynamodb.update(_key(org, kind), actions, is_longer))


def release(org: str, kind: str, tokens: Collection[str]) -> None:
    """Remove those of the tokens that are there. One call. Raises Unavailable."""
    with suppress(ConditionFailed):
        dynamodb.commit(dynamodb.update(_key(org, kind), [SlotsItem.held.delete(set(tokens))], SlotsItem.held.exists()))


def _expiry_action() -> Action:
    return SlotsItem.expires_at_s.set(clock.now() // clock.SECOND + ITEM_TTL_SECONDS)


def _key(org: str, kind: str) -> SlotsItem:
    return SlotsItem(f"slots#{kind}#{org}")
