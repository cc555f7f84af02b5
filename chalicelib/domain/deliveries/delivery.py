"""Deliveries of webhooks as plain values: when each is tried, and what an answer means for it.

          attempt succeeds                             resend, recover
  pending ----------------> delivered        failed ------------------> pending
     |  attempt fails, more are left: pending, later      ^
     +-----------------------------------------------------+  the last one failed, or nobody is there any more

The schedule and the meaning of answers are those of Standard Webhooks 1.0.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from chalicelib.domain import retry_after as waits
from chalicelib.domain.changes.effects import Topic

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Status = Literal["pending", "delivered", "failed"]

DELAYS = (5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Milliseconds from each attempt that failed to the next: ten attempts in all, over some 75 hours and a half."""
JITTER = 0.1
"""By how much of itself a delay may grow, so that what failed together is not tried together."""
LONGEST_RETRY_AFTER = 24 * HOUR
MAY_ASK_FOR_TIME = frozenset({413, 429, 502, 503, 504})
"""The statuses whose Retry-After is obeyed."""

TEST = Topic.WEBHOOK_TEST
"""The event that is sent to try a webhook out; it is sent once."""

ATTEMPTS_KEPT = 30

GIVEN_UP_AFTER = 5 * DAY
"""A webhook that has only failed for so long is disabled."""

TIMEOUT_SECONDS = 15.0
SLOW = 5 * SECOND
"""An answer that takes longer counts as trouble, though it be a good one."""
AT_ONCE = 5
"""Attempts that may be under way at a webhook in trouble."""
SPACING = round(TIMEOUT_SECONDS * SECOND) // AT_ONCE
"""Milliseconds between the attempts at a webhook in trouble, so that no more than that can be under way at once."""
LONGEST_TURN = HOUR
"""How far ahead turns at a webhook in trouble are given out; who comes later asks again."""
LANES = 4
"""Attempts that may be under way at any one webhook: its messages are spread over so many groups of the queue."""
PAUSED_AFTER = 2
"""Attempts in a row that took long and failed, after which a webhook or messenger is paused."""
FIRST_PAUSE, LONGEST_PAUSE = 15 * SECOND, 5 * MINUTE
"""How long a pause takes before the next trial; each one that fails doubles it."""
TRIAL = 20 * SECOND
"""So long everybody else waits for how a trial ends: longer than a call may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One POST: when, how long it took, and what came back: a status, or why there was none."""

    at: int
    took_ms: int
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook."""

    org: str
    webhook: str
    id: str
    event: str  # its topic
    status: Status = "pending"
    attempts: tuple[Attempt, ...] = ()  # the latest
    tries: int = 0  # attempts in this round; a resend begins a new one
    turn: bool = False  # it waits for its turn at a webhook in trouble, and need not ask for one again
    reason: str | None = None  # why it was given up without an attempt, or why it waits
    receipts: tuple[str, ...] = ()  # of a messenger: its ids of the parts that it has acknowledged
    version: int = 1
    created_at: int
    wake_at: int | None = None
    expires_at: int  # epoch milliseconds

    @property
    def event_id(self) -> str:
        """The id of the event, the same at all webhooks."""
        return event_of(self.id)


def event_of(delivery_id: str) -> str:
    """The id of the event that a delivery carries: its own ends with it."""
    return delivery_id.split("_", 2)[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a webhook has done lately."""

    failing_since: int | None = None  # nothing has arrived since then
    slow: bool = False
    resting_until: int | None = None  # it asked to be left alone, or is paused
    unanswered: int = 0  # attempts in a row that took long and failed

    @property
    def troubled(self) -> bool:
        """Whether its deliveries have to take turns."""
        return self.slow or self.failing_since is not None or self.resting_until is not None


WELL = Health()


def pause(unanswered: int) -> int:
    """How long nothing is sent to a receiver after so many attempts in a row that it did not answer, in milliseconds;
    0 while that is too few to say."""
    if unanswered < PAUSED_AFTER:
        return 0
    return min(FIRST_PAUSE << min(unanswered - PAUSED_AFTER, 10), LONGEST_PAUSE)


def succeeded(attempt: Attempt) -> bool:
    """2xx alone: a redirect is an answer of somebody who is not the receiver."""
    return attempt.status is not None and 200 <= attempt.status < 300


def retry_after(status: int, headers: Mapping[str, str], now: int | None = None) -> int:
    """For how many milliseconds an answer asks to be left alone; 0 when it does not say. Without `now`, in epoch
    milliseconds, a date cannot be read."""
    if status not in MAY_ASK_FOR_TIME:
        return 0
    return min(waits.parse_ms(waits.header_value(headers), now) or 0, LONGEST_RETRY_AFTER)


def delivered(found: Delivery, attempt: Attempt) -> Delivery:
    """It arrived, whatever else was noted of it meanwhile."""
    return replace(tried(found, attempt), status="delivered", wake_at=None, reason=None)


def failed(found: Delivery, attempt: Attempt, now: int, chance: float, rest_ms: int = 0) -> Delivery:
    """An attempt failed: the next one is due after the schedule's delay and at most a tenth of it, or after `rest_ms`
    if that is longer; the last one, or the only one of a test, ends the delivery. `chance` in [0, 1)."""
    latest = tried(found, attempt)
    if latest.tries > len(DELAYS) or found.event == TEST:
        return replace(latest, status="failed", wake_at=None)
    delay = DELAYS[latest.tries - 1]
    return replace(latest, wake_at=now + max(delay + int(delay * JITTER * chance), rest_ms))


def tried(found: Delivery, attempt: Attempt) -> Delivery:
    """An attempt was made."""
    attempts = (*found.attempts, attempt)[-ATTEMPTS_KEPT:]
    return replace(found, attempts=attempts, tries=found.tries + 1, turn=False, reason=None)


def given_up(found: Delivery, reason: str) -> Delivery:
    """Nobody is there to take it."""
    return replace(found, status="failed", wake_at=None, turn=False, reason=reason)


def put_off(found: Delivery, until: int, reason: str | None, *, turn: bool) -> Delivery:
    """It has to wait, which is no attempt; then it is its turn, or it asks again."""
    return replace(found, wake_at=until, turn=turn, reason=reason)


def again(found: Delivery, now: int) -> Delivery:
    """A new round of attempts, from now on, with those before still to be seen."""
    return replace(found, status="pending", tries=0, turn=False, reason=None, wake_at=now)
