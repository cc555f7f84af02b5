from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs, Task
from chalicelib.domain.tasks.transitions import DISPATCH_GUARD_MS, MAX_CHECK_INTERVAL_MS
from chalicelib.engine.dispatch import dispatcher
from chalicelib.engine.schedule import sweep, wakeups
from chalicelib.engine.schedule.sweep import Part
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import pools
from chalicelib.storage.aws import columns
from chalicelib.storage.workers import pools as pool_storage
from tests.engine.helpers import pull, send_heartbeat
from tests.support import aws
from tests.support.aws import Call
from tests.support.world import ORG, POOL, World

SWEEPS = settings().sweeps_queue


def lose_dispatch_requests(world: World) -> None:
    world.queues.queues.get(settings().dispatch_queue, []).clear()


def advance_without_dispatch(world: World, seconds: int) -> None:
    """Let time pass while every dispatch request is lost."""
    for _ in range(seconds // 60):
        world.advance(60, settle=False)
        while world.relay("tasks") or world.relay("workers"):
            pass
        lose_dispatch_requests(world)


def schedule_to_start_end(task: Task) -> int:
    assert task.ready_at is not None
    return task.ready_at + task.schedule_to_start_ms


# parts


def test_a_minute_in_which_nothing_is_due_costs_a_look_at_each_part_and_sends_nothing(world: World) -> None:
    world.sweep()
    with aws.counting() as calls:
        assert sweep.enqueue_due_parts() == len(sweep.parts())
    assert calls[("DynamoDB", "Query")] == 17
    assert calls.total() == 18
    assert world.queues.queues.get(SWEEPS, []) == []


def test_only_a_part_in_which_anything_is_due_is_run(world: World) -> None:
    task = world.submit(run_at=world.clock.now() + 1000)
    world.clock.advance(1)
    sweep.enqueue_due_parts()
    [message] = world.queues.queues[SWEEPS]
    assert f'"kind":"tasks","shard":"{columns.wake_shard(task.id)}"' in message.body
    world.handle("sweeps")
    assert world.task(task.id).is_ready


def test_a_part_that_cannot_be_read_delays_no_other(world: World) -> None:
    task = world.submit(run_at=world.clock.now() + 1000)
    world.clock.advance(1)

    def raise_defect(*_: Any) -> bool:
        raise ValueError("broken")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sweep._HAS_DUE, "workers", raise_defect)
        with pytest.raises(ExceptionGroup):
            sweep.enqueue_due_parts()
    world.handle("sweeps")
    assert world.task(task.id).is_ready


def test_a_part_that_begins_too_late_is_left_to_the_next_sweep(world: World) -> None:
    task = world.submit(run_at=world.clock.now() + 1000)
    begun = world.clock.now() + 1000
    world.clock.advance(1 + sweep.STALE_SECONDS)
    part = Part("tasks", columns.wake_shard(task.id))
    assert sweep.sweep_part(part, begun) == 1
    assert sweep.sweep_part(part, begun - 1) == 0


def test_a_part_ends_in_time_and_leaves_the_rest_to_the_next_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.clock.advance(61)
    shard = columns.wake_shards()[0]
    mine = [task for task in (world.submit() for _ in range(20)) if columns.wake_shard(task.id) == shard]
    world.clock.advance(61)
    process, done = wakeups.process_due_task, []

    def process_slowly(task: Task, watcher: wakeups.LaneWatcher) -> None:
        world.clock.advance(30)
        process(task, watcher)
        done.append(task.id)

    monkeypatch.setattr(wakeups, "process_due_task", process_slowly)
    assert len(mine) > 2
    assert sweep.sweep_part(Part("tasks", shard), world.clock.now()) == 2
    assert len(done) == 2


# fairness


def record_order(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """Replace a function of wakeups by one that records the orgs of its items, in order."""
    seen: list[str] = []
    replacements: dict[str, Callable[..., None]] = {
        "process_due_task": lambda task, _: seen.append(task.org),
        "process_due_worker_or_pool": lambda org, *_: seen.append(org),
    }
    monkeypatch.setattr(wakeups, name, replacements[name])
    return seen


def test_another_orgs_few_tasks_are_not_held_up_by_ones_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [world.submit(org="noisy", run_at=world.clock.now() + 1000 + number) for number in range(500)]
    tasks += [world.submit(org="quiet", run_at=world.clock.now() + 9000) for _ in range(20)]
    world.clock.advance(10)
    seen = record_order(monkeypatch, "process_due_task")
    for shard in columns.wake_shards():
        seen.clear()
        mine = [task.org for task in tasks if columns.wake_shard(task.id) == shard]
        assert sweep.sweep_part(Part("tasks", shard), world.clock.now()) == len(mine) == len(seen)
        few = mine.count("quiet")
        assert mine.count("noisy") > sweep.TASKS_PER_READ
        assert seen[: 2 * few].count("quiet") == few


def test_another_orgs_workers_are_looked_at_between_ones_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        world.register(f"n{number}", org="noisy")
    world.clock.advance(1)
    for number in range(4):
        world.register(f"q{number}", org="quiet")
    world.clock.advance(200)
    seen = record_order(monkeypatch, "process_due_worker_or_pool")
    monkeypatch.setattr(sweep, "THREADS", 1)
    for shard in columns.wake_shards():
        seen.clear()
        sweep.sweep_part(Part("workers", shard), world.clock.now())
        few = seen.count("quiet")
        assert seen[: 2 * few].count("quiet") == few


# waiting


def test_a_waiting_task_is_looked_at_once_and_then_its_pool_each_minute(world: World) -> None:
    task = world.submit()
    assert world.task(task.id).wake_at == world.clock.now() + DISPATCH_GUARD_MS
    advance_without_dispatch(world, 120)
    version = world.task(task.id).version
    assert world.task(task.id).wake_at == schedule_to_start_end(task)
    world.advance(1800)
    assert world.task(task.id).version == version
    assert (pool_storage.find(ORG, POOL).wake_at or 0) > world.clock.now() - clock.MINUTE


def test_thousands_of_looks_are_two_calls_for_each_lane_and_one_write_for_each_task(world: World) -> None:
    tasks = [world.submit() for _ in range(60)]
    while world.relay("tasks"):
        pass
    lose_dispatch_requests(world)
    world.clock.advance(60)
    with aws.counting() as calls:
        world.sweep()
    assert (
        calls[("DynamoDB", "UpdateItem")] == len(tasks) + 4 + 1
    )  # for each shard's run the pool, which is new at first
    assert calls[("DynamoDB", "BatchGetItem")] == 4
    assert calls[("DynamoDB", "GetItem")] == 4 + 1
    while world.relay("tasks"):
        pass
    [request] = world.queues.queues[settings().dispatch_queue]
    assert '"tasks":[]' in request.body


def test_a_task_whose_every_dispatch_request_was_lost_is_leased_once_one_arrives_again(world: World) -> None:
    task = world.submit(capabilities=("gpu",))
    advance_without_dispatch(world, 180)
    worker = pull(world, capabilities=("gpu",))
    advance_without_dispatch(world, 60)
    send_heartbeat(worker)
    assert world.task(task.id).is_ready
    world.advance(61)
    assert world.task(task.id).is_held


def test_a_waiting_task_that_is_edited_has_a_look_of_its_own_again(world: World) -> None:
    task = world.submit()
    advance_without_dispatch(world, 120)
    lifecycle.change(ORG, task.id, lambda latest: transitions.edited(latest, clock.now(), priority=9))
    assert (world.task(task.id).wake_at or 0) <= world.clock.now() + MAX_CHECK_INTERVAL_MS


def test_a_pool_that_remembers_too_many_lanes_leaves_tasks_their_own_looks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "MAX_LANES", 3)
    tasks = [world.submit(concurrency_limit=ConcurrencyLimit(f"key-{number}", 1)) for number in range(8)]
    advance_without_dispatch(world, 60)
    own = [task for task in tasks if (world.task(task.id).wake_at or 0) < schedule_to_start_end(task)]
    assert len(own) == 5
    assert len(pool_storage.find(ORG, POOL).lanes) == 3
    worker = pull(world, max_concurrent=50)
    for _ in range(9):
        world.advance(60)
        send_heartbeat(worker)
    assert all(world.task(task.id).is_held for task in tasks)
    assert len(pool_storage.find(ORG, POOL).lanes) <= 3


def test_lanes_fit_into_the_item_however_much_they_ask_for(world: World) -> None:
    wordy = {f"lane-{n}": Needs(frozenset(f"{n}-{m}-{'x' * 90}" for m in range(32))) for n in range(200)}
    kept = pools.watch_lanes(ORG, POOL, wordy)
    assert 0 < len(kept) < 100
    assert pools.watch_lanes(ORG, POOL, {name: wordy[name] for name in kept}) == kept
    assert pools.watch_lanes(ORG, POOL, {"lane-199": wordy["lane-199"]}) == frozenset()


class Meanwhile:
    """Something happens before the running pass writes its state for the next pass."""

    def __init__(self, happening: Callable[[], object]) -> None:
        self._happening: Callable[[], object] | None = happening

    def __call__(self, call: Call, send: Callable[[], Any]) -> Any:
        happening = self._happening
        if call == ("DynamoDB", "UpdateItem") and happening is not None:
            self._happening = None
            happening()
        return send()


def test_what_is_put_under_a_pools_look_while_a_pass_ends_is_not_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "MAX_LANES", 0)
    pull(world, max_concurrent=9)
    pools.watch_lanes(ORG, POOL, {"any": Needs(), "group:x": Needs(group="x")})
    late = {"group:x": Needs(group="x"), "group:y": Needs(group="y")}
    with aws.interfering(Meanwhile(lambda: pools.watch_lanes(ORG, POOL, late))):
        dispatcher.run_pass(ORG, POOL, [])
    memory = pool_storage.find(ORG, POOL)
    assert memory.wake_at is not None
    assert memory.lanes.keys() >= late.keys()
    dispatcher.run_pass(ORG, POOL, [])
    assert pool_storage.find(ORG, POOL).wake_at is None


def test_a_pass_that_ends_without_anything_between_forgets_what_is_empty(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "MAX_LANES", 0)
    pull(world, groups=("x",), max_concurrent=9)
    pools.watch_lanes(ORG, POOL, {"group:x": Needs(group="x")})
    dispatcher.run_pass(ORG, POOL, [])
    assert (pool_storage.find(ORG, POOL).wake_at, dict(pool_storage.find(ORG, POOL).lanes)) == (None, {})
