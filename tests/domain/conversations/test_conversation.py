"""How one more message changes a conversation."""

from dataclasses import replace

from chalicelib.domain.conversations.conversation import (
    Conversation,
    Filter,
    Role,
    Status,
    filters_of,
    id_prefix,
    is_repetition,
    next_message,
    parse_reply_target,
    reply_target,
    with_message,
)

FIRST = Conversation(org="acme", pool="p", id="conv_1", number=1, user_id="u", title="t", created_at=5, updated_at=5)


def make_conversation(*roles: Role) -> Conversation:
    conversation = FIRST
    for number, role in enumerate(roles):
        message = next_message(conversation, f"msg_{number}", role, "x", 10 + number)
        conversation = with_message(conversation, message, f"digest {role}")
    return conversation


def test_messages_are_numbered_in_their_conversation_and_in_their_role() -> None:
    conversation = make_conversation(Role.USER, Role.ASSISTANT, Role.USER)
    message = next_message(conversation, "msg_9", Role.ASSISTANT, "hello", 20)
    assert (message.number, message.role_number, message.conversation_id) == (4, 2, "conv_1")
    assert (conversation.count(None), conversation.count(Role.USER), conversation.count(Role.SYSTEM)) == (3, 2, 0)


def test_a_conversation_knows_its_last_message_and_changes_with_it() -> None:
    conversation = make_conversation(Role.USER, Role.ASSISTANT)
    assert (conversation.last_message_id, conversation.last_message_at) == ("msg_1", 11)
    assert (conversation.updated_at, conversation.version, conversation.created_at) == (11, 3, 5)


def test_a_clock_that_is_behind_does_not_set_a_conversation_back() -> None:
    conversation = make_conversation(Role.USER)
    late = with_message(conversation, next_message(conversation, "msg_9", Role.USER, "x", 3), "digest")
    assert (late.last_message_at, late.updated_at) == (10, 10)


def test_a_conversation_is_in_the_four_lists_of_its_user_and_status() -> None:
    archived = replace(FIRST, status=Status.ARCHIVED)
    expected = {Filter(), Filter("u"), Filter(None, Status.ARCHIVED), Filter("u", Status.ARCHIVED)}
    assert {*filters_of(archived)} == expected


def test_ids_sort_by_number() -> None:
    numbers = [1, 9, 10, 499, 500, 2**31]
    assert sorted(map(id_prefix, numbers)) == [*map(id_prefix, numbers)]


def test_what_was_said_last_is_a_repetition_for_a_while_also_after_an_answer() -> None:
    conversation = make_conversation(Role.SYSTEM, Role.USER, Role.ASSISTANT)
    assert is_repetition(conversation, "digest user", 20, 10)
    assert not is_repetition(conversation, "digest user", 21, 10)
    assert not is_repetition(conversation, "digest system", 20, 10)
    assert not is_repetition(FIRST, "digest user", 5, 10)


def test_a_clock_that_goes_back_makes_no_repetition() -> None:
    conversation = make_conversation(Role.SYSTEM, Role.USER)
    said_at = conversation.last_said.at if conversation.last_said else 0
    assert not is_repetition(conversation, "digest user", said_at - 1, 0)
    assert is_repetition(conversation, "digest user", said_at - 9, 10)
    assert not is_repetition(conversation, "digest user", said_at - 10, 10)


def test_a_reply_has_a_conversation_to_go_to() -> None:
    assert parse_reply_target(reply_target("codeserver", "conv_1:2")) == ("codeserver", "conv_1:2")
    assert parse_reply_target("telegram") is None
