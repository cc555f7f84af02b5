"""Notifications go once to the users concerned, and never to the user who caused them."""

from collections.abc import Mapping

import pytest

from chalicelib import clock
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.engine.accounts import inbox
from chalicelib.errors import NotFound
from tests.engine.receivers import fact
from tests.support import aws
from tests.support.world import ORG, World


def event(number: int, recipients: Mapping[str, str], **said: str) -> PublicEvent:
    return fact(number, Topic.TASK_FAILED, recipients=recipients, **said)


def test_each_recipient_is_notified_once_and_the_actor_is_not(world: World) -> None:
    facts = [event(1, {"ada": "it failed", "bob": "it failed"}, actor="bob")]
    for _ in range(2):
        inbox.add_notifications(ORG, facts)
    [found] = inbox.list_newest(ORG, "ada")
    assert (found.body["type"], found.body["message"]) == ("task.failed", "it failed")
    assert found.body["data"] == {"taskId": "task_1"}
    assert inbox.list_newest(ORG, "bob") == inbox.list_newest("rival", "ada") == []


def test_an_announcement_that_comes_again_with_others_notifies_of_the_others_alone(world: World) -> None:
    inbox.add_notifications(ORG, [event(1, {"ada": "one"})])
    world.clock.advance(60)
    later = event(2, {"ada": "two", "bob": "two"})
    inbox.add_notifications(ORG, [event(1, {"ada": "one"}, at=later.at - clock.MINUTE), later])  # type: ignore[arg-type]
    assert [found.body["message"] for found in inbox.list_newest(ORG, "ada")] == ["two", "one"]


def test_a_notification_is_read_by_its_own_user_and_stays_read(world: World) -> None:
    inbox.add_notifications(ORG, [event(1, {"ada": "x", "bob": "x"})])
    [notification] = inbox.list_newest(ORG, "ada")
    read = inbox.mark_read(ORG, "ada", notification.id)
    world.clock.advance(60)
    assert inbox.is_read(read)
    assert inbox.mark_read(ORG, "ada", notification.id) == read
    assert not inbox.is_read(inbox.list_newest(ORG, "bob")[0])
    for org, user in (("rival", "ada"), (ORG, "eve")):
        with pytest.raises(NotFound):
            inbox.mark_read(org, user, notification.id)


def test_all_notifications_are_read_together(world: World) -> None:
    inbox.add_notifications(ORG, [event(number, {"ada": "x"}) for number in range(5)])
    inbox.mark_read(ORG, "ada", inbox.list_newest(ORG, "ada")[2].id)
    with aws.counting() as calls:
        assert inbox.mark_all_read(ORG, "ada") == 4
    assert calls.total() == 2
    assert all(map(inbox.is_read, inbox.list_newest(ORG, "ada")))
    assert inbox.mark_all_read(ORG, "ada") == 0


def test_notifications_expire_after_ninety_days(world: World) -> None:
    inbox.add_notifications(ORG, [event(1, {"ada": "x"})])
    world.clock.advance(89 * 86_400)
    assert len(inbox.list_newest(ORG, "ada")) == 1
    world.clock.advance(86_400)
    assert inbox.list_newest(ORG, "ada") == []
