"""Deliveries as plain values: when each is attempted, and what the receiver's answer means for it. The schedule of
retries here is that of webhooks; domain/deliveries/notification.py has that of messengers.

          an attempt succeeds                          resend, recover
  pending --------------------> delivered     failed ------------------> pending
     |  an attempt fails, retries are left: pending, due later   ^
     +-----------------------------------------------------------+  the last attempt failed, or the receiver is gone

The schedule and the meaning of answers are those of Standard Webhooks 1.0.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from chalicelib.domain import retry_after as waits
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.deliveries.receivers import ReceiverKind, receiver_kind

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Status = Literal["pending", "delivered", "failed"]

RETRY_DELAYS_MS = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""From each failed attempt to the next: ten attempts in all, over about 75 hours and a half."""
JITTER = 0.1
"""The largest share of itself by which a delay grows, so that deliveries that failed together are not retried
together."""
MAX_RETRY_AFTER_MS = 24 * HOUR
RETRY_AFTER_STATUSES = frozenset({413, 429, 502, 503, 504})
"""The statuses whose Retry-After is obeyed."""

TEST_EVENT = Topic.WEBHOOK_TEST
"""The event that tests a webhook. It is attempted once."""

MAX_ATTEMPTS_KEPT = 30

DISABLE_AFTER_MS = 5 * DAY
"""A webhook whose attempts have all failed for this long is disabled."""

TIMEOUT_SECONDS = 15.0
SLOW_MS = 5 * SECOND
"""A receiver that takes longer to answer is in trouble, even when the answer is a success."""
MAX_CONCURRENT_ATTEMPTS = 5
"""Attempts that may run at once at a webhook in trouble."""
SPACING_MS = round(TIMEOUT_SECONDS * SECOND) // MAX_CONCURRENT_ATTEMPTS
"""The time between the starts of attempts at a webhook in trouble. It bounds how many can run at once."""
MAX_SCHEDULE_AHEAD_MS = HOUR
"""Attempts at a webhook in trouble are scheduled up to this far ahead; later ones are scheduled again by then."""
MESSAGE_GROUPS = 4
"""Attempts that may run at once at any one webhook: its messages are spread over this many groups of the FIFO queue."""
MIN_UNANSWERED_TO_PAUSE = 2
"""Slow failures in a row after which a webhook or messenger is paused."""
FIRST_PAUSE_MS, MAX_PAUSE_MS = 15 * SECOND, 5 * MINUTE
"""The length of a pause, after which one trial is made. Each failed trial doubles it."""
TRIAL_MS = 20 * SECOND
"""How long all other deliveries wait for the result of a trial: longer than a call may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call to the receiver: when, how long it took, and its HTTP status, or why there was none."""

    at: int
    took_ms: int
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook, or one notification on its way to one messenger."""

    org: str
    receiver: str  # a webhook's id, or a messenger's provider
    id: str
    event: str  # the event's topic, or the notification's kind
    status: Status = "pending"
    attempts: tuple[Attempt, ...] = ()  # the latest
    tries: int = 0  # attempts in this round; a resend begins a new one
    is_scheduled: bool = False  # its receiver is in trouble, and wake_at is the time kept free for this delivery
    reason: str | None = None  # why it failed without an attempt, or why it waits
    receipts: tuple[str, ...] = ()  # of a messenger: its ids of the parts that it has acknowledged
    version: int = 1
    created_at: int
    wake_at: int | None = None
    expires_at: int  # epoch milliseconds

    @property
    def event_id(self) -> str:
        """The id of the event, the same for all receivers."""
        return parse_event_id(self.id)

    @property
    def kind(self) -> ReceiverKind:
        """Whether it goes to a webhook or through a messenger."""
        return receiver_kind(self.receiver)


def parse_event_id(delivery_id: str) -> str:
    """The event id with which a delivery's id ends."""
    return delivery_id.split("_", 2)[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a receiver has answered lately."""

    failing_since: int | None = None  # the first of the failures since the last success
    is_slow: bool = False
    paused_until: int | None = None  # the receiver asked for time, or does not answer
    unanswered: int = 0  # slow failures in a row

    @property
    def is_troubled(self) -> bool:
        """Whether attempts have to be scheduled one by one."""
        return self.is_slow or self.failing_since is not None or self.paused_until is not None


HEALTHY = Health()


def pause_ms(unanswered: int) -> int:
    """How long a receiver is paused after this many slow failures in a row; 0 while there are too few."""
    if unanswered < MIN_UNANSWERED_TO_PAUSE:
        return 0
    return min(FIRST_PAUSE_MS << min(unanswered - MIN_UNANSWERED_TO_PAUSE, 10), MAX_PAUSE_MS)


def is_success(attempt: Attempt) -> bool:
    """Only 2xx: a redirect does not come from the receiver itself."""
    return attempt.status is not None and 200 <= attempt.status < 300


def retry_after_ms(status: int, headers: Mapping[str, str], now: int | None = None) -> int:
    """How long the receiver asks for no requests; 0 when it does not say. Without `now` (epoch milliseconds) a date in
    the header is not understood."""
    if status not in RETRY_AFTER_STATUSES:
        return 0
    return min(waits.parse_ms(waits.header_value(headers), now) or 0, MAX_RETRY_AFTER_MS)


def delivered(delivery: Delivery, attempt: Attempt) -> Delivery:
    """The receiver took it, whatever else was written meanwhile."""
    return replace(attempted(delivery, attempt), status="delivered", wake_at=None, reason=None)


def failed(delivery: Delivery, attempt: Attempt, now: int, chance: float, rest_ms: int = 0) -> Delivery:
    """An attempt failed. The next is due after the schedule's delay and up to a tenth of it, or after `rest_ms` if that
    is longer. The last attempt, and the only one of a test, ends the delivery. `chance` in [0, 1)."""
    latest = attempted(delivery, attempt)
    if latest.tries > len(RETRY_DELAYS_MS) or delivery.event == TEST_EVENT:
        return replace(latest, status="failed", wake_at=None)
    delay_ms = RETRY_DELAYS_MS[latest.tries - 1]
    return replace(latest, wake_at=now + max(delay_ms + int(delay_ms * JITTER * chance), rest_ms))


def attempted(delivery: Delivery, attempt: Attempt) -> Delivery:
    """An attempt was made."""
    attempts = (*delivery.attempts, attempt)[-MAX_ATTEMPTS_KEPT:]
    return replace(delivery, attempts=attempts, tries=delivery.tries + 1, is_scheduled=False, reason=None)


def given_up(delivery: Delivery, reason: str) -> Delivery:
    """It fails without another attempt, because its receiver or its event is gone."""
    return replace(delivery, status="failed", wake_at=None, is_scheduled=False, reason=reason)


def postponed(delivery: Delivery, until: int, reason: str | None, *, is_scheduled: bool) -> Delivery:
    """It waits until then, which counts as no attempt. Unless that time is kept free for it, it is then scheduled
    again."""
    return replace(delivery, wake_at=until, is_scheduled=is_scheduled, reason=reason)


def restarted(delivery: Delivery, now: int) -> Delivery:
    """A new round of attempts begins now. The earlier attempts stay listed."""
    return replace(delivery, status="pending", tries=0, is_scheduled=False, reason=None, wake_at=now)
