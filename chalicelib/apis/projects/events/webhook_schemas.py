"""Schemas of webhooks (coordinaitor.md, "Webhooks")."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib import clock
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.deliveries.delivery import Attempt, Delivery, Status
from chalicelib.domain.document import Document
from chalicelib.edge import SECRET, CamelSchema, Instant, InstantMs
from chalicelib.engine.webhooks.endpoints import WebhookWithSecret

MAX_HEADERS = 20
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
_RESERVED_HEADERS = re.compile(
    r"host|connection|keep-alive|te|trailers?|transfer-encoding|upgrade|expect|accept-encoding|forwarded"
    r"|proxy-.*|content-.*|webhook-.*|x-orchestrator-.*",
    re.IGNORECASE,
)
"""Headers that cannot be set: they frame the request, describe its content or sign it."""


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("must have header names of letters, digits and hyphens")
        if _RESERVED_HEADERS.fullmatch(name):
            raise ValueError(f"must not set {name[:64]}")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"{name}: must be at most 1,000 printable ASCII characters")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("must name each header once")
    return headers


def _check_events(events: list[Topic]) -> list[Topic]:
    if Topic.WEBHOOK_TEST in events:
        raise ValueError("must not name webhook.test, which is only sent on request")
    return list(dict.fromkeys(events))


Url = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Events = Annotated[list[Topic], Field(min_length=1, max_length=64), AfterValidator(_check_events)]
Headers = Annotated[dict[str, str], SECRET, Field(max_length=MAX_HEADERS), AfterValidator(_check_headers)]
Secret = Annotated[str, SECRET, StringConstraints(min_length=16, max_length=256, pattern=r"^[\x21-\x7e]+$")]


class WebhookIn(CamelSchema):
    """A webhook to be created."""

    url: Url = Field(
        description="https, on port 443 or 8443, at a public address.",
        examples=["https://your-app.com/webhook/orchestrator"],
    )
    events: Events = Field(examples=[["task.created", "task.completed"]])
    secret: Secret | None = Field(
        default=None,
        description="The key of the signatures. By default the service creates one in the format of Standard Webhooks. "
        "After the prefix `whsec_` it must be base64.",
        examples=["your-webhook-secret"],
    )
    active: bool = Field(default=True, strict=True, description="Nothing is sent while it is false.")
    headers: Headers = Field(
        default_factory=dict,
        description="Sent with each event. Headers that frame, describe or sign the request are refused.",
        examples=[{"User-Agent": "Orchestrator-Webhook/1.0"}],
    )

    @property
    def stored_fields(self) -> dict[str, Any]:
        """The fields that the engine stores."""
        return self.model_dump(mode="json", exclude={"secret"})


class WebhookUpdate(CamelSchema):
    """Changes of a webhook. Fields that are not sent stay as they are; rotate-secret changes the secret."""

    url: Url = Field(default_factory=str)
    events: Events = Field(default_factory=list, description="All events to be sent from now on.")
    active: bool = Field(
        default=True, strict=True, description="true also enables a webhook that the service disabled."
    )
    headers: Headers = Field(default_factory=dict, description="All headers to be sent from now on.")

    @property
    def stored_fields(self) -> dict[str, Any]:
        """The fields to change, as the engine stores them: only those that were sent."""
        return self.model_dump(mode="json", exclude_unset=True)


class RotateIn(CamelSchema):
    """How to change a secret."""

    secret: Secret | None = Field(default=None, description="By default the service creates one.")
    overlap_hours: int = Field(
        default=24, ge=0, le=168, strict=True, description="Hours for which the previous secret signs, too."
    )

    @property
    def overlap_ms(self) -> int:
        """The overlap in milliseconds."""
        return self.overlap_hours * clock.HOUR


class RecoverIn(CamelSchema):
    """Which deliveries to send again."""

    since: InstantMs = Field(
        description="Events that happened at this time or later.", examples=["2024-01-15T10:30:00Z"]
    )


class WebhookOut(CamelSchema):
    """A webhook."""

    id: str = Field(examples=["webhook_abc123"])
    url: str
    events: list[Topic]
    active: bool
    headers: dict[str, str]
    created_at: Instant
    updated_at: Instant
    disabled_at: Instant | None = Field(description="When the service disabled it.")
    disabled_reason: Literal["gone", "failing"] | None = Field(
        description="gone: it answered 410; failing: no delivery has succeeded for five days."
    )
    previous_secret_until: Instant | None = Field(description="Until then the previous secret signs, too.")

    @classmethod
    def from_document(cls, webhook: Document, **more: Any) -> Self:
        body = webhook.body
        until = body.get("previousUntil", 0)
        return cls(
            id=webhook.id,
            url=body["url"],
            events=body["events"],
            active=body["active"],
            headers=body["headers"],
            created_at=webhook.created_at,
            updated_at=webhook.updated_at,
            disabled_at=body.get("disabledAt"),
            disabled_reason=body.get("disabledReason"),
            previous_secret_until=until if until > clock.now() else None,
            **more,
        )


class WebhookSecret(WebhookOut):
    """A webhook with its secret, which is never shown again."""

    secret: str

    @classmethod
    def from_shown(cls, shown: WebhookWithSecret) -> Self:
        return cls.from_document(shown.webhook, secret=shown.secret)


class WebhookDeleted(CamelSchema):
    """A deleted webhook."""

    id: str
    deleted: Literal[True] = True


class AttemptOut(CamelSchema):
    """One attempt: a POST to the webhook."""

    at: Instant
    took_ms: int
    status: int | None = Field(description="HTTP status of the response; only 2xx is a success.")
    error: str | None = Field(description="Why there was no response.")

    @classmethod
    def from_attempt(cls, attempt: Attempt) -> Self:
        return cls(at=attempt.at, took_ms=attempt.took_ms, status=attempt.status, error=attempt.error)


class DeliveryOut(CamelSchema):
    """The delivery of one event to a webhook."""

    id: str
    event_id: str = Field(description="The header webhook-id, the same in each attempt.")
    event: Topic
    status: Status
    created_at: Instant
    next_attempt_at: Instant | None
    reason: str | None = Field(description="Why there is no further attempt, or why the next one is delayed.")
    attempts: list[AttemptOut] = Field(description="The latest 30.")

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> Self:
        return cls(
            id=delivery.id,
            event_id=delivery.event_id,
            event=Topic(delivery.event),
            status=delivery.status,
            created_at=delivery.created_at,
            next_attempt_at=delivery.wake_at,
            reason=delivery.reason,
            attempts=[AttemptOut.from_attempt(attempt) for attempt in delivery.attempts],
        )


class RecoveryOut(CamelSchema):
    """The deliveries that are sent again."""

    requeued: int = Field(description="Deliveries that are due now.")
    more: bool = Field(description="true: more are sent again in the background, within minutes.")
