"""Servers that cannot be reached, and servers that spoil what they are given."""

import json
from collections.abc import Callable

import pytest

from chalicelib import clock
from chalicelib.domain.tasks.task import Health, Holder, Status
from chalicelib.engine.dispatch import task_delivery
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.engine.workers.registry import Beat
from chalicelib.providers.http import outbound
from tests.support.world import ORG, POOL, Reply, World, answer


class Server:
    """One that can be switched off; while it is on it answers by `reply`."""

    def __init__(self, reply: Reply | None = None, *, on: bool = True, health: bool = True) -> None:
        self.on, self.health, self.given, self.probed = on, health, 0, 0
        self._reply = reply or (lambda _url, _headers, body: answer(200, {"done": json.loads(body)["taskId"]}))

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> outbound.Answer:
        if not body:
            self.probed += 1
        if not self.on:
            raise outbound.Unreachable("refused")
        if not body:
            return answer(200 if self.health else 500)
        self.given += 1
        return self._reply(url, headers, body)


def failing(*_: object) -> outbound.Answer:
    return answer(500)


def cut_off(*_: object) -> outbound.Answer:
    raise outbound.Unreachable("closed")


def wait(house: World, seconds: int, step: int = 1) -> None:
    """Time passes, a step at a time."""
    for _ in range(seconds // step):
        house.advance(step)


def statuses(house: World) -> set[str]:
    return {str(task.status) for task in house.tasks()}


@pytest.mark.parametrize("reason", ["refused", "dns", "tls", "forbidden address", "invalid"])
def test_a_hand_over_that_did_not_arrive_costs_no_attempt_and_the_server_gets_nothing(
    house: World, reason: str
) -> None:
    def lost(*_: object) -> outbound.Answer:
        raise outbound.Unreachable(reason)  # type: ignore[arg-type]

    worker = house.register(reply=lost, max_concurrent=4)
    found = [house.submit() for _ in range(9)]
    house.settle()
    assert {house.task(task.id).attempts for task in found} == {0}
    assert len([call for call in house.calls if call[0] == "POST"]) == 4
    assert house.worker(worker.id).leases == {}
    assert house.worker(worker.id).unreached == 1


def test_a_server_that_is_gone_is_offline_within_seconds_and_the_others_do_its_work(house: World) -> None:
    dead, good = Server(on=False), Server()
    lost = house.register("dead", dead, max_concurrent=9, weight=100)
    house.register("good", good)
    for _ in range(20):
        house.submit()
    house.settle()
    wait(house, 4)
    assert not house.worker(lost.id).alive
    assert statuses(house) == {"completed"}
    assert {task.attempts for task in house.tasks()} == {0}


def test_a_server_that_sends_heartbeats_is_not_offline_for_being_out_of_reach(house: World) -> None:
    worker = house.register(reply=Server(on=False))
    house.submit()
    for _ in range(30):
        house.advance(1)
        registry.heartbeat(ORG, POOL, worker.id, Beat(Health.HEALTHY))
    found = house.worker(worker.id)
    assert found.alive and not found.accepting(house.clock.now())
    assert found.unreached == 5  # at 0, 1, 3, 7 and 15 s; the next probe is at 31 s
    assert statuses(house) == {"pending"}


@pytest.mark.parametrize("health", [True, False])
def test_a_server_that_is_back_is_found_without_a_heartbeat_and_tried_with_one_task(house: World, health: bool) -> None:
    server = Server(on=False, reply=lambda *_: answer(202))
    endpoints = {"predict": "https://one.example/predict"} | (
        {"health": "https://one.example/health"} if health else {}
    )
    worker = house.register(reply=server, max_concurrent=3, endpoints=endpoints)
    for _ in range(5):
        house.submit()
    house.settle()
    wait(house, 60)
    assert not house.worker(worker.id).alive and server.given == 0
    server.on = True
    for _ in range(64):
        house.advance(1, settle=False)
        house.handle("wakeups")
        if house.worker(worker.id).alive:
            break
    assert house.worker(worker.id).alive
    house.relay("workers"), house.handle("dispatch")
    assert len(house.worker(worker.id).leases) == 1
    house.settle()
    assert (server.given, house.worker(worker.id).unreached) == (3, 0)


def test_a_server_that_is_back_does_not_wait_for_long_when_others_that_hang_leave_no_room_for_its_trial(
    house: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(on=False)
    house.register(reply=server)
    task = house.submit()
    wait(house, 2)
    monkeypatch.setattr(task_delivery, "MOST_ON_TRIAL", 1)
    with long_call_slots.slot(ORG, "hand-overs on trial", 1, 60) as held:
        assert held
        server.on = True
        wait(house, 10)
        assert server.probed and not server.given
    wait(house, 10)
    assert lifecycle.get(ORG, task.id).status is Status.COMPLETED


def test_a_server_without_heartbeats_that_is_away_for_two_seconds_keeps_what_it_has(house: World) -> None:
    server = Server(lambda *_: answer(202))
    worker = house.register(reply=server, max_concurrent=2)
    held = house.submit()
    wait(house, 600, step=60)
    server.on = False
    house.submit()
    house.settle()
    wait(house, 2)
    server.on = True
    wait(house, 4)
    found = house.worker(worker.id)
    assert (found.alive, found.unreached, sorted(found.leases)) == (True, 0, sorted(task.id for task in house.tasks()))
    assert house.task(held.id).attempts == 0


@pytest.mark.parametrize("heard", [True, False])
def test_a_server_that_is_out_of_reach_and_then_silent_is_offline(house: World, heard: bool) -> None:
    worker = house.register(reply=Server(on=False))
    house.submit()
    for _ in range(4 if heard else 0):
        wait(house, 5)
        registry.heartbeat(ORG, POOL, worker.id, Beat(Health.HEALTHY))
    wait(house, 160, step=10)
    assert not house.worker(worker.id).alive


def test_a_server_that_is_gone_for_good_is_asked_ever_more_rarely(house: World) -> None:
    server = Server(on=False)
    house.register(reply=server)
    house.submit()
    house.settle()
    wait(house, 3_600, step=30)
    first, _ = server.probed, wait(house, 3_600, step=30)
    assert first < 20
    assert 3 <= server.probed - first <= 5


def test_a_heartbeat_of_a_server_that_was_offline_brings_it_work_at_once(house: World) -> None:
    server = Server(on=False)
    worker = house.register(reply=server)
    house.submit()
    house.settle()
    wait(house, 400, step=5)
    server.on = True
    registry.heartbeat(ORG, POOL, worker.id, Beat(Health.HEALTHY))
    house.settle()
    assert statuses(house) == {"completed"}
    assert house.worker(worker.id).wake_at <= house.clock.now() + 90 * clock.SECOND  # type: ignore[operator]


def test_the_wait_for_a_server_that_cannot_be_reached_is_bounded(house: World) -> None:
    worker = house.register(reply=Server(on=False))
    task = house.submit()
    for _ in range(25 * 12):
        house.advance(300)
        registry.heartbeat(ORG, POOL, worker.id, Beat(Health.HEALTHY))
        if house.task(task.id).terminal:
            break
    ended = house.task(task.id)
    assert (ended.status, (ended.error or {})["code"]) == (Status.TIMED_OUT, "schedule_to_start_timeout")
    assert (ended.finished_at or 0) - ended.created_at <= 24 * clock.HOUR + 6 * clock.MINUTE


@pytest.mark.parametrize("spoiled", [failing, cut_off])
def test_what_a_server_spoils_is_counted_and_goes_to_another_even_if_that_is_busy(
    house: World, spoiled: Callable[..., outbound.Answer]
) -> None:
    bad = house.register("bad", Server(spoiled), weight=100)
    good = house.register("good", Server(lambda *_: answer(202)))
    first, second = house.submit(), house.submit()
    house.settle()
    busy, waiting = sorted((house.task(first.id), house.task(second.id)), key=lambda task: task.attempts)
    house.advance(30)
    waiting = house.task(waiting.id)
    assert (busy.worker_id, waiting.attempts, waiting.ready) == (good.id, 1, True)
    assert house.worker(bad.id).room == 1
    lifecycle.complete(ORG, POOL, busy.id, Holder(good.id, busy.epoch), "done")
    house.settle()
    assert house.task(waiting.id).worker_id == good.id


def test_it_goes_back_to_the_server_that_it_failed_on_once_nobody_else_is_left(house: World) -> None:
    house.register("bad", Server(failing), weight=100)
    good = house.register("good", Server(lambda *_: answer(202)))
    house.submit(), house.submit()
    house.settle()
    house.advance(30)
    registry.unregister(ORG, POOL, good.id)
    house.advance(60)
    assert max(task.attempts for task in house.tasks()) > 1


def test_a_task_that_waits_for_a_better_server_holds_up_nobody_behind_it(house: World) -> None:
    good = house.register("good", Server(lambda *_: answer(202)))
    blocker = house.submit()
    house.settle()
    bad = Server(failing)
    other = house.register("bad", bad)
    spoiled = house.submit(priority=9)
    house.settle()
    assert house.task(spoiled.id).attempts == 1
    bad._reply = lambda *_: answer(202)
    house.advance(10)
    behind = [house.submit(priority=1) for _ in range(3)]
    house.settle()
    assert house.task(blocker.id).worker_id == good.id
    assert house.task(spoiled.id).ready
    assert sorted(str(house.task(task.id).worker_id) for task in behind) == ["None", "None", other.id]


def test_a_server_whose_attempts_all_failed_is_tried_with_one_task_until_it_completes_one(
    house: World,
) -> None:
    server = Server(failing)
    worker = house.register(reply=server, max_concurrent=8)
    for _ in range(8):
        house.submit()
    house.settle()
    assert house.worker(worker.id).attempt_failures == 8
    server._reply = lambda *_: answer(202)
    house.advance(120)
    assert len(house.worker(worker.id).leases) == 1
    [(task_id, epoch)] = house.worker(worker.id).leases.items()
    lifecycle.complete(ORG, POOL, task_id, Holder(worker.id, epoch), "done")
    house.settle()
    assert len(house.worker(worker.id).leases) == 7


def test_what_a_server_reports_as_failed_says_nothing_against_it(house: World) -> None:
    worker = house.register(reply=Server(lambda *_: answer(200, {"status": "FAILED", "error": "bad input"})))
    for _ in range(5):
        house.submit()
    house.advance(300)
    assert statuses(house) == {"failed"}
    assert (house.worker(worker.id).attempt_failures, house.worker(worker.id).failed) == (0, 15)
