"""Conversations and their messages (delqhi-platform.md, "Conversation Management")."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.codeserver.access import NAME
from chalicelib.domain.conversations import conversation as rules
from chalicelib.domain.conversations.conversation import Conversation, Details, Filter, Message, Role, Status
from chalicelib.edge import Caller, Created, Header, NaiveInstant, Routes, Schema
from chalicelib.engine.conversations import conversations, messages
from chalicelib.engine.conversations.conversations import Change, Draft
from chalicelib.engine.tasks import idempotency

routes = Routes("/api/conversations", tag="Conversations")

ConversationId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
UserId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=rules.MAX_TITLE_CHARS)]
Content = Annotated[str, StringConstraints(min_length=1, max_length=rules.MAX_CONTENT_CHARS)]
Size = Annotated[int, Field(ge=1, le=100, description="The most rows in the answer.")]
Offset = Annotated[int, Field(ge=0, le=10**9, description="How many rows before the page are left out.")]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
ConversationStatus = Literal["active", "archived", "closed"]
MessageRole = Literal["user", "assistant", "system"]


class ConversationIn(Schema):
    """A conversation to create."""

    user_id: UserId = Field(description="Whose conversation it is, in your own words.", examples=["user-uuid"])
    title: Title = Field(default="New conversation", examples=["Python API Development"])
    context: dict[str, Any] = Field(
        default={}, description="Your own data, at most 16,000 characters as JSON.", examples=[{"framework": "FastAPI"}]
    )


class ConversationChanges(Schema):
    """What to change of a conversation. What is left out stays."""

    title: Title | None = None
    status: ConversationStatus | None = Field(default=None, description="A closed conversation takes no messages.")
    context: dict[str, Any] | None = Field(default=None, description="Replaces the whole context.")


class ConversationCreated(Schema):
    """A conversation that was created."""

    id: str = Field(examples=["conv_00000001_abc"])
    user_id: str
    title: str
    status: ConversationStatus
    created_at: NaiveInstant


class ConversationRow(Schema):
    """A conversation in a list. `last_message_at` is null while it has no messages."""

    id: str
    user_id: str
    title: str
    status: ConversationStatus
    message_count: int
    created_at: NaiveInstant
    last_message_at: NaiveInstant | None

    @classmethod
    def from_conversation(cls, conversation: Conversation) -> Self:
        return cls(**{name: getattr(conversation, name) for name in cls.model_fields})


class ConversationOut(Schema):
    """A conversation. `updated_at` is when it or its messages were last changed."""

    id: str
    user_id: str
    title: str
    status: ConversationStatus
    context: dict[str, Any]
    created_at: NaiveInstant
    updated_at: NaiveInstant

    @classmethod
    def from_details(cls, details: Details) -> Self:
        fields = {name: getattr(details.conversation, name) for name in cls.model_fields if name != "context"}
        return cls(**fields, context=details.context)


class ConversationList(Schema):
    """One page of conversations, newest first."""

    conversations: list[ConversationRow]
    total: int = Field(description="The number of conversations on all pages.")
    limit: int
    offset: int


class ConversationDeleted(Schema):
    """A conversation that was deleted."""

    id: str
    status: Literal["deleted"] = "deleted"
    deleted_at: NaiveInstant


class MessageIn(Schema):
    """A message to add."""

    role: MessageRole = Field(examples=["user"])
    content: Content = Field(examples=["Add authentication middleware"])


class MessageOut(Schema):
    """A message of a conversation."""

    id: str = Field(examples=["msg_abc123"])
    conversation_id: str
    role: MessageRole
    content: str
    created_at: NaiveInstant

    @classmethod
    def from_message(cls, message: Message) -> Self:
        return cls(**{name: getattr(message, name) for name in cls.model_fields})


class MessageList(Schema):
    """One page of messages, oldest first. A page of more than 2,000,000 characters ends early: the next one begins at
    `offset` plus the number of its messages."""

    messages: list[MessageOut]
    total: int = Field(description="The number of messages on all pages.")
    limit: int
    offset: int


@routes.get()
def list_conversations(
    caller: Caller,
    limit: Size = 20,
    user_id: UserId | None = None,
    status: ConversationStatus | None = None,
    offset: Offset = 0,
) -> ConversationList:
    """List conversations, newest first. A conversation must match all filters."""
    wanted = Filter(user_id, Status(status) if status is not None else None)
    page = conversations.find_page(caller.org, NAME, wanted, limit, offset)
    rows = [ConversationRow.from_conversation(one) for one in page.conversations]
    return ConversationList(conversations=rows, total=page.total, limit=limit, offset=offset)


@routes.post(status=201, errors=[409])
def create_conversation(caller: Caller, body: ConversationIn) -> Created[ConversationCreated]:
    """Create a conversation."""
    details = conversations.create(caller.org, NAME, Draft(body.user_id, body.title, body.context))
    fields = {name: getattr(details.conversation, name) for name in ConversationCreated.model_fields}
    return Created(ConversationCreated(**fields), location=f"/api/conversations/{details.conversation.id}")


@routes.get("/{id}")
def get_conversation(caller: Caller, id: ConversationId) -> ConversationOut:
    """Get a conversation with its context."""
    return ConversationOut.from_details(conversations.get(caller.org, NAME, id))


@routes.put("/{id}")
def update_conversation(caller: Caller, id: ConversationId, body: ConversationChanges) -> ConversationOut:
    """Change the title, the status or the context of a conversation."""
    change = Change(body.title, Status(body.status) if body.status is not None else None, body.context)
    return ConversationOut.from_details(conversations.update(caller.org, NAME, id, change))


@routes.delete("/{id}")
def delete_conversation(caller: Caller, id: ConversationId) -> ConversationDeleted:
    """Delete a conversation with its messages."""
    conversations.delete(caller.org, NAME, id)
    return ConversationDeleted(id=id, deleted_at=clock.now())


@routes.get("/{id}/messages")
def list_messages(
    caller: Caller, id: ConversationId, limit: Size = 20, offset: Offset = 0, role: MessageRole | None = None
) -> MessageList:
    """List the messages of a conversation, oldest first; with a role, only those in that role."""
    page = messages.find_page(caller.org, NAME, id, Role(role) if role is not None else None, limit, offset)
    rows = [MessageOut.from_message(message) for message in page.messages]
    return MessageList(messages=rows, total=page.total, limit=limit, offset=offset)


@routes.post("/{id}/messages", status=201, errors=[409])
def add_message(
    caller: Caller, id: ConversationId, body: MessageIn, idempotency_key: IdempotencyKey = None
) -> Created[MessageOut]:
    """Add a message to a conversation.

    The same Idempotency-Key with the same body adds it once and gives the same answer, with another body 409.
    """
    key = idempotency.scoped_key(NAME, caller.subject, idempotency_key) if idempotency_key is not None else None
    message = messages.add(caller.org, NAME, id, Role(body.role), body.content, key)
    return Created(MessageOut.from_message(message), location=f"/api/conversations/{id}/messages")
