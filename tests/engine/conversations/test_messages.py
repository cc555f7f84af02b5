"""Messages: each stored exactly once, in order, counted with its conversation, and readable from any position."""

import pytest

from chalicelib.domain.conversations.conversation import MAX_CONTENT_CHARS, Message, Role, Status
from chalicelib.engine.conversations import conversations, messages
from chalicelib.engine.conversations.conversations import Change
from chalicelib.errors import Conflict, IdempotencyMismatch, NotFound
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.conversations.conversations import context_write
from chalicelib.storage.conversations.table import ConversationsTable, message_rank, partition_of, role_rank
from tests.engine.conversations.helpers import POOL, begin, contents, reload, require_exact_counters, say, store_others
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.world import ORG, World


def test_a_message_counts_in_its_conversation_and_is_its_last(world: World) -> None:
    conversation = begin()
    world.clock.advance(7)
    message = say(conversation, "Create a REST API")
    now = reload(conversation)
    assert (now.message_count, now.last_message_id, now.last_message_at) == (1, message.id, world.clock.now())
    assert now.updated_at == message.created_at == world.clock.now()
    assert messages.find_page(ORG, POOL, conversation.id, None, 20) == ([message], 1)


def test_messages_are_listed_oldest_first_by_role_and_from_an_offset(world: World) -> None:
    conversation = begin()
    for number in range(9):
        say(conversation, str(number), Role.ASSISTANT if number % 3 == 2 else Role.USER)
    assert contents(conversation) == [*"012345678"]
    assert (
        contents(conversation, limit=2, offset=4),
        contents(conversation, offset=8),
        contents(conversation, offset=9),
    ) == (
        ["4", "5"],
        ["8"],
        [],
    )
    assert (contents(conversation, Role.ASSISTANT), contents(conversation, Role.SYSTEM)) == (["2", "5", "8"], [])
    assert contents(conversation, Role.USER, limit=2, offset=3) == ["4", "6"]
    pages = [messages.find_page(ORG, POOL, conversation.id, role, 1, 10**9) for role in (None, *Role)]
    assert [page.total for page in pages] == [9, 6, 3, 0]


def test_many_added_at_once_are_each_there_once(world: World) -> None:
    conversation = begin()
    outcomes = run_together(
        [lambda number=number: say(conversation, str(number), [*Role][number % 3]) for number in range(24)]
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert sorted(contents(conversation), key=int) == [str(number) for number in range(24)]
    assert [len(contents(conversation, role)) for role in Role] == [8, 8, 8]
    require_exact_counters()


def test_with_a_key_a_message_is_added_once_however_often(world: World) -> None:
    conversation = begin()
    outcomes = run_together([lambda: say(conversation, "hello", key="update 7")] * 8)
    assert len({message.id for message in outcomes}) == 1
    assert contents(conversation) == ["hello"]
    say(conversation, "hello", key="update 8")
    assert say(conversation, "hello", key="update 7") == outcomes[0]
    with pytest.raises(IdempotencyMismatch):
        say(conversation, "other", key="update 7")
    with pytest.raises(IdempotencyMismatch):
        say(conversation, "hello", Role.SYSTEM, key="update 7")
    assert contents(conversation) == ["hello", "hello"]
    require_exact_counters()


def test_keys_are_of_their_conversation(world: World) -> None:
    one, other = begin(), begin()
    assert say(one, key="k").conversation_id != say(other, key="k").conversation_id
    assert contents(one) == contents(other) == ["hello"]


def test_a_closed_conversation_takes_no_messages_and_says_so(world: World) -> None:
    conversation = begin()
    before = say(conversation, key="k")
    conversations.update(ORG, POOL, conversation.id, Change(status=Status.CLOSED))
    with pytest.raises(Conflict, match=f"Conversation {conversation.id} is closed"):
        say(conversation)
    assert say(conversation, key="k") == before, "what was said before stays said"
    conversations.update(ORG, POOL, conversation.id, Change(status=Status.ARCHIVED))
    say(conversation)
    assert reload(conversation).message_count == 2


def test_a_conversation_has_so_many_messages_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_MESSAGES", 2)
    conversation = begin()
    outcomes = run_together([lambda: say(conversation)] * 5)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3
    assert reload(conversation).message_count == 2


def test_where_there_is_no_conversation_there_are_no_messages(world: World) -> None:
    conversation = begin()
    say(conversation)
    for org, pool, identifier in (("umbra", POOL, conversation.id), (ORG, "other", conversation.id), (ORG, POOL, "~")):
        with pytest.raises(NotFound):
            messages.add(org, pool, identifier, Role.USER, "x")
        for role in (None, Role.USER):
            with pytest.raises(NotFound):
                messages.find_page(org, pool, identifier, role, 10)
        with pytest.raises(NotFound):
            messages.find_latest(org, pool, identifier, 3)
    assert contents(conversation) == ["hello"]


def test_the_latest_messages_are_found_in_order(world: World) -> None:
    conversation = begin()
    assert messages.find_latest(ORG, POOL, conversation.id, 3) == []
    for number in range(5):
        say(conversation, str(number))
    for count, expected in ((3, "234"), (9, "01234")):
        assert "".join(one.content for one in messages.find_latest(ORG, POOL, conversation.id, count)) == expected


def test_a_page_that_grows_too_large_ends_early_and_the_next_one_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MAX_PAGE_CHARS", 100)
    conversation, sizes, offset = begin(), [], 0
    for number in range(6):
        say(conversation, '"' * 20 * (number % 3 + 1))  # each is two characters of JSON
    while page := contents(conversation, offset=offset):
        sizes.append(len(page))
        offset += len(page)
    assert sizes == [1, 1, 1, 1, 1, 1]
    monkeypatch.setattr(messages, "MAX_PAGE_CHARS", 130)
    assert [len(contents(conversation, offset=offset)) for offset in (0, 1, 2)] == [2, 1, 1]


def test_letters_beyond_ascii_count_as_what_lambda_makes_of_them(world: World) -> None:
    conversation = begin()
    for _ in range(6):
        say(conversation, "\u8a9e" * MAX_CONTENT_CHARS)
    assert [len(contents(conversation, offset=offset)) for offset in (0, 5)] == [5, 1]


def test_a_page_that_is_read_while_messages_are_added_has_no_gap(world: World) -> None:
    conversation = begin()
    for number in range(4):
        say(conversation, str(number), Role.USER)
    for rank in (message_rank(3), role_rank(Role.USER, 3)):
        ConversationsTable(partition_of(conversation), rank).delete()  # as if it came after the fourth was read
        assert contents(conversation) == contents(conversation, Role.USER) == ["0", "1"]


LENGTH = 100_000


def test_a_page_and_a_message_cost_the_same_in_a_conversation_of_any_length(world: World) -> None:
    conversation = begin()
    for length in (3, LENGTH):
        store_others(reload(conversation), length)
        costs = []
        for role, limit, offset in (
            (None, 20, 0),
            (None, 20, length - 3),
            (Role.USER, 99, length // 2),
            (None, 100, 0),
        ):
            with aws.counting() as calls:
                assert messages.find_page(ORG, POOL, conversation.id, role, limit, offset).total == length
            costs.append(calls.total())
        with aws.counting() as calls:
            assert say(conversation, "one more").number == length + 1
        assert [*costs, calls.total()] == [1, 1, 2, 2, 2]
    assert contents(conversation, offset=LENGTH - 3) == ["last", "last", "last", "one more"]


def test_the_same_words_are_two_messages_also_by_a_clock_that_is_slow(world: World) -> None:
    conversation = begin()
    say(conversation, "yes")
    world.clock.step(-0.005)
    say(conversation, "yes")
    assert contents(conversation) == ["yes", "yes"]


def test_the_same_words_again_within_a_window_are_a_repetition(world: World) -> None:
    def add_message(content: str, role: Role = Role.USER) -> Message:
        return messages.add(ORG, POOL, conversation.id, role, content, repetition_ms=10_000)

    conversation = begin()
    first = add_message("yes")
    say(conversation, "An answer", Role.ASSISTANT)
    assert {message.id for message in run_together([lambda: add_message("yes")] * 5)} == {first.id}
    world.clock.advance(9.9)
    assert add_message("yes") == first
    assert add_message("yes", Role.SYSTEM) != first
    world.clock.advance(0.1)
    assert add_message("yes") != first
    assert contents(conversation) == ["yes", "An answer", "yes", "yes"]
    require_exact_counters()


def test_what_follows_from_a_message_is_written_with_it_once(world: World) -> None:
    conversation, other = begin(), begin()

    def also(message: Message) -> list[Write]:
        return [context_write(other, {"number": message.number})]

    for _ in range(2):
        messages.add(ORG, POOL, conversation.id, Role.USER, "x", "key", also=also)
    assert conversations.get(ORG, POOL, other.id).context == {"number": 1}


def test_messages_up_to_a_number_are_found(world: World) -> None:
    conversation = begin()
    for number in range(6):
        say(conversation, str(number))
    found = messages.find_until(ORG, POOL, conversation.id, 4, 3)
    assert [message.content for message in found] == ["1", "2", "3"]
    conversations.delete(ORG, POOL, conversation.id)
    assert messages.find_until(ORG, POOL, conversation.id, 4, 3) == []
