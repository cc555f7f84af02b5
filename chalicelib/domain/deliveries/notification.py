"""Notifications on their way to messengers: deliveries as webhooks have them, of one notification to one provider.

        claimed, then sent part by part
  queued -------------------------------> sent
     |  not taken: queued, later                    failed
     +--------------------------------------------->  the provider refuses it for good, or a day has passed

A delivery is claimed before anything is sent: whoever else has a message about it then finds another version. A claim
ends by itself, should its holder die; what was acknowledged by then is in the delivery's receipts, and not sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

from chalicelib.domain.deliveries.delivery import DAY, HOUR, MINUTE, SECOND, Attempt, Delivery, tried
from chalicelib.domain.deliveries.delivery import Status as DeliveryStatus
from chalicelib.errors import InvalidRequest

Provider = Literal["telegram", "whatsapp", "discord"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
ALL = "all"
Asked = Literal[Provider, "all"]
"""What somebody may ask to be told by; `all` names every provider."""
Kind = Literal["info", "success", "warning", "error", "critical"]
"""What a notification is: its type, or its severity as an alert."""
Status = Literal["queued", "sent", "failed"]

STATUS: Mapping[DeliveryStatus, Status] = {"pending": "queued", "delivered": "sent", "failed": "failed"}

MARKS: Mapping[Kind, str] = {"info": "ℹ️", "success": "✅", "warning": "⚠️", "error": "❌", "critical": "🚨"}
"""What a message begins with: providers have no types."""

GIVEN_UP_AFTER = DAY
DELAYS = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR)
"""Milliseconds from each attempt that failed to the next; the last one again and again, until it is given up."""
JITTER = 0.1
CLAIM = 2 * MINUTE
"""So long a claim holds: longer than a function lives."""
SLOW = 5 * SECOND
SPACING = SECOND
"""Milliseconds between the attempts at a provider in trouble; each may take ten seconds."""
UNKNOWN = "unknown"
"""The receipt of a message that the provider took without naming an id."""
LANES = 2
"""Messages that may be under way at any one provider of an org, besides what is critical: more would only meet the
provider's own limits, which are about one a second for a chat."""
LONGEST_RECEIPT = 256
"""Characters of a provider's id of a message that are kept: theirs are shorter, but it is they who say so."""


class Notification(NamedTuple):
    """What is said, as it is kept."""

    id: str
    kind: Kind
    message: str
    source: str
    """notify, alert, the name of an n8n hook, or of another part of the house."""
    created_at: int
    providers: Mapping[str, Status | Literal["not_configured"]]
    """Those that were asked for, and whether each was there to be asked."""

    @property
    def text(self) -> str:
        """What is sent."""
        return f"{MARKS[self.kind]} {self.message}"


def require_known(providers: Sequence[str], field: str) -> None:
    """Raise InvalidRequest, about the field in which they came, for an unknown provider."""
    unknown = [name for name in providers if name not in get_args(Asked)]
    if unknown:
        what = f"unknown provider {unknown[0]!r}; known are {', '.join(get_args(Asked))}"
        raise InvalidRequest(f"{field}: {what}", fields={field: what})


def claimed(found: Delivery, now: int) -> Delivery:
    """Somebody is about to send it; should nothing more be heard of that, it is due again."""
    return replace(found, wake_at=now + CLAIM)


def received(found: Delivery, receipt: str, parts: int, attempt: Attempt) -> Delivery:
    """The provider acknowledged the next of so many parts; with the last one it is sent."""
    latest = replace(found, receipts=(*found.receipts, receipt[:LONGEST_RECEIPT]))
    if len(latest.receipts) < parts:
        return claimed(latest, attempt.at)
    return replace(tried(latest, attempt), status="delivered", wake_at=None, reason=None)


def failed(found: Delivery, attempt: Attempt, now: int, chance: float, *, final: bool) -> Delivery:
    """An attempt failed: it is made again later, unless it is of no use or a day has passed. `chance` in [0, 1)."""
    latest = tried(found, attempt)
    if final:
        return _given_up(latest, attempt.error)
    delay = DELAYS[min(latest.tries, len(DELAYS)) - 1]
    return _later(latest, now + delay + int(delay * JITTER * chance), attempt.error)


def rested(found: Delivery, attempt: Attempt, until: int) -> Delivery:
    """The provider wants to be left alone until then, which is no failure of the message."""
    return _later(replace(tried(found, attempt), tries=found.tries), until, attempt.error)


def overdue(found: Delivery, now: int) -> bool:
    """Whether a day has passed since it was first taken up, and nothing has come of it."""
    return found.version > 1 and now >= found.created_at + GIVEN_UP_AFTER


def put_off(found: Delivery, until: int, reason: str | None, *, turn: bool) -> Delivery:
    """It has to wait, though nothing was tried; not for longer than it is kept trying."""
    return replace(_later(found, until, reason or found.reason or "the provider takes no messages"), turn=turn)


def _later(found: Delivery, until: int, reason: str | None) -> Delivery:
    if until >= found.created_at + GIVEN_UP_AFTER:
        return _given_up(found, f"given up, it cannot be sent within 24 hours: {reason}")
    return replace(found, wake_at=until, reason=reason)


def _given_up(found: Delivery, reason: str | None) -> Delivery:
    return replace(found, status="failed", wake_at=None, turn=False, reason=reason)
