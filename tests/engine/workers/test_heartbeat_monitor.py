"""Checks of one worker: silent, unreachable, drained and removed ones. tests/engine/workers/test_circuit_breaker.py has
longer stories of unreachable servers."""

from chalicelib.domain.tasks.task import Status
from chalicelib.engine.workers import heartbeat_monitor, registry
from tests.engine.helpers import hand_over_task, pull
from tests.support.world import ORG, POOL, World, answer


def check(worker_id: str) -> None:
    heartbeat_monitor.check_worker(ORG, POOL, worker_id)


def test_a_worker_whose_heartbeat_is_not_overdue_stays_as_it_is(world: World) -> None:
    worker = pull(world)
    check(worker.id)
    before = world.worker(worker.id)
    world.clock.advance(30)
    check(worker.id)
    assert world.worker(worker.id) == before


def test_a_silent_worker_goes_offline_and_its_task_goes_to_another(world: World) -> None:
    silent = pull(world, "silent")
    task = hand_over_task(world)
    assert task.worker_id == silent.id
    world.clock.advance(91)
    other = pull(world, "other")
    check(silent.id)
    assert not world.worker(silent.id).alive
    world.clock.advance(10)
    world.settle()
    assert world.task(task.id).worker_id in (other.id, None)


def test_a_silent_server_that_answers_its_health_check_stays_online(world: World) -> None:
    worker = world.register(reply=answer(200))
    world.clock.advance(91)
    check(worker.id)
    assert world.worker(worker.id).alive
    assert any(url.endswith("/health") for _, url, _, _ in world.calls)


def test_a_silent_server_that_cannot_be_reached_is_offline_after_one_probe(world: World) -> None:
    worker = world.register()
    world.servers.clear()
    world.clock.advance(91)
    check(worker.id)
    assert not world.worker(worker.id).alive


def test_the_tasks_of_a_removed_worker_are_queued_again(world: World) -> None:
    worker = pull(world)
    task = hand_over_task(world)
    assert task.status is not Status.PENDING
    registry.unregister(ORG, POOL, worker.id)
    check(worker.id)
    assert world.task(task.id).status is Status.PENDING
    assert [one.id for one in world.workers() if not one.removed] == []


def test_a_worker_that_does_not_exist_needs_nothing(world: World) -> None:
    check("worker_that_is_not_there")
