"""How a post is published on a platform: never twice, even when nobody knows how an attempt ended.

    claimed, images uploaded     begun                         published
  scheduled ---------------> scheduled ---------> scheduled ---------------> published
     ^                            |                   |  the platform refuses it, or its outcome stays unknown
     +----------------------------+-------------------+-------------------------------------------------------> failed
       not sent, or refused for now

Before the request that publishes, the delivery says that its outcome is unknown. If the answer is lost, or the process
dies, it stays so: the delivery fails, and is not attempted again. Platforms that recognise a repeated request are asked
again, for as long as they remember.
"""

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain.deliveries.delivery import DAY, HOUR, MAX_ATTEMPTS_KEPT, MINUTE, SECOND, Attempt, Delivery
from chalicelib.domain.deliveries.receivers import Platform

UNKNOWN = "outcome unknown: the platform may have published it; look there before you post it again"
CLAIM_MS = 3 * MINUTE
"""How long a claim lasts: longer than a function runs."""
APPROACH_MS = 10 * MINUTE
"""A post that is scheduled further ahead is looked at this long before, so that a wakeup publishes it to the second."""
RETRY_DELAYS_MS = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR)
JITTER = 0.1
MESSAGE_GROUPS = 1
"""Attempts that may run at once at any one platform of an org."""
MAX_REST_MS = DAY
SPACING_MS = SECOND
"""The time between the starts of attempts at a platform in trouble."""
MAX_TRIES = len(RETRY_DELAYS_MS) + 1
REPEATABLE_MS: Mapping[Platform, int] = {"mastodon": 50 * MINUTE, "bluesky": DAY}
"""How long a platform recognises the same post: Mastodon keeps an Idempotency-Key for up to an hour, and Bluesky's
record has a key of its own, so that writing it again changes nothing."""


def claimed(delivery: Delivery, now: int) -> Delivery:
    """A sender is about to prepare the post. If the sender dies, the delivery is due again when the claim expires."""
    return replace(delivery, tries=delivery.tries + 1, wake_at=now + CLAIM_MS, is_scheduled=False)


def begun(delivery: Delivery, now: int) -> Delivery:
    """The request that publishes is sent now. Until its answer is stored, its outcome is unknown."""
    attempt = Attempt(at=now, took_ms=0, error=UNKNOWN)
    return replace(delivery, attempts=(*delivery.attempts, attempt), wake_at=now + CLAIM_MS)


def first_look_at(due_at: int, now: int) -> int:
    """When a post is looked at first, so that it is published when it is due."""
    return due_at if due_at - now <= APPROACH_MS else due_at - APPROACH_MS


def unknown_since(delivery: Delivery) -> int | None:
    """The time of the first attempt whose outcome is unknown, in epoch milliseconds; None without one."""
    return next((attempt.at for attempt in delivery.attempts if attempt.error == UNKNOWN), None)


def may_be_published(delivery: Delivery) -> bool:
    """Whether it may be on the platform although it is pending: the outcome of an attempt is not known yet."""
    return delivery.status == "pending" and unknown_since(delivery) is not None


def is_repeatable(delivery: Delivery, platform: Platform, now: int, connected_at: int) -> bool:
    """Whether another attempt cannot publish it twice: no outcome is unknown, or the platform recognises it, and the
    account is still the same."""
    since = unknown_since(delivery)
    return since is None or (connected_at <= since and now < since + REPEATABLE_MS.get(platform, 0))


def is_unknown(status: int | None, *, sent: bool) -> bool:
    """Whether a request without a success may have published the post. A platform that is overloaded (503) or limits
    the rate has not."""
    if status is None:
        return sent
    return status == 408 or (status >= 500 and status != 503)


def published(delivery: Delivery, receipts: tuple[str, ...], attempt: Attempt) -> Delivery:
    """The platform took it, whatever else was written meanwhile. `receipts` are the platform's id and address of it."""
    known = _with_outcome(delivery, attempt)
    return replace(known, status="delivered", receipts=receipts, wake_at=None, is_scheduled=False, reason=None)


def refused(delivery: Delivery, attempt: Attempt) -> Delivery:
    """The platform does not take it, and the same post would be refused again."""
    return given_up(_with_outcome(delivery, attempt), attempt.error or "refused")


def postponed(delivery: Delivery, until: int, *, is_scheduled: bool = False) -> Delivery:
    """It waits until then, which counts as no attempt."""
    return replace(delivery, wake_at=until, is_scheduled=is_scheduled)


def retried(delivery: Delivery, attempt: Attempt, now: int, chance: float, rest_ms: int = 0) -> Delivery:
    """It was not published for now: try again later, or give up after the last delay. `chance` in [0, 1)."""
    return _next_try(_with_outcome(delivery, attempt), attempt.error, now, chance, rest_ms)


def unknown(delivery: Delivery, platform: Platform, now: int, chance: float) -> Delivery:
    """Nobody knows whether it was published. Ask again where the platform recognises it, else fail."""
    if platform in REPEATABLE_MS:
        return _next_try(delivery, UNKNOWN, now, chance)
    return given_up(delivery, UNKNOWN)


def given_up(delivery: Delivery, reason: str) -> Delivery:
    """It fails without another attempt."""
    return replace(delivery, status="failed", wake_at=None, is_scheduled=False, reason=reason)


def can_be_restarted(delivery: Delivery) -> bool:
    """Whether it failed in a way that leaves no doubt: it is not on the platform."""
    return delivery.status == "failed" and unknown_since(delivery) is None


def restarted(delivery: Delivery, due_at: int) -> Delivery:
    """A new round of attempts begins. The earlier attempts stay."""
    return replace(delivery, status="pending", tries=0, reason=None, wake_at=due_at)


def _with_outcome(delivery: Delivery, attempt: Attempt) -> Delivery:
    """The attempt takes the place of the one that was begun at the same time, if there is one."""
    earlier = tuple(one for one in delivery.attempts if (one.at, one.error) != (attempt.at, UNKNOWN))
    return replace(delivery, attempts=(*earlier, attempt)[-MAX_ATTEMPTS_KEPT:])


def _next_try(delivery: Delivery, reason: str | None, now: int, chance: float, rest_ms: int = 0) -> Delivery:
    if delivery.tries >= MAX_TRIES:
        return given_up(delivery, reason or "the platform did not take it")
    delay_ms = RETRY_DELAYS_MS[max(delivery.tries, 1) - 1]
    wait_ms = max(delay_ms + int(delay_ms * JITTER * chance), min(rest_ms, MAX_REST_MS))
    return replace(delivery, wake_at=now + wait_ms, reason=reason)
