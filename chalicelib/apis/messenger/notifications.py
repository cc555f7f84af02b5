"""Send notifications and alerts, and list their status (delqhi-platform.md, "Send Notification" and after it)."""

from typing import Annotated, Literal, Self

from pydantic import Field

from chalicelib.apis.messenger.schemas import IdempotencyKey, Message, Queued, scoped_key
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
    """An alert: a notification that needs a person's attention."""

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
    def from_delivery(cls, delivery: Delivery | None) -> Self:
        """Build it from the delivery. None means that the provider was not configured."""
        if delivery is None:
            none = dict.fromkeys(("message_id", "error", "sent_at"))
            return cls(status="not_configured", message_ids=[], attempts=0, **none)
        is_sent, first_receipt = delivery.status == "delivered", next(iter(delivery.receipts), None)
        return cls(
            status=STATUS_BY_DELIVERY[delivery.status],
            message_id=None if first_receipt == UNKNOWN_RECEIPT else first_receipt,
            message_ids=[receipt for receipt in delivery.receipts if receipt != UNKNOWN_RECEIPT],
            attempts=delivery.tries,
            error=None if is_sent else delivery.reason,
            sent_at=delivery.attempts[-1].at if is_sent else None,
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
    def from_state(cls, state: NotificationState) -> Self:
        notification = state.notification
        states = {name: ProviderOut.from_delivery(state.deliveries.get(name)) for name in notification.providers}
        return cls(
            id=notification.id,
            type=notification.kind,
            message=notification.message,
            source=notification.source,
            created_at=notification.created_at,
            providers=states,
        )


class NotificationList(Schema):
    """One page, newest first. A filtered page may have fewer items than `limit`; only the last page has no cursor."""

    notifications: list[NotificationOut]
    limit: int
    next_cursor: str | None = Field(description="Leads to the next page; null on the last.")


@routes.post("/notify", status=202, errors=[409, 503])
def send_notification(caller: Caller, body: NotificationIn, idempotency_key: IdempotencyKey = None) -> Queued:
    """Send a notification through messengers.

    The answer comes when the notification is queued; GET /api/notifications shows whether it was sent. For a day the
    same Idempotency-Key with the same body gives the same answer, and 409 with another body. 503 means that no
    messenger is configured, and names the setting.
    """
    providers, key = body.providers, scoped_key(caller, idempotency_key)
    return Queued.from_notification(
        messenger.enqueue_notification(caller.org, body.message, kind=body.type, providers=providers, key=key)
    )


@routes.post("/alert", status=202, errors=[409, 503])
def send_alert(caller: Caller, body: AlertIn, idempotency_key: IdempotencyKey = None) -> Queued:
    """Send an alert through messengers.

    A critical alert goes to every configured messenger. No rate limit applies to it, and it waits for no other message.
    """
    is_critical, key = body.severity == "critical", scoped_key(caller, idempotency_key)
    providers = None if is_critical else body.providers
    notification = messenger.enqueue_notification(
        caller.org, body.message, kind=body.severity, providers=providers, source="alert", key=key
    )
    return Queued.from_notification(notification)


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

    `status` with `provider` selects notifications with this status at that provider; `status` alone selects those with
    this status at any provider.
    """
    page = messenger.list_history(caller.org, Filter(type, provider, status), limit, cursor)
    rows = [NotificationOut.from_state(state) for state in page.notifications]
    return NotificationList(notifications=rows, limit=limit, next_cursor=page.cursor)
