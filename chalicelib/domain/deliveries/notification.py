"""Notifications on their way to messengers: each is one delivery for each provider, like those of webhooks.

        claimed, then sent part by part
  queued -------------------------------> sent
     |  the provider does not take it: queued, due later        failed
     +--------------------------------------------------------->  the provider refuses it for good, or 24 hours passed

A sender claims a delivery before it sends anything; other senders with a message about the same delivery then find
another version. A claim expires, in case its sender dies. The delivery's receipts name the parts that the provider has
acknowledged by then; these are not sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

from chalicelib.domain.deliveries.delivery import DAY, HOUR, MINUTE, SECOND, Attempt, Delivery, attempted
from chalicelib.domain.deliveries.delivery import Status as DeliveryStatus
from chalicelib.domain.deliveries.receivers import Provider
from chalicelib.errors import InvalidRequest

ALL = "all"
ProviderChoice = Literal[Provider, "all"]
"""A provider in a request; `all` names every provider."""
Kind = Literal["info", "success", "warning", "error", "critical"]
"""The type of a notification, or the severity of an alert."""
Status = Literal["queued", "sent", "failed"]

STATUS_BY_DELIVERY: Mapping[DeliveryStatus, Status] = {"pending": "queued", "delivered": "sent", "failed": "failed"}

MARKS: Mapping[Kind, str] = {"info": "ℹ️", "success": "✅", "warning": "⚠️", "error": "❌", "critical": "🚨"}
"""The beginning of each message: providers have no types of messages."""

GIVE_UP_AFTER_MS = DAY
RETRY_DELAYS_MS = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR)
"""From each failed attempt to the next; the last delay repeats until the delivery is given up."""
JITTER = 0.1
CLAIM_MS = 2 * MINUTE
"""How long a claim lasts: longer than a function runs."""
SLOW_MS = 5 * SECOND
SPACING_MS = SECOND
"""The time between the starts of attempts at a provider in trouble; each attempt may take ten seconds."""
UNKNOWN_RECEIPT = "unknown"
"""The receipt of a message that the provider took without naming an id."""
MESSAGE_GROUPS = 2
"""Attempts that may run at once at any one provider of an org, besides critical ones. More would only meet the
provider's own limits, which are about one message a second for a chat."""
MAX_RECEIPT_LENGTH = 256
"""Characters of a provider's message id that are kept. Providers' ids are shorter, but nothing guarantees it."""


class Notification(NamedTuple):
    """A notification as it is stored, once for all its providers."""

    id: str
    kind: Kind
    message: str
    source: str
    """notify, alert, the name of an n8n hook, or of another part of Yardmaster."""
    created_at: int
    providers: Mapping[str, Status | Literal["not_configured"]]
    """The requested providers, and whether each was configured."""

    @property
    def text(self) -> str:
        """The text that is sent."""
        return f"{MARKS[self.kind]} {self.message}"


def require_known(providers: Sequence[str], field: str) -> None:
    """Raise InvalidRequest for an unknown provider, naming the request's `field`."""
    unknown = [name for name in providers if name not in get_args(ProviderChoice)]
    if unknown:
        problem = f"unknown provider {unknown[0]!r}; known are {', '.join(get_args(ProviderChoice))}"
        raise InvalidRequest(f"{field}: {problem}", fields={field: problem})


def claimed(delivery: Delivery, now: int) -> Delivery:
    """A sender is about to send it. If the sender dies, the delivery is due again when the claim expires."""
    return replace(delivery, wake_at=now + CLAIM_MS)


def acknowledged(delivery: Delivery, receipt: str, parts: int, attempt: Attempt) -> Delivery:
    """The provider acknowledged the next of `parts` parts. After the last part the delivery is sent."""
    latest = replace(delivery, receipts=(*delivery.receipts, receipt[:MAX_RECEIPT_LENGTH]))
    if len(latest.receipts) < parts:
        return claimed(latest, attempt.at)
    return replace(attempted(latest, attempt), status="delivered", wake_at=None, reason=None)


def failed(delivery: Delivery, attempt: Attempt, now: int, chance: float, *, final: bool) -> Delivery:
    """An attempt failed. It is retried later, unless a retry is of no use (`final`) or 24 hours have passed. `chance`
    in [0, 1)."""
    latest = attempted(delivery, attempt)
    if final:
        return _given_up(latest, attempt.error)
    delay_ms = RETRY_DELAYS_MS[min(latest.tries, len(RETRY_DELAYS_MS)) - 1]
    return _postponed_or_given_up(latest, now + delay_ms + int(delay_ms * JITTER * chance), attempt.error)


def throttled(delivery: Delivery, attempt: Attempt, until: int) -> Delivery:
    """The provider asks for no messages until then. That is not counted as a failure of this one."""
    return _postponed_or_given_up(replace(attempted(delivery, attempt), tries=delivery.tries), until, attempt.error)


def is_overdue(delivery: Delivery, now: int) -> bool:
    """Whether 24 hours have passed since it was created, and an attempt was made or postponed before."""
    return delivery.version > 1 and now >= delivery.created_at + GIVE_UP_AFTER_MS


def postponed(delivery: Delivery, until: int, reason: str | None, *, is_scheduled: bool) -> Delivery:
    """It waits until then without an attempt, or is given up if that is past its 24 hours."""
    why = reason or delivery.reason or "the provider takes no messages"
    return replace(_postponed_or_given_up(delivery, until, why), is_scheduled=is_scheduled)


def _postponed_or_given_up(delivery: Delivery, until: int, reason: str | None) -> Delivery:
    if until >= delivery.created_at + GIVE_UP_AFTER_MS:
        return _given_up(delivery, f"given up, it cannot be sent within 24 hours: {reason}")
    return replace(delivery, wake_at=until, reason=reason)


def _given_up(delivery: Delivery, reason: str | None) -> Delivery:
    return replace(delivery, status="failed", wake_at=None, is_scheduled=False, reason=reason)
