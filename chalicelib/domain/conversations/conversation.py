"""A conversation and its messages as plain values, and how one message more changes a conversation.

A conversation counts its messages, in all and by role. So each message has a number in its conversation and a number
in its role, both without gaps, because no message is ever removed alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

MAX_TITLE_CHARS = 256
_REPLY = "conversation:"
MAX_CONTENT_CHARS = 65_536
"""Characters of a message. At most four bytes each, so that an item of DynamoDB holds it."""


class Status(StrEnum):
    """The states of a conversation. A closed one takes no messages."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    CLOSED = "closed"


class Role(StrEnum):
    """Who speaks in a message."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class LastSaid(NamedTuple):
    """The latest message that no assistant wrote. The fields are stored in this order."""

    digest: str  # of its role and content
    number: int
    at: int  # epoch milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation, without its context and its messages. Instants are epoch milliseconds."""

    org: str
    pool: str  # the API that it belongs to
    id: str  # sorts by `number`
    number: int  # the conversations of a pool are numbered as they are created; deleted ones leave gaps
    user_id: str
    title: str
    status: Status = Status.ACTIVE
    counts: Mapping[Role, int] = field(default_factory=dict)  # the messages of each role
    last_message_id: str | None = None
    last_message_at: int | None = None
    last_said: LastSaid | None = None
    key: str | None = None  # the name of the event that made it, when it was one: a second event makes no second one
    version: int = 1  # grows by one with every write
    created_at: int
    updated_at: int

    @property
    def message_count(self) -> int:
        return sum(self.counts.values())

    def count(self, role: Role | None) -> int:
        """The number of its messages; with a role, of those in that role."""
        return self.message_count if role is None else self.counts.get(role, 0)


class Details(NamedTuple):
    """A conversation with its context: what its owner says of it, as JSON."""

    conversation: Conversation
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. It never changes."""

    id: str
    conversation_id: str
    number: int  # in its conversation, from 1
    role_number: int  # among the conversation's messages in this role, from 1
    role: Role
    content: str
    created_at: int  # epoch milliseconds


class Filter(NamedTuple):
    """Which conversations of a pool a list shows; None: all."""

    user_id: str | None = None
    status: Status | None = None


ALL = Filter()
"""The list of all conversations of a pool."""


def filters_of(conversation: Conversation) -> tuple[Filter, ...]:
    """The lists that show the conversation: the pool's, its user's, its status's and that of both."""
    user_id, status = conversation.user_id, conversation.status
    return ALL, Filter(user_id), Filter(None, status), Filter(user_id, status)


def id_prefix(number: int) -> str:
    """What the id of the conversation with this number begins with: ids sort by number."""
    return f"conv_{number:08x}"


def next_message(conversation: Conversation, id: str, role: Role, content: str, now: int) -> Message:
    """The next message of the conversation."""
    return Message(
        id=id,
        conversation_id=conversation.id,
        number=conversation.message_count + 1,
        role_number=conversation.count(role) + 1,
        role=role,
        content=content,
        created_at=now,
    )


def is_repetition(conversation: Conversation, digest: str, now: int, window_ms: int) -> bool:
    """Whether the latest message that no assistant wrote says the same, and is younger than the window; by another
    machine's clock it may be of a moment that is still to come."""
    last = conversation.last_said
    return last is not None and last.digest == digest and abs(now - last.at) < window_ms


def reply_target(pool: str, conversation_id: str) -> str:
    """Who is told of the end of a task whose result is a reply: a name beside those of messengers."""
    return f"{_REPLY}{pool}:{conversation_id}"


def parse_reply_target(name: str) -> tuple[str, str] | None:
    """(pool, conversation id) of such a name; None for any other."""
    pool, _, conversation_id = name.removeprefix(_REPLY).partition(":")
    return (pool, conversation_id) if name.startswith(_REPLY) else None


def with_message(conversation: Conversation, message: Message, digest: str) -> Conversation:
    """The conversation with its next message. `digest` is that of the message's role and content."""
    # Clocks differ: the time of the last message does not go back.
    at = max(message.created_at, conversation.last_message_at or 0, conversation.updated_at)
    return replace(
        conversation,
        counts={**conversation.counts, message.role: message.role_number},
        last_message_id=message.id,
        last_message_at=at,
        last_said=conversation.last_said
        if message.role is Role.ASSISTANT
        else LastSaid(digest, message.number, message.created_at),
        updated_at=at,
        version=conversation.version + 1,
    )
