"""Messages of conversations."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from chalicelib.domain.conversations.conversation import Conversation, Message, Role
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.conversations import conversations
from chalicelib.storage.conversations.table import (
    ConversationsTable,
    conversation_partition,
    key_rank,
    list_name,
    message_rank,
    partition_of,
    role_rank,
    unconditional,
)

MAX_DELETED, MAX_DELETED_MESSAGES = 100, 15
"""Items, and messages among them, that one transaction deletes: it takes 100 items, and four megabytes."""


class Addition(NamedTuple):
    """Which message an event has added: its number, and a digest of what the event said."""

    number: int
    digest: str


class Found(NamedTuple):
    """A conversation, and what belongs to it among what was asked for."""

    conversation: Conversation | None
    items: list[ConversationsTable]


def create_writes(conversation: Conversation, message: Message) -> list[Write]:
    """The writes of a new message. Commit them with the write of the conversation that counts it, whose condition
    makes sure that the number is free."""
    partition = partition_of(conversation)
    item = ConversationsTable(
        partition,
        message_rank(message.number),
        id=message.id,
        number=message.number,
        role=str(message.role),
        role_number=message.role_number,
        content=message.content,
        created_at=message.created_at,
    )
    pointer = ConversationsTable(partition, role_rank(message.role, message.role_number), number=message.number)
    return [dynamodb.put(item, unconditional()), dynamodb.put(pointer, unconditional())]


def key_write(conversation: Conversation, key: str, addition: Addition) -> Write:
    """The write that notes which message an event has added, refused when it has added one."""
    item = ConversationsTable(partition_of(conversation), key_rank(key), **addition._asdict())
    return dynamodb.put(item, ConversationsTable.partition.does_not_exist())


def find_addition(org: str, pool: str, conversation_id: str, key: str) -> Addition | None:
    """Which message an event has added, or None. One call."""
    with dynamodb.reading():
        try:
            partition = conversation_partition(org, pool, conversation_id)
            item = ConversationsTable.get(partition, key_rank(key), consistent_read=True)
        except ConversationsTable.DoesNotExist:
            return None
    return Addition(int(item.number), item.digest)


def find_numbered(
    org: str, pool: str, conversation_id: str, numbers: Sequence[int]
) -> tuple[Conversation | None, list[Message]]:
    """The conversation, and those of its messages that exist with these numbers, in order, as of now. One call for
    each hundred items."""
    found = _find(org, pool, conversation_id, [message_rank(number) for number in numbers])
    messages = [_parse(conversation_id, item) for item in found.items]
    return found.conversation, sorted(messages, key=lambda message: message.number)


def find_role_numbers(
    org: str, pool: str, conversation_id: str, role: Role, role_numbers: Sequence[int]
) -> tuple[Conversation | None, list[int]]:
    """The conversation, and the numbers of its messages that have these numbers in their role, in order, as of now.
    One call for each hundred items."""
    found = _find(org, pool, conversation_id, [role_rank(role, number) for number in role_numbers])
    return found.conversation, sorted(int(item.number) for item in found.items)


def _find(org: str, pool: str, conversation_id: str, ranks: Sequence[str]) -> Found:
    partition = conversation_partition(org, pool, conversation_id)
    keys = [ConversationsTable(list_name(org, pool), conversation_id)]
    keys += [ConversationsTable(partition, rank) for rank in ranks]
    raw_items = batch_get.read([batch_get.key_of(item) for item in keys])
    items = [ConversationsTable.from_raw_data(raw) for _, raw in raw_items]
    own = [item for item in items if item.partition == partition]
    found = [conversations.parse(item) for item in items if item.partition != partition]
    return Found(next(iter(found), None), own)


def delete_writes(org: str, pool: str, conversation_id: str) -> list[Write]:
    """The writes that delete some of what belongs to a conversation; none when nothing is left. One call to read it,
    and one more for each megabyte."""
    partition = conversation_partition(org, pool, conversation_id)
    with dynamodb.reading():
        items = ConversationsTable.query(
            partition, consistent_read=True, page_size=MAX_DELETED, attributes_to_get=["partition", "rank"]
        )
        chosen = list(_that_fit(items))
    return [dynamodb.delete(item, unconditional()) for item in chosen]


def _that_fit(items: Iterable[ConversationsTable]) -> Iterator[ConversationsTable]:
    """The first items that one transaction can delete."""
    messages = 0
    for number, item in enumerate(items, 1):
        yield item
        messages += item.rank.startswith("m#")
        if number == MAX_DELETED or messages == MAX_DELETED_MESSAGES:
            return


def _parse(conversation_id: str, item: ConversationsTable) -> Message:
    return Message(
        id=item.id,
        conversation_id=conversation_id,
        number=int(item.number),
        role_number=int(item.role_number),
        role=Role(item.role),
        content=item.content,
        created_at=int(item.created_at),
    )
