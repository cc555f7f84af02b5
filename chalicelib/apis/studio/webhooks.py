"""What other systems report (glad-labs.md, "Webhooks").

Instead of an access token they can send `X-Webhook-Token`, the token of the org that `?org=` names
(docs/reference/studio-api.md).
"""

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from chalicelib.apis.studio import access, commands
from chalicelib.apis.studio.access import HOOKS, ORG
from chalicelib.domain.document import Document
from chalicelib.edge import Caller, Instant, InstantMs, Query, Routes, Schema
from chalicelib.engine import inbound_events
from chalicelib.engine.inbound_events import InboundEvent, Outcome

routes = Routes(HOOKS, tag="Webhooks")

POOLS = (access.NAME, commands.POOL)
"""The pools whose tasks an event may end: people and programs move them, no worker holds them."""

Org = Annotated[str | None, Query(ORG), Field(description="The org of the webhook; read with the credential.")]
Size = Annotated[int, Field(ge=1, le=100, description="The most events in the answer.")]
Cursor = Annotated[str, Field(max_length=512, description="The next_cursor of this very list.")]


class EventIn(Schema):
    """An event. `task_id` in the data of `task.completed` and `task.failed` names a task of this API: it ends, with
    `result` or `error` of the data."""

    event: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]{1,64}$")] = Field(
        description="`task.completed`, `task.failed`, `deployment.success`, or a name of your own.",
        examples=["task.completed"],
    )
    timestamp: InstantMs = Field(examples=["2024-12-09T15:00:00Z"])
    data: dict[str, Any] = Field(
        default={}, description="At most 16,000 characters as JSON.", examples=[{"task_id": "uuid", "result": 1}]
    )


class Acknowledged(Schema):
    """The event was taken. `outcome` says what became of it: it ended its task, it named no task of this API or one
    that had ended otherwise, or it was noted."""

    acknowledged: bool = True
    outcome: Outcome


class EventOut(Schema):
    """An event as it was taken."""

    id: str
    event: str
    occurred_at: Instant = Field(description="The `timestamp` that its sender gave.")
    data: dict[str, Any]
    outcome: Outcome
    received_at: Instant

    @classmethod
    def from_document(cls, document: Document) -> Self:
        body = document.body
        return cls(
            id=document.id,
            event=body["name"],
            occurred_at=body["occurred_at"],
            data=body["data"],
            outcome=body["outcome"],
            received_at=document.created_at,
        )


class EventList(Schema):
    """One page of events, those that happened last first. A page of more than 2,000,000 characters ends early."""

    events: list[EventOut]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


@routes.post()
def receive_event(caller: Caller, body: EventIn, org: Org = None) -> Acknowledged:  # noqa: ARG001
    """Take an event of another system. The same event again has no further effect."""
    event = InboundEvent(body.event, body.timestamp, body.data)
    return Acknowledged(outcome=inbound_events.receive(caller.org, event, caller.subject, POOLS))


@routes.get()
def list_events(caller: Caller, limit: Size = 50, cursor: Cursor | None = None) -> EventList:
    """List the events of the last 30 days. An extension of the document."""
    page = inbound_events.find_page(caller.org, limit, cursor)
    return EventList(events=[EventOut.from_document(event) for event in page.events], next_cursor=page.cursor)
