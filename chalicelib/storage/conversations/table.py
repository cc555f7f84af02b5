"""The `conversations` table: what its items are, and how their keys are made.

The table's key attributes are named `partition` and `rank`.

<org>#<pool>                conversations by id, so in order of creation; behind them the counters of this list
<org>#<pool>#<filter>       the counters of a filtered list, which an index puts behind the conversations of that list:
                            `~` counts all of them, `~b#<block>` those with numbers of one block
<org>#<pool>#key=<key>      `~`: which conversation an event has made
<org>#<pool>#<conversation> what belongs to one conversation: `c` its context, `m#<number>` a message,
                            `r#<role>#<number>` the number of a message by its number in its role, `k#<key>` the
                            number of the message that an event has added
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.domain.conversations.conversation import ALL, Conversation, Filter, Role
from chalicelib.storage.aws.columns import CompactJson
from chalicelib.storage.aws.dynamodb import Item

COUNTER_RANK = "~"
"""Sort key of the counter of a list: it sorts behind the ids."""
BLOCK_SIZE = 500
"""Numbers of conversations in one block: so many rows are skipped at most to find a page anywhere in a list."""
CONTEXT_RANK = "c"


class UserIndex(GlobalSecondaryIndex["ConversationsTable"]):
    """The conversations of one user, by id, and their counters."""

    class Meta:
        index_name = "user"
        projection = AllProjection()

    user_list = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


class StatusIndex(GlobalSecondaryIndex["ConversationsTable"]):
    """The conversations of one status, by id, and their counters."""

    class Meta:
        index_name = "status"
        projection = AllProjection()

    status_list = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


class UserStatusIndex(GlobalSecondaryIndex["ConversationsTable"]):
    """The conversations of one user and status, by id, and their counters."""

    class Meta:
        index_name = "user_status"
        projection = AllProjection()

    user_status_list = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


class ConversationsTable(Item):
    class Meta:
        setting = "conversations_table"

    partition = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)
    user_list = UnicodeAttribute(null=True)
    status_list = UnicodeAttribute(null=True)
    user_status_list = UnicodeAttribute(null=True)

    # Of a conversation.
    number = NumberAttribute(null=True)  # of a message, too
    user_id = UnicodeAttribute(null=True)
    title = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    counts = CompactJson(null=True)
    last_message_id = UnicodeAttribute(null=True)
    last_message_at = NumberAttribute(null=True)
    last_said = CompactJson(null=True)
    key = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    created_at = NumberAttribute(null=True)  # of a message, too
    updated_at = NumberAttribute(null=True)

    # Of a counter; `issued` is the latest number that a conversation got.
    total = NumberAttribute(null=True)
    issued = NumberAttribute(null=True)

    # Of a context, a message and a key.
    context = CompactJson(null=True)
    id = UnicodeAttribute(null=True)
    role = UnicodeAttribute(null=True)
    role_number = NumberAttribute(null=True)
    content = UnicodeAttribute(null=True)
    digest = UnicodeAttribute(null=True)

    by_user = UserIndex()
    by_status = StatusIndex()
    by_user_status = UserStatusIndex()


def list_name(org: str, pool: str, wanted: Filter = ALL) -> str:
    """The name of a list: the partition of its counters, and of its conversations in the table or an index."""
    parts = [f"status={wanted.status}"] if wanted.status is not None else []
    # A user's id may have any characters, so it comes last.
    parts += [f"user={wanted.user_id}"] if wanted.user_id is not None else []
    return "#".join([org, pool, *parts])


def list_attribute(wanted: Filter) -> str | None:
    """The attribute by which an index has the conversations of a list; None for the table itself."""
    names = {(False, False): None, (True, False): "user_list", (False, True): "status_list"}
    return names.get((wanted.user_id is not None, wanted.status is not None), "user_status_list")


def conversation_partition(org: str, pool: str, conversation_id: str) -> str:
    """The partition of what belongs to a conversation."""
    return f"{org}#{pool}#{conversation_id}"


def partition_of(conversation: Conversation) -> str:
    """As `conversation_partition`, of a conversation."""
    return conversation_partition(conversation.org, conversation.pool, conversation.id)


def block_rank(block: int) -> str:
    """Sort key of the counter of one block of a list."""
    return f"{COUNTER_RANK}b#{block:08d}"


def message_rank(number: int) -> str:
    """Sort key of a message in its conversation's partition."""
    return f"m#{number:010d}"


def role_rank(role: Role, role_number: int) -> str:
    """Sort key of the item that tells a message's number by its number in its role."""
    return f"r#{role}#{role_number:010d}"


def key_rank(key: str) -> str:
    """Sort key of the item that tells which message an event has added."""
    return f"k#{key}"


def unconditional() -> Condition:
    """A condition that always holds: for a write whose transaction has another write with the real condition."""
    anything: Condition = ConversationsTable.partition.exists() | ConversationsTable.partition.does_not_exist()
    return anything
