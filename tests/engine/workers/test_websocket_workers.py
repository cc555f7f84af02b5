"""Workers with WebSockets: accepted, pinged, given tasks and commands, disconnected and reconnected."""

import itertools
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib import config
from chalicelib.config import settings
from chalicelib.domain.changes.effects import Handover, WorkerMessage
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.worker import BUILT_IN, Health, Heartbeat, Worker
from chalicelib.engine.dispatch import handovers
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registration, registry, websocket_workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workers.registry import Rotation, WorkerChange
from chalicelib.errors import Conflict, LeaseLost, NotFound, Unavailable
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection
from chalicelib.storage.workers import workers as worker_storage
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.world import ORG, POOL, World

Frames = list[dict[str, Any]]
CHANNEL = "test.worker"


@pytest.fixture
def worker(world: World) -> Worker:
    """A registered worker that is not connected."""
    said = Registration(pool=POOL, id_prefix="worker", id="w1", name="w1", max_concurrent=2, socket=True)
    return registration.register(ORG, said)


def make_connection(connection_id: str, worker_id: str = "w1", org: str = ORG) -> Connection:
    return Connection(connection_id, org, CHANNEL, POOL, worker_id)


def connect(world: World, connection_id: str) -> Frames:
    """Open the worker's connection. Returns the list of frames that are sent to it."""
    frames = world.sockets.connect(connection_id)
    websocket_workers.connect(make_connection(connection_id))
    return frames


def send_pong(connection_id: str) -> Worker:
    return registry.record_heartbeat(ORG, POOL, "w1", Heartbeat(Health.HEALTHY), connection=connection_id)


def of_type(frames: Frames, kind: str) -> Frames:
    return [frame for frame in frames if frame["type"] == kind]


def hand_over_task(world: World, **fields: Any) -> Task:
    """Submit a task, and hand it to the worker."""
    task = world.submit(**fields)
    world.settle()
    found = world.task(task.id)
    assert found.status is Status.RUNNING
    return found


def test_a_task_goes_to_its_worker_as_a_frame_and_its_result_comes_back(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    task = hand_over_task(world, payload={"n": 1}, timeout_seconds=60)
    assert frames == [
        {
            "type": "task",
            "task_id": task.id,
            "attempt": 1,
            "lease": 1,
            "task_type": "t",
            "data": {"n": 1},
            "deadline": task.attempt_ends_at,
        }
    ]
    lifecycle.complete(ORG, POOL, task.id, Holder("w1", attempt=1), {"ok": True})
    assert world.task(task.id).status is Status.COMPLETED


def test_who_is_registered_but_not_connected_is_given_nothing(world: World, worker: Worker) -> None:
    task = world.submit()
    world.settle()
    assert world.task(task.id).status is Status.PENDING
    frames = connect(world, "c1")
    world.settle()
    assert [frame["task_id"] for frame in frames] == [task.id]


@pytest.mark.parametrize("stranger", ["w2", "pulls", BUILT_IN])
def test_who_is_not_registered_for_a_socket_is_not_found(world: World, stranger: str) -> None:
    world.register("pulls", id="pulls", endpoints={})
    world.register("world", id=BUILT_IN, endpoints={})
    with pytest.raises(NotFound):
        websocket_workers.connect(make_connection("c1", stranger))
    assert connections.find("c1") is None


def test_another_orgs_worker_is_not_found(world: World, worker: Worker) -> None:
    with pytest.raises(NotFound):
        websocket_workers.connect(make_connection("c1", org="other"))


def test_a_second_connection_is_refused_while_the_first_answers(world: World, worker: Worker) -> None:
    first = connect(world, "c1")
    with pytest.raises(Conflict, match="connected already"):
        connect(world, "c2")
    assert first == [{"type": "ping"}]
    assert world.worker("w1").connection == "c1"
    assert connections.find("c2") is None


def test_of_two_connections_at_once_one_is_let_in(world: World, worker: Worker) -> None:
    for name in ("c1", "c2"):
        world.sockets.connect(name)
    outcomes = run_together(
        [
            lambda: websocket_workers.connect(make_connection("c1")),
            lambda: websocket_workers.connect(make_connection("c2")),
        ]
    )
    assert sorted(type(one) for one in outcomes if isinstance(one, Conflict)) == [Conflict]
    [let_in] = [one for one in outcomes if isinstance(one, Worker)]
    assert world.worker("w1").connection == let_in.connection


def test_a_connection_that_is_gone_is_taken_over_at_once(world: World, worker: Worker) -> None:
    connect(world, "c1")
    world.sockets.drop("c1")
    connect(world, "c2")
    assert world.worker("w1").connection == "c2"


def test_a_connection_that_answers_nothing_any_more_is_taken_over_and_closed(world: World, worker: Worker) -> None:
    connect(world, "c1")
    world.advance(44)
    with pytest.raises(Conflict):
        connect(world, "c2")
    world.advance(2)
    connect(world, "c2")
    assert world.sockets.closed == ["c1"]
    with pytest.raises(NotFound):
        send_pong("c1")


def test_a_connection_that_is_only_opening_is_not_taken_for_gone(world: World, worker: Worker) -> None:
    websocket_workers.connect(make_connection("c1"))
    pauses = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        world.sockets.connect("c1")

    with patch.object(world.clock, "sleep", wait):
        task = hand_over_task(world)
    assert [frame["task_id"] for frame in world.sockets.sent["c1"]] == [task.id]
    assert len(pauses) == 1


def test_the_same_connect_event_again_changes_nothing(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    before = world.worker("w1")
    assert websocket_workers.connect(make_connection("c1")) == before
    assert run_together([lambda: websocket_workers.connect(make_connection("c1"))] * 3) == [before] * 3
    assert (frames, world.sockets.closed) == ([], [])


def test_a_disconnect_that_comes_before_its_connect_is_found_out_by_the_ping(world: World, worker: Worker) -> None:
    assert connections.find("c1") is None  # so no disconnect is reported for it
    websocket_workers.connect(make_connection("c1"))
    world.advance(21)
    assert world.worker("w1").connection is None
    assert connections.find("c1") is None


def test_a_disconnect_keeps_the_leases_and_a_reconnect_gets_them_again(world: World, worker: Worker) -> None:
    connect(world, "c1")
    task = hand_over_task(world)
    websocket_workers.disconnect(make_connection("c1"))
    other = world.submit()
    world.advance(30)
    assert world.task(task.id).status is Status.RUNNING
    assert world.task(other.id).status is Status.PENDING, "nothing is given to who is not there"
    frames = connect(world, "c2")
    world.settle()
    assert [(frame["task_id"], frame["attempt"]) for frame in frames] == [(task.id, 1), (other.id, 1)]
    lifecycle.complete(ORG, POOL, task.id, Holder("w1", attempt=1), "late, but in time")


def test_the_end_of_an_old_connection_does_not_touch_the_new_one(world: World, worker: Worker) -> None:
    connect(world, "c1")
    world.sockets.drop("c1")
    connect(world, "c2")
    for _ in range(2):
        websocket_workers.disconnect(make_connection("c1"))
    assert world.worker("w1").connection == "c2"
    assert connections.find("c1") is None
    assert connections.find("c2") == make_connection("c2")


def test_who_stays_away_loses_its_tasks_and_is_rejected_when_it_comes_late(world: World, worker: Worker) -> None:
    connect(world, "c1")
    task = hand_over_task(world)
    websocket_workers.disconnect(make_connection("c1"))
    world.advance(150)
    found = world.task(task.id)
    assert found.status is Status.PENDING
    assert found.error is not None and found.error["code"] == "worker_lost"
    assert not world.worker("w1").alive
    with pytest.raises(LeaseLost):
        lifecycle.complete(ORG, POOL, task.id, Holder("w1", attempt=1), "too late")
    frames = connect(world, "c2")
    world.settle()
    assert [frame["type"] for frame in frames] == ["cancel", "task"]
    assert (frames[0]["attempt"], frames[1]["attempt"]) == (1, 2)


def test_a_connection_that_never_answers_is_closed_and_its_worker_offline(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    world.advance(150)
    assert of_type(frames, "ping")
    assert world.sockets.closed == ["c1"]
    assert (world.worker("w1").alive, world.worker("w1").connection) == (False, None)


def test_a_worker_is_pinged_every_20_seconds_and_its_pong_is_its_heartbeat(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    for number in range(1, 11):
        world.advance(20)
        assert len(frames) >= number
        assert send_pong("c1").last_heartbeat_at == world.clock.now()
    assert {frame["type"] for frame in frames} == {"ping"}
    assert len(frames) <= 10 + 3, "each full minute the sweep may ask, too"
    assert world.worker("w1").alive


def test_many_signs_of_life_bring_no_more_pings(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    for _ in range(19):
        world.advance(1)
        send_pong("c1")
    world.advance(19)
    assert frames == []
    world.advance(1)
    assert frames == [{"type": "ping"}]


def test_the_sweep_pings_when_the_wakeup_was_lost(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    world.settle()
    world.queues.queues[settings().wakeups_queue].clear()
    world.advance(60)
    assert frames == [{"type": "ping"}]


def test_a_pong_that_crosses_the_verdict_saves_the_connection(world: World, worker: Worker) -> None:
    connect(world, "c1")
    world.advance(89)
    find = worker_storage.find

    def find_then_pong(*key: str) -> Worker | None:
        found = find(*key)
        send_pong("c1")
        return found

    world.clock.advance(1)
    with patch.object(worker_storage, "find", find_then_pong):
        world.sweep()
    assert (world.worker("w1").connection, world.sockets.closed) == ("c1", [])


def test_a_cancel_is_sent_once(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    task = hand_over_task(world)
    lifecycle.cancel(ORG, task.id)
    world.settle()
    assert of_type(frames, "cancel") == [{"type": "cancel", "task_id": task.id, "attempt": 1}]
    assert world.worker("w1").commands == {}
    hand_over_task(world)
    assert len(of_type(frames, "cancel")) == 1


def test_a_cancel_waits_for_a_worker_that_is_away(world: World, worker: Worker) -> None:
    connect(world, "c1")
    task = hand_over_task(world)
    websocket_workers.disconnect(make_connection("c1"))
    lifecycle.cancel(ORG, task.id)
    world.settle()
    frames = connect(world, "c2")
    world.settle()
    assert frames == [{"type": "cancel", "task_id": task.id, "attempt": 1}]


@pytest.mark.parametrize("drained", [False, True])
def test_a_worker_gets_a_command_to_drain(world: World, worker: Worker, drained: bool) -> None:
    frames = connect(world, "c1")
    task = hand_over_task(world)
    registry.update(ORG, POOL, "w1", WorkerChange(rotation=Rotation.DRAINED if drained else Rotation.CLOSED))
    world.settle()
    assert len(of_type(frames, "drain")) >= 1
    assert bool(of_type(frames, "cancel")) is drained
    assert world.task(task.id).status is (Status.PENDING if drained else Status.RUNNING)
    assert world.task(task.id).attempts == 0


def test_a_removed_workers_connection_is_closed(world: World, worker: Worker) -> None:
    connect(world, "c1")
    task = hand_over_task(world)
    registry.unregister(ORG, POOL, "w1")
    world.settle()
    assert world.sockets.closed == ["c1"]
    assert world.task(task.id).attempts == 0


def lease(world: World) -> Task:
    """A leased task whose delivery waits in the queue."""
    task = world.submit()
    world.relay("tasks")
    world.handle("dispatch")
    world.relay("tasks")
    return world.task(task.id)


def test_a_handover_to_a_connection_that_is_gone_gives_the_lease_back_without_counting_an_attempt(
    world: World, worker: Worker
) -> None:
    connect(world, "c1")
    world.settle()
    task = lease(world)
    world.clock.advance(5)
    world.sockets.drop("c1")
    world.settle()
    found = world.task(task.id)
    assert (found.status, found.attempts) == (Status.PENDING, 0)
    assert world.worker("w1").connection is None
    frames = connect(world, "c2")
    world.settle()
    assert [(frame["task_id"], frame["attempt"], frame["lease"]) for frame in frames] == [(task.id, 1, 2)]


def test_a_handover_that_comes_late_does_not_take_back_what_the_new_connection_was_sent(
    world: World, worker: Worker
) -> None:
    connect(world, "c1")
    world.settle()
    task, before = lease(world), world.worker("w1")
    world.sockets.drop("c1")
    frames = connect(world, "c2")
    websocket_workers.send_commands(WorkerMessage(org=ORG, pool=POOL, worker_id="w1", greeting=True))
    websocket_workers.hand_over(task, before)
    assert world.task(task.id).status is Status.RUNNING
    assert len(of_type(frames, "task")) == 1


def test_a_delivery_that_comes_twice_hands_over_once_if_the_first_was_noted(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    task = hand_over_task(world)
    again = Handover(task_id=task.id, epoch=task.epoch, org=ORG, pool=POOL, worker_id="w1")
    assert handovers.send_to_workers([again, again]) == [None, None]
    assert len(frames) == 1


def test_a_task_that_fits_no_frame_fails_for_good(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    task = world.submit(payload="x" * 131_072)
    world.settle()
    found = world.task(task.id)
    assert (found.status, frames) == (Status.FAILED, [])
    assert found.error is not None and found.error["message"] == "The task does not fit into a frame"


def test_a_gateway_that_does_not_answer_is_asked_again(world: World, worker: Worker) -> None:
    connect(world, "c1")
    world.settle()
    task = lease(world)
    with patch.object(world.sockets, "post", side_effect=Unavailable("away")):
        world.handle("deliver")
    assert world.task(task.id).status is Status.LEASED
    world.advance(31)
    assert world.task(task.id).status is Status.RUNNING


def test_a_worker_may_take_less_time_than_the_task_allows(world: World) -> None:
    request = Registration(
        pool=POOL, id_prefix="worker", id="w1", name="w", max_concurrent=1, socket=True, attempt_seconds=30
    )
    registration.register(ORG, request)
    frames = connect(world, "c1")
    hand_over_task(world)
    [frame] = frames
    assert frame["deadline"] == world.clock.now() + 30_000


def test_a_failed_attempt_comes_again_under_its_new_number(world: World, worker: Worker) -> None:
    frames = connect(world, "c1")
    task = hand_over_task(world)
    lifecycle.fail(ORG, task.id, Holder("w1", attempt=1), reported_failure("no"))
    world.advance(10)
    send_pong("c1")
    assert [(frame["attempt"], frame["lease"]) for frame in of_type(frames, "task")] == [(1, 1), (2, 2)]
    with pytest.raises(LeaseLost, match="attempt 1 has ended"):
        lifecycle.complete(ORG, POOL, task.id, Holder("w1", attempt=1), "old")


def test_each_operation_keeps_to_its_budget(world: World, worker: Worker) -> None:
    """Posts to connections count as calls."""
    posts = itertools.count()
    world.sockets.connect("c1")
    with aws.counting() as calls:
        websocket_workers.connect(make_connection("c1"))
    assert calls.total() == 3
    world.settle()
    task = lease(world)
    before = world.sockets.post
    with aws.counting() as calls, patch.object(world.sockets, "post", lambda *sent: (next(posts), before(*sent))):
        world.handle("deliver")
    assert calls.total() + next(posts) == 2 + 1 + 2, "a push makes two reads and two calls to note what was answered"
    assert world.task(task.id).status is Status.RUNNING
    with aws.counting() as calls:
        send_pong("c1")
    assert calls.total() == 1
    with aws.counting() as calls:
        websocket_workers.disconnect(make_connection("c1"))
    assert calls.total() == 3


def test_with_a_short_heartbeat_timeout_a_worker_is_pinged_more_often(world: World) -> None:
    before = config.replace(heartbeat_timeout_seconds=6)
    said = Registration(pool=POOL, id_prefix="worker", id="w1", name="w1", max_concurrent=1, socket=True)
    registration.register(ORG, said)
    frames = connect(world, "c1")
    for number in range(1, 5):
        world.advance(2)
        assert len(frames) == number
        send_pong("c1")
    config.restore(before)
