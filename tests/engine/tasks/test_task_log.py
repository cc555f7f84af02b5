"""The log tells a task's life, and contains no text of its owner or worker."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.engine.dispatch.handovers import MAX_TRIALS_PER_ORG
from chalicelib.engine.projects import task_edit_rules
from chalicelib.engine.projects.task_edit_rules import Edit
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registration, registry, websocket_workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workers.registry import Rotation, WorkerChange
from chalicelib.providers.http import outbound
from chalicelib.storage.connections.connections import Connection
from tests.engine.helpers import complete, hand_over_task, holder, pull
from tests.support.log import Log, logging_to
from tests.support.world import ORG, POOL, Reply, World, answer

SECRET = "a-very-secret-text"


@pytest.fixture
def log() -> Iterator[Log]:
    with logging_to(Log()) as found:
        yield found


def messages(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"] for line in lines]


def line_of(log: Log, task: Task, message: str) -> dict[str, Any]:
    """The only line about the task with this message."""
    [found] = [line for line in log.story(task.id) if line["message"] == message]
    return found


def answer_slowly(world: World, reply: outbound.Response, seconds: float) -> Reply:
    """Let a server take so many seconds to answer."""

    def reply_late(*_: object) -> outbound.Response:
        world.clock.advance(seconds)
        return reply

    return reply_late


def test_the_story_of_a_task_that_failed_at_one_server_and_was_completed_by_another(world: World, log: Log) -> None:
    first = world.register("first", answer_slowly(world, answer(500), 0.25))
    task = world.submit(type="greeting", max_attempts=3)
    world.settle()
    second = world.register("second", answer_slowly(world, answer(200, {"ok": True}), 0.75))
    world.advance(60)
    story = log.story(task.id)
    facts = ("message", "worker_id", "attempt", "epoch", "status", "outcome", "http_status", "reason")
    assert [tuple(line.get(name) for name in facts) for line in story] == [
        ("Task accepted", None, 1, 0, "pending", None, None, None),
        ("Task leased", first.id, 1, 1, "leased", None, None, None),
        ("Task handed over", first.id, 1, 1, None, None, None, None),
        ("Worker answered", first.id, 1, 1, None, "failed", 500, "worker_failed"),
        ("Task retried", first.id, 1, 1, "pending", None, None, "worker_failed"),
        ("Task leased", second.id, 2, 2, "leased", None, None, None),
        ("Task handed over", second.id, 2, 2, None, None, None, None),
        ("Worker answered", second.id, 2, 2, None, "completed", 200, None),
        ("Task ended", second.id, 2, 2, "completed", None, None, None),
    ]
    assert {(line["level"], line["org"], line["pool"], line["type"]) for line in story} == {
        ("INFO", ORG, POOL, "greeting")
    }
    done = world.task(task.id)
    assert (story[3]["duration_ms"], story[4]["took_ms"], story[7]["duration_ms"]) == (250, 250, 750)
    assert story[4]["retry_in_ms"] > 0
    assert (story[8]["took_ms"], story[8]["whole_ms"]) == (750, done.updated_at - task.created_at)
    assert [story[index]["waited_ms"] for index in (1, 5)] == [0, 0]


def test_changes_that_are_relayed_again_are_logged_once(world: World, log: Log) -> None:
    pull(world)
    task = hand_over_task(world)
    complete(task)
    world.settle()
    before = messages(log.story(task.id))
    world.rewind("tasks", 100)
    world.settle()
    assert messages(log.story(task.id)) == before == ["Task accepted", "Task leased", "Task ended"]


def test_above_info_nothing_is_written(world: World) -> None:
    with logging_to(Log(), logging.WARNING) as log:
        world.register(reply=answer(200, {}))
        task = world.submit()
        world.settle()
        assert world.task(task.id).status is Status.COMPLETED
    assert log.text == ""


def test_no_payload_no_result_and_no_words_of_a_worker_are_in_the_log(world: World, log: Log) -> None:
    said = {"status": "FAILED", "error": SECRET, "retryable": True}
    worker = world.register(reply=answer(200, said), api_key=SECRET)
    task = world.submit(payload={"card": SECRET}, metadata={"note": SECRET}, name=SECRET, max_attempts=2)
    world.settle()
    world.servers["one.example"] = lambda *_: answer(200, {"result": SECRET})
    world.advance(60)
    assert world.task(task.id).status is Status.COMPLETED
    assert line_of(log, task, "Task retried")["worker_id"] == worker.id
    assert SECRET not in log.text


def answer_busy(world: World, task: Task) -> None:
    world.register(reply=answer(429, retry_after="60"))
    world.settle()


def lose_handover(world: World, task: Task) -> None:
    def raise_unreachable(*_: object) -> outbound.Response:
        raise outbound.Unreachable("refused")

    world.register(reply=raise_unreachable)
    world.settle()


def take_all_trials(world: World, task: Task) -> None:
    world.register()
    with ExitStack() as taken:
        for _ in range(MAX_TRIALS_PER_ORG):
            assert taken.enter_context(long_call_slots.hold_slot(ORG, "hand-overs on trial", MAX_TRIALS_PER_ORG, 60))
        world.settle()


def drain_worker(world: World, task: Task) -> None:
    worker = pull(world)
    world.settle()
    registry.update(ORG, POOL, worker.id, WorkerChange(rotation=Rotation.DRAINED))
    world.settle()


def remove_worker(world: World, task: Task) -> None:
    worker = pull(world)
    world.settle()
    registry.unregister(ORG, POOL, worker.id)
    world.settle()


def give_back(world: World, task: Task) -> None:
    pull(world)
    world.settle()
    lifecycle.release(ORG, task.id, holder(world.task(task.id)), rest_until=task.deadline)
    world.settle()


def lose_delivery(world: World, task: Task) -> None:
    world.register(reply=answer(200))
    while world.task(task.id).status is not Status.LEASED:
        assert world.relay("tasks") or world.relay("workers") or world.handle("dispatch")
    world.queues.queues.clear()
    world.advance(transitions.HANDOVER_GUARD_MS / clock.SECOND, settle=False)
    while world.task(task.id).status is Status.LEASED:
        world.advance(60, settle=False)
    world.relay("tasks")


RELEASES: dict[ReleaseReason, Callable[[World, Task], None]] = {
    ReleaseReason.WORKER_BUSY: answer_busy,
    ReleaseReason.UNREACHED: lose_handover,
    ReleaseReason.TOO_MANY_TRIALS: take_all_trials,
    ReleaseReason.WORKER_DRAINED: drain_worker,
    ReleaseReason.WORKER_REMOVED: remove_worker,
    ReleaseReason.GIVEN_BACK: give_back,
    ReleaseReason.NOT_DELIVERED: lose_delivery,
}


@pytest.mark.parametrize("reason", RELEASES)
def test_a_released_task_says_why(world: World, log: Log, reason: ReleaseReason) -> None:
    task = world.submit()
    RELEASES[reason](world, task)
    line = next(line for line in log.story(task.id) if line["message"] == "Task released")
    assert (line["reason"], line["attempt"], line["epoch"]) == (reason, 1, 1)
    assert line["worker_id"] and line["took_ms"] >= 0


def make_connection(connection_id: str) -> Connection:
    return Connection(connection_id, ORG, "test.worker", POOL, "w1")


def on_socket(world: World) -> Task:
    """A task that waits for a worker on a WebSocket, which has just connected."""
    registration.register(
        ORG, Registration(pool=POOL, id_prefix="worker", id="w1", name="w1", max_concurrent=1, socket=True)
    )
    world.sockets.connect("c1")
    websocket_workers.connect(make_connection("c1"))
    return world.submit()


def test_a_worker_on_a_socket_is_handed_its_task_and_starts_it(world: World, log: Log) -> None:
    task = on_socket(world)
    world.settle()
    said = ["Task accepted", "Task leased", "Task handed over", "Task started"]
    assert messages(log.story(task.id)) == said
    assert line_of(log, task, "Task handed over")["via"] == "socket"


def test_a_worker_whose_socket_is_gone_releases_its_task(world: World, log: Log) -> None:
    task = on_socket(world)
    world.sockets.drop("c1")
    world.settle()
    assert line_of(log, task, "Task released")["reason"] == "not_connected"


def test_what_yardmaster_performs_is_logged_alike(world: World, log: Log) -> None:
    task = world.submit(
        pool="support", type="sentiment_analysis", capabilities=("sentiment_analysis",), payload={"text": "Great!"}
    )
    world.settle()
    handed, answered = line_of(log, task, "Task handed over"), line_of(log, task, "Worker answered")
    assert (handed["via"], handed["worker_id"], answered["outcome"]) == ("builtin", BUILT_IN, "completed")


ENDS: dict[str, Callable[[World, Task], object]] = {
    "cancelled": lambda world, task: lifecycle.cancel(ORG, task.id),
    "timed_out": lambda world, task: world.advance(121),
}
ENDS_WHY = {"cancelled": None, "timed_out": "total_timeout"}


@pytest.mark.parametrize("status", ENDS)
def test_a_task_that_ends_without_a_worker_names_none(world: World, log: Log, status: str) -> None:
    task = world.submit(total_seconds=120)
    ENDS[status](world, task)
    world.settle()
    line = line_of(log, task, "Task ended")
    assert (line["status"], line.get("reason"), line.get("worker_id")) == (status, ENDS_WHY[status], None)
    assert line["whole_ms"] == world.task(task.id).updated_at - task.created_at


def test_a_task_that_failed_for_good_and_is_replayed_says_so(world: World, log: Log) -> None:
    world.register(reply=answer(400))
    task = world.submit()
    world.settle()
    assert (line_of(log, task, "Task ended")["status"], line_of(log, task, "Task ended")["reason"]) == (
        "failed",
        "rejected",
    )
    lifecycle.replay(ORG, task.id)
    world.relay("tasks")
    assert messages(log.story(task.id))[-1] == "Task replayed"


def test_a_task_that_a_person_begins_names_the_person(world: World, log: Log) -> None:
    task = world.submit(manual=True)
    lifecycle.change(ORG, task.id, lambda found: transitions.begun_by_person(found, "user_ada", clock.now()))
    lifecycle.change(
        ORG, task.id, lambda found: task_edit_rules.edited(found, Edit(progress=50.0), "user_ada", clock.now())
    )
    lifecycle.change(ORG, task.id, lambda found: transitions.released(found, clock.now()))
    world.settle()
    story = log.story(task.id)
    assert [(line["message"], line.get("person")) for line in story] == [
        ("Task accepted", None),
        ("Task begun by a person", "user_ada"),
        ("Task released", "user_ada"),
    ]
    assert all("worker_id" not in line for line in story)


def test_a_lease_forgets_why_the_one_before_was_given_back(world: World) -> None:
    pull(world)
    task = hand_over_task(world)
    lifecycle.release(ORG, task.id, holder(task), reason=ReleaseReason.WORKER_BUSY)
    assert world.task(task.id).release_reason == "worker_busy"
    world.settle()
    again = world.task(task.id)
    assert (again.epoch, again.release_reason) == (2, None)


def test_a_line_is_json_whatever_is_in_it(world: World, log: Log) -> None:
    task = world.submit(type='a "type"\n\u2028{"level":"ERROR"}')
    world.relay("tasks")
    [line] = [json.loads(line) for line in log.text.split("\n") if line]
    assert (line["type"], line["level"]) == (task.type, "INFO")
