"""Conversations for tests, and invariants of all stored conversations."""

from collections import Counter

from chalicelib.domain.conversations.conversation import ALL, Conversation, Filter, Message, Role
from chalicelib.engine.conversations import conversations, messages
from chalicelib.engine.conversations.conversations import Draft
from chalicelib.storage.conversations import conversations as storage
from chalicelib.storage.conversations.conversations import parse
from chalicelib.storage.conversations.table import (
    BLOCK_SIZE,
    ConversationsTable,
    list_name,
    message_rank,
    partition_of,
    role_rank,
)
from tests.support import aws
from tests.support.world import ORG

POOL = "talks"


def begin(user_id: str = "ann", org: str = ORG) -> Conversation:
    """Create a conversation."""
    return conversations.create(org, POOL, Draft(user_id, f"Of {user_id}")).conversation


def reload(conversation: Conversation) -> Conversation:
    return conversations.get(conversation.org, POOL, conversation.id).conversation


def say(conversation: Conversation, content: str = "hello", role: Role = Role.USER, key: str | None = None) -> Message:
    return messages.add(conversation.org, POOL, conversation.id, role, content, key)


def contents(conversation: Conversation, role: Role | None = None, limit: int = 100, offset: int = 0) -> list[str]:
    """The texts of the messages on a page."""
    page = messages.find_page(conversation.org, POOL, conversation.id, role, limit, offset)
    return [message.content for message in page.messages]


def list_ids(wanted: Filter = ALL, limit: int = 100, offset: int = 0, org: str = ORG) -> list[str]:
    """The ids of the conversations on a page."""
    return [one.id for one in conversations.find_page(org, POOL, wanted, limit, offset).conversations]


def total(wanted: Filter = ALL) -> int:
    return conversations.find_page(ORG, POOL, wanted, 1).total


def stored_conversations() -> list[Conversation]:
    """All stored conversations."""
    return [one for item in aws.items(ConversationsTable) if (one := parse(item)) is not None]


def require_exact_counters() -> None:
    """Raise AssertionError unless every counter equals a recount of the stored items."""
    items, lists, blocks = aws.items(ConversationsTable), Counter[str](), Counter[tuple[str, int]]()
    for conversation in stored_conversations():
        for wanted in (
            Filter(),
            Filter(conversation.user_id),
            Filter(None, conversation.status),
            Filter(conversation.user_id, conversation.status),
        ):
            lists[list_name(conversation.org, conversation.pool, wanted)] += 1
            blocks[list_name(conversation.org, conversation.pool, wanted), conversation.number // BLOCK_SIZE] += 1
        own = [item for item in items if item.partition == f"{conversation.org}#{conversation.pool}#{conversation.id}"]
        numbers = sorted(int(item.number) for item in own if item.rank.startswith("m#"))
        assert numbers == list(range(1, conversation.message_count + 1))
        by_role = Counter(item.role for item in own if item.rank.startswith("m#"))
        assert {str(role): count for role, count in conversation.counts.items()} == by_role
    counted = {item.partition: int(item.total or 0) for item in items if item.rank == "~" and item.id is None}
    in_blocks = {(item.partition, int(item.rank[3:])): int(item.total) for item in items if item.rank[:2] == "~b"}
    assert {name: count for name, count in counted.items() if count} == lists
    assert {place: count for place, count in in_blocks.items() if count} == blocks


def store_others(conversation: Conversation, length: int) -> None:
    """As many messages, of which the first, the middle and the last ones are stored, as far as pages are read."""
    for number in (*range(1, 4), *range(length - 2, length + 1), *range(length // 2, length // 2 + 3)):
        item = {"id": f"msg_{number}", "number": number, "role": "user", "role_number": number, "created_at": 1}
        ConversationsTable(partition_of(conversation), message_rank(number), **item, content="last").save()
        ConversationsTable(partition_of(conversation), role_rank(Role.USER, number), number=number).save()
    stored = storage._item(conversation)
    stored.counts = {"user": length}
    stored.save()
