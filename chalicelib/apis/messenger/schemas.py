"""Schemas that several resources of the messenger API share."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.domain.deliveries.notification import Notification
from chalicelib.edge import Caller, Header, Schema
from chalicelib.engine.messaging import notifications
from chalicelib.engine.tasks import idempotency

NAME = "messenger"
"""The API's name."""

IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]


def _require_text(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Message = Annotated[
    str, StringConstraints(min_length=1, max_length=notifications.MAX_MESSAGE_LENGTH), AfterValidator(_require_text)
]


def scoped_key(caller: Caller, key: str | None) -> str | None:
    """The stored key for a caller's idempotency key: keys of different callers do not meet."""
    return None if key is None else idempotency.scoped_key(NAME, caller.subject, key)


class Queued(Schema):
    """A notification that is queued."""

    id: str
    status: Literal["queued"] = "queued"
    providers: dict[str, Literal["queued", "not_configured"]] = Field(examples=[{"telegram": "queued"}])

    @classmethod
    def from_notification(cls, notification: Notification) -> Self:
        return cls(id=notification.id, providers=dict(notification.providers))
