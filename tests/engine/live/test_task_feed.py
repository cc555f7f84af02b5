"""Watching an org's tasks: numbers without gaps, no missed update, no watcher delays another, and nothing is stored
without watchers."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.domain.changes.effects import TaskUpdate
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.changes import queue_messages
from chalicelib.engine.live import task_feed
from chalicelib.engine.live.task_feed import FrameBuilder
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import InvalidRequest, Unavailable
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection, ConnectionsTable
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.world import ORG, POOL, WATCH, World

Frames = list[dict[str, Any]]
FRAME_BUILDERS = {
    WATCH: FrameBuilder(
        update=lambda number, said: {"sequence": number, "task": said["task_id"], "status": str(said["status"])},
        reset=lambda number: {"reset": number},
        watching=lambda number: {"watching": number},
    )
}


@pytest.fixture(autouse=True)
def frame_builders(world: World) -> Iterator[None]:
    world.frame_builders = FRAME_BUILDERS
    yield


def make_connection(connection_id: str, org: str = ORG) -> Connection:
    return Connection(connection_id, org, WATCH)


def watch(world: World, connection_id: str = "v1", since: int | None = None, org: str = ORG) -> Frames:
    """Connect a watcher and send it the updates that it missed. Returns the list of frames that are sent to it."""
    frames = world.sockets.connect(connection_id)
    task_feed.watch(make_connection(connection_id, org), since)
    world.settle()
    return frames


def sequences(frames: Frames) -> list[int]:
    return [frame["sequence"] for frame in frames if "sequence" in frame]


def change(number: int) -> TaskUpdate:
    return TaskUpdate(
        org=ORG,
        pool=POOL,
        task_id=f"t{number}",
        version=1,
        at=number,
        type="t",
        status=Status.PENDING,
        priority=5,
        attempt=1,
    )


def send(*numbers: int, occasion: str = "") -> None:
    task_feed.send_updates(
        ORG, occasion or f"occasion {numbers}", [change(number) for number in numbers], FRAME_BUILDERS
    )


def stored_connections() -> list[Any]:
    return aws.items(ConnectionsTable)


def dying_before_live() -> AbstractContextManager[Any]:
    """Let the function die after a watcher has caught up and before it is set live."""
    return patch.object(connections, "set_watcher_live_write", side_effect=Unavailable("dies here"))


def test_a_watcher_gets_each_change_of_each_task_of_its_org(world: World) -> None:
    frames = watch(world)
    world.register(reply=lambda *_: pytest.fail("never called"), endpoints={})
    task = world.submit()
    world.settle()
    lifecycle.report_progress(ORG, task.id, None, 50)
    world.settle()
    lifecycle.cancel(ORG, task.id)
    world.settle()
    assert frames == [
        {"watching": 0},
        {"sequence": 1, "task": task.id, "status": "pending"},
        {"sequence": 2, "task": task.id, "status": "leased"},
        {"sequence": 3, "task": task.id, "status": "running"},
        {"sequence": 4, "task": task.id, "status": "cancelled"},
    ]


def test_another_org_sees_nothing(world: World) -> None:
    frames = watch(world, org="other")
    world.submit()
    world.settle()
    assert frames == [{"watching": 0}]
    assert connections.find_head(ORG) is None


def test_nothing_is_kept_for_orgs_that_nobody_watches(world: World) -> None:
    world.submit()
    world.settle()
    assert stored_connections() == []


def test_a_watcher_that_comes_back_gets_what_it_missed(world: World) -> None:
    watch(world)
    send(1, 2, 3)
    task_feed.leave(make_connection("v1"))
    send(4)
    send(5)
    frames = watch(world, "v2", since=2)
    send(6)
    assert sequences(frames) == [3, 4, 5, 6]
    assert frames[0]["task"] == "t3"
    assert frames[3] == {"watching": 5}


def test_a_watcher_that_missed_nothing_only_gets_its_position(world: World) -> None:
    watch(world)
    send(1, 2)
    assert watch(world, "v2", since=2) == [{"watching": 2}]
    assert watch(world, "v3") == [{"watching": 2}]


@pytest.mark.parametrize("since", [1, 10**12])
def test_a_sequence_that_was_not_given_out_is_refused(world: World, since: int) -> None:
    with pytest.raises(InvalidRequest, match="must be at most 0"):
        task_feed.watch(make_connection("v1"), since)


def test_updates_that_arrive_while_it_connects_are_neither_lost_nor_sent_twice(world: World) -> None:
    watch(world)
    send(1)
    frames = world.sockets.connect("v2")
    task_feed.watch(make_connection("v2"), 0)
    send(2)  # before its turn came
    assert frames == []
    world.settle()
    send(3)
    assert sequences(frames) == [1, 2, 3]


def test_the_same_connect_event_again_changes_nothing(world: World) -> None:
    frames = watch(world)
    send(1)
    task_feed.watch(make_connection("v1"), None)
    world.settle()
    send(2)
    assert sequences(frames) == [1, 2]


def test_a_death_between_catching_up_and_going_live_sends_the_updates_again(world: World) -> None:
    watch(world)
    send(1)
    frames = world.sockets.connect("v2")
    task_feed.watch(make_connection("v2"), 0)
    with dying_before_live(), pytest.raises(Unavailable):
        task_feed.catch_up(ORG, "v2", FRAME_BUILDERS)
    send(2)
    world.settle()
    assert sequences(frames) == [1, 1, 2]


def test_many_missed_updates_are_sent_in_steps(world: World) -> None:
    watch(world)
    with patch.object(task_feed, "FRAMES_PER_STEP", 3):
        for start in range(0, 8, 2):
            send(start, start + 1)
        frames = world.sockets.connect("v2")
        task_feed.watch(make_connection("v2"), 0)
        with dying_before_live(), pytest.raises(Unavailable):
            task_feed.catch_up(ORG, "v2", FRAME_BUILDERS)
        world.settle()
    assert sequences(frames) == [*range(1, 9), 7, 8]


def test_numbers_have_no_gaps_however_many_assign_them_at_once(world: World) -> None:
    frames = watch(world)
    waiting = [lambda number=number: send(number, occasion=f"relay {number}") for number in range(8)]
    while waiting:
        outcomes = run_together(waiting)
        assert all(one is None or isinstance(one, Unavailable) for one in outcomes)
        waiting = [job for job, outcome in zip(waiting, outcomes, strict=True) if outcome is not None]
    assert sorted(set(sequences(frames))) == list(range(1, 9))
    assert {frame["task"] for frame in frames if "task" in frame} == {f"t{number}" for number in range(8)}


def test_a_batch_that_is_published_again_has_the_same_numbers(world: World) -> None:
    frames = watch(world)
    for _ in range(2):
        for number in range(0, 20, 2):
            send(number, number + 1)
    assert sequences(frames) == list(range(1, 21)) * 2
    assert [number for number, _ in connections.read_entries(ORG, 0)] == list(range(1, 21))


def test_a_batch_that_is_published_again_is_not_sent_to_later_watchers(world: World) -> None:
    first = watch(world)
    send(1, 2, 3)
    later, resumed = watch(world, "v2"), watch(world, "v3", since=2)
    send(4)
    send(1, 2, 3)
    assert sequences(first) == [1, 2, 3, 4, 1, 2, 3]
    assert (sequences(later), sequences(resumed)) == ([4], [3, 4, 3])


def test_a_watcher_that_is_gone_is_removed(world: World) -> None:
    watch(world)
    frames = watch(world, "v2")
    world.sockets.drop("v1")
    send(1)
    assert sequences(frames) == [1]
    assert [watcher.id for watcher in connections.find_watchers(ORG)] == ["v2"]
    assert connections.find("v1") is None


def test_a_watcher_that_goes_before_it_was_sent_anything_is_removed(world: World) -> None:
    task_feed.watch(make_connection("v1"), None)
    world.settle()
    assert connections.find_watchers(ORG) == []


def test_a_connection_that_is_only_opening_is_not_taken_for_gone(world: World) -> None:
    task_feed.watch(make_connection("v1"), None)
    with patch.object(world.clock, "sleep", lambda _: world.sockets.connect("v1")):
        world.settle()
    assert world.sockets.sent["v1"] == [{"watching": 0}]


def test_a_watcher_that_leaves_gets_nothing_more(world: World) -> None:
    frames = watch(world)
    for _ in range(2):
        task_feed.leave(make_connection("v1"))
    send(1)
    assert frames == [{"watching": 0}]


def test_a_slow_watcher_delays_nobody(world: World) -> None:
    watch(world)
    watch(world, "v2")
    post, others_told = world.sockets.post, threading.Event()

    def post_slowly(connection_id: str, text: str) -> None:
        if connection_id == "v1":
            assert others_told.wait(10), "the other one waits for the slow one"
        else:
            others_told.set()
        post(connection_id, text)

    with patch.object(world.sockets, "post", post_slowly):
        send(1)
    assert sequences(world.sockets.sent["v1"]) == sequences(world.sockets.sent["v2"]) == [1]


def refusing_frames(world: World, connection_id: str) -> Any:
    """Let the gateway accept no frame for this connection."""
    post = world.sockets.post

    def refuse(to: str, text: str) -> None:
        if to == connection_id:
            raise Unavailable("too much waits already")
        post(to, text)

    return patch.object(world.sockets, "post", refuse)


def test_a_watcher_that_accepts_nothing_is_disconnected_and_can_come_back(world: World) -> None:
    watch(world)
    others = watch(world, "v2")
    with refusing_frames(world, "v1"):
        send(1)
        send(2)
    assert world.sockets.closed == ["v1"]
    assert sequences(others) == [1, 2]
    assert sequences(watch(world, "v3", since=0)) == [1, 2]


def test_updates_are_sent_again_after_the_gateway_was_unavailable(world: World) -> None:
    frames = watch(world)
    away = Unavailable("away")
    with (
        patch.object(world.sockets, "post", side_effect=away),
        patch.object(world.sockets, "close", side_effect=away),
    ):
        world.submit()
        world.settle()
    assert sequences(frames) == []
    world.advance(31)
    assert sequences(frames) == [1]


def test_a_feed_is_kept_for_a_day_after_the_last_watcher(world: World) -> None:
    watch(world)
    task_feed.leave(make_connection("v1"))
    world.clock.advance(86_000)
    send(1)
    assert sequences(watch(world, "v2", since=0)) == [1]


def test_a_feed_that_nobody_watched_for_longer_is_not_kept_and_says_so(world: World) -> None:
    watch(world)
    send(1)
    task_feed.leave(make_connection("v1"))
    world.clock.advance(86_401)
    count = len(stored_connections())
    send(2)
    assert len(stored_connections()) == count, "nothing is written for nobody"
    frames = watch(world, "v2", since=1)
    assert frames == [{"reset": 2}, {"watching": 2}]
    send(3)
    assert sequences(frames) == [3]


def test_a_feed_that_is_watched_is_kept_on(world: World) -> None:
    watch(world)
    for number in range(5):
        world.clock.advance(50_000)
        send(number)
    assert sequences(world.sockets.sent["v1"]) == [1, 2, 3, 4, 5]


def test_a_watcher_that_missed_too_much_gets_a_reset(world: World) -> None:
    watch(world)
    send(*range(10))
    with patch.object(task_feed, "MAX_CATCH_UP", 9):
        assert watch(world, "v2", since=0) == [{"reset": 10}, {"watching": 10}]
        assert sequences(watch(world, "v3", since=1)) == list(range(2, 11))


def test_a_watcher_that_missed_deleted_updates_gets_a_reset(world: World) -> None:
    watch(world)
    send(1, 2, 3)
    next(item for item in stored_connections() if item.entry and item.entry["task_id"] == "t2").delete()
    assert watch(world, "v2", since=0) == [{"reset": 3}, {"watching": 3}]


def test_many_updates_travel_in_order(world: World) -> None:
    frames = watch(world)
    queue_messages.enqueue_task_updates([change(number) for number in range(200)], "one batch")
    world.settle()
    assert sequences(frames) == list(range(1, 201))
    assert [frame["task"] for frame in frames[1:]] == [f"t{number}" for number in range(200)]


def test_each_operation_keeps_to_its_budget(world: World) -> None:
    world.sockets.connect("v1")
    task_feed.watch(make_connection("v0"), None)
    with aws.counting() as calls:
        task_feed.watch(make_connection("v1"), None)
    assert calls.total() == 2
    with aws.counting() as calls:
        send(*range(90))
    assert calls.total() == 3
    with aws.counting() as calls:
        task_feed.send_updates("other", "x", [change(1)], FRAME_BUILDERS)
    assert calls.total() == 1
