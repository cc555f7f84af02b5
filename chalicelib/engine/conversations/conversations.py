"""Create, get, list, change and delete conversations.

The lists of a pool's conversations (all, of a user, of a status, of both) have counters, which change in the
transactions that create, move and delete conversations. The counters also say how many conversations each block of
numbers has: so a page is found anywhere in a list without reading what is before it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.conversations import conversation as rules
from chalicelib.domain.conversations.conversation import Conversation, Details, Filter, Role, Status, id_prefix
from chalicelib.engine.documents import background_jobs, optimistic
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.tasks import payloads
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.conversations import conversations as storage
from chalicelib.storage.conversations import messages as message_storage

KIND = "conversation"
MAX_CONVERSATIONS = 1_000_000
"""Conversations that a pool can have: its counters are read with a call for each five million."""
MAX_CONTEXT_CHARS = payloads.MAX_METADATA_CHARS
"""Characters of a context's JSON."""
DIGEST_CHARS = 32
NEAR_ROWS = 1_000
"""Rows of a list within which a page is read with one call."""


class Draft(NamedTuple):
    """A conversation to be created."""

    user_id: str
    title: str
    context: Mapping[str, Any] = {}
    first_message: str | None = None
    """What its user says in it at once."""


class Change(NamedTuple):
    """What is changed of a conversation; None leaves it as it is."""

    title: str | None = None
    status: Status | None = None
    context: Mapping[str, Any] | None = None
    added_context: Mapping[str, Any] = {}
    """Fields that are set in the context; the others stay."""


class Page(NamedTuple):
    """One page of conversations, newest first; `total` is the number of conversations on all pages."""

    conversations: list[Conversation]
    total: int


def message_digest(role: Role, content: str) -> str:
    """By which a repeated message is recognized."""
    return payloads.digest([role, content])[:DIGEST_CHARS]


def create(org: str, pool: str, draft: Draft, key: str | None = None) -> Details:
    """Create a conversation, with its first message where the draft has one. Two calls.

    With a key, which names what it is created for, there is one conversation however often it is created: the
    existing one is returned, with two more calls. Raises InvalidRequest for a context that is too large, Conflict when
    the pool has MAX_CONVERSATIONS.
    """
    _require_small(draft.context)
    return optimistic.retry(lambda: _try_create(org, pool, draft, key))


def _require_small(context: Mapping[str, Any]) -> None:
    if len(payloads.compact_json(context)) > MAX_CONTEXT_CHARS:
        what = f"must be at most {MAX_CONTEXT_CHARS} characters as JSON, all in all"
        raise InvalidRequest(f"context: {what}", fields={"context": what})


def _try_create(org: str, pool: str, draft: Draft, key: str | None) -> Details:
    empty = _new_conversation(org, pool, storage.issue_number(org, pool), draft, key)
    conversation, first_writes = _with_first_message(empty, draft.first_message)
    details = Details(conversation, draft.context)
    notes = [storage.key_write(conversation)] if key is not None else []
    try:
        dynamodb.commit(*storage.create_writes(details, MAX_CONVERSATIONS), *first_writes, *notes)
    except ConditionFailed as refused:
        if refused.failed[0]:  # the same write, whose answer was lost
            return details
        if key is not None and refused.failed[-1]:
            return _find_by_key(org, pool, key)
        raise Conflict(f"There are {MAX_CONVERSATIONS} conversations, the maximum: delete some") from None
    return details


def _with_first_message(conversation: Conversation, content: str | None) -> tuple[Conversation, list[Write]]:
    if content is None:
        return conversation, []
    message = rules.next_message(conversation, ids.new("msg"), Role.USER, content, conversation.created_at)
    begun = rules.with_message(conversation, message, message_digest(Role.USER, content))
    return begun, message_storage.create_writes(begun, message)


def _new_conversation(org: str, pool: str, number: int, draft: Draft, key: str | None) -> Conversation:
    now = clock.now()
    return Conversation(
        org=org,
        pool=pool,
        id=ids.new(id_prefix(number)),
        number=number,
        user_id=draft.user_id,
        title=draft.title,
        key=key,
        created_at=now,
        updated_at=now,
    )


def _find_by_key(org: str, pool: str, key: str) -> Details:
    """The conversation with this key. Raises StaleRead when it was deleted meanwhile."""
    details = _find_keyed(org, pool, key)
    if details is None:
        raise StaleRead
    return details


def _find_keyed(org: str, pool: str, key: str) -> Details | None:
    conversation_id = storage.find_by_key(org, pool, key)
    return find(org, pool, conversation_id) if conversation_id is not None else None


def get_or_create(org: str, pool: str, draft: Draft, key: str) -> Details:
    """The conversation with this key; it is created when there is none. Two calls, three when it is created."""
    return _find_keyed(org, pool, key) or create(org, pool, draft, key)


def find(org: str, pool: str, conversation_id: str) -> Details | None:
    """As `get`, but None when there is no such conversation."""
    return storage.find_details(org, pool, conversation_id)


def get(org: str, pool: str, conversation_id: str) -> Details:
    """The conversation with its context as of now. One call. Raises NotFound, also for another tenant's or pool's."""
    details = find(org, pool, conversation_id)
    if details is None:
        raise NotFound(KIND.capitalize(), conversation_id)
    return details


def find_page(org: str, pool: str, wanted: Filter, limit: int, offset: int = 0) -> Page:
    """The conversations of a list from `offset` on, newest first. One call near the list's beginning, else two."""
    if offset + limit <= NEAR_ROWS:
        rows = storage.read_newest(org, pool, wanted, offset + limit)
        return Page(rows.conversations[offset:], max(rows.total, len(rows.conversations)))
    blocks = storage.read_blocks(org, pool, wanted)
    total, skipped = sum(blocks.values()), offset
    for block, count in blocks.items():
        if skipped < count:
            return Page(storage.read_from_block(org, pool, wanted, block, skipped + limit)[skipped:], total)
        skipped -= count
    return Page([], total)


def update(org: str, pool: str, conversation_id: str, change: Change) -> Details:
    """Change a conversation. Two calls. Raises NotFound, InvalidRequest for a context that is too large."""

    def attempt() -> Details:
        old = storage.find_details_together(org, pool, conversation_id)
        if old is None:
            raise NotFound(KIND.capitalize(), conversation_id)
        new = _changed(old, change)
        if new is old:
            return old
        writes = storage.update_writes(old.conversation, new.conversation)
        if new.context != old.context:
            writes.append(storage.context_write(new.conversation, new.context))
        _commit(new.conversation, writes)
        return new

    return optimistic.retry(attempt)


def _commit(new: Conversation, writes: Sequence[Write]) -> None:
    try:
        dynamodb.commit(*writes)
    except ConditionFailed as refused:
        if storage.from_raw(refused.items[0]) != new:
            raise StaleRead from None


def _changed(old: Details, change: Change) -> Details:
    conversation = replace(
        old.conversation,
        title=old.conversation.title if change.title is None else change.title,
        status=old.conversation.status if change.status is None else change.status,
    )
    context = {**(old.context if change.context is None else change.context), **change.added_context}
    if conversation == old.conversation and context == old.context:
        return old
    _require_small(context)
    version, now = conversation.version + 1, max(clock.now(), conversation.updated_at)
    return Details(replace(conversation, version=version, updated_at=now), context)


def delete(org: str, pool: str, conversation_id: str) -> None:
    """Delete a conversation; a background job deletes its messages. Two calls. Raises NotFound."""

    def attempt() -> None:
        conversation = storage.find(org, pool, conversation_id)
        if conversation is None:
            raise NotFound(KIND.capitalize(), conversation_id)
        job = background_jobs.create_write(org, KIND, conversation_id, pool=pool)
        try:
            dynamodb.commit(*storage.delete_writes(conversation), job)
        except ConditionFailed:
            raise StaleRead from None

    optimistic.retry(attempt)


def clear_conversation(job: Job) -> bool:
    """Run the job of a deleted conversation: delete some of its messages. Returns whether none is left. Two calls."""
    writes = message_storage.delete_writes(job.org, job.facts["pool"], job.subject)
    if writes:
        with suppress(ConditionFailed):
            dynamodb.commit(*writes)
    return not writes
