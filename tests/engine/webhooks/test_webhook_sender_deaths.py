"""Each function that handles deliveries dies before each of its calls and after the last, and every event arrives."""

from collections.abc import Callable

import pytest

from chalicelib.domain.changes.effects import Topic
from chalicelib.engine.accounts import inbox
from chalicelib.engine.webhooks import endpoints, redelivery
from tests.engine.receivers import Receiver, fact, happen, receiver
from tests.simulation.faults import dies_before
from tests.support.world import ORG, World, answer, new_world

MOST_CALLS = 20
EVENTS = ["evt_task_1_1", "evt_task_2_1"]
Act = Callable[[], object]


def _publish(world: World, webhook: Receiver) -> Act:
    return lambda: happen(fact(1), fact(2))


def _post(world: World, webhook: Receiver) -> Act:
    happen(fact(1), fact(2))
    return lambda: world.handle("webhooks")


def _fail(world: World, webhook: Receiver) -> Act:
    happen(fact(1), fact(2))
    replies = iter([answer(500)])
    webhook.reply = lambda *_: next(replies, answer(200))
    return lambda: world.handle("webhooks")


def _recover(world: World, webhook: Receiver) -> Act:
    happen(fact(1), fact(2))
    endpoints.update(ORG, webhook.webhook.id, {"active": False}, by="dev")
    world.settle()
    endpoints.update(ORG, webhook.webhook.id, {"active": True}, by="dev")
    return lambda: redelivery.recover(ORG, webhook.webhook.id, 0)


STORIES = {"publish": _publish, "post": _post, "fail": _fail, "recover": _recover}


@pytest.mark.parametrize("story", STORIES)
def test_a_death_at_any_call_is_recovered_from(story: str) -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            webhook = receiver(world)
            act = STORIES[story](world, webhook)
            died = dies_before(world, act, number)
            _repeat(world, webhook, story, act)
            assert {found.status for found in webhook.deliveries} == {"delivered"}
            assert sorted(set(webhook.events)) == EVENTS
        if not died:
            assert number > 1, "the story made hardly a call"
            return
    raise AssertionError("the story makes more calls than were tried")


def _repeat(world: World, webhook: Receiver, story: str, act: Act) -> None:
    """The caller repeats its call, or the queue delivers its messages again; then time passes."""
    if story in ("post", "fail"):
        world.return_messages("webhooks")
    else:
        act()
    world.settle()
    while any(found.wake_at for found in webhook.deliveries):
        world.clock.advance(200)
        world.sweep()
        world.settle()


def test_notifications_are_kept_once_whenever_their_function_dies() -> None:
    facts = [fact(number, Topic.TASK_FAILED, recipients={"ada": "x", "bob": "x"}) for number in range(2)]
    for number in range(3):
        with new_world() as world:
            dies_before(world, lambda: inbox.add_notifications(ORG, facts), number)
            inbox.add_notifications(ORG, facts)
            assert [len(inbox.list_newest(ORG, user)) for user in ("ada", "bob")] == [2, 2]
