import json
import logging

import pytest

from chalicelib import clock
from chalicelib.domain.tasks.task import Status
from chalicelib.domain.tasks.worker import Health, Heartbeat
from chalicelib.engine.security import authentication
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import commands, registry
from chalicelib.errors import LeaseLost, NotFound, Unauthenticated
from chalicelib.providers.http import outbound
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.workers.table import WorkersTable
from tests.engine.helpers import complete, hand_over_task, holder, pull, send_heartbeat
from tests.support import aws
from tests.support.world import ORG, POOL, START, World, answer

TIMEOUT = 90


def connection_refused(*_: object) -> outbound.Response:
    raise outbound.Unreachable("refused")


def cut_off(*_: object) -> outbound.Response:
    raise outbound.Unreachable("closed")


def test_a_registered_worker_can_prove_itself_by_its_key_alone(world: World) -> None:
    worker = world.register("one", plan="pro")
    assert authentication.authenticate_worker(worker.id, "key-one") == authentication.Principal(
        ORG, worker.id, "server", "pro"
    )
    for name, key in ((worker.id, "key-two"), ("server_none", "key-one"), (worker.id, "")):
        with pytest.raises(Unauthenticated, match="Invalid API key"):
            authentication.authenticate_worker(name, key)


def test_the_holder_of_a_task_is_known_by_its_own_key_only(world: World) -> None:
    worker = world.register("one")
    task = hand_over_task(world)
    assert authentication.authenticate_holder(task.id, "key-one").subject == worker.id
    for name, key in ((task.id, "key-two"), ("task_none", "key-one"), (world.submit().id, "key-one")):
        with pytest.raises(Unauthenticated):
            authentication.authenticate_holder(name, key)


def test_a_key_is_stored_nowhere_and_logged_nowhere_in_clear_but_sent_to_its_own_server(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = world.register("one", api_key="hush-hush-key")
    hand_over_task(world)
    stored = json.dumps([item.to_dynamodb_dict() for table in (WorkersTable, AccessTable) for item in aws.items(table)])
    queued = [message.body for found in world.queues.queues.values() for message in found]
    assert worker.id in stored
    assert "hush" not in stored + repr(queued) + caplog.text
    assert world.calls[-1][2]["X-API-Key"] == "hush-hush-key"


def test_a_heartbeat_says_how_the_worker_is(world: World) -> None:
    worker = pull(world)
    world.clock.advance(10)
    updated = registry.record_heartbeat(ORG, POOL, worker.id, Heartbeat(Health.DEGRADED, {"cpu": 0.5}))
    assert updated == world.worker(worker.id)
    assert (updated.health, updated.reported, updated.last_heartbeat_at) == (
        Health.DEGRADED,
        {"cpu": 0.5},
        START + 10_000,
    )
    assert updated.wake_at == START + TIMEOUT * 1000, "a timely heartbeat moves no index row"


@pytest.mark.parametrize("org", ["other", ORG])
def test_a_worker_nobody_registered_here_is_not_found(world: World, org: str) -> None:
    name = pull(world).id if org == "other" else "server_none"
    for use in (
        lambda: registry.record_heartbeat(org, POOL, name, Heartbeat(Health.HEALTHY), "Server"),
        lambda: registry.get(org, POOL, name, "Server"),
        lambda: registry.set_maintenance(org, POOL, name, True, None, "Server"),
        lambda: registry.unregister(org, POOL, name, "Server"),
    ):
        with pytest.raises(NotFound, match="Server not found"):
            use()
    assert registry.list_workers(org, POOL) == ([] if org == "other" else registry.list_workers(ORG, POOL))


# Workers that are lost and come back


def test_an_overdue_worker_that_answers_its_probe_stays_and_keeps_its_task(world: World) -> None:
    worker = world.register(reply=lambda url, *_: answer(200 if url.endswith("/health") else 202))
    task = hand_over_task(world)
    world.advance(600)
    assert world.worker(worker.id).alive
    assert world.task(task.id) == task
    probes = [call for call in world.calls if call[0] == "GET"]
    assert 4 <= len(probes) <= 7
    assert probes[0][2]["X-API-Key"] == "key-one"


@pytest.mark.parametrize("probe", [connection_refused, lambda *_: answer(500), lambda *_: answer(302)])
def test_a_lost_worker_s_tasks_go_back_within_its_lease_and_one_sweep(world: World, probe: object) -> None:
    worker = world.register(reply=lambda url, *_: probe(url) if url.endswith("/health") else answer(202))  # type: ignore[operator]
    task = hand_over_task(world)
    world.advance(TIMEOUT - 0.001)
    assert world.worker(worker.id).alive
    world.advance(60.001)
    lost, back = world.worker(worker.id), world.task(task.id)
    assert (lost.alive, lost.is_online, lost.leases) == (False, False, {})
    assert lost.wake_at == lost.suspended_until  # from now on it is asked whether it is back
    assert (lost.suspended_until or 0) > world.clock.now()
    assert (back.status, back.attempts, (back.error or {})["code"]) == (Status.PENDING, 1, "worker_lost")


def test_a_worker_that_is_heard_of_again_is_back_in_rotation_and_its_late_result_is_refused(world: World) -> None:
    worker = pull(world)
    old = hand_over_task(world)
    world.advance(TIMEOUT + 60)
    world.advance(TIMEOUT)
    assert world.task(old.id).is_ready
    revived = send_heartbeat(worker)
    world.settle()
    assert revived.alive and revived.online_since == world.clock.now()
    assert world.task(old.id).epoch == 2
    with pytest.raises(LeaseLost):
        complete(old, "late")
    assert [command["id"] for command in commands.pending_commands(world.worker(worker.id))] == [f"{old.id}:1"]


def test_a_tenth_of_the_heartbeats_lost_takes_no_worker_offline(world: World) -> None:
    workers = [pull(world, f"w{n}") for n in range(5)]
    for _ in range(40):
        world.advance(20)
        for worker in workers:
            if world.random.random() >= 0.1:
                send_heartbeat(worker)
        assert all(worker.alive for worker in world.workers())
    assert not [event for event in world.log() if event.kind == "offline"]


# Out of rotation


def test_in_maintenance_a_worker_finishes_what_it_has_and_gets_nothing_new(world: World) -> None:
    worker = pull(world, max_concurrent=2)
    first = hand_over_task(world)
    shut = registry.set_maintenance(ORG, POOL, worker.id, True, "new disk")
    assert {"id": "drain", "type": "drain"} in commands.pending_commands(shut)
    second = hand_over_task(world)
    assert (world.task(first.id).is_held, second.is_ready) == (True, True)
    complete(first)
    world.settle()
    assert world.task(second.id).is_ready
    back = registry.set_maintenance(ORG, POOL, worker.id, False, None)
    world.settle()
    assert (back.maintenance_reason, commands.pending_commands(back)) == (None, [])
    assert world.task(second.id).worker_id == worker.id


def test_the_same_maintenance_twice_is_one_change(world: World) -> None:
    worker = pull(world)
    first = registry.set_maintenance(ORG, POOL, worker.id, True, "disk")
    world.clock.advance(5)
    assert registry.set_maintenance(ORG, POOL, worker.id, True, "disk") == first


def test_an_unregistered_worker_s_tasks_are_queued_again_without_an_attempt_and_it_is_deleted(world: World) -> None:
    worker = world.register("one")
    task = hand_over_task(world)
    registry.unregister(ORG, POOL, worker.id)
    assert registry.list_workers(ORG, POOL) == []
    with pytest.raises(NotFound):
        registry.get(ORG, POOL, worker.id)
    with pytest.raises(NotFound):
        send_heartbeat(worker)
    world.settle()
    back = world.task(task.id)
    assert (back.is_ready, back.attempts, back.error) == (True, 0, None)
    assert (world.workers(), [i.id for i in aws.items(AccessTable) if not i.id.startswith("slots#")]) == ([], [])
    world.clock.advance(60)
    with pytest.raises(Unauthenticated):
        authentication.authenticate_worker(worker.id, "key-one")


def test_an_unhealthy_worker_gets_nothing_until_it_is_well_again(world: World) -> None:
    worker = pull(world)
    send_heartbeat(worker, health=Health.UNHEALTHY)
    task = hand_over_task(world)
    assert task.is_ready
    send_heartbeat(worker)
    world.settle()
    assert world.task(task.id).is_held


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("retry_after", "rest"), [("30", 30), ("0", 1), (None, 5)])
def test_a_busy_server_rests_as_long_as_it_asked_and_the_task_waits_without_a_counted_attempt(
    world: World, status: int, retry_after: str | None, rest: int
) -> None:
    busy = answer(status, None, **({"retry_after": retry_after} if retry_after else {}))
    worker = world.register(reply=lambda *_: busy if len(world.calls) == 1 else answer(202))
    task = hand_over_task(world)
    assert (task.is_ready, task.attempts) == (True, 0)
    assert world.worker(worker.id).rest_until == START + rest * clock.SECOND
    world.advance(rest - 0.001)
    assert len(world.calls) == 1
    world.advance(0.001)
    assert (world.task(task.id).status, len(world.calls)) == (Status.RUNNING, 2)


def test_another_worker_takes_what_a_busy_one_gave_back(world: World) -> None:
    busy, free = world.register("busy", answer(503), weight=100), world.register("free")
    task = hand_over_task(world)
    assert task.worker_id == free.id
    assert world.worker(busy.id).leases == {}


# Handing over


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (lambda *_: answer(202), Status.RUNNING, None),
        (lambda *_: answer(200, {"ok": 1}), Status.COMPLETED, None),
        (lambda *_: answer(400), Status.FAILED, "rejected"),
        (lambda *_: answer(500), Status.PENDING, "worker_failed"),
        (connection_refused, Status.PENDING, None),
        (cut_off, Status.PENDING, "unreachable"),
        (
            lambda *_: answer(200, {"status": "FAILED", "error": "no", "retryable": False}),
            Status.FAILED,
            "worker_failed",
        ),
    ],
)
def test_a_server_s_answer_decides_about_its_attempt(
    world: World, reply: object, status: Status, code: str | None
) -> None:
    world.register(reply=reply)  # type: ignore[arg-type]
    task = world.submit()
    for _ in range(3):
        world.step()
    now = world.task(task.id)
    assert now.status is status
    assert (now.error or {}).get("code") == code


def test_a_message_names_the_attempt_the_deadline_and_where_to_report(world: World) -> None:
    worker = world.register("one")
    task = hand_over_task(world, payload={"q": 1}, timeout_seconds=60)
    method, url, headers, body = world.calls[0]
    assert (method, url, headers["Idempotency-Key"]) == ("POST", "https://one.example/predict", f"{task.id}:1")
    assert json.loads(body) == {
        "taskId": task.id,
        "type": "t",
        "payload": {"q": 1},
        "attempt": 1,
        "deadline": START + 60_000,
        "callbackUrl": f"https://api.example/api/task/{task.id}?serverId={worker.id}&lease=1",
    }


def test_a_handover_that_is_redelivered_at_once_is_one_attempt_to_the_server(world: World) -> None:
    world.register()
    world.queues.faults.duplicate = 1.0
    task = hand_over_task(world)
    assert {call[2]["Idempotency-Key"] for call in world.calls} == {f"{task.id}:1"}
    assert (task.status, task.epoch) == (Status.RUNNING, 1)


@pytest.mark.parametrize("ended", [False, True])
def test_a_handover_that_is_redelivered_once_the_task_has_begun_or_ended_hands_nothing_over(
    world: World, ended: bool
) -> None:
    world.register()
    task = hand_over_task(world)
    if ended:
        lifecycle.cancel(ORG, task.id)
    world.rewind("tasks", 20)
    world.settle()
    assert len(world.calls) == 1


def test_a_handover_that_is_lost_is_made_up_for_after_two_minutes_without_a_counted_attempt(world: World) -> None:
    worker = world.register()
    world.queues.faults.drop = 0.0
    task = world.submit()
    world.relay("tasks"), world.handle("dispatch")
    world.queues.faults.drop = 1.0
    world.relay("tasks")
    world.queues.faults.drop = 0.0
    assert world.task(task.id).status is Status.LEASED
    for _ in range(9):
        world.advance(20)
        send_heartbeat(worker)
    now = world.task(task.id)
    assert (now.status, now.attempts, now.epoch, len(world.calls)) == (Status.RUNNING, 0, 2, 1)
    assert holder(now).worker_id == worker.id
