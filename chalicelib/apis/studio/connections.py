"""What is connected to an org: API keys, webhooks, integrations (glad-labs.md, "Settings")."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.domain.document import Document
from chalicelib.edge import Caller, Created, Instant, Routes, Schema
from chalicelib.engine import integrations
from chalicelib.engine.accounts import api_keys
from chalicelib.engine.accounts.api_keys import ApiKey
from chalicelib.engine.content_tasks import POOL
from chalicelib.engine.webhooks import endpoints

routes = Routes("/api/settings", tag="Settings")

WebhookId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TaskEvent = Literal["task.created", "task.updated", "task.completed", "task.failed", "task.deleted"]


def _drop_duplicates(events: list[TaskEvent]) -> list[TaskEvent]:
    return list(dict.fromkeys(events))


class KeyOut(Schema):
    """An API key, without the key."""

    id: str
    name: str
    partial: str = Field(description="How the key begins and ends.", examples=["ak_****7Hq2"])
    created_at: Instant

    @classmethod
    def from_key(cls, key: ApiKey) -> Self:
        partial = f"{api_keys.PREFIX}****{key.last4}"
        return cls(id=key.id, name=key.name, partial=partial, created_at=key.created_at)


class KeyList(Schema):
    """The caller's valid keys of the projects API, newest first; at most 50."""

    keys: list[KeyOut]


class WebhookIn(Schema):
    """A webhook to create."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048)] = Field(
        description="https, on port 443 or 8443, at a public address.", examples=["https://webhook.example.com"]
    )
    events: Annotated[list[TaskEvent], Field(min_length=1, max_length=16), AfterValidator(_drop_duplicates)] = Field(
        examples=[["task.completed", "task.failed"]]
    )
    active: bool = Field(default=True, strict=True, description="Nothing is sent while it is false.")


class WebhookOut(Schema):
    """A webhook. The service turns `active` off when nothing arrives there for days."""

    id: str
    url: str
    events: list[str]
    active: bool
    created_at: Instant

    @classmethod
    def from_document(cls, webhook: Document, **more: str) -> Self:
        names = ("url", "events", "active")
        shown = {name: webhook.body[name] for name in names}
        return cls(id=webhook.id, created_at=webhook.created_at, **shown, **more)


class WebhookCreated(WebhookOut):
    """A new webhook. Its secret, which signs each event by Standard Webhooks, is never shown again."""

    secret: str


class WebhookList(Schema):
    """All webhooks of this API, newest first. An organization has at most 50 of all APIs."""

    webhooks: list[WebhookOut]


class IntegrationOut(Schema):
    """One integration. `configured_at` is null for what the deployment configures."""

    name: str = Field(examples=["openai"])
    status: integrations.Status = Field(
        description="pending: not active yet, being installed, or a webhook to which nothing was delivered yet. error: "
        "it does not work, or lacks its key."
    )
    configured_at: Instant | None


class IntegrationList(Schema):
    """What is configured for the org: providers of language models, messengers, webhooks of all APIs."""

    integrations: list[IntegrationOut]


@routes.get("/api-keys")
def list_api_keys(caller: Caller) -> KeyList:
    """List the caller's API keys of the projects API. They are no credential here."""
    keys = api_keys.find_keys(caller.org, caller.subject)
    return KeyList(keys=[KeyOut.from_key(key) for key in keys])


@routes.post("/webhooks", status=201, errors=[409])
def create_webhook(caller: Caller, body: WebhookIn) -> Created[WebhookCreated]:
    """Create a webhook. Only this answer shows its secret."""
    stored = {**body.model_dump(mode="json"), "headers": {}, "pool": POOL}
    webhook, secret = endpoints.create(caller.org, stored, None, by=caller.subject)
    return Created(WebhookCreated.from_document(webhook, secret=secret), location="/api/settings/webhooks")


@routes.get("/webhooks")
def list_webhooks(caller: Caller) -> WebhookList:
    """List the webhooks of this API. The document has no such endpoint."""
    webhooks = endpoints.list_of_pool(caller.org, POOL)
    return WebhookList(webhooks=[WebhookOut.from_document(webhook) for webhook in webhooks])


@routes.delete("/webhooks/{webhook_id}", status=204)
def delete_webhook(caller: Caller, webhook_id: WebhookId) -> None:
    """Delete a webhook; what is pending for it is not sent. The document has no such endpoint."""
    endpoints.delete(caller.org, webhook_id, POOL)


@routes.get("/integrations", errors=[503])
def list_integrations(caller: Caller) -> IntegrationList:
    """List what is configured for the org, and whether it works."""
    found = integrations.list_all(caller.org)
    return IntegrationList(integrations=[IntegrationOut(**integration._asdict()) for integration in found])
