"""Each function that changes conversations dies before each of its calls and after the last. The caller repeats it, and
the outcome is the same as without a death."""

from collections.abc import Callable

import pytest

from chalicelib.config import settings
from chalicelib.domain.conversations.conversation import Role, Status
from chalicelib.engine.conversations import conversations
from chalicelib.engine.conversations.conversations import Change, Draft
from chalicelib.errors import NotFound
from chalicelib.storage.conversations.table import ConversationsTable
from tests.engine.conversations.helpers import (
    POOL,
    begin,
    contents,
    require_exact_counters,
    say,
    stored_conversations,
    total,
)
from tests.simulation.faults import dies_before
from tests.support import aws
from tests.support.world import ORG, World, new_world

MOST_CALLS = 20
Act = Callable[[], object]
Story = tuple[Act, Callable[[], bool]]
"""The function that dies, and a check of the final state."""


def _create(world: World) -> Story:
    return lambda: conversations.create(ORG, POOL, Draft("ann", "t"), "chat 7"), lambda: total() == 1


def _add(world: World) -> Story:
    made = begin()
    return lambda: say(made, key="update 7"), lambda: contents(made) == contents(made, Role.USER) == ["hello"]


def _update(world: World) -> Story:
    conversation = begin()
    change = Change(title="new", status=Status.CLOSED, context={"a": 1})

    def is_changed() -> bool:
        details = conversations.get(ORG, POOL, conversation.id)
        return (details.conversation.title, details.conversation.status, details.context) == ("new", "closed", {"a": 1})

    return lambda: conversations.update(ORG, POOL, conversation.id, change), is_changed


def _delete(world: World) -> Story:
    conversation = begin()
    say(conversation)

    def delete() -> None:
        try:
            conversations.delete(ORG, POOL, conversation.id)
        except NotFound:
            assert stored_conversations() == []

    return delete, _is_all_deleted


def _clear(world: World) -> Story:
    conversation = begin()
    for number in range(20):
        say(conversation, str(number), key=str(number))
    conversations.delete(ORG, POOL, conversation.id)
    while world.relay("documents"):
        pass
    return lambda: world.handle("wakeups"), _is_all_deleted


def _is_all_deleted() -> bool:
    return not [item for item in aws.items(ConversationsTable) if item.rank[0] in "cmrk"]


STORIES = {"create": _create, "add": _add, "update": _update, "delete": _delete, "clear": _clear}


@pytest.mark.parametrize("story", STORIES)
def test_a_death_at_any_call_is_recovered_from(story: str) -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            act, is_right = STORIES[story](world)
            died = dies_before(world, act, number)
            act()
            world.queues.queues.pop(settings().wakeups_queue, None)  # the sweep makes up for every message
            world.settle()
            for _ in range(3):
                world.advance(61)
            assert is_right(), f"after a death before call {number}"
            require_exact_counters()
        if not died:
            assert number > 1, "the story makes hardly a call"
            return
    raise AssertionError("the story makes more calls than were tried")
