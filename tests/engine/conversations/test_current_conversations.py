"""The current conversation of a user."""

import pytest

from chalicelib.engine.conversations import current_conversations
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from tests.engine.conversations.helpers import POOL
from tests.support.world import ORG, World


def choose(user_id: str, conversation_id: str) -> None:
    dynamodb.commit(current_conversations.choose_write(ORG, POOL, user_id, conversation_id, "dev"))


def test_each_user_has_the_one_that_was_chosen_last(world: World) -> None:
    assert current_conversations.find(ORG, POOL, "ann") is None
    for user_id, conversation_id in (("ann", "conv_1"), ("bob", "conv_2"), ("ann", "conv_3")):
        choose(user_id, conversation_id)
    assert [current_conversations.find(ORG, POOL, user_id) for user_id in ("ann", "bob")] == ["conv_3", "conv_2"]
    assert current_conversations.find(ORG, "other", "ann") is current_conversations.find("umbra", POOL, "ann") is None


@pytest.mark.parametrize("known", [False, True])
def test_of_two_choices_at_once_the_later_is_refused(world: World, known: bool) -> None:
    if known:
        choose("ann", "conv_0")
    first, second = (current_conversations.choose_write(ORG, POOL, "ann", f"conv_{n}", "dev") for n in (1, 2))
    dynamodb.commit(second)
    with pytest.raises(ConditionFailed):
        dynamodb.commit(first)
    assert current_conversations.find(ORG, POOL, "ann") == "conv_2"
