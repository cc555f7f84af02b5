"""Webhooks: who is told what happens, and what became of it (coordinaitor.md, "Webhooks")."""

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
from chalicelib.apis.projects.paging import PageNumber, PageSize, sliced
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.domain.deliveries.delivery import Status
from chalicelib.edge import Caller, Created, Paged, Request, Routes
from chalicelib.engine.webhooks import endpoints, retries

routes = Routes("/api/v1/webhooks", tag="Webhooks")

READS: Mapping[str, Permission] = {
    "task": "tasks:read",
    "comment": "tasks:read",
    "agent": "agents:read",
    "project": "projects:read",
    "user": "users:read",
    "webhook": "webhooks:read",
}
"""First word of an event -> what whoever has it sent somewhere must be allowed to read."""


@routes.post(status=201, errors=[409])
def create_webhook(caller: Caller, body: WebhookIn) -> Created[WebhookSecret]:
    """Create a webhook; its secret is shown this once. An organization has at most 50.

    Events are only of what the caller may read: `user.registered` takes `users:read`.
    """
    _require_readable(caller, body.events)
    made = endpoints.create(caller.org, body.said, body.secret, by=caller.subject)
    return Created(WebhookSecret.shown(made), location=f"/api/v1/webhooks/{made.webhook.id}")


def _require_readable(caller: Caller, events: Iterable[str]) -> None:
    """Raise Forbidden for events of what the caller may not read itself."""
    access.require_all(caller, {READS[event.partition(".")[0]] for event in events})


@routes.get()
def list_webhooks(caller: Caller, request: Request, page: PageNumber = 1, limit: PageSize = 20) -> Paged[WebhookOut]:
    """List the webhooks, newest first."""
    found = [WebhookOut.of(webhook) for webhook in endpoints.every(caller.org)]
    return sliced(request, found, page=page, limit=limit)


@routes.get("/{webhookId}")
def get_webhook(caller: Caller, webhook_id: Identifier) -> WebhookOut:
    """Get a webhook as it is now."""
    return WebhookOut.of(endpoints.get(caller.org, webhook_id))


@routes.put("/{webhookId}")
def update_webhook(caller: Caller, webhook_id: Identifier, body: WebhookUpdate) -> WebhookOut:
    """Change what is said of a webhook. To switch it on ends what it was disabled for."""
    _require_readable(caller, body.events or endpoints.get(caller.org, webhook_id).body["events"])
    return WebhookOut.of(endpoints.change(caller.org, webhook_id, body.said, by=caller.subject))


@routes.delete("/{webhookId}")
def delete_webhook(caller: Caller, webhook_id: Identifier) -> WebhookDeleted:
    """Delete a webhook; what is on its way to it is not sent any more."""
    endpoints.delete(caller.org, webhook_id)
    return WebhookDeleted(id=webhook_id)


@routes.post("/{webhookId}/test")
def test_webhook(caller: Caller, webhook_id: Identifier) -> DeliveryOut:
    """Send a `webhook.test` event now, once, whether or not the webhook is active, and see what is answered.

    It takes as long as the receiver does, at most 15 seconds; an organization has five at once.
    """
    return DeliveryOut.of(retries.test(caller.org, webhook_id))


@routes.post("/{webhookId}/rotate-secret")
def rotate_webhook_secret(caller: Caller, webhook_id: Identifier, body: RotateIn) -> WebhookSecret:
    """Change the secret; for a while the one before signs as well, so that no event is refused meanwhile."""
    return WebhookSecret.shown(
        endpoints.rotate(caller.org, webhook_id, body.secret, body.overlap_ms, by=caller.subject)
    )


@routes.post("/{webhookId}/recover", errors=[409])
def recover_webhook(caller: Caller, webhook_id: Identifier, body: RecoverIn) -> RecoveryOut:
    """Send again all that was given up of events since then, each in a new round of attempts."""
    requeued, more = retries.recover(caller.org, webhook_id, body.since)
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
    """List the newest 1,000 deliveries, or of those the ones of a status; of status failed, the newest 1,000 of all.

    They are kept for 30 days."""
    found = [DeliveryOut.of(one) for one in retries.latest(caller.org, webhook_id, status)]
    return sliced(request, found, page=page, limit=limit)


@routes.get("/{webhookId}/deliveries/{deliveryId}")
def get_webhook_delivery(caller: Caller, webhook_id: Identifier, delivery_id: Identifier) -> DeliveryOut:
    """Get a delivery with its attempts."""
    return DeliveryOut.of(retries.get(caller.org, webhook_id, delivery_id))


@routes.post("/{webhookId}/deliveries/{deliveryId}/resend", errors=[409])
def resend_webhook_delivery(caller: Caller, webhook_id: Identifier, delivery_id: Identifier) -> DeliveryOut:
    """Send a delivery again, whatever became of it, in a new round of attempts."""
    return DeliveryOut.of(retries.resend(caller.org, webhook_id, delivery_id))
