"""Whatever has to do with deliveries dies before each of its calls and after the last, and every event arrives."""

from collections.abc import Callable

import pytest

from chalicelib.domain.changes.effects import Topic
from chalicelib.engine.accounts import inbox
from chalicelib.engine.webhooks import endpoints, redelivery
from tests.engine.receivers import Receiver, fact, happen, receiver
from tests.simulation.faults import Killed, dying_before
from tests.support.world import ORG, World, answer, new_world

MOST_CALLS = 20
EVENTS = ["evt_task_1_1", "evt_task_2_1"]
Act = Callable[[], object]


def _publish(world: World, one: Receiver) -> Act:
    return lambda: happen(fact(1), fact(2))


def _post(world: World, one: Receiver) -> Act:
    happen(fact(1), fact(2))
    return lambda: world.handle("webhooks")


def _fail(world: World, one: Receiver) -> Act:
    happen(fact(1), fact(2))
    replies = iter([answer(500)])
    one.reply = lambda *_: next(replies, answer(200))
    return lambda: world.handle("webhooks")


def _recover(world: World, one: Receiver) -> Act:
    happen(fact(1), fact(2))
    endpoints.update(ORG, one.webhook.id, {"active": False}, by="dev")
    world.settle()
    endpoints.update(ORG, one.webhook.id, {"active": True}, by="dev")
    return lambda: redelivery.recover(ORG, one.webhook.id, 0)


STORIES = {"publish": _publish, "post": _post, "fail": _fail, "recover": _recover}


@pytest.mark.parametrize("story", STORIES)
def test_a_death_at_any_call_is_recovered_from(story: str) -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            one = receiver(world)
            act = STORIES[story](world, one)
            died = _dies(world, act, number)
            _comes_back(world, one, story, act)
            assert {found.status for found in one.deliveries} == {"delivered"}
            assert sorted(set(one.events)) == EVENTS
        if not died:
            assert number > 1, "the story made hardly a call"
            return
    raise AssertionError("the story makes more calls than were tried")


def _dies(world: World, act: Act, number: int) -> bool:
    with dying_before(world, number):
        try:
            act()
        except Killed:
            return True
    return False


def _comes_back(world: World, one: Receiver, story: str, act: Act) -> None:
    """The caller tries again, or the queue gives its messages once more; then time passes."""
    if story in ("post", "fail"):
        world.return_messages("webhooks")
    else:
        act()
    world.settle()
    while any(found.wake_at for found in one.deliveries):
        world.clock.advance(200)
        world.sweep()
        world.settle()


def test_notifications_are_kept_once_whenever_their_function_dies() -> None:
    facts = [fact(number, Topic.TASK_FAILED, recipients={"ada": "x", "bob": "x"}) for number in range(2)]
    for number in range(3):
        with new_world() as world:
            _dies(world, lambda: inbox.add_notifications(ORG, facts), number)
            inbox.add_notifications(ORG, facts)
            assert [len(inbox.list_newest(ORG, user)) for user in ("ada", "bob")] == [2, 2]
