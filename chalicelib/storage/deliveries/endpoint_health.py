"""How webhooks and messengers are doing, in the `deliveries` table: one item for each that is in trouble, by which all
who send know when it may be asked again."""

from collections.abc import Sequence
from typing import Any

from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.domain.deliveries.delivery import WELL, Health, pause
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries.deliveries import RETENTION, DeliveryItem

SKEW = 5 * clock.SECOND
"""By so much the clocks of two processes may differ."""


def troubled(org: str, webhook: str, now: int, *, failing: bool) -> Health:
    """Note that an attempt failed, though it was answered in time, or else that it took long but arrived; answers how
    the webhook is doing."""
    since: Any = DeliveryItem.failing_since
    trouble = [since.set(since | now)] if failing else [since.remove(), DeliveryItem.slow.set(True)]
    trouble += [DeliveryItem.unanswered.remove(), DeliveryItem.expires_at.set(_kept(now))]
    raw = dynamodb.commit(dynamodb.update(_key(org, webhook), trouble, _whatever()), returning="ALL_NEW")
    return _of(raw)


def unanswered(org: str, webhook: str, now: int, known: Health) -> Health:
    """Note that one more attempt in a row failed that was not answered in time, which may be what pauses the webhook;
    answers how it is doing. `known` is how it was thought to be doing. One call, and one for each who noted another
    since."""
    latest, count, since = known.resting_until or 0, known.unanswered + 1, DeliveryItem.failing_since
    rest = max(latest, now + pause(count)) if pause(count) else latest
    actions: list[Any] = [since.set(since | now), DeliveryItem.unanswered.set(count)]
    actions += [DeliveryItem.resting_until.set(rest)] if rest else []
    actions.append(DeliveryItem.expires_at.set(_kept(now)))
    counted = DeliveryItem.unanswered
    still = counted == known.unanswered if known.unanswered else counted.does_not_exist()
    try:
        return _of(dynamodb.commit(dynamodb.update(_key(org, webhook), actions, still), returning="ALL_NEW"))
    except ConditionFailed as refused:
        return unanswered(org, webhook, now, _of(refused.items[0]))


def recovered(org: str, webhook: str, now: int) -> Health:
    """Forget the trouble that a webhook was in, and end its pause, unless it asked to be left alone itself; answers how
    it is doing."""
    free = DeliveryItem.unanswered.exists() | _free(now)
    try:
        dynamodb.commit(dynamodb.delete(_key(org, webhook), free))
    except ConditionFailed as refused:
        return _of(refused.items[0])
    return WELL


def take_turn(org: str, webhook: str, now: int, spacing: int, horizon: int) -> int | None:
    """The moment, `now` or later, that is this caller's alone to make an attempt at a webhook in trouble, `spacing`
    milliseconds from anybody else's; None when those of the next `horizon` are given away. One call, or two.

    A turn further ahead than that, though nobody wants to be left alone, was noted by a clock that was ahead of ours,
    or has been set back since: turns begin anew.
    """
    key, following = _key(org, webhook), DeliveryItem.next_turn
    try:
        ahead = (following > now) & (following < now + horizon)
        raw = dynamodb.commit(dynamodb.update(key, [following.add(spacing)], ahead), returning="ALL_NEW")
        return int(raw["next_turn"]["N"]) - spacing
    except ConditionFailed as refused:
        health = refused.items[0] or {}
    given, rest = (int(health.get(name, {"N": "0"})["N"]) for name in ("next_turn", "resting_until"))
    absurd = max(rest, now + horizon + spacing + SKEW)
    if now + horizon <= given <= absurd:
        return None
    try:
        free = following.does_not_exist() | (following <= now) | (following > absurd)
        dynamodb.commit(dynamodb.update(key, [following.set(now + spacing)], free))
    except ConditionFailed:  # somebody else was first, just now: after him
        return take_turn(org, webhook, now, spacing, horizon)
    return now


def begin_trial(org: str, webhook: str, now: int, until: int) -> int | None:
    """Be the one attempt at a paused webhook whose pause is over: None if this caller is, who keeps all others away
    `until` then; else until when somebody else does. One call."""
    due = DeliveryItem.unanswered.exists() & _free(now)
    try:
        dynamodb.commit(dynamodb.update(_key(org, webhook), [DeliveryItem.resting_until.set(until)], due))
    except ConditionFailed as refused:  # somebody else began one; or it ended, and the webhook is well
        return _of(refused.items[0]).resting_until
    return None


def rest(org: str, provider: str, until: int) -> Health:
    """Leave a provider alone until then, if that was not asked for longer: no turn comes earlier. Answers how it is
    doing. One call, or two."""
    key, following, resting = _key(org, provider), DeliveryItem.next_turn, DeliveryItem.resting_until
    actions: list[Any] = [resting.set(until), DeliveryItem.expires_at.set(_kept(until))]
    actions.append(DeliveryItem.unanswered.remove())
    try:
        earlier = following.does_not_exist() | (following < until)
        raw = dynamodb.commit(dynamodb.update(key, [*actions, following.set(until)], earlier), returning="ALL_NEW")
    except ConditionFailed:  # turns after that are given out already, and stay so
        return _rest_besides(key, actions, resting.does_not_exist() | (resting < until))
    return _of(raw)


def _rest_besides(key: DeliveryItem, actions: Sequence[Any], longer: Condition) -> Health:
    try:
        return _of(dynamodb.commit(dynamodb.update(key, actions, longer), returning="ALL_NEW"))
    except ConditionFailed as refused:
        return _of(refused.items[0])


def _key(org: str, webhook: str) -> DeliveryItem:
    return DeliveryItem(deliveries.healths(org), webhook)


def _of(raw: RawItem | None) -> Health:
    return deliveries.health(None if raw is None else DeliveryItem.from_raw_data(raw))


def _free(now: int) -> Condition:
    """It is not to be left alone, or not any longer."""
    free: Condition = DeliveryItem.resting_until.does_not_exist() | (DeliveryItem.resting_until <= now)
    return free


def _kept(at: int) -> int:
    return (at + RETENTION) // clock.SECOND


def _whatever() -> Condition:
    """Holds of any item, and of none."""
    anything: Condition = DeliveryItem.id.exists() | DeliveryItem.id.does_not_exist()
    return anything
