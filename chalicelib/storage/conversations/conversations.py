"""Conversations, their contexts, and the counters of the lists that show them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pynamodb.expressions.condition import Condition

from chalicelib.domain.conversations.conversation import (
    Conversation,
    Details,
    Filter,
    LastSaid,
    Role,
    Status,
    filters_of,
    id_prefix,
)
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.conversations.table import (
    BLOCK_SIZE,
    CONTEXT_RANK,
    COUNTER_RANK,
    ConversationsTable,
    block_rank,
    conversation_partition,
    list_attribute,
    list_name,
    partition_of,
    unconditional,
)

_FIELDS = ("number", "user_id", "title", "last_message_id", "last_message_at", "key", "version")
"""The fields that are stored as they are; beside them created_at and updated_at."""
_TIMES = ("created_at", "updated_at")


class Rows(NamedTuple):
    """Conversations of a list, newest first, and how many the whole list has."""

    conversations: list[Conversation]
    total: int


def issue_number(org: str, pool: str) -> int:
    """The number of the next conversation of a pool. One call; a number that is not used leaves a gap."""
    write = dynamodb.update(
        ConversationsTable(list_name(org, pool), COUNTER_RANK), [ConversationsTable.issued.add(1)], unconditional()
    )
    return int(dynamodb.commit(write, returning="ALL_NEW")["issued"]["N"])


def create_writes(details: Details, most: int) -> list[Write]:
    """The writes of a new conversation. The first is refused when its id is taken, the second when the pool has `most`
    conversations."""
    conversation = details.conversation
    context = ConversationsTable(partition_of(conversation), CONTEXT_RANK, context=dict(details.context))
    room = ConversationsTable.total.does_not_exist() | (ConversationsTable.total < most)
    return [
        dynamodb.put(_item(conversation), ConversationsTable.partition.does_not_exist()),
        *_counter_writes(conversation, filters_of(conversation), 1, room),
        dynamodb.put(context, unconditional()),
    ]


def key_write(conversation: Conversation) -> Write:
    """The write that notes which conversation an event has made, refused when it has made one."""
    item = _key_item(conversation.org, conversation.pool, conversation.key)
    item.id = conversation.id
    return dynamodb.put(item, ConversationsTable.partition.does_not_exist())


def update_writes(old: Conversation, new: Conversation) -> list[Write]:
    """The writes from `old` to `new`. The first is refused when somebody wrote since `old` was read."""
    before, after = filters_of(old), filters_of(new)
    left, joined = [one for one in before if one not in after], [one for one in after if one not in before]
    unchanged = ConversationsTable.version == old.version
    return [
        dynamodb.put(_item(new), unchanged),
        *_counter_writes(old, left, -1, unconditional()),
        *_counter_writes(new, joined, 1, unconditional()),
    ]


def context_write(conversation: Conversation, context: Mapping[str, Any]) -> Write:
    """The write of a conversation's context."""
    item = ConversationsTable(partition_of(conversation), CONTEXT_RANK, context=dict(context))
    return dynamodb.put(item, unconditional())


def delete_writes(conversation: Conversation) -> list[Write]:
    """The writes that delete a conversation, without what is in its own partition. The first is refused when somebody
    wrote since it was read."""
    unchanged = ConversationsTable.version == conversation.version
    key = [_key_item(conversation.org, conversation.pool, conversation.key)] if conversation.key is not None else []
    return [
        dynamodb.delete(_key(conversation), unchanged),
        *_counter_writes(conversation, filters_of(conversation), -1, unconditional()),
        *(dynamodb.delete(item, unconditional()) for item in key),
    ]


def exists_check(conversation: Conversation) -> Write:
    """The check, within a transaction, that the conversation exists."""
    return dynamodb.check(_key(conversation), ConversationsTable.partition.exists())


def _counter_writes(
    conversation: Conversation, filters: Iterable[Filter], change: int, condition: Condition
) -> Iterator[Write]:
    """The writes that count the conversation in these lists; the first has the condition."""
    block = block_rank(conversation.number // BLOCK_SIZE)
    for wanted in filters:
        name, attribute = list_name(conversation.org, conversation.pool, wanted), list_attribute(wanted)
        actions = [ConversationsTable.total.add(change)]
        if attribute is not None:
            actions.append(getattr(ConversationsTable, attribute).set(name))
        yield dynamodb.update(ConversationsTable(name, COUNTER_RANK), actions, condition)
        yield dynamodb.update(ConversationsTable(name, block), actions, unconditional())
        condition = unconditional()


def find(org: str, pool: str, conversation_id: str) -> Conversation | None:
    """The conversation as of now, or None. One call."""
    with dynamodb.reading():
        try:
            item = ConversationsTable.get(list_name(org, pool), conversation_id, consistent_read=True)
        except ConversationsTable.DoesNotExist:
            return None
    return parse(item)


def find_details(org: str, pool: str, conversation_id: str) -> Details | None:
    """The conversation with its context as of now, or None. One call."""
    keys = [batch_get.key_of(item) for item in _details_keys(org, pool, conversation_id)]
    return _parse_details(raw for _, raw in batch_get.read(keys))


def find_details_together(org: str, pool: str, conversation_id: str) -> Details | None:
    """As `find_details`, both as of one moment: for those who write a context that follows from the old one."""
    return _parse_details(filter(None, dynamodb.read_together(*_details_keys(org, pool, conversation_id))))


def _details_keys(org: str, pool: str, conversation_id: str) -> tuple[ConversationsTable, ConversationsTable]:
    context = ConversationsTable(conversation_partition(org, pool, conversation_id), CONTEXT_RANK)
    return ConversationsTable(list_name(org, pool), conversation_id), context


def _parse_details(raw_items: Iterable[RawItem]) -> Details | None:
    items = [ConversationsTable.from_raw_data(raw) for raw in raw_items]
    conversations = [conversation for item in items if (conversation := parse(item)) is not None]
    contexts = [item.context for item in items if item.rank == CONTEXT_RANK]
    return Details(conversations[0], contexts[0] if contexts else {}) if conversations else None


def find_by_key(org: str, pool: str, key: str) -> str | None:
    """The id of the conversation that an event has made, or None. One call."""
    item = _key_item(org, pool, key)
    with dynamodb.reading():
        try:
            key_item = ConversationsTable.get(item.partition, item.rank, consistent_read=True)
        except ConversationsTable.DoesNotExist:
            return None
    return str(key_item.id)


def read_newest(org: str, pool: str, wanted: Filter, limit: int) -> Rows:
    """The newest conversations of a list, and its total. One call for each megabyte. An index may lag."""
    items = _read_list(org, pool, wanted, COUNTER_RANK, limit + 1)
    counters = [int(item.total or 0) for item in items if item.rank == COUNTER_RANK]
    conversations = [conversation for item in items if (conversation := parse(item)) is not None]
    return Rows(conversations[:limit], counters[0] if counters else 0)


def read_from_block(org: str, pool: str, wanted: Filter, block: int, limit: int) -> list[Conversation]:
    """The newest conversations of a list among those of this block of numbers and older ones. One call for each
    megabyte."""
    items = _read_list(org, pool, wanted, id_prefix((block + 1) * BLOCK_SIZE), limit)
    return [conversation for item in items if (conversation := parse(item)) is not None]


def _read_list(org: str, pool: str, wanted: Filter, last: str, limit: int) -> list[ConversationsTable]:
    name, attribute = list_name(org, pool, wanted), list_attribute(wanted)
    backwards: dict[str, Any] = {"scan_index_forward": False, "limit": limit, "page_size": limit}
    with dynamodb.reading():
        condition = ConversationsTable.rank <= last
        if attribute is None:
            return list(ConversationsTable.query(name, condition, consistent_read=True, **backwards))
        return list(_INDEXES[attribute].query(name, condition, **backwards))


_INDEXES: dict[str, Any] = {
    "user_list": ConversationsTable.by_user,
    "status_list": ConversationsTable.by_status,
    "user_status_list": ConversationsTable.by_user_status,
}


def read_blocks(org: str, pool: str, wanted: Filter) -> dict[int, int]:
    """How many conversations of a list have numbers in each block, newest block first. One call for each 10,000
    blocks."""
    first, last = block_rank(0), block_rank(10**8 - 1)
    with dynamodb.reading():
        items = ConversationsTable.query(
            list_name(org, pool, wanted),
            ConversationsTable.rank.between(first, last),
            consistent_read=True,
            scan_index_forward=False,
        )
        return {int(item.rank.rpartition("#")[2]): int(item.total or 0) for item in items}


def _key(conversation: Conversation) -> ConversationsTable:
    return ConversationsTable(list_name(conversation.org, conversation.pool), conversation.id)


def _key_item(org: str, pool: str, key: str | None) -> ConversationsTable:
    return ConversationsTable(f"{list_name(org, pool)}#key={key}", COUNTER_RANK)


def _item(conversation: Conversation) -> ConversationsTable:
    item = _key(conversation)
    values = {name: getattr(conversation, name) for name in (*_FIELDS, *_TIMES)}
    values |= {"status": str(conversation.status), "counts": dict(conversation.counts)}
    values["last_said"] = list(conversation.last_said) if conversation.last_said is not None else None
    for wanted in filters_of(conversation):
        if (attribute := list_attribute(wanted)) is not None:
            values[attribute] = list_name(conversation.org, conversation.pool, wanted)
    for name, value in values.items():
        setattr(item, name, value)
    return item


def parse(item: ConversationsTable) -> Conversation | None:
    """The conversation of an item; None for a counter or a context."""
    if item.status is None:
        return None
    org, pool = item.partition.split("#")
    numbers = {name: value for name in _FIELDS + _TIMES if (value := getattr(item, name)) is not None}
    return Conversation(
        org=org,
        pool=pool,
        id=item.rank,
        status=Status(item.status),
        counts={Role(role): count for role, count in (item.counts or {}).items()},
        last_said=LastSaid(*item.last_said) if item.last_said else None,
        **numbers,
    )


def from_raw(raw: RawItem | None) -> Conversation | None:
    """The conversation of a raw item, of a refused write; None for anything else."""
    return parse(ConversationsTable.from_raw_data(raw)) if raw else None
