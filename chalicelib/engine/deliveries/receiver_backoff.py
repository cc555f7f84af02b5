"""When a due delivery has to wait because its receiver, a webhook or a messenger, is in trouble.

    healthy -------> in trouble: attempts are scheduled one by one, a fixed time apart
                        |  several slow failures in a row
                        v
                     paused: nothing is sent; after each pause, one trial; each failed trial doubles the pause

One success ends all of it. Attempts that hang occupy the functions that send. A receiver that does not answer therefore
gets one trial at a time, at growing intervals. Until that is known, the number of the receiver's message groups bounds
how many attempts may hang at once.
"""

from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.deliveries import delivery as rules
from chalicelib.domain.deliveries.delivery import Delivery, Health
from chalicelib.observability import count, logger
from chalicelib.storage.deliveries import receiver_health


class Wait(NamedTuple):
    """Until when a delivery waits, and whether it may then be attempted at once or has to be scheduled again."""

    until: int
    is_scheduled: bool


def next_wait(delivery: Delivery, health: Health, spacing_ms: int, *, urgent: bool = False) -> Wait | None:
    """How long the delivery has to wait; None if an attempt may be made now, which is the trial of a paused receiver.

    An urgent delivery is not scheduled: it waits only while its receiver is paused. One call or two; none while the
    receiver is healthy.
    """
    now, paused_until = clock.now(), _paused_until(delivery, health)
    if urgent:
        return Wait(paused_until, True) if paused_until > now else None
    if paused_until <= now and (delivery.is_scheduled or not health.is_troubled):
        return None
    return _schedule(delivery, max(now, paused_until), spacing_ms, now)


def _paused_until(delivery: Delivery, health: Health) -> int:
    """Until when the receiver is paused. When a pause is over, this delivery becomes the trial, or waits for one."""
    now, until = clock.now(), health.paused_until or 0
    if until > now or not rules.pause_ms(health.unanswered):
        return until
    return receiver_health.begin_trial(delivery.org, delivery.receiver, now, now + rules.TRIAL_MS) or 0


def _schedule(delivery: Delivery, earliest: int, spacing_ms: int, now: int) -> Wait | None:
    at = receiver_health.schedule_attempt(
        delivery.org, delivery.receiver, earliest, spacing_ms, rules.MAX_SCHEDULE_AHEAD_MS
    )
    if at is None:
        return Wait(earliest + round(rules.MAX_SCHEDULE_AHEAD_MS * (1 + ids.fraction()) / 2), False)
    return None if at == now else Wait(at, True)


def record_failure(org: str, receiver: str, took_ms: int, health: Health) -> Health:
    """Record a failed attempt; several slow ones in a row pause the receiver. `health` is what the caller last read.
    Returns the receiver's health. One call."""
    if took_ms < rules.SLOW_MS:
        return receiver_health.record_trouble(org, receiver, clock.now(), failing=True)
    latest = receiver_health.record_unanswered(org, receiver, clock.now(), health)
    pause_ms = rules.pause_ms(latest.unanswered)
    if pause_ms:
        count("ReceiverPaused")
        pause = {"unanswered": latest.unanswered, "pause_seconds": pause_ms // clock.SECOND}
        logger().warning("A receiver does not answer and is paused", extra={"org": org, "receiver": receiver, **pause})
    return latest


def pause_reason(health: Health) -> str | None:
    """Why a delivery waits, as its API shows it; None where the receiver is not paused for not answering."""
    if not rules.pause_ms(health.unanswered):
        return None
    return f"the receiver has not answered {health.unanswered} times in a row: nothing is sent until it answers a trial"
