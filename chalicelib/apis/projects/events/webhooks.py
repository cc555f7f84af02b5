"""Webhooks and their deliveries (coordinaitor.md, "Webhooks")."""

from collections.abc import Iterable, Mapping

from chalicelib.apis.projects import access
from chalicelib.apis.projects.events.webhook_schemas import (
    DeliveryOut,
    RecoverIn,
    RecoveryOut,
    RotateIn,
    WebhookDeleted,
    WebhookIn,
    WebhookOut,
    WebhookSecret,
    WebhookUpdate,
)
from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.domain.deliveries.delivery import Status
from chalicelib.edge import Caller, Created, Paged, Request, Routes
from chalicelib.engine.webhooks import endpoints, redelivery

routes = Routes("/api/v1/webhooks", tag="Webhooks")

READ_PERMISSIONS: Mapping[str, Permission] = {
    "task": "tasks:read",
    "comment": "tasks:read",
    "agent": "agents:read",
    "project": "projects:read",
    "user": "users:read",
    "webhook": "webhooks:read",
}
"""First word of an event -> the permission that a webhook for it requires."""


@routes.post(status=201, errors=[409])
def create_webhook(caller: Caller, body: WebhookIn) -> Created[WebhookSecret]:
    """Create a webhook. Only this response shows its secret. An organization has at most 50.

    The caller needs permission to read what the events are about: `user.registered` takes `users:read`.
    """
    _require_readable(caller, body.events)
    created = endpoints.create(caller.org, body.stored_fields, body.secret, by=caller.subject)
    return Created(WebhookSecret.from_shown(created), location=f"/api/v1/webhooks/{created.webhook.id}")


def _require_readable(caller: Caller, events: Iterable[str]) -> None:
    """Raise Forbidden unless the caller may read what the events are about."""
    access.require_all(caller, {READ_PERMISSIONS[event.partition(".")[0]] for event in events})


@routes.get()
def list_webhooks(caller: Caller, request: Request, page: PageNumber = 1, limit: PageSize = 20) -> Paged[WebhookOut]:
    """List the webhooks, newest first."""
    rows = [WebhookOut.from_document(webhook) for webhook in endpoints.list_all(caller.org)]
    return slice_page(request, rows, page=page, limit=limit)


@routes.get("/{webhookId}")
def get_webhook(caller: Caller, webhook_id: Identifier) -> WebhookOut:
    """Get a webhook."""
    return WebhookOut.from_document(endpoints.get(caller.org, webhook_id))


@routes.put("/{webhookId}")
def update_webhook(caller: Caller, webhook_id: Identifier, body: WebhookUpdate) -> WebhookOut:
    """Change a webhook. `active` true also enables a webhook that the service disabled."""
    _require_readable(caller, body.events or endpoints.get(caller.org, webhook_id).body["events"])
    return WebhookOut.from_document(endpoints.update(caller.org, webhook_id, body.stored_fields, by=caller.subject))


@routes.delete("/{webhookId}")
def delete_webhook(caller: Caller, webhook_id: Identifier) -> WebhookDeleted:
    """Delete a webhook. Its pending deliveries are not sent."""
    endpoints.delete(caller.org, webhook_id)
    return WebhookDeleted(id=webhook_id)


@routes.post("/{webhookId}/test")
def test_webhook(caller: Caller, webhook_id: Identifier) -> DeliveryOut:
    """Send a `webhook.test` event now, once, even to a webhook that is not active. The response has the attempt.

    It takes as long as the receiver does, at most 15 seconds. An organization can run five tests at the same time.
    """
    return DeliveryOut.from_delivery(redelivery.send_test(caller.org, webhook_id))


@routes.post("/{webhookId}/rotate-secret")
def rotate_webhook_secret(caller: Caller, webhook_id: Identifier, body: RotateIn) -> WebhookSecret:
    """Change the secret. During the overlap the previous secret signs, too, so that no event is refused."""
    return WebhookSecret.from_shown(
        endpoints.rotate_secret(caller.org, webhook_id, body.secret, body.overlap_ms, by=caller.subject)
    )


@routes.post("/{webhookId}/recover", errors=[409])
def recover_webhook(caller: Caller, webhook_id: Identifier, body: RecoverIn) -> RecoveryOut:
    """Send again all failed deliveries of events since a time, each with a new round of attempts."""
    requeued, more = redelivery.recover(caller.org, webhook_id, body.since)
    return RecoveryOut(requeued=requeued, more=more)


@routes.get("/{webhookId}/deliveries")
def list_webhook_deliveries(
    caller: Caller,
    request: Request,
    webhook_id: Identifier,
    status: Status | None = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Paged[DeliveryOut]:
    """List the newest 1,000 deliveries, or those of them with a status.

    With status failed, the newest 1,000 failed ones of all. Deliveries are kept for 30 days.
    """
    rows = [
        DeliveryOut.from_delivery(delivery) for delivery in redelivery.list_deliveries(caller.org, webhook_id, status)
    ]
    return slice_page(request, rows, page=page, limit=limit)


@routes.get("/{webhookId}/deliveries/{deliveryId}")
def get_webhook_delivery(caller: Caller, webhook_id: Identifier, delivery_id: Identifier) -> DeliveryOut:
    """Get a delivery with its attempts."""
    return DeliveryOut.from_delivery(redelivery.get_delivery(caller.org, webhook_id, delivery_id))


@routes.post("/{webhookId}/deliveries/{deliveryId}/resend", errors=[409])
def resend_webhook_delivery(caller: Caller, webhook_id: Identifier, delivery_id: Identifier) -> DeliveryOut:
    """Send a delivery again, whatever its status, with a new round of attempts."""
    return DeliveryOut.from_delivery(redelivery.resend(caller.org, webhook_id, delivery_id))
