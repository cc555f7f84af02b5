"""Notifications and alerts, and what became of them (delqhi-platform.md, "Send Notification" and on)."""

from typing import Annotated, Literal, Self

from pydantic import Field

from chalicelib.apis.messenger.schemas import IdempotencyKey, Message, Queued, own
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.deliveries.notification import (
    STATUS_BY_DELIVERY,
    UNKNOWN_RECEIPT,
    Kind,
    ProviderChoice,
    Status,
)
from chalicelib.domain.deliveries.receivers import Provider
from chalicelib.edge import Caller, NaiveInstant, Routes, Schema
from chalicelib.engine.messaging import notifications as messenger
from chalicelib.engine.messaging.notifications import Filter, NotificationState

routes = Routes("/api", tag="Notifications")
history_routes = Routes("/api/notifications", tag="Notifications")

Providers = Annotated[list[ProviderChoice], Field(min_length=1, max_length=16)]
Size = Annotated[int, Field(ge=1, le=100, description="The most notifications in a page.")]
Cursor = Annotated[str, Field(max_length=512, description="The next_cursor of the same list.")]


class NotificationIn(Schema):
    """A notification to send."""

    message: Message = Field(examples=["Task completed successfully!"])
    type: Literal["info", "success", "warning", "error"] = "info"
    providers: Providers | None = Field(default=None, description="Without it, all that are configured.")


class AlertIn(Schema):
    """An alert: something that somebody must look at."""

    message: Message = Field(examples=["Critical error in Zimmer-19!"])
    severity: Literal["info", "warning", "critical"] = "warning"
    providers: Providers | None = Field(
        default=None, description="Without it, all that are configured. A critical alert always goes to all of them."
    )


class ProviderOut(Schema):
    """The status of a notification at one provider."""

    status: Status | Literal["not_configured"]
    message_id: str | None = Field(description="The provider's id of the first part; null if it returned none.")
    message_ids: list[str] = Field(description="The ids of all parts for which the provider returned one.")
    attempts: int
    error: str | None = Field(description="Why it was not sent, or is not sent yet.")
    sent_at: NaiveInstant | None

    @classmethod
    def of(cls, found: Delivery | None) -> Self:
        """Of the delivery; without one, the provider was not configured."""
        if found is None:
            none = dict.fromkeys(("message_id", "error", "sent_at"))
            return cls(status="not_configured", message_ids=[], attempts=0, **none)
        sent, first = found.status == "delivered", next(iter(found.receipts), None)
        return cls(
            status=STATUS_BY_DELIVERY[found.status],
            message_id=None if first == UNKNOWN_RECEIPT else first,
            message_ids=[one for one in found.receipts if one != UNKNOWN_RECEIPT],
            attempts=found.tries,
            error=None if sent else found.reason,
            sent_at=found.attempts[-1].at if sent else None,
        )


class NotificationOut(Schema):
    """A notification: `source` says what it came from, such as `notify`, `alert` or the name of a hook."""

    id: str
    type: Kind
    message: str
    source: str
    created_at: NaiveInstant
    providers: dict[str, ProviderOut]

    @classmethod
    def of(cls, one: NotificationState) -> Self:
        made = one.notification
        states = {name: ProviderOut.of(one.deliveries.get(name)) for name in made.providers}
        return cls(
            id=made.id,
            type=made.kind,
            message=made.message,
            source=made.source,
            created_at=made.created_at,
            providers=states,
        )


class NotificationList(Schema):
    """One page, newest first. A filtered page may be short of its limit: the last one is without a cursor."""

    notifications: list[NotificationOut]
    limit: int
    next_cursor: str | None = Field(description="Leads to the next page; null on the last.")


@routes.post("/notify", status=202, errors=[409, 503])
def send_notification(caller: Caller, body: NotificationIn, idempotency_key: IdempotencyKey = None) -> Queued:
    """Send a notification by messengers.

    It is on its way once this answers; GET /api/notifications shows whether it arrived. The same Idempotency-Key with
    the same body gives the same answer for a day, with another body 409. 503 names what to set when no messenger is
    configured.
    """
    providers, key = body.providers, own(caller, idempotency_key)
    return Queued.of(
        messenger.enqueue_notification(caller.org, body.message, kind=body.type, providers=providers, key=key)
    )


@routes.post("/alert", status=202, errors=[409, 503])
def send_alert(caller: Caller, body: AlertIn, idempotency_key: IdempotencyKey = None) -> Queued:
    """Send an alert by messengers.

    What is critical goes to every configured messenger, is let through however many requests there were, and waits for
    no other message.
    """
    critical, key = body.severity == "critical", own(caller, idempotency_key)
    providers = None if critical else body.providers
    made = messenger.enqueue_notification(
        caller.org, body.message, kind=body.severity, providers=providers, source="alert", key=key
    )
    return Queued.of(made)


@history_routes.get()
def list_notifications(
    caller: Caller,
    type: Kind | None = None,
    provider: Provider | None = None,
    status: Status | None = None,
    limit: Size = 20,
    cursor: Cursor | None = None,
) -> NotificationList:
    """List notifications of the last 30 days, newest first; filters combine.

    With `provider` and `status`, those that have this status there; with `status` alone, those that have it anywhere.
    """
    page = messenger.list_history(caller.org, Filter(type, provider, status), limit, cursor)
    rows = [NotificationOut.of(one) for one in page.notifications]
    return NotificationList(notifications=rows, limit=limit, next_cursor=page.cursor)
