"""The event feed of an org: each subscription gets every event once, by number and without a gap."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.engine.live import event_feed
from chalicelib.errors import Conflict, InvalidRequest
from chalicelib.storage.connections import connections, subscriptions
from chalicelib.storage.connections.connections import Connection
from tests.support import aws
from tests.support.world import ORG, START, World

CHANNEL = "projects.live"
Frames = list[dict[str, Any]]


def fact(topic: str = "task.updated", subject: str = "task_1", **about: str) -> PublicEvent:
    data = {"id": subject, **about}
    return PublicEvent("evt", ORG, Topic(topic), START, subject, 1, data, {"id": subject, **about}, {})


def connect(world: World, name: str = "c1") -> Frames:
    event_feed.open_connection(Connection(name, ORG, CHANNEL, subject="dev", role="admin"))
    return world.sockets.connect(name)


def subscribe(
    world: World, name: str = "c1", topic: str = "tasks", since: int | None = None, called: str = "", **filters: Any
) -> None:
    found = connections.find(name)
    assert found is not None
    event_feed.subscribe(found, called or topic, topic, filters, since)
    world.settle()


def publish(*facts: PublicEvent, occasion: str = "o1", may_see: event_feed.MaySee = lambda *_: True) -> None:
    event_feed.publish(ORG, occasion, facts, may_see)


def types_and_sequences(frames: Frames) -> list[tuple[Any, ...]]:
    return [(frame["type"], frame["sequence"]) for frame in frames]


def test_nothing_is_written_without_subscribers(world: World) -> None:
    with aws.counting() as calls:
        publish(fact())
    assert calls == {("DynamoDB", "GetItem"): 1}


def test_a_subscriber_gets_what_happens_from_now_on(world: World) -> None:
    frames = connect(world)
    subscribe(world)
    assert frames == [{"type": "subscribed", "channel": "tasks", "subscription": "tasks", "filters": {}, "sequence": 0}]
    publish(fact("task.created"), fact("task.completed"), fact("agent.created", "agent_1"))
    assert types_and_sequences(frames[1:]) == [("task.created", 1), ("task.updated", 2)]
    assert frames[2] == {
        "type": "task.updated",
        "channel": "tasks",
        "subscription": "tasks",
        "event": "task.completed",
        "sequence": 2,
        "timestamp": "2026-01-01T12:00:00Z",
        "data": {"id": "task_1"},
    }


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [1, 2, 3]),
        ({"projectId": "p1"}, [1, 2]),
        ({"projectId": ["p1", "p2"]}, [1, 2, 3]),
        ({"projectId": "p1", "status": "active"}, [2]),
        ({"id": "task_3"}, [3]),
        ({"agentId": "a"}, []),
    ],
)
def test_a_filter_chooses_the_events_of_a_subscription(
    world: World, filters: Mapping[str, Any], numbers: list[int]
) -> None:
    frames = connect(world)
    subscribe(world, **filters)
    publish(
        fact(projectId="p1", status="pending"),
        fact(projectId="p1", status="active"),
        fact(subject="task_3", projectId="p2", status="active"),
    )
    assert [number for _, number in types_and_sequences(frames[1:])] == numbers


def test_a_subscriber_that_comes_back_gets_what_it_missed_before_what_follows(world: World) -> None:
    first = connect(world)
    subscribe(world)
    publish(fact(), fact())
    back = connect(world, "c2")
    subscribe(world, "c2", since=1)
    publish(fact(), occasion="o2")
    assert types_and_sequences(back) == [("task.updated", 2), ("subscribed", 2), ("task.updated", 3)]
    assert types_and_sequences(first) == [("subscribed", 0), *(("task.updated", number) for number in (1, 2, 3))]


def test_a_number_that_is_not_in_use_is_refused_and_a_gap_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = connect(world)
    with pytest.raises(InvalidRequest, match="at most 0"):
        subscribe(world, since=1)
    subscribe(world)
    publish(*[fact()] * 4)
    monkeypatch.setattr(event_feed, "MAX_CATCH_UP", 3)
    connect(world, "c2")
    late = world.sockets.connect("c2")
    subscribe(world, "c2", since=0)
    assert types_and_sequences(late) == [("reset", 4)]
    assert len(frames) == 5


def test_the_same_occasion_again_has_the_same_numbers(world: World) -> None:
    frames = connect(world)
    subscribe(world)
    publish(fact(), fact())
    publish(fact(), fact())
    publish(fact(), occasion="o2")
    assert [number for _, number in types_and_sequences(frames[1:])] == [1, 2, 1, 2, 3]


def test_a_subscriber_that_lost_its_permission_is_disconnected_before_anything_is_sent(world: World) -> None:
    frames = connect(world)
    subscribe(world)
    publish(fact(), may_see=lambda *_: False)
    assert types_and_sequences(frames) == [("subscribed", 0)]
    assert world.sockets.closed == ["c1"]
    assert subscriptions.find_by_org(ORG) == [] and connections.find("c1") is None


def test_a_connection_has_several_subscriptions_and_not_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = connect(world)
    monkeypatch.setattr(event_feed, "MAX_SUBSCRIPTIONS", 2)
    subscribe(world, called="one", projectId="p1")
    subscribe(world, called="two", projectId="p2")
    subscribe(world, called="two", projectId="p3")
    with pytest.raises(Conflict):
        subscribe(world, called="three")
    publish(fact(projectId="p1"), fact(projectId="p2"), fact(projectId="p3"))
    assert [(f["subscription"], f["sequence"]) for f in frames[3:]] == [("one", 1), ("two", 3)]
    found = connections.find("c1")
    assert found is not None
    event_feed.unsubscribe(found, "one")
    publish(fact(projectId="p1"), fact(projectId="p3"), occasion="o2")
    assert [(f["subscription"], f["sequence"]) for f in frames[5:]] == [("two", 5)]


def test_a_connection_that_is_gone_is_removed_and_delays_nobody(world: World) -> None:
    connect(world)
    other = connect(world, "c2")
    for name in ("c1", "c2"):
        subscribe(world, name)
    world.sockets.drop("c1")
    publish(fact())
    assert types_and_sequences(other)[-1] == ("task.updated", 1)
    assert {one.connection.id for one in subscriptions.find_by_org(ORG)} == {"c2"}


def test_a_subscription_is_kept_while_its_connection_is_open(world: World) -> None:
    frames = connect(world)
    subscribe(world)
    for day in range(3):
        world.clock.advance(clock.DAY * 0.9 / 1000)
        publish(fact(), occasion=f"o{day}")
    assert [number for _, number in types_and_sequences(frames[1:])] == [1, 2, 3]


def test_what_is_announced_again_is_not_sent_to_one_that_subscribed_in_between(world: World) -> None:
    first = connect(world)
    subscribe(world)
    publish(fact())
    late = connect(world, "c2")
    subscribe(world, "c2")
    publish(fact())
    assert (types_and_sequences(first[1:]), types_and_sequences(late)) == (
        [("task.updated", 1)] * 2,
        [("subscribed", 1)],
    )
