"""What the webhook endpoints take and answer (coordinaitor.md, "Webhooks")."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.projects.tasks.inputs import Moment
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.deliveries.delivery import Attempt, Delivery, Status
from chalicelib.domain.document import Document
from chalicelib.edge import SECRET, CamelSchema, Instant
from chalicelib.engine.webhooks.endpoints import Shown

MOST_HEADERS = 20
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
_OURS = re.compile(
    r"host|connection|keep-alive|te|trailers?|transfer-encoding|upgrade|expect|accept-encoding|forwarded"
    r"|proxy-.*|content-.*|webhook-.*|x-orchestrator-.*",
    re.IGNORECASE,
)
"""Headers that frame the request, say what is in it or sign it are not the owner's to set."""


def _own(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise ValueError("must name each header by letters, digits and hyphens, apart from its value")
        if _OURS.fullmatch(name):
            raise ValueError(f"must not set {name[:64]}")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{name}: must be at most 1,000 printable ASCII characters")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("must name each header once")
    return headers


def _announced(events: list[Topic]) -> list[Topic]:
    if Topic.WEBHOOK_TEST in events:
        raise ValueError("must not name webhook.test, which is sent on request alone")
    return list(dict.fromkeys(events))


Url = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Events = Annotated[list[Topic], Field(min_length=1, max_length=64), AfterValidator(_announced)]
Headers = Annotated[dict[str, str], SECRET, Field(max_length=MOST_HEADERS), AfterValidator(_own)]
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
        description="What signs. Without one it is made here, as Standard Webhooks wants it; one that begins with "
        "`whsec_` goes on in base64.",
        examples=["your-webhook-secret"],
    )
    active: bool = Field(default=True, strict=True, description="Nothing is sent while it is false.")
    headers: Headers = Field(
        default_factory=dict,
        description="Sent with each event; none that frame the request, say what is in it or sign it.",
        examples=[{"User-Agent": "Orchestrator-Webhook/1.0"}],
    )

    @property
    def said(self) -> dict[str, Any]:
        """As the engine keeps it."""
        return self.model_dump(mode="json", exclude={"secret"})


class WebhookUpdate(CamelSchema):
    """What changes; what is left out stays. Secrets are changed by rotate-secret."""

    url: Url = Field(default_factory=str)
    events: Events = Field(default_factory=list, description="All that it asks for from now on.")
    active: bool = Field(default=True, strict=True, description="true also ends what the house disabled it for.")
    headers: Headers = Field(default_factory=dict, description="All that are sent from now on.")

    @property
    def said(self) -> dict[str, Any]:
        """As the engine keeps it: only what is said."""
        return self.model_dump(mode="json", exclude_unset=True)


class RotateIn(CamelSchema):
    """How a secret is changed."""

    secret: Secret | None = Field(default=None, description="Made here when it is left out.")
    overlap_hours: int = Field(
        default=24, ge=0, le=168, strict=True, description="For so long the secret before signs as well."
    )

    @property
    def overlap_ms(self) -> int:
        """In milliseconds."""
        return self.overlap_hours * clock.HOUR


class RecoverIn(CamelSchema):
    """What is to be sent again."""

    since: Moment = Field(description="Events that happened then or later.", examples=["2024-01-15T10:30:00Z"])


class WebhookOut(CamelSchema):
    """A webhook as it is now."""

    id: str = Field(examples=["webhook_abc123"])
    url: str
    events: list[Topic]
    active: bool
    headers: dict[str, str]
    created_at: Instant
    updated_at: Instant
    disabled_at: Instant | None = Field(description="When the house took it out of service.")
    disabled_reason: Literal["gone", "failing"] | None = Field(
        description="gone: it answered 410; failing: nothing has arrived for five days."
    )
    previous_secret_until: Instant | None = Field(description="Until then the secret before signs as well.")

    @classmethod
    def of(cls, webhook: Document, **more: Any) -> Self:
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
    """A webhook with its secret, which is not shown again."""

    secret: str

    @classmethod
    def shown(cls, found: Shown) -> Self:
        return cls.of(found.webhook, secret=found.secret)


class WebhookDeleted(CamelSchema):
    """A webhook that is gone."""

    id: str
    deleted: Literal[True] = True


class AttemptOut(CamelSchema):
    """One POST."""

    at: Instant
    took_ms: int
    status: int | None = Field(description="What was answered; only 2xx is a success.")
    error: str | None = Field(description="Why there was no answer.")

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(at=attempt.at, took_ms=attempt.took_ms, status=attempt.status, error=attempt.error)


class DeliveryOut(CamelSchema):
    """One event on its way to a webhook."""

    id: str
    event_id: str = Field(description="The webhook-id header, the same with each attempt.")
    event: Topic
    status: Status
    created_at: Instant
    next_attempt_at: Instant | None
    reason: str | None = Field(description="Why it was given up without another attempt, or why it waits.")
    attempts: list[AttemptOut] = Field(description="The latest 30.")

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(
            id=delivery.id,
            event_id=delivery.event_id,
            event=Topic(delivery.event),
            status=delivery.status,
            created_at=delivery.created_at,
            next_attempt_at=delivery.wake_at,
            reason=delivery.reason,
            attempts=[AttemptOut.of(attempt) for attempt in delivery.attempts],
        )


class RecoveryOut(CamelSchema):
    """What is sent again."""

    requeued: int = Field(description="Deliveries that are due now.")
    more: bool = Field(description="Whether further ones follow in the background, within minutes.")
