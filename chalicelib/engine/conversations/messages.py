"""Add messages to conversations and list them.

One transaction adds a message and counts it in its conversation. The numbers of the messages have no gaps, so that a
page is read by its numbers, whatever the conversation's length.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.conversations import conversation as rules
from chalicelib.domain.conversations.conversation import Conversation, Message, Role, Status
from chalicelib.engine.conversations.conversations import KIND, message_digest
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.tasks import payloads
from chalicelib.errors import Conflict, IdempotencyMismatch, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.conversations import conversations as conversation_storage
from chalicelib.storage.conversations import messages as storage
from chalicelib.storage.conversations.messages import Addition

MAX_MESSAGES = 1_000_000
"""Messages that a conversation can have."""
MAX_PAGE_CHARS = 2_000_000
"""Characters of the messages on one page: Lambda accepts answers up to 6 MB, and the page is JSON within JSON."""
TRIES = 40
"""Attempts to add a message: so many may be added to one conversation at the same time. Each starts from what
has refused the one before, so that none waits."""


class Page(NamedTuple):
    """One page of messages, oldest first; `total` is the number of messages on all pages."""

    messages: list[Message]
    total: int


def add(
    org: str,
    pool: str,
    conversation_id: str,
    role: Role,
    content: str,
    key: str | None = None,
    *,
    seen: Conversation | None = None,
    repetition_ms: int = 0,
    also: Callable[[Message], Sequence[Write]] = lambda _: (),
) -> Message:
    """Add a message to a conversation; the writes of `also` are in the same transaction. Two calls, or one where the
    caller has seen the conversation and nobody has written since.

    With a key, which names what it is added for, there is one message however often it is added; a repetition returns
    it, with one more call. The same words within `repetition_ms` after those that the user said last are a repetition,
    too. Raises NotFound, Conflict for a closed conversation and for one with MAX_MESSAGES,
    IdempotencyMismatch when the key came with other words before.
    """
    addition = _Asked(org, pool, conversation_id, role, content, key)
    message_id = ids.new("msg")
    # Each attempt starts from the conversation that the one before has met, the first from what the caller has seen.
    met = [seen] if seen is not None else []

    def attempt() -> Message:
        old = met.pop() if met else _find(org, pool, conversation_id)
        if (reason := _refusal(old)) is not None:
            return _require(_find_repeated(addition), reason)
        if old.last_said is not None and rules.is_repetition(old, addition.digest, clock.now(), repetition_ms):
            return _find_one(addition, old.last_said.number)
        message = rules.next_message(old, message_id, role, content, clock.now())
        new = rules.with_message(old, message, addition.digest)
        writes = _writes(addition, old, new, message)
        try:
            dynamodb.commit(*writes, *also(message))
        except ConditionFailed as refused:
            repeated = _find_repeated(addition) if key is not None and refused.failed[len(writes) - 1] else None
            stored = conversation_storage.from_raw(refused.items[0])
            if repeated is not None or stored == new:  # by another, or by this write, whose answer was lost
                return repeated or message
            met.extend([stored] if stored is not None else [])
            raise StaleRead from None
        return message

    message = "Too many messages at once; try again"
    return optimistic.retry(attempt, tries=TRIES, longest_pause_s=0, message=message)


class _Asked(NamedTuple):
    """A message to be added."""

    org: str
    pool: str
    conversation_id: str
    role: Role
    content: str
    key: str | None

    @property
    def key_digest(self) -> str:
        return payloads.digest(self.key)

    @property
    def digest(self) -> str:
        return message_digest(self.role, self.content)


def _find(org: str, pool: str, conversation_id: str) -> Conversation:
    conversation = conversation_storage.find(org, pool, conversation_id)
    if conversation is None:
        raise NotFound(KIND.capitalize(), conversation_id)
    return conversation


def _refusal(conversation: Conversation) -> str | None:
    """Why the conversation takes no message; None when it takes one."""
    if conversation.status is Status.CLOSED:
        return f"Conversation {conversation.id} is closed: it takes no messages"
    if conversation.message_count >= MAX_MESSAGES:
        return f"Conversation {conversation.id} has {MAX_MESSAGES} messages, the maximum: begin another one"
    return None


def _require(repeated: Message | None, reason: str) -> Message:
    if repeated is None:
        raise Conflict(reason)
    return repeated


def _writes(addition: _Asked, old: Conversation, new: Conversation, message: Message) -> list[Write]:
    writes = [*conversation_storage.update_writes(old, new), *storage.create_writes(new, message)]
    if addition.key is not None:
        writes.append(storage.key_write(new, addition.key_digest, Addition(message.number, addition.digest)))
    return writes


def _find_repeated(wanted: _Asked) -> Message | None:
    """The message that was added with the key before, if one was. Raises IdempotencyMismatch."""
    if wanted.key is None:
        return None
    place = (wanted.org, wanted.pool, wanted.conversation_id)
    addition = storage.find_addition(*place, wanted.key_digest)
    if addition is None:
        return None
    if addition.digest != wanted.digest:
        raise IdempotencyMismatch("This key was used before with another message; use a new key")
    return _find_one(wanted, addition.number)


def _find_one(wanted: _Asked, number: int) -> Message:
    """The message with this number, which exists. Raises NotFound when the conversation was deleted meanwhile."""
    _, messages = storage.find_numbered(wanted.org, wanted.pool, wanted.conversation_id, [number])
    if not messages:
        raise NotFound(KIND.capitalize(), wanted.conversation_id)
    return messages[0]


def find_page(org: str, pool: str, conversation_id: str, role: Role | None, limit: int, offset: int = 0) -> Page:
    """The messages of a conversation from `offset` on, oldest first; with a role, of those in that role.

    A page that grows too large ends early. One call, two with a role; one more for a page of a hundred. Raises
    NotFound.
    """
    wanted = range(offset + 1, offset + limit + 1)
    if role is None:
        conversation, messages = storage.find_numbered(org, pool, conversation_id, wanted)
    else:
        conversation, numbers = storage.find_role_numbers(org, pool, conversation_id, role, wanted)
        messages = storage.find_numbered(org, pool, conversation_id, numbers)[1] if numbers else []
    if conversation is None:
        raise NotFound(KIND.capitalize(), conversation_id)
    shown = list(payloads.that_fit(_before_gap(messages, role, offset), _chars, MAX_PAGE_CHARS))
    return Page(shown, max(conversation.count(role), offset + len(shown) if shown else 0))


def _before_gap(messages: Iterable[Message], role: Role | None, offset: int) -> Iterator[Message]:
    """The messages up to the first one that was added while the page was read: it may be there and the one before it
    not."""
    for number, message in enumerate(messages, offset + 1):
        if number != (message.number if role is None else message.role_number):
            return
        yield message


def _chars(message: Message) -> int:
    return payloads.answer_chars(message.content)


def find_history(
    org: str, pool: str, conversation_id: str, number: int, count: int
) -> tuple[Conversation, list[Message]]:
    """The conversation as of now, with its messages up to this number, at most `count`, oldest first. One call. Raises
    NotFound."""
    wanted = range(max(1, number - count + 1), number + 1)
    conversation, messages = storage.find_numbered(org, pool, conversation_id, wanted)
    if conversation is None:
        raise NotFound(KIND.capitalize(), conversation_id)
    return conversation, messages


def find_by_key(org: str, pool: str, conversation_id: str, key: str) -> Message | None:
    """The message that was added with this key, or None. One call, two where there is one."""
    addition = storage.find_addition(org, pool, conversation_id, payloads.digest(key))
    if addition is None:
        return None
    _, messages = storage.find_numbered(org, pool, conversation_id, [addition.number])
    return next(iter(messages), None)


def find_until(org: str, pool: str, conversation_id: str, number: int, count: int) -> list[Message]:
    """As `find_history`, without the conversation; none when it was deleted."""
    with suppress(NotFound):
        return find_history(org, pool, conversation_id, number, count)[1]
    return []


def find_latest(org: str, pool: str, conversation_id: str, count: int) -> list[Message]:
    """The latest messages of a conversation, at most `count`, oldest first. Two calls. Raises NotFound."""
    last = _find(org, pool, conversation_id).message_count
    _, messages = storage.find_numbered(org, pool, conversation_id, range(max(1, last - count + 1), last + 1))
    return messages
