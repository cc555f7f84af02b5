"""Servers that cannot be reached, and servers that fail every task."""

import json
from collections.abc import Callable

import pytest

from chalicelib import clock, config
from chalicelib.domain.tasks.task import Holder, Status
from chalicelib.domain.tasks.worker import Health, Heartbeat
from chalicelib.engine.dispatch import handovers
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.providers.http import outbound
from tests.support.world import ORG, POOL, Reply, World, answer


class Server:
    """A server that can be switched off. While it is on it answers with `reply`."""

    def __init__(self, reply: Reply | None = None, *, on: bool = True, health: bool = True) -> None:
        self.on, self.health, self.given, self.probed = on, health, 0, 0
        self._reply = reply or (lambda _url, _headers, body: answer(200, {"done": json.loads(body)["taskId"]}))

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> outbound.Response:
        if not body:
            self.probed += 1
        if not self.on:
            raise outbound.Unreachable("refused")
        if not body:
            return answer(200 if self.health else 500)
        self.given += 1
        return self._reply(url, headers, body)


def answer_500(*_: object) -> outbound.Response:
    return answer(500)


def cut_off(*_: object) -> outbound.Response:
    raise outbound.Unreachable("closed")


def wait(world: World, seconds: int, step: int = 1) -> None:
    """Let time pass in steps."""
    for _ in range(seconds // step):
        world.advance(step)


def statuses(world: World) -> set[str]:
    return {str(task.status) for task in world.tasks()}


@pytest.mark.parametrize("reason", ["refused", "dns", "tls", "forbidden address", "invalid"])
def test_a_hand_over_that_did_not_arrive_costs_no_attempt_and_the_server_gets_nothing(
    world: World, reason: str
) -> None:
    def raise_unreachable(*_: object) -> outbound.Response:
        raise outbound.Unreachable(reason)  # type: ignore[arg-type]

    worker = world.register(reply=raise_unreachable, max_concurrent=4)
    found = [world.submit() for _ in range(9)]
    world.settle()
    assert {world.task(task.id).attempts for task in found} == {0}
    assert len([call for call in world.calls if call[0] == "POST"]) == 4
    assert world.worker(worker.id).leases == {}
    assert world.worker(worker.id).unreached == 1


def test_a_server_that_is_gone_is_offline_within_seconds_and_the_others_do_its_work(world: World) -> None:
    dead, good = Server(on=False), Server()
    lost = world.register("dead", dead, max_concurrent=9, weight=100)
    world.register("good", good)
    for _ in range(20):
        world.submit()
    world.settle()
    wait(world, 4)
    assert not world.worker(lost.id).alive
    assert statuses(world) == {"completed"}
    assert {task.attempts for task in world.tasks()} == {0}


def test_a_server_that_sends_heartbeats_is_not_offline_for_being_out_of_reach(world: World) -> None:
    worker = world.register(reply=Server(on=False))
    world.submit()
    for _ in range(30):
        world.advance(1)
        registry.record_heartbeat(ORG, POOL, worker.id, Heartbeat(Health.HEALTHY))
    found = world.worker(worker.id)
    assert found.alive and not found.can_take_tasks(world.clock.now())
    assert found.unreached == 5  # at 0, 1, 3, 7 and 15 s; the next probe is at 31 s
    assert statuses(world) == {"pending"}


@pytest.mark.parametrize("health", [True, False])
def test_a_server_that_is_back_is_found_without_a_heartbeat_and_tried_with_one_task(world: World, health: bool) -> None:
    server = Server(on=False, reply=lambda *_: answer(202))
    endpoints = {"predict": "https://one.example/predict"} | (
        {"health": "https://one.example/health"} if health else {}
    )
    worker = world.register(reply=server, max_concurrent=3, endpoints=endpoints)
    for _ in range(5):
        world.submit()
    world.settle()
    wait(world, 60)
    assert not world.worker(worker.id).alive and server.given == 0
    server.on = True
    for _ in range(64):
        world.advance(1, settle=False)
        world.handle("wakeups")
        if world.worker(worker.id).alive:
            break
    assert world.worker(worker.id).alive
    world.relay("workers"), world.handle("dispatch")
    assert len(world.worker(worker.id).leases) == 1
    world.settle()
    assert (server.given, world.worker(worker.id).unreached) == (3, 0)


def test_a_server_that_is_back_does_not_wait_for_long_when_others_that_hang_leave_no_room_for_its_trial(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(on=False)
    world.register(reply=server)
    task = world.submit()
    wait(world, 2)
    monkeypatch.setattr(handovers, "MAX_TRIALS_PER_ORG", 1)
    with long_call_slots.hold_slot(ORG, "hand-overs on trial", 1, 60) as held:
        assert held
        server.on = True
        wait(world, 10)
        assert server.probed and not server.given
    wait(world, 10)
    assert lifecycle.get(ORG, task.id).status is Status.COMPLETED


def test_a_server_without_heartbeats_that_is_away_for_two_seconds_keeps_what_it_has(world: World) -> None:
    server = Server(lambda *_: answer(202))
    worker = world.register(reply=server, max_concurrent=2)
    held = world.submit()
    wait(world, 600, step=60)
    server.on = False
    world.submit()
    world.settle()
    wait(world, 2)
    server.on = True
    wait(world, 4)
    found = world.worker(worker.id)
    assert (found.alive, found.unreached, sorted(found.leases)) == (True, 0, sorted(task.id for task in world.tasks()))
    assert world.task(held.id).attempts == 0


@pytest.mark.parametrize("heard", [True, False])
def test_a_server_that_is_out_of_reach_and_then_silent_is_offline(world: World, heard: bool) -> None:
    worker = world.register(reply=Server(on=False))
    world.submit()
    for _ in range(4 if heard else 0):
        wait(world, 5)
        registry.record_heartbeat(ORG, POOL, worker.id, Heartbeat(Health.HEALTHY))
    wait(world, 160, step=10)
    assert not world.worker(worker.id).alive


@pytest.mark.long
def test_a_server_that_is_gone_for_good_is_asked_ever_more_rarely(world: World) -> None:
    server = Server(on=False)
    world.register(reply=server)
    world.submit()
    world.settle()
    wait(world, 3_600, step=30)
    first, _ = server.probed, wait(world, 3_600, step=30)
    assert first < 20
    assert 3 <= server.probed - first <= 5


def test_a_heartbeat_of_a_server_that_was_offline_brings_it_work_at_once(world: World) -> None:
    server = Server(on=False)
    worker = world.register(reply=server)
    world.submit()
    world.settle()
    wait(world, 400, step=5)
    server.on = True
    registry.record_heartbeat(ORG, POOL, worker.id, Heartbeat(Health.HEALTHY))
    world.settle()
    assert statuses(world) == {"completed"}
    assert world.worker(worker.id).wake_at <= world.clock.now() + 90 * clock.SECOND  # type: ignore[operator]


@pytest.mark.long
def test_the_wait_for_a_server_that_cannot_be_reached_is_bounded(world: World) -> None:
    config.replace(schedule_to_start_seconds=2 * 3_600)
    worker = world.register(reply=Server(on=False))
    task = world.submit()
    for _ in range(3 * 12):
        world.advance(300)
        registry.record_heartbeat(ORG, POOL, worker.id, Heartbeat(Health.HEALTHY))
        if world.task(task.id).is_terminal:
            break
    ended = world.task(task.id)
    assert (ended.status, (ended.error or {})["code"]) == (Status.TIMED_OUT, "schedule_to_start_timeout")
    assert (ended.finished_at or 0) - ended.created_at <= 2 * clock.HOUR + 6 * clock.MINUTE


@pytest.mark.parametrize("spoiled", [answer_500, cut_off])
def test_what_a_server_spoils_is_counted_and_goes_to_another_even_if_that_is_busy(
    world: World, spoiled: Callable[..., outbound.Response]
) -> None:
    bad = world.register("bad", Server(spoiled), weight=100)
    good = world.register("good", Server(lambda *_: answer(202)))
    first, second = world.submit(), world.submit()
    world.settle()
    busy, waiting = sorted((world.task(first.id), world.task(second.id)), key=lambda task: task.attempts)
    world.advance(30)
    waiting = world.task(waiting.id)
    assert (busy.worker_id, waiting.attempts, waiting.is_ready) == (good.id, 1, True)
    assert world.worker(bad.id).free_slots == 1
    lifecycle.complete(ORG, POOL, busy.id, Holder(good.id, busy.epoch), "done")
    world.settle()
    assert world.task(waiting.id).worker_id == good.id


def test_it_goes_back_to_the_server_that_it_failed_on_once_nobody_else_is_left(world: World) -> None:
    world.register("bad", Server(answer_500), weight=100)
    good = world.register("good", Server(lambda *_: answer(202)))
    world.submit(), world.submit()
    world.settle()
    world.advance(30)
    registry.unregister(ORG, POOL, good.id)
    world.advance(60)
    assert max(task.attempts for task in world.tasks()) > 1


def test_a_task_that_waits_for_a_better_server_delays_no_task_behind_it(world: World) -> None:
    good = world.register("good", Server(lambda *_: answer(202)))
    blocker = world.submit()
    world.settle()
    bad = Server(answer_500)
    other = world.register("bad", bad)
    spoiled = world.submit(priority=9)
    world.settle()
    assert world.task(spoiled.id).attempts == 1
    bad._reply = lambda *_: answer(202)
    world.advance(10)
    behind = [world.submit(priority=1) for _ in range(3)]
    world.settle()
    assert world.task(blocker.id).worker_id == good.id
    assert world.task(spoiled.id).is_ready
    assert sorted(str(world.task(task.id).worker_id) for task in behind) == ["None", "None", other.id]


def test_who_is_behind_it_goes_before_a_less_urgent_task_of_another_lane(world: World) -> None:
    world.register("good", Server(lambda *_: answer(202)), capabilities=("gpu",))
    world.submit()
    world.settle()
    bad = Server(answer_500)
    other = world.register("bad", bad, capabilities=("gpu",))
    spoiled = world.submit(priority=9)
    world.settle()
    bad._reply = lambda *_: answer(202)
    world.advance(10)
    first = world.submit()
    world.settle()
    less_urgent = world.submit(priority=1, capabilities=("gpu",))
    behind = world.submit(priority=8)
    world.settle()
    lifecycle.complete(ORG, POOL, first.id, Holder(other.id, world.task(first.id).epoch), "done")
    world.settle()
    assert world.task(spoiled.id).is_ready
    assert (world.task(behind.id).worker_id, world.task(less_urgent.id).worker_id) == (other.id, None)


def test_a_server_whose_attempts_all_failed_is_tried_with_one_task_until_it_completes_one(
    world: World,
) -> None:
    server = Server(answer_500)
    worker = world.register(reply=server, max_concurrent=8)
    for _ in range(8):
        world.submit()
    world.settle()
    assert world.worker(worker.id).attempt_failures == 8
    server._reply = lambda *_: answer(202)
    world.advance(120)
    assert len(world.worker(worker.id).leases) == 1
    [(task_id, epoch)] = world.worker(worker.id).leases.items()
    lifecycle.complete(ORG, POOL, task_id, Holder(worker.id, epoch), "done")
    world.settle()
    assert len(world.worker(worker.id).leases) == 7


def test_what_a_server_reports_as_failed_says_nothing_against_it(world: World) -> None:
    worker = world.register(reply=Server(lambda *_: answer(200, {"status": "FAILED", "error": "bad input"})))
    for _ in range(5):
        world.submit()
    world.advance(300)
    assert statuses(world) == {"failed"}
    assert (world.worker(worker.id).attempt_failures, world.worker(worker.id).failed) == (0, 15)
