"""A worker that reports counts as online, even without heartbeats."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.engine.tasks import lifecycle, worker_presence
from chalicelib.engine.workers import completion_reports, registry
from chalicelib.errors import LeaseLost
from tests.engine.helpers import complete, hand_over_task, holder, pull, run_together, send_heartbeat
from tests.support import aws
from tests.support.world import ORG, POOL, World, answer

TIMEOUT = 90


def record_presence(worker: Any) -> None:
    worker_presence.record(ORG, POOL, worker.id)


def count_calls(work: Callable[[], object]) -> int:
    with aws.counting() as counted:
        work()
    return counted.total()


def test_who_reports_now_and_then_stays_online_without_heartbeats(world: World) -> None:
    worker = pull(world)
    task = hand_over_task(world)
    for percent in range(20):
        world.advance(40)
        with worker_presence.recording_report(ORG, POOL, holder(task), proven=True):
            lifecycle.report_progress(ORG, task.id, holder(task), percent)
    assert world.worker(worker.id).alive
    assert (world.task(task.id).epoch, world.task(task.id).attempts) == (1, 0)


def test_who_falls_silent_after_its_last_report_is_offline_in_time(world: World) -> None:
    worker = pull(world)
    task = hand_over_task(world)
    world.advance(60)
    complete_alive(task)
    world.advance(TIMEOUT - 1)
    assert world.worker(worker.id).alive
    world.advance(61)
    assert not world.worker(worker.id).alive


def complete_alive(task: Any) -> None:
    lifecycle.complete(ORG, POOL, task.id, holder(task), None, is_alive=True)


def test_a_completion_is_a_sign_of_life_at_no_further_call(world: World) -> None:
    worker, task = pull(world), hand_over_task(world)
    world.clock.advance(60)
    assert count_calls(lambda: complete_alive(task)) == 1
    assert world.worker(worker.id).last_heartbeat_at == world.clock.now()
    assert count_calls(lambda: record_presence(worker)) == 0, "this process knows"


def test_a_completion_in_its_name_by_yardmaster_is_none(world: World) -> None:
    worker, task = pull(world), hand_over_task(world)
    before = world.worker(worker.id).last_heartbeat_at
    world.clock.advance(60)
    complete(task)
    assert world.worker(worker.id).last_heartbeat_at == before


def test_a_report_that_is_refused_is_a_sign_of_life_only_of_who_proved_that_it_made_it(world: World) -> None:
    worker, task = pull(world), hand_over_task(world)
    world.advance(2 * TIMEOUT)
    assert not world.worker(worker.id).alive
    for proven in (False, True):
        with pytest.raises(LeaseLost), worker_presence.recording_report(ORG, POOL, holder(task), proven=proven):
            complete(task, "late")
        assert world.worker(worker.id).alive is proven
    world.settle()
    assert world.task(task.id).epoch == 2, "it is given tasks again"


def test_signs_that_are_fresh_cost_a_look_each_few_seconds_and_no_write(world: World) -> None:
    worker = pull(world)
    assert [count_calls(lambda: record_presence(worker)) for _ in range(3)] == [1, 0, 0]
    world.clock.advance(6)
    assert count_calls(lambda: record_presence(worker)) == 1
    world.clock.advance(30)
    assert count_calls(lambda: record_presence(worker)) == 2
    assert world.worker(worker.id).last_heartbeat_at == world.clock.now()
    world.clock.advance(40)
    assert count_calls(lambda: worker_presence.record(ORG, POOL, worker.id, known=world.worker(worker.id))) == 2
    send_heartbeat(worker)
    assert count_calls(lambda: record_presence(worker)) == 0


def test_many_at_once_note_it_once_and_none_is_lost(world: World) -> None:
    worker = pull(world)
    world.clock.advance(60)
    run_together([lambda: record_presence(worker)] * 8)
    assert world.worker(worker.id).last_heartbeat_at == world.clock.now()


@pytest.mark.parametrize("gone", ["removed", "unknown", "socket"])
def test_who_is_gone_or_has_a_socket_does_not_come_to_life_so(gone: str, world: World) -> None:
    worker = pull(world, socket=gone == "socket")
    if gone == "removed":
        registry.unregister(ORG, POOL, worker.id)
    world.clock.advance(60)
    before = world.workers()
    worker_presence.record(ORG, POOL, "server_none" if gone == "unknown" else worker.id)
    assert world.workers() == before


def test_who_says_that_it_has_done_something_is_there(world: World) -> None:
    worker = pull(world)
    world.clock.advance(60)
    completion_reports.report_outcome(ORG, POOL, worker.id, "completed")
    assert world.worker(worker.id).last_heartbeat_at == world.clock.now()
    for outcome in ("completed", "failed"):
        hand_over_task(world)
        world.clock.advance(60)
        completion_reports.report_outcome(ORG, POOL, worker.id, outcome)
        assert world.worker(worker.id).last_heartbeat_at == world.clock.now()


@pytest.mark.parametrize(
    ("reply", "alive"),
    [
        (answer(202), True),
        (answer(200, {"ok": True}), True),
        (answer(200, {"status": "FAILED", "error": "no"}), True),
        (answer(200, {"status": "PROCESSING", "progress": 5}), True),
        (answer(429), False),
        (answer(500), False),
        (answer(400), False),
    ],
)
def test_an_answer_to_a_hand_over_that_is_a_report_is_a_sign_of_life(reply: Any, alive: bool, world: World) -> None:
    worker = world.register(reply=reply)
    world.clock.advance(60)
    world.submit(max_attempts=1)
    world.settle()
    assert len(world.calls) == 1
    heard_now = world.worker(worker.id).last_heartbeat_at == world.clock.now()
    assert heard_now is alive
