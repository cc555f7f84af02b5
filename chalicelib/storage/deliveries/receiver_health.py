"""The health of webhooks and messengers, in the `deliveries` table: one item for each receiver in trouble, from which
all senders know when an attempt may be made. A healthy receiver has no item."""

from collections.abc import Sequence
from typing import Any

from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.domain.deliveries.delivery import HEALTHY, Health, pause_ms
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries.deliveries import RETENTION_MS, DeliveryItem

MAX_CLOCK_SKEW_MS = 5 * clock.SECOND
"""By how much the clocks of two processes may differ."""


def record_trouble(org: str, receiver: str, now: int, *, failing: bool) -> Health:
    """Record that an attempt failed although it was answered in time, or, without `failing`, that it succeeded but took
    long. Returns the receiver's health. One call."""
    since: Any = DeliveryItem.failing_since
    trouble = [since.set(since | now)] if failing else [since.remove(), DeliveryItem.is_slow.set(True)]
    trouble += [DeliveryItem.unanswered.remove(), DeliveryItem.expires_at_s.set(_expires_at_s(now))]
    raw = dynamodb.commit(dynamodb.update(_key(org, receiver), trouble, _always()), returning="ALL_NEW")
    return _from_raw(raw)


def record_unanswered(org: str, receiver: str, now: int, health: Health) -> Health:
    """Record one more slow failure in a row, which may pause the receiver. `health` is what the caller last read.
    Returns the receiver's health. One call, and one for each failure that somebody else recorded meanwhile."""
    latest, count, since = health.paused_until or 0, health.unanswered + 1, DeliveryItem.failing_since
    until = max(latest, now + pause_ms(count)) if pause_ms(count) else latest
    actions: list[Any] = [since.set(since | now), DeliveryItem.unanswered.set(count)]
    actions += [DeliveryItem.paused_until.set(until)] if until else []
    actions.append(DeliveryItem.expires_at_s.set(_expires_at_s(now)))
    stored = DeliveryItem.unanswered
    is_unchanged = stored == health.unanswered if health.unanswered else stored.does_not_exist()
    write = dynamodb.update(_key(org, receiver), actions, is_unchanged)
    try:
        return _from_raw(dynamodb.commit(write, returning="ALL_NEW"))
    except ConditionFailed as refused:
        return record_unanswered(org, receiver, now, _from_raw(refused.items[0]))


def record_recovery(org: str, receiver: str, now: int) -> Health:
    """Delete the receiver's troubles and end its pause, unless the receiver itself asked for the pause. Returns its
    health. One call."""
    may_end = DeliveryItem.unanswered.exists() | _is_not_paused(now)
    try:
        dynamodb.commit(dynamodb.delete(_key(org, receiver), may_end))
    except ConditionFailed as refused:
        return _from_raw(refused.items[0])
    return HEALTHY


def schedule_attempt(org: str, receiver: str, now: int, spacing_ms: int, horizon_ms: int) -> int | None:
    """Reserve a time for one attempt at a receiver in trouble: `now` or later, at least `spacing_ms` from any other
    reserved time. Returns the time, or None when all of the next `horizon_ms` is reserved. One call, or two.

    A reservation further ahead than that, without a pause as its reason, comes from a process whose clock was ahead of
    ours or has been set back since. It is ignored and scheduling starts again from `now`.
    """
    key, next_free = _key(org, receiver), DeliveryItem.next_free_at
    try:
        is_ahead = (next_free > now) & (next_free < now + horizon_ms)
        raw = dynamodb.commit(dynamodb.update(key, [next_free.add(spacing_ms)], is_ahead), returning="ALL_NEW")
        return int(raw["next_turn"]["N"]) - spacing_ms  # the stored name
    except ConditionFailed as refused:
        stored = refused.items[0] or {}
    reserved, paused_until = (int(stored.get(name, {"N": "0"})["N"]) for name in ("next_turn", "resting_until"))
    latest_plausible = max(paused_until, now + horizon_ms + spacing_ms + MAX_CLOCK_SKEW_MS)
    if now + horizon_ms <= reserved <= latest_plausible:
        return None
    try:
        is_free = next_free.does_not_exist() | (next_free <= now) | (next_free > latest_plausible)
        dynamodb.commit(dynamodb.update(key, [next_free.set(now + spacing_ms)], is_free))
    except ConditionFailed:  # another process reserved `now` first: this one comes after it
        return schedule_attempt(org, receiver, now, spacing_ms, horizon_ms)
    return now


def begin_trial(org: str, receiver: str, now: int, until: int) -> int | None:
    """Become the one attempt at a paused receiver whose pause is over, and keep all others away until `until`. Returns
    None on success, else until when another trial keeps this one away. One call."""
    is_due = DeliveryItem.unanswered.exists() & _is_not_paused(now)
    try:
        dynamodb.commit(dynamodb.update(_key(org, receiver), [DeliveryItem.paused_until.set(until)], is_due))
    except ConditionFailed as refused:  # another process began a trial; or one has ended, and the receiver is healthy
        return _from_raw(refused.items[0]).paused_until
    return None


def pause_until(org: str, receiver: str, until: int) -> Health:
    """Make no attempt before then, because the receiver asked for it; a longer pause stays. Returns the receiver's
    health. One call, or two."""
    key, next_free, paused_until = _key(org, receiver), DeliveryItem.next_free_at, DeliveryItem.paused_until
    actions: list[Any] = [paused_until.set(until), DeliveryItem.expires_at_s.set(_expires_at_s(until))]
    actions.append(DeliveryItem.unanswered.remove())
    try:
        is_earlier = next_free.does_not_exist() | (next_free < until)
        raw = dynamodb.commit(dynamodb.update(key, [*actions, next_free.set(until)], is_earlier), returning="ALL_NEW")
    except ConditionFailed:  # later times are reserved already, and stay so
        return _pause_only(key, actions, paused_until.does_not_exist() | (paused_until < until))
    return _from_raw(raw)


def _pause_only(key: DeliveryItem, actions: Sequence[Any], is_longer: Condition) -> Health:
    try:
        return _from_raw(dynamodb.commit(dynamodb.update(key, actions, is_longer), returning="ALL_NEW"))
    except ConditionFailed as refused:
        return _from_raw(refused.items[0])


def _key(org: str, receiver: str) -> DeliveryItem:
    return DeliveryItem(deliveries.health_partition(org), receiver)


def _from_raw(raw: RawItem | None) -> Health:
    return deliveries.parse_health(None if raw is None else DeliveryItem.from_raw_data(raw))


def _is_not_paused(now: int) -> Condition:
    is_over: Condition = DeliveryItem.paused_until.does_not_exist() | (DeliveryItem.paused_until <= now)
    return is_over


def _expires_at_s(at: int) -> int:
    return (at + RETENTION_MS) // clock.SECOND


def _always() -> Condition:
    """A condition that holds whether the item exists or not."""
    exists_or_not: Condition = DeliveryItem.id.exists() | DeliveryItem.id.does_not_exist()
    return exists_or_not
