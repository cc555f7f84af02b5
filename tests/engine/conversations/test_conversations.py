"""Conversations: created once, found anywhere in their lists, counted exactly, and deleted with all they have."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.domain.conversations.conversation import ALL, Filter, LastSaid, Role, Status
from chalicelib.engine.conversations import conversations
from chalicelib.engine.conversations.conversations import Change, Draft
from chalicelib.engine.tasks import payloads
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.conversations import conversations as storage
from chalicelib.storage.conversations.table import (
    BLOCK_SIZE,
    COUNTER_RANK,
    ConversationsTable,
    block_rank,
    list_attribute,
    list_name,
)
from tests.engine.conversations.helpers import (
    POOL,
    begin,
    list_ids,
    reload,
    require_exact_counters,
    say,
    stored_conversations,
    total,
)
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.world import ORG, World

DRAFT = Draft("ann", "Python API", {"framework": "FastAPI"})


def test_a_conversation_is_active_and_empty_and_keeps_its_context(world: World) -> None:
    conversation = conversations.create(ORG, POOL, DRAFT)
    assert conversations.get(ORG, POOL, conversation.conversation.id) == conversation
    assert conversation.context == {"framework": "FastAPI"}
    assert (conversation.conversation.status, conversation.conversation.message_count) == (Status.ACTIVE, 0)
    assert conversation.conversation.created_at == conversation.conversation.updated_at == world.clock.now()


def test_lists_are_newest_first_and_filtered_by_user_and_status(world: World) -> None:
    anns, bobs = [begin("ann") for _ in range(3)], [begin("bob") for _ in range(2)]
    conversations.update(ORG, POOL, anns[0].id, Change(status=Status.CLOSED))
    assert list_ids() == [one.id for one in reversed(anns + bobs)]
    assert list_ids(Filter("ann")) == [one.id for one in reversed(anns)]
    assert list_ids(Filter("ann", Status.ACTIVE)) == [anns[2].id, anns[1].id]
    assert list_ids(Filter(None, Status.CLOSED)) == [anns[0].id]
    assert list_ids(Filter("nobody")) == []
    assert [total(wanted) for wanted in (ALL, Filter("ann"), Filter(None, Status.ARCHIVED))] == [5, 3, 0]


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_show_every_conversation_once_also_far_from_the_beginning(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(storage, "BLOCK_SIZE", 4)
    monkeypatch.setattr(conversations, "NEAR_ROWS", 5)
    all_conversations = [begin("ann" if number % 3 else "bob") for number in range(23)]
    for number in (4, 5, 6, 7, 13):  # one block is empty then
        conversations.delete(ORG, POOL, all_conversations[number].id)
    left = [one for one in reversed(all_conversations) if one.number not in (5, 6, 7, 8, 14)]
    for wanted in (ALL, Filter("ann"), Filter("bob", Status.ACTIVE)):
        expected = [one.id for one in left if wanted.user_id in (None, one.user_id)]
        seen = [identifier for offset in range(0, 30, limit) for identifier in list_ids(wanted, limit, offset)]
        assert seen == expected
        assert {conversations.find_page(ORG, POOL, wanted, limit, at).total for at in (0, 9, 40)} == {len(expected)}


COUNT = 2_500


def test_a_page_costs_the_same_wherever_it_is(world: World) -> None:
    with ConversationsTable.batch_write() as batch:
        for item in _many_conversations():
            batch.save(item)
    for wanted in (ALL, Filter("ann"), Filter(None, Status.ACTIVE), Filter("ann", Status.ACTIVE)):
        for offset, budget in ((0, 1), (900, 1), (901, 2), (1_500, 2), (2_490, 2), (10**9, 1)):
            with aws.counting() as calls:
                page = conversations.find_page(ORG, POOL, wanted, 100, offset)
            numbers = [one.number for one in page.conversations]
            assert numbers == [*range(COUNT - 1 - offset, max(COUNT - 101 - offset, -1), -1)]
            assert (page.total, calls.total()) == (COUNT, budget)


def _many_conversations() -> Iterator[ConversationsTable]:
    """So many conversations of one user, and the counters of their lists."""
    for number in range(COUNT):
        yield storage._item(conversations._new_conversation(ORG, POOL, number, DRAFT, None))
    for wanted in (ALL, Filter("ann"), Filter(None, Status.ACTIVE), Filter("ann", Status.ACTIVE)):
        counters = {block_rank(block): BLOCK_SIZE for block in range(COUNT // BLOCK_SIZE)}
        for rank, count in (counters | {COUNTER_RANK: COUNT}).items():
            item = ConversationsTable(list_name(ORG, POOL, wanted), rank, total=count)
            if (attribute := list_attribute(wanted)) is not None:
                setattr(item, attribute, item.partition)
            yield item


def test_a_change_moves_a_conversation_to_its_lists_and_leaves_the_rest(world: World) -> None:
    conversation = begin()
    say(conversation)
    world.clock.advance(5)
    archived = conversations.update(ORG, POOL, conversation.id, Change(status=Status.ARCHIVED, context={"a": 1}))
    assert (archived.conversation.status, archived.context) == (Status.ARCHIVED, {"a": 1})
    assert archived.conversation.title == conversation.title
    assert archived.conversation.message_count == 1
    assert archived.conversation.updated_at == world.clock.now()
    assert conversations.get(ORG, POOL, conversation.id) == archived
    assert (list_ids(Filter(None, Status.ACTIVE)), list_ids(Filter(None, Status.ARCHIVED))) == ([], [conversation.id])
    require_exact_counters()


def test_a_change_to_what_is_there_already_writes_nothing(world: World) -> None:
    conversation = begin()
    with aws.counting() as calls:
        conversations.update(ORG, POOL, conversation.id, Change(title=conversation.title, status=Status.ACTIVE))
    assert (reload(conversation), calls.total()) == (conversation, 1)


def test_two_changes_at_once_both_take_effect_and_count_once(world: World) -> None:
    conversation = begin()
    changes = [
        Change(title="new"),
        Change(status=Status.CLOSED),
        Change(status=Status.CLOSED),
        Change(context={"a": 1}),
    ]
    outcomes = run_together(
        [lambda change=change: conversations.update(ORG, POOL, conversation.id, change) for change in changes]
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    details = conversations.get(ORG, POOL, conversation.id)
    assert (details.conversation.title, details.conversation.status, details.context) == ("new", "closed", {"a": 1})
    require_exact_counters()


def test_many_created_at_once_are_each_counted_once(world: World) -> None:
    run_together([lambda name=name: begin(name) for name in ["ann", "bob"] * 8])
    assert (len(list_ids()), total(), total(Filter("bob"))) == (16, 16, 8)
    require_exact_counters()


def test_with_a_key_there_is_one_conversation_however_often_it_is_created(world: World) -> None:
    all_conversations = run_together([lambda: conversations.get_or_create(ORG, POOL, DRAFT, "chat 7")] * 8)
    assert len({one.conversation.id for one in all_conversations}) == total() == 1
    assert conversations.create(ORG, POOL, DRAFT, "chat 8") not in all_conversations
    conversations.delete(ORG, POOL, all_conversations[0].conversation.id)
    assert conversations.get_or_create(ORG, POOL, DRAFT, "chat 7") not in all_conversations
    require_exact_counters()


def test_a_deleted_conversation_is_gone_with_its_messages(world: World) -> None:
    conversation, other = begin(), begin()
    for number in range(40):
        say(conversation, str(number), [*Role][number % 3], key=str(number))
    say(other)
    conversations.delete(ORG, POOL, conversation.id)
    assert (list_ids(), total()) == ([other.id], 1)
    for refused in (
        lambda: conversations.delete(ORG, POOL, conversation.id),
        lambda: say(conversation),
        lambda: reload(conversation),
    ):
        with pytest.raises(NotFound, match=f"Conversation not found: {conversation.id}"):
            refused()
    world.settle()
    assert not [item for item in aws.items(ConversationsTable) if conversation.id in (item.partition + item.rank)]
    assert reload(other).message_count == 1
    require_exact_counters()


def test_of_many_deletions_at_once_one_takes_effect(world: World) -> None:
    made = begin()
    outcomes = run_together([lambda: conversations.delete(ORG, POOL, made.id)] * 6)
    assert sorted(isinstance(outcome, NotFound) for outcome in outcomes) == [False] + [True] * 5
    require_exact_counters()


def test_a_message_is_not_added_to_a_conversation_that_is_deleted_meanwhile(world: World) -> None:
    made = begin()
    run_together([lambda: conversations.delete(ORG, POOL, made.id), *[lambda: say(made)] * 5])
    world.settle()
    assert stored_conversations() == []
    assert not [item for item in aws.items(ConversationsTable) if item.rank[0] in "cmrk"]


def test_another_orgs_and_another_pools_conversations_are_not_there(world: World) -> None:
    conversation = begin()
    for org, pool in (("umbra", POOL), (ORG, "other")):
        for use in (
            lambda org=org, pool=pool: conversations.get(org, pool, conversation.id),
            lambda org=org, pool=pool: conversations.update(org, pool, conversation.id, Change(title="mine")),
            lambda org=org, pool=pool: conversations.delete(org, pool, conversation.id),
        ):
            with pytest.raises(NotFound):
                use()
        assert conversations.find_page(org, pool, ALL, 10) == ([], 0)
    assert reload(conversation) == conversation


@pytest.mark.parametrize("identifier", ["~", "~b#00000000", "user=ann", "status=active", "c", "nowhere", "é" * 60])
def test_what_is_no_id_of_a_conversation_is_not_found(world: World, identifier: str) -> None:
    begin()
    with pytest.raises(NotFound):
        conversations.get(ORG, POOL, identifier)
    with pytest.raises(NotFound):
        conversations.delete(ORG, POOL, identifier)


@pytest.mark.parametrize("user_id", ["a#b", "x&status=closed", "status=active", "~", "\u0000", "é" * 128])
def test_a_users_id_may_be_anything(world: World, user_id: str) -> None:
    made = begin(user_id)
    begin()
    assert list_ids(Filter(user_id)) == list_ids(Filter(user_id, Status.ACTIVE)) == [made.id]


def test_a_context_has_a_limit(world: World) -> None:
    whole = {"a": "x" * (conversations.MAX_CONTEXT_CHARS - len('{"a":""}'))}
    conversation = conversations.create(ORG, POOL, Draft("ann", "t", whole)).conversation
    for refuse in (
        lambda context: conversations.create(ORG, POOL, Draft("ann", "t", context)),
        lambda context: conversations.update(ORG, POOL, conversation.id, Change(context=context)),
    ):
        with pytest.raises(InvalidRequest, match="context: must be at most 16000 characters as JSON"):
            refuse({"a": whole["a"] + "x"})
    assert total() == 1


def test_a_pool_has_so_many_conversations_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_CONVERSATIONS", 3)
    outcomes = run_together([begin] * 6)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3
    conversations.delete(ORG, POOL, list_ids()[0])
    begin()
    require_exact_counters()


def test_a_write_whose_answer_was_lost_counts_once(world: World) -> None:
    with aws.interfering(_send_twice):
        conversation = begin()
        changed = conversations.update(ORG, POOL, conversation.id, Change(title="new"))
        message = say(conversation, key="k")
    assert reload(conversation) == replace(
        changed.conversation,
        counts={Role.USER: 1},
        last_message_id=message.id,
        last_message_at=conversation.created_at,
        last_said=LastSaid(payloads.digest(["user", "hello"])[:32], 1, conversation.created_at),
        version=3,
    )
    require_exact_counters()


def _send_twice(call, send):
    """Each write is sent twice, and the second answer is the one that counts."""
    if call[1] in ("TransactWriteItems", "PutItem"):
        send()
    return send()
