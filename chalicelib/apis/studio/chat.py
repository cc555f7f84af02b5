"""Chat (glad-labs.md, "Chat & Messaging"): messages, and the models that answer them."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.apis.studio.access import NAME
from chalicelib.domain.conversations.conversation import MAX_CONTENT_CHARS, Message
from chalicelib.domain.models.catalogue import Entry
from chalicelib.edge import Caller, Header, Instant, Routes, Schema
from chalicelib.engine.conversations import chat, conversations, messages
from chalicelib.engine.conversations.chat import Question
from chalicelib.engine.models import catalogue
from chalicelib.engine.tasks import idempotency

routes = Routes("/api/chat", tag="Chat")

ConversationId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
ModelId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
Size = Annotated[int, Field(ge=1, le=100, description="The most messages in the answer.")]
Offset = Annotated[int, Field(ge=0, le=10**9, description="How many messages before the page are left out.")]
Role = Literal["user", "assistant", "system"]


class ChatIn(Schema):
    """A message to a model."""

    conversation_id: ConversationId | None = Field(default=None, description="Null begins a conversation.")
    message: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CONTENT_CHARS, pattern=r"\S")] = Field(
        examples=["What is AI?"]
    )
    model: ModelId | None = Field(
        default=None,
        description="One that /api/chat/models lists; null for the org's own.",
        examples=["gpt-4"],
    )


class ChatOut(Schema):
    """A model's answer. `message_id` is the answer's own id. `model` and `tokens_used` are null for an answer that was
    given before to the same Idempotency-Key, and the latter where the provider counts no tokens."""

    conversation_id: str
    message_id: str
    response: str
    model: str | None
    tokens_used: int | None


class MessageOut(Schema):
    """A message of a conversation."""

    id: str
    role: Role
    content: str
    timestamp: Instant

    @classmethod
    def from_message(cls, message: Message) -> Self:
        return cls(id=message.id, role=message.role.value, content=message.content, timestamp=message.created_at)


class HistoryOut(Schema):
    """One page of a conversation's messages, oldest first. A page of more than 2,000,000 characters ends early: the
    next one begins at `offset` plus the number of its messages."""

    conversation_id: str
    messages: list[MessageOut]
    total: int = Field(description="The number of messages on all pages.")


class ChatModel(Schema):
    """A model that answers messages."""

    id: str
    name: str
    provider: str
    capabilities: list[Literal["chat"]]

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        return cls(id=entry.model.id, name=entry.model.name, provider=entry.provider.name, capabilities=["chat"])


class ChatModelList(Schema):
    """The models that can be asked now; none where none is configured."""

    models: list[ChatModel]


@routes.post(errors=[404, 409, 503, 504])
def send_message(caller: Caller, body: ChatIn, idempotency_key: IdempotencyKey = None) -> ChatOut:
    """Send a message, and get a model's answer.

    The message is kept before the model is asked: also where it gives no answer, or none within 25 seconds (504). The
    error says in which conversation. The same Idempotency-Key with the same message keeps it once and answers it once.
    """
    key = idempotency.scoped_key(NAME, caller.subject, idempotency_key) if idempotency_key is not None else None
    question = Question(body.message, body.conversation_id, body.model, key)
    answer = chat.answer(caller.org, NAME, caller.subject, question)
    return ChatOut(
        conversation_id=answer.message.conversation_id,
        message_id=answer.message.id,
        response=answer.message.content,
        model=answer.model,
        tokens_used=answer.tokens,
    )


@routes.get("/models")
def list_chat_models(caller: Caller) -> ChatModelList:
    """List the models that can be asked."""
    return ChatModelList(models=[ChatModel.from_entry(entry) for entry in catalogue.list_available(caller.org)])


@routes.get("/history/{conversation_id}")
def get_history(caller: Caller, conversation_id: ConversationId, limit: Size = 100, offset: Offset = 0) -> HistoryOut:
    """Get the messages of a conversation, oldest first."""
    page = messages.find_page(caller.org, NAME, conversation_id, None, limit, offset)
    rows = [MessageOut.from_message(message) for message in page.messages]
    return HistoryOut(conversation_id=conversation_id, messages=rows, total=page.total)


@routes.delete("/history/{conversation_id}", status=204)
def clear_history(caller: Caller, conversation_id: ConversationId) -> None:
    """Delete a conversation with its messages."""
    conversations.delete(caller.org, NAME, conversation_id)
