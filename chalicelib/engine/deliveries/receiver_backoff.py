"""When a delivery has to wait though it is due: the webhook or messenger that it goes to is in trouble.

    well ----------> in trouble: one attempt at a time is begun, a fixed spacing apart
                        |  so many attempts in a row that nobody answered in time
                        v
                     paused: nothing is sent; after each pause, which grows, one trial

Whatever arrives ends all of it. Attempts that hang are what holds up the functions that send, so that a receiver that
does not answer is asked by one of them at growing intervals; how many may hang before that is known is bounded by the
lanes of the queue.
"""

import zlib
from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.deliveries import delivery as rules
from chalicelib.domain.deliveries.delivery import Delivery, Health
from chalicelib.observability import count, logger
from chalicelib.storage.deliveries import endpoint_health


class Wait(NamedTuple):
    """Until when a delivery has to wait, and whether it need not ask for a turn again then."""

    until: int
    turn: bool


def wait(found: Delivery, health: Health, spacing: int, *, urgent: bool = False) -> Wait | None:
    """How long it has to wait; None if it need not, and is the trial where the receiver is paused.

    What is urgent waits for no turn, but for a receiver that is paused or wants to be left alone. One call or two, and
    none while the receiver is well.
    """
    now, rest = clock.now(), _resting_until(found, health)
    if urgent:
        return Wait(rest, True) if rest > now else None
    if rest <= now and (found.turn or not health.troubled):
        return None
    return _turn(found, max(now, rest), spacing, now)


def _resting_until(found: Delivery, health: Health) -> int:
    """Until when the receiver is left alone. Where a pause is over, this delivery is the trial, or another one is."""
    now, rest = clock.now(), health.resting_until or 0
    if rest > now or not rules.pause(health.unanswered):
        return rest
    return endpoint_health.begin_trial(found.org, found.webhook, now, now + rules.TRIAL) or 0


def _turn(found: Delivery, earliest: int, spacing: int, now: int) -> Wait | None:
    turn = endpoint_health.take_turn(found.org, found.webhook, earliest, spacing, rules.LONGEST_TURN)
    if turn is None:
        return Wait(earliest + round(rules.LONGEST_TURN * (1 + ids.fraction()) / 2), False)
    return None if turn == now else Wait(turn, True)


def failed(org: str, webhook: str, took_ms: int, health: Health) -> Health:
    """Note that an attempt failed at a receiver that was thought to be doing so. After several in a row that took long
    it is paused. Answers how it is doing. One call."""
    if took_ms < rules.SLOW:
        return endpoint_health.troubled(org, webhook, clock.now(), failing=True)
    known = endpoint_health.unanswered(org, webhook, clock.now(), health)
    pause = rules.pause(known.unanswered)
    if pause:
        count("ReceiverPaused")
        said = {"org": org, "receiver": webhook, "unanswered": known.unanswered, "pause_seconds": pause // clock.SECOND}
        logger().warning("A receiver does not answer and is paused", extra=said)
    return known


def reason(health: Health) -> str | None:
    """Why a delivery waits, for people; None where the receiver is not paused."""
    if not rules.pause(health.unanswered):
        return None
    return f"the receiver has not answered {health.unanswered} times in a row: nothing is sent until it answers a trial"


def lane(found: Delivery, lanes: int) -> str:
    """The group of the queue's messages that the delivery is handled in: one of a few of its receiver's own."""
    return f"{found.org}#{found.webhook}#{zlib.crc32(found.id.encode()) % lanes}"
