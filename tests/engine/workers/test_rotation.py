"""The owner's changes of a worker: its tasks, its capabilities, its notes."""

import pytest

from chalicelib import clock
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.statistics import daily
from chalicelib.engine.tasks.payloads import MAX_METADATA_CHARS
from chalicelib.engine.workers import commands, registry
from chalicelib.engine.workers.registry import Rotation, WorkerChange
from chalicelib.errors import InvalidRequest, NotFound
from tests.engine.helpers import complete, hand_over_task, pull, run_together, send_heartbeat
from tests.support import aws
from tests.support.world import ORG, POOL, START, World


def set_rotation(worker_id: str, rotation: Rotation) -> None:
    registry.update(ORG, POOL, worker_id, WorkerChange(rotation=rotation))


def test_a_drained_worker_s_leases_go_to_others_without_a_counted_attempt_and_it_gets_commands(world: World) -> None:
    worker = pull(world, max_concurrent=2)
    first, second = hand_over_task(world), hand_over_task(world)
    other = pull(world, "other", max_concurrent=2)
    set_rotation(worker.id, Rotation.DRAINED)
    world.settle()
    for task in (first, second):
        moved = world.task(task.id)
        assert (moved.worker_id, moved.attempts, moved.status) == (other.id, 0, Status.LEASED)
    pending = commands.pending_commands(send_heartbeat(worker))
    assert {one.get("task_id") for one in pending if one["type"] == "cancel"} == {first.id, second.id}
    assert pending[-1]["type"] == "drain"
    assert world.worker(worker.id).leases == {}
    assert (world.worker(worker.id).failed, world.worker(worker.id).completed) == (0, 0)
    send_heartbeat(worker)
    complete(world.task(first.id))
    late = hand_over_task(world)
    assert world.task(late.id).worker_id == other.id, "a heartbeat does not end a drain"


def test_a_drain_needs_no_message_to_be_carried_out(world: World) -> None:
    worker = pull(world)
    task = hand_over_task(world)
    set_rotation(worker.id, Rotation.DRAINED)
    world.relay("workers")
    world.queues.queues.clear()
    world.sweep()
    assert world.worker(worker.id).leases == {}
    assert not world.task(task.id).is_held


def test_a_closed_worker_keeps_what_it_has_and_an_open_one_gets_more(world: World) -> None:
    worker = pull(world, max_concurrent=2)
    first = hand_over_task(world)
    set_rotation(worker.id, Rotation.CLOSED)
    waiting = hand_over_task(world)
    assert (world.task(first.id).is_held, waiting.status) == (True, Status.PENDING)
    set_rotation(worker.id, Rotation.OPEN)
    world.settle()
    assert world.task(waiting.id).worker_id == worker.id


def test_open_is_a_sign_of_life(world: World) -> None:
    worker = pull(world)
    world.advance(300)
    assert not world.worker(worker.id).alive
    set_rotation(worker.id, Rotation.OPEN)
    back = world.worker(worker.id)
    assert (back.alive, back.last_heartbeat_at, back.online_since) == (True, START + 300_000, START + 300_000)
    world.settle()
    assert hand_over_task(world).is_held
    world.advance(300)
    assert not world.worker(worker.id).alive, "and it is watched again"


def test_time_out_of_rotation_is_no_uptime_though_the_worker_sends_heartbeats(world: World) -> None:
    worker = pull(world)
    world.clock.advance(3_600)
    set_rotation(worker.id, Rotation.CLOSED)
    world.clock.advance(1_800)
    send_heartbeat(worker)
    world.clock.advance(1_800)
    send_heartbeat(worker)
    set_rotation(worker.id, Rotation.OPEN)
    world.settle()
    world.clock.advance(3_600)
    day = START // clock.DAY
    assert daily.read_worker_day(ORG, POOL, worker.id, day).uptime == round(2 / 15, 4)


def test_one_change_is_one_read_and_one_write_and_none_when_nothing_changes(world: World) -> None:
    worker = pull(world, metadata={"a": 1})
    change = WorkerChange(rotation=Rotation.CLOSED, metadata={"b": 2}, max_concurrent=3)
    with aws.counting() as calls:
        changed = registry.update(ORG, POOL, worker.id, change)
    assert calls.total() == 2
    assert (changed.maintenance, changed.metadata, changed.max_concurrent) == (True, {"a": 1, "b": 2}, 3)
    assert changed == world.worker(worker.id)
    world.clock.advance(1)
    assert registry.update(ORG, POOL, worker.id, change) == changed


def test_changes_at_once_are_all_kept(world: World) -> None:
    worker = pull(world)
    notes = [{f"k{number}": number} for number in range(5)]
    run_together(
        [lambda note=note: registry.update(ORG, POOL, worker.id, WorkerChange(metadata=note)) for note in notes]
    )
    assert world.worker(worker.id).metadata == {f"k{number}": number for number in range(5)}


def test_more_slots_or_another_capability_bring_waiting_tasks(world: World) -> None:
    worker = pull(world, capabilities=("a",))
    hand_over_task(world)
    waiting = [world.submit(), world.submit(capabilities=("b",))]
    world.settle()
    assert not any(world.task(task.id).is_held for task in waiting)
    registry.update(ORG, POOL, worker.id, WorkerChange(max_concurrent=3))
    world.settle()
    assert [world.task(task.id).is_held for task in waiting] == [True, False]
    registry.update(ORG, POOL, worker.id, WorkerChange(capabilities=("b",)))
    world.settle()
    assert world.task(waiting[1].id).is_held


def test_fewer_slots_take_no_task_away(world: World) -> None:
    worker = pull(world, max_concurrent=2)
    first, second = hand_over_task(world), hand_over_task(world)
    registry.update(ORG, POOL, worker.id, WorkerChange(max_concurrent=1))
    complete(first)
    waiting = hand_over_task(world)
    assert (world.task(second.id).is_held, waiting.is_held) == (True, False)
    complete(second)
    world.settle()
    assert world.task(waiting.id).is_held


def test_metadata_stay_small(world: World) -> None:
    half = "é" * (MAX_METADATA_CHARS // 2)
    worker = pull(world, metadata={"a": half})
    for grow in (
        lambda: registry.update(ORG, POOL, worker.id, WorkerChange(metadata={"b": half})),
        lambda: pull(world, "two", metadata={"a": half * 2}),
        lambda: world.submit(metadata={"a": half * 2}),
    ):
        with pytest.raises(InvalidRequest, match="metadata: must be at most") as refusal:
            grow()
        assert "metadata" in refusal.value.fields
    assert world.worker(worker.id).metadata == {"a": half}
    assert (len(world.workers()), world.tasks()) == (1, [])


def test_another_tenant_s_worker_cannot_be_changed(world: World) -> None:
    worker = pull(world)
    with pytest.raises(NotFound):
        registry.update("other", POOL, worker.id, WorkerChange(rotation=Rotation.DRAINED))
    assert world.worker(worker.id) == worker
