"""What its owner changes of a worker: what it may be given, what it can do, what is noted of it."""

import pytest

from chalicelib import clock
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.statistics import daily
from chalicelib.engine.tasks.payloads import LARGEST_METADATA
from chalicelib.engine.workers import commands, registry
from chalicelib.engine.workers.registry import Change, Rotation
from chalicelib.errors import InvalidRequest, NotFound
from tests.engine.helpers import beat, complete, held, pull, together
from tests.support import aws
from tests.support.world import ORG, POOL, START, World


def turn(worker_id: str, rotation: Rotation) -> None:
    registry.update(ORG, POOL, worker_id, Change(rotation=rotation))


def test_a_drained_worker_s_leases_go_to_others_unburned_and_it_is_told(house: World) -> None:
    worker = pull(house, max_concurrent=2)
    first, second = held(house), held(house)
    other = pull(house, "other", max_concurrent=2)
    turn(worker.id, Rotation.DRAINED)
    house.settle()
    for task in (first, second):
        moved = house.task(task.id)
        assert (moved.worker_id, moved.attempts, moved.status) == (other.id, 0, Status.LEASED)
    told = commands.of(beat(worker))
    assert {one.get("task_id") for one in told if one["type"] == "cancel"} == {first.id, second.id}
    assert told[-1]["type"] == "drain"
    assert house.worker(worker.id).leases == {}
    assert (house.worker(worker.id).failed, house.worker(worker.id).completed) == (0, 0)
    beat(worker)
    complete(house.task(first.id))
    late = held(house)
    assert house.task(late.id).worker_id == other.id, "a heartbeat does not end a drain"


def test_a_drain_needs_no_message_to_be_carried_out(house: World) -> None:
    worker = pull(house)
    task = held(house)
    turn(worker.id, Rotation.DRAINED)
    house.relay("workers")
    house.queues.queues.clear()
    house.sweep()
    assert house.worker(worker.id).leases == {}
    assert not house.task(task.id).held


def test_a_closed_worker_keeps_what_it_has_and_an_open_one_gets_more(house: World) -> None:
    worker = pull(house, max_concurrent=2)
    first = held(house)
    turn(worker.id, Rotation.CLOSED)
    waiting = held(house)
    assert (house.task(first.id).held, waiting.status) == (True, Status.PENDING)
    turn(worker.id, Rotation.OPEN)
    house.settle()
    assert house.task(waiting.id).worker_id == worker.id


def test_open_is_a_sign_of_life(house: World) -> None:
    worker = pull(house)
    house.advance(300)
    assert not house.worker(worker.id).alive
    turn(worker.id, Rotation.OPEN)
    back = house.worker(worker.id)
    assert (back.alive, back.last_heartbeat_at, back.online_since) == (True, START + 300_000, START + 300_000)
    house.settle()
    assert held(house).held
    house.advance(300)
    assert not house.worker(worker.id).alive, "and it is watched again"


def test_time_out_of_rotation_is_no_uptime_though_the_worker_beats(house: World) -> None:
    worker = pull(house)
    house.clock.advance(3_600)
    turn(worker.id, Rotation.CLOSED)
    house.clock.advance(1_800)
    beat(worker)
    house.clock.advance(1_800)
    beat(worker)
    turn(worker.id, Rotation.OPEN)
    house.settle()
    house.clock.advance(3_600)
    day = START // clock.DAY
    assert daily.worker_day(ORG, POOL, worker.id, day).uptime == round(2 / 15, 4)


def test_one_change_is_one_read_and_one_write_and_none_when_nothing_changes(house: World) -> None:
    worker = pull(house, metadata={"a": 1})
    change = Change(rotation=Rotation.CLOSED, metadata={"b": 2}, max_concurrent=3)
    with aws.counting() as calls:
        changed = registry.update(ORG, POOL, worker.id, change)
    assert calls.total() == 2
    assert (changed.maintenance, changed.metadata, changed.max_concurrent) == (True, {"a": 1, "b": 2}, 3)
    assert changed == house.worker(worker.id)
    house.clock.advance(1)
    assert registry.update(ORG, POOL, worker.id, change) == changed


def test_changes_at_once_are_all_kept(house: World) -> None:
    worker = pull(house)
    notes = [{f"k{number}": number} for number in range(5)]
    together([lambda note=note: registry.update(ORG, POOL, worker.id, Change(metadata=note)) for note in notes])
    assert house.worker(worker.id).metadata == {f"k{number}": number for number in range(5)}


def test_more_room_or_another_ability_brings_waiting_work(house: World) -> None:
    worker = pull(house, capabilities=("a",))
    held(house)
    waiting = [house.submit(), house.submit(capabilities=("b",))]
    house.settle()
    assert not any(house.task(task.id).held for task in waiting)
    registry.update(ORG, POOL, worker.id, Change(max_concurrent=3))
    house.settle()
    assert [house.task(task.id).held for task in waiting] == [True, False]
    registry.update(ORG, POOL, worker.id, Change(capabilities=("b",)))
    house.settle()
    assert house.task(waiting[1].id).held


def test_less_room_takes_nothing_away(house: World) -> None:
    worker = pull(house, max_concurrent=2)
    first, second = held(house), held(house)
    registry.update(ORG, POOL, worker.id, Change(max_concurrent=1))
    complete(first)
    waiting = held(house)
    assert (house.task(second.id).held, waiting.held) == (True, False)
    complete(second)
    house.settle()
    assert house.task(waiting.id).held


def test_metadata_stay_small(house: World) -> None:
    half = "é" * (LARGEST_METADATA // 2)
    worker = pull(house, metadata={"a": half})
    for grow in (
        lambda: registry.update(ORG, POOL, worker.id, Change(metadata={"b": half})),
        lambda: pull(house, "two", metadata={"a": half * 2}),
        lambda: house.submit(metadata={"a": half * 2}),
    ):
        with pytest.raises(InvalidRequest, match="metadata: must be at most") as told:
            grow()
        assert "metadata" in told.value.fields
    assert house.worker(worker.id).metadata == {"a": half}
    assert (len(house.workers()), house.tasks()) == (1, [])


def test_another_tenant_s_worker_cannot_be_changed(house: World) -> None:
    worker = pull(house)
    with pytest.raises(NotFound):
        registry.update("other", POOL, worker.id, Change(rotation=Rotation.DRAINED))
    assert house.worker(worker.id) == worker
