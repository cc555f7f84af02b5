"""Workers on WebSockets: let in, asked whether they are there, handed tasks, told to stop, gone and back."""

import itertools
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib import config
from chalicelib.config import settings
from chalicelib.domain.changes.effects import Call, Delivery
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import BUILT_IN, Beat, Health, Holder, Status, Task, Worker
from chalicelib.engine.dispatch import task_delivery
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry, websocket_workers
from chalicelib.engine.workers.registry import Change, Registration, Rotation
from chalicelib.errors import Conflict, LeaseLost, NotFound, Unavailable
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection
from chalicelib.storage.workers import workers as worker_storage
from tests.engine.helpers import together
from tests.support import aws
from tests.support.world import ORG, POOL, World

Frames = list[dict[str, Any]]
CHANNEL = "test.worker"


@pytest.fixture
def worker(house: World) -> Worker:
    """Registered, not connected."""
    said = Registration(pool=POOL, kind="worker", id="w1", name="w1", max_concurrent=2, socket=True)
    return registry.register(ORG, said)


def link(connection_id: str, worker_id: str = "w1", org: str = ORG) -> Connection:
    return Connection(connection_id, org, CHANNEL, POOL, worker_id)


def connect(house: World, connection_id: str) -> Frames:
    """The worker opens this connection; returns what it will be sent."""
    frames = house.sockets.connect(connection_id)
    websocket_workers.connect(link(connection_id))
    return frames


def pong(connection_id: str) -> Worker:
    return registry.heartbeat(ORG, POOL, "w1", Beat(Health.HEALTHY), connection=connection_id)


def of_type(frames: Frames, kind: str) -> Frames:
    return [frame for frame in frames if frame["type"] == kind]


def given(house: World, **asked: Any) -> Task:
    """A task that the worker has just been handed."""
    task = house.submit(**asked)
    house.settle()
    found = house.task(task.id)
    assert found.status is Status.RUNNING
    return found


def test_a_task_goes_to_its_worker_as_a_frame_and_its_result_comes_back(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    task = given(house, payload={"n": 1}, timeout_seconds=60)
    assert frames == [
        {
            "type": "task",
            "task_id": task.id,
            "attempt": 1,
            "lease": 1,
            "task_type": "t",
            "data": {"n": 1},
            "deadline": task.closes_at,
        }
    ]
    lifecycle.complete(ORG, POOL, task.id, Holder("w1", attempt=1), {"ok": True})
    assert house.task(task.id).status is Status.COMPLETED


def test_who_is_registered_but_not_connected_is_given_nothing(house: World, worker: Worker) -> None:
    task = house.submit()
    house.settle()
    assert house.task(task.id).status is Status.PENDING
    frames = connect(house, "c1")
    house.settle()
    assert [frame["task_id"] for frame in frames] == [task.id]


@pytest.mark.parametrize("stranger", ["w2", "pulls", BUILT_IN])
def test_who_is_not_registered_for_a_socket_is_not_found(house: World, stranger: str) -> None:
    house.register("pulls", id="pulls", endpoints={})
    house.register("house", id=BUILT_IN, endpoints={})
    with pytest.raises(NotFound):
        websocket_workers.connect(link("c1", stranger))
    assert connections.find("c1") is None


def test_another_orgs_worker_is_not_found(house: World, worker: Worker) -> None:
    with pytest.raises(NotFound):
        websocket_workers.connect(link("c1", org="other"))


def test_a_second_connection_is_refused_while_the_first_answers(house: World, worker: Worker) -> None:
    first = connect(house, "c1")
    with pytest.raises(Conflict, match="connected already"):
        connect(house, "c2")
    assert first == [{"type": "ping"}]
    assert house.worker("w1").connection == "c1"
    assert connections.find("c2") is None


def test_of_two_connections_at_once_one_is_let_in(house: World, worker: Worker) -> None:
    for name in ("c1", "c2"):
        house.sockets.connect(name)
    outcomes = together([lambda: websocket_workers.connect(link("c1")), lambda: websocket_workers.connect(link("c2"))])
    assert sorted(type(one) for one in outcomes if isinstance(one, Conflict)) == [Conflict]
    [let_in] = [one for one in outcomes if isinstance(one, Worker)]
    assert house.worker("w1").connection == let_in.connection


def test_a_connection_that_is_gone_is_taken_over_at_once(house: World, worker: Worker) -> None:
    connect(house, "c1")
    house.sockets.drop("c1")
    connect(house, "c2")
    assert house.worker("w1").connection == "c2"


def test_a_connection_that_answers_nothing_any_more_is_taken_over_and_closed(house: World, worker: Worker) -> None:
    connect(house, "c1")
    house.advance(44)
    with pytest.raises(Conflict):
        connect(house, "c2")
    house.advance(2)
    connect(house, "c2")
    assert house.sockets.closed == ["c1"]
    with pytest.raises(NotFound):
        pong("c1")


def test_a_connection_that_is_only_opening_is_not_taken_for_gone(house: World, worker: Worker) -> None:
    websocket_workers.connect(link("c1"))
    pauses = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        house.sockets.connect("c1")

    with patch.object(house.clock, "sleep", wait):
        task = given(house)
    assert [frame["task_id"] for frame in house.sockets.sent["c1"]] == [task.id]
    assert len(pauses) == 1


def test_the_same_connect_event_again_changes_nothing(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    before = house.worker("w1")
    assert websocket_workers.connect(link("c1")) == before
    assert together([lambda: websocket_workers.connect(link("c1"))] * 3) == [before] * 3
    assert (frames, house.sockets.closed) == ([], [])


def test_a_disconnect_that_comes_before_its_connect_is_found_out_by_the_ping(house: World, worker: Worker) -> None:
    assert connections.find("c1") is None  # so nobody is told of the disconnect
    websocket_workers.connect(link("c1"))
    house.advance(21)
    assert house.worker("w1").connection is None
    assert connections.find("c1") is None


def test_a_disconnect_keeps_the_leases_and_a_reconnect_is_told_them_again(house: World, worker: Worker) -> None:
    connect(house, "c1")
    task = given(house)
    websocket_workers.disconnected(link("c1"))
    other = house.submit()
    house.advance(30)
    assert house.task(task.id).status is Status.RUNNING
    assert house.task(other.id).status is Status.PENDING, "nothing is given to who is not there"
    frames = connect(house, "c2")
    house.settle()
    assert [(frame["task_id"], frame["attempt"]) for frame in frames] == [(task.id, 1), (other.id, 1)]
    lifecycle.complete(ORG, POOL, task.id, Holder("w1", attempt=1), "late, but in time")


def test_the_end_of_an_old_connection_does_not_touch_the_new_one(house: World, worker: Worker) -> None:
    connect(house, "c1")
    house.sockets.drop("c1")
    connect(house, "c2")
    for _ in range(2):
        websocket_workers.disconnected(link("c1"))
    assert house.worker("w1").connection == "c2"
    assert connections.find("c1") is None
    assert connections.find("c2") == link("c2")


def test_who_stays_away_loses_its_tasks_and_is_told_so_when_it_comes_late(house: World, worker: Worker) -> None:
    connect(house, "c1")
    task = given(house)
    websocket_workers.disconnected(link("c1"))
    house.advance(150)
    found = house.task(task.id)
    assert found.status is Status.PENDING
    assert found.error is not None and found.error["code"] == "worker_lost"
    assert not house.worker("w1").alive
    with pytest.raises(LeaseLost):
        lifecycle.complete(ORG, POOL, task.id, Holder("w1", attempt=1), "too late")
    frames = connect(house, "c2")
    house.settle()
    assert [frame["type"] for frame in frames] == ["cancel", "task"]
    assert (frames[0]["attempt"], frames[1]["attempt"]) == (1, 2)


def test_a_connection_that_never_answers_is_closed_and_its_worker_offline(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    house.advance(150)
    assert of_type(frames, "ping")
    assert house.sockets.closed == ["c1"]
    assert (house.worker("w1").alive, house.worker("w1").connection) == (False, None)


def test_it_is_asked_every_20_seconds_and_its_pong_is_its_heartbeat(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    for number in range(1, 11):
        house.advance(20)
        assert len(frames) >= number
        assert pong("c1").last_heartbeat_at == house.clock.now()
    assert {frame["type"] for frame in frames} == {"ping"}
    assert len(frames) <= 10 + 3, "each full minute the sweep may ask, too"
    assert house.worker("w1").alive


def test_many_signs_of_life_bring_no_more_pings(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    for _ in range(19):
        house.advance(1)
        pong("c1")
    house.advance(19)
    assert frames == []
    house.advance(1)
    assert frames == [{"type": "ping"}]


def test_the_sweep_asks_when_the_wakeup_was_lost(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    house.settle()
    house.queues.queues[settings().wakeups_queue].clear()
    house.advance(60)
    assert frames == [{"type": "ping"}]


def test_a_pong_that_crosses_the_verdict_saves_the_connection(house: World, worker: Worker) -> None:
    connect(house, "c1")
    house.advance(89)
    find = worker_storage.find

    def then_a_pong(*key: str) -> Worker | None:
        found = find(*key)
        pong("c1")
        return found

    house.clock.advance(1)
    with patch.object(worker_storage, "find", then_a_pong):
        house.sweep()
    assert (house.worker("w1").connection, house.sockets.closed) == ("c1", [])


def test_a_cancel_is_sent_once(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    task = given(house)
    lifecycle.cancel(ORG, task.id)
    house.settle()
    assert of_type(frames, "cancel") == [{"type": "cancel", "task_id": task.id, "attempt": 1}]
    assert house.worker("w1").commands == {}
    given(house)
    assert len(of_type(frames, "cancel")) == 1


def test_a_cancel_waits_for_a_worker_that_is_away(house: World, worker: Worker) -> None:
    connect(house, "c1")
    task = given(house)
    websocket_workers.disconnected(link("c1"))
    lifecycle.cancel(ORG, task.id)
    house.settle()
    frames = connect(house, "c2")
    house.settle()
    assert frames == [{"type": "cancel", "task_id": task.id, "attempt": 1}]


@pytest.mark.parametrize("drained", [False, True])
def test_a_worker_is_told_to_drain(house: World, worker: Worker, drained: bool) -> None:
    frames = connect(house, "c1")
    task = given(house)
    registry.update(ORG, POOL, "w1", Change(rotation=Rotation.DRAINED if drained else Rotation.CLOSED))
    house.settle()
    assert len(of_type(frames, "drain")) >= 1
    assert bool(of_type(frames, "cancel")) is drained
    assert house.task(task.id).status is (Status.PENDING if drained else Status.RUNNING)
    assert house.task(task.id).attempts == 0


def test_a_removed_workers_connection_is_closed(house: World, worker: Worker) -> None:
    connect(house, "c1")
    task = given(house)
    registry.unregister(ORG, POOL, "w1")
    house.settle()
    assert house.sockets.closed == ["c1"]
    assert house.task(task.id).attempts == 0


def lease(house: World) -> Task:
    """A task that was leased, and whose delivery waits in the queue."""
    task = house.submit()
    house.relay("tasks")
    house.handle("dispatch")
    house.relay("tasks")
    return house.task(task.id)


def test_a_hand_over_to_a_connection_that_is_gone_gives_the_lease_back_unburned(house: World, worker: Worker) -> None:
    connect(house, "c1")
    house.settle()
    task = lease(house)
    house.clock.advance(5)
    house.sockets.drop("c1")
    house.settle()
    found = house.task(task.id)
    assert (found.status, found.attempts) == (Status.PENDING, 0)
    assert house.worker("w1").connection is None
    frames = connect(house, "c2")
    house.settle()
    assert [(frame["task_id"], frame["attempt"], frame["lease"]) for frame in frames] == [(task.id, 1, 2)]


def test_a_hand_over_that_comes_late_does_not_take_back_what_the_new_connection_was_told(
    house: World, worker: Worker
) -> None:
    connect(house, "c1")
    house.settle()
    task, before = lease(house), house.worker("w1")
    house.sockets.drop("c1")
    frames = connect(house, "c2")
    websocket_workers.tell(Call(org=ORG, pool=POOL, worker_id="w1", greeting=True))
    websocket_workers.hand_over(task, before)
    assert house.task(task.id).status is Status.RUNNING
    assert len(of_type(frames, "task")) == 1


def test_a_delivery_that_comes_twice_hands_over_once_if_the_first_was_noted(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    task = given(house)
    again = Delivery(task_id=task.id, epoch=task.epoch, org=ORG, pool=POOL, worker_id="w1")
    assert task_delivery.deliver([again, again]) == [None, None]
    assert len(frames) == 1


def test_a_task_that_fits_no_frame_fails_for_good(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    task = house.submit(payload="x" * 131_072)
    house.settle()
    found = house.task(task.id)
    assert (found.status, frames) == (Status.FAILED, [])
    assert found.error is not None and found.error["message"] == "The task does not fit into a frame"


def test_a_gateway_that_does_not_answer_is_asked_again(house: World, worker: Worker) -> None:
    connect(house, "c1")
    house.settle()
    task = lease(house)
    with patch.object(house.sockets, "post", side_effect=Unavailable("away")):
        house.handle("deliver")
    assert house.task(task.id).status is Status.LEASED
    house.advance(31)
    assert house.task(task.id).status is Status.RUNNING


def test_a_worker_may_take_less_time_than_the_task_allows(house: World) -> None:
    said = Registration(pool=POOL, kind="worker", id="w1", name="w", max_concurrent=1, socket=True, attempt_seconds=30)
    registry.register(ORG, said)
    frames = connect(house, "c1")
    given(house)
    [frame] = frames
    assert frame["deadline"] == house.clock.now() + 30_000


def test_a_failed_attempt_comes_again_under_its_new_number(house: World, worker: Worker) -> None:
    frames = connect(house, "c1")
    task = given(house)
    lifecycle.fail(ORG, task.id, Holder("w1", attempt=1), reported_failure("no"))
    house.advance(10)
    pong("c1")
    assert [(frame["attempt"], frame["lease"]) for frame in of_type(frames, "task")] == [(1, 1), (2, 2)]
    with pytest.raises(LeaseLost, match="attempt 1 has ended"):
        lifecycle.complete(ORG, POOL, task.id, Holder("w1", attempt=1), "old")


def test_budgets(house: World, worker: Worker) -> None:
    """Posts to connections are calls, too."""
    posts = itertools.count()
    house.sockets.connect("c1")
    with aws.counting() as calls:
        websocket_workers.connect(link("c1"))
    assert calls.total() == 3
    house.settle()
    task = lease(house)
    before = house.sockets.post
    with aws.counting() as calls, patch.object(house.sockets, "post", lambda *sent: (next(posts), before(*sent))):
        house.handle("deliver")
    assert calls.total() + next(posts) == 2 + 1 + 2, "a push makes two reads and two calls to note what was answered"
    assert house.task(task.id).status is Status.RUNNING
    with aws.counting() as calls:
        pong("c1")
    assert calls.total() == 1
    with aws.counting() as calls:
        websocket_workers.disconnected(link("c1"))
    assert calls.total() == 3


def test_where_patience_is_short_it_is_asked_more_often(house: World) -> None:
    before = config.replace(heartbeat_timeout_seconds=6)
    said = Registration(pool=POOL, kind="worker", id="w1", name="w1", max_concurrent=1, socket=True)
    registry.register(ORG, said)
    frames = connect(house, "c1")
    for number in range(1, 5):
        house.advance(2)
        assert len(frames) == number
        pong("c1")
    config.restore(before)
