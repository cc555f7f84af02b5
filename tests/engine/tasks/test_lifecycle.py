from collections import Counter
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import commands
from chalicelib.errors import Conflict, LeaseLost, NotFound
from tests.engine.helpers import complete, hand_over_task, holder, pull, run_together, send_heartbeat
from tests.support import aws
from tests.support.world import ORG, POOL, START, World

LARGE = {"text": "é" * 60_000}
BROKEN = Failure(Reason.WORKER_FAILED, "it broke", is_reported=True)


# What a task carries


def test_a_large_payload_and_result_travel_through_s3_and_come_back_whole(world: World) -> None:
    pull(world)
    task = hand_over_task(world, payload=LARGE)
    assert (task.payload, task.payload_ref is not None) == (None, True)
    complete(task, LARGE)
    done = world.task(task.id)
    assert done.result is None
    assert lifecycle.load_result(done) == LARGE
    complete(task, LARGE)
    with pytest.raises(Conflict):
        complete(task, {"text": "other" * 30_000})


def test_a_server_gets_a_large_payload_in_its_message(world: World) -> None:
    world.register()
    hand_over_task(world, payload=LARGE)
    assert "é" * 60_000 in world.calls[-1][3].decode()


def test_another_tenant_s_task_is_not_found_by_any_use_case(world: World) -> None:
    pull(world)
    task = hand_over_task(world)
    for use in (lifecycle.get, lifecycle.cancel, lifecycle.replay):
        with pytest.raises(NotFound):
            use("other", task.id)
    with pytest.raises(NotFound):
        lifecycle.complete("other", POOL, task.id, holder(task), 1)
    assert world.task(task.id) == task


def test_an_ended_task_is_gone_after_its_retention_even_if_it_was_not_swept_away(world: World) -> None:
    task = lifecycle.cancel(ORG, world.submit().id)
    world.clock.advance(30 * 86_400 - 1)
    assert world.task(task.id) == task
    world.clock.advance(1)
    with pytest.raises(NotFound):
        world.task(task.id)


# Cancelling


@pytest.mark.parametrize("state", ["ready", "sleeping", "leased", "running"])
def test_a_task_that_has_not_ended_can_be_cancelled_and_never_starts_after(world: World, state: str) -> None:
    task = world.submit(run_at=START + 5_000 if state == "sleeping" else None)
    worker = pull(world)
    if state in ("leased", "running"):
        world.settle()
    if state == "running":
        lifecycle.report_progress(ORG, task.id, None, 10)
    lifecycle.cancel(ORG, task.id)
    world.advance(300)
    assert world.task(task.id).status is Status.CANCELLED
    assert world.worker(worker.id).leases == {}
    with pytest.raises(Conflict):
        lifecycle.cancel(ORG, task.id)


def test_each_heartbeat_of_the_holder_returns_the_command_to_stop_until_it_confirms(world: World) -> None:
    worker = pull(world)
    task = hand_over_task(world)
    lifecycle.cancel(ORG, task.id)
    stop = {"id": f"{task.id}:1", "type": "cancel", "task_id": task.id, "attempt": 1}
    assert (
        commands.pending_commands(send_heartbeat(worker)) == commands.pending_commands(send_heartbeat(worker)) == [stop]
    )
    assert (
        commands.pending_commands(send_heartbeat(worker, stop["id"], "unknown:1", "", "a.b", "a[0]", stop["id"])) == []
    )
    with pytest.raises(LeaseLost):
        complete(task, "late")


def test_a_command_that_nobody_confirms_is_forgotten_after_fifteen_minutes(world: World) -> None:
    worker = pull(world)
    lifecycle.cancel(ORG, hand_over_task(world).id)
    world.clock.advance(900)
    assert len(commands.pending_commands(send_heartbeat(worker))) == 1
    world.clock.advance(0.001)
    assert commands.pending_commands(send_heartbeat(worker)) == []
    assert world.worker(worker.id).commands == {}


def test_cancel_against_complete_has_exactly_one_winner_and_everyone_agrees_on_it(world: World) -> None:
    worker = pull(world, max_concurrent=40)
    ends: Counter[Status] = Counter()
    for task in [world.submit() for _ in range(40)]:
        world.settle()
        now = world.task(task.id)
        work = [lambda n=now: lifecycle.cancel(ORG, n.id), lambda n=now: complete(n, 1)]
        outcomes = run_together(work if ends.total() % 2 else work[::-1])
        won = [not isinstance(one, Exception) for one in outcomes]
        assert sum(won) == 1
        ends[world.task(task.id).status] += 1
    world.settle()
    assert set(ends) <= {Status.CANCELLED, Status.COMPLETED}
    assert world.worker(worker.id).leases == {}
    logged = Counter(str(event.kind) for event in world.log() if event.kind in ("cancelled", "completed"))
    assert logged == Counter({str(status): count for status, count in ends.items()})


# Results


def test_a_completion_is_stored_as_the_rule_says(world: World) -> None:
    world.register()
    running = hand_over_task(world)
    world.clock.advance(2)
    complete(running, {"a": 1})
    assert world.task(running.id) == transitions.completed(running, world.clock.now(), {"a": 1})


def test_the_same_result_again_is_accepted_and_changes_nothing_but_another_is_refused(world: World) -> None:
    pull(world)
    task = hand_over_task(world)
    complete(task, {"a": 1, "b": 2})
    done = world.task(task.id)
    complete(task, {"b": 2, "a": 1})
    with pytest.raises(Conflict, match="another result"):
        complete(task, {"a": 2})
    assert world.task(task.id) == done


def test_of_eight_completions_at_once_of_two_epochs_exactly_one_counts(world: World) -> None:
    worker = pull(world)
    for _ in range(25):
        old = hand_over_task(world)
        lifecycle.release(ORG, old.id, holder(old))
        world.settle()
        new = world.task(old.id)
        assert new.epoch == old.epoch + 1
        work = [lambda t=one, n=n: complete(t, n) for n in range(4) for one in (old, new)]
        outcomes = run_together(work)
        assert [isinstance(one, Exception) for one in outcomes].count(False) == 1
        won = next(n for n, one in enumerate(outcomes) if one is None)
        assert won % 2 == 1
        assert world.task(old.id).result == won // 2
        assert world.worker(worker.id).leases == {}


def test_a_stale_lease_can_do_nothing_and_changes_no_byte(world: World) -> None:
    pull(world)
    old = hand_over_task(world)
    lifecycle.release(ORG, old.id, holder(old))
    world.settle()
    stale, before = holder(old), (world.tasks(), world.workers())
    for use in (
        lambda: complete(old, 1),
        lambda: lifecycle.report_progress(ORG, old.id, stale, 50),
        lambda: lifecycle.fail(ORG, old.id, stale, BROKEN),
        lambda: lifecycle.release(ORG, old.id, stale),
        lambda: complete(old, 1, Holder("server_other", 2)),
    ):
        with pytest.raises(LeaseLost) as caught:
            use()
        assert caught.value.facts == {"epoch": 2}
    assert lifecycle.revoke_lease(ORG, old.id, stale, BROKEN) == world.task(old.id)
    assert (world.tasks(), world.workers()) == before


def test_the_last_failure_reported_twice_is_one_failure(world: World) -> None:
    pull(world)
    task = hand_over_task(world, max_attempts=1)
    first = lifecycle.fail(ORG, task.id, holder(task), BROKEN)
    assert lifecycle.fail(ORG, task.id, holder(task), BROKEN) == first
    with pytest.raises(LeaseLost):
        lifecycle.fail(ORG, task.id, holder(task), BROKEN._replace(message="another"))


# Retries


def test_a_failed_attempt_is_tried_again_on_time_to_the_second(world: World) -> None:
    pull(world)
    task = hand_over_task(world)
    failed = lifecycle.fail(ORG, task.id, holder(task), BROKEN._replace(retry_after_ms=7_000))
    world.settle()
    world.advance(6.999)
    assert world.task(task.id) == failed
    world.advance(0.001)
    assert world.task(task.id).status is Status.LEASED
    assert world.task(task.id).leased_at == START + 7_000


def test_a_backoff_is_drawn_between_nothing_and_its_ceiling(world: World) -> None:
    pull(world)
    delays = []
    for _ in range(20):
        task = hand_over_task(world)
        failed = lifecycle.fail(ORG, task.id, holder(task), BROKEN)
        delays.append((failed.run_at or world.clock.now()) - world.clock.now())
        lifecycle.cancel(ORG, task.id)
    assert all(0 <= delay <= 2_000 for delay in delays)
    assert len(set(delays)) > 10


def fail_until_ended(world: World, task: Task) -> Task:
    """Let the task fail each time it is leased, until it ends."""
    for _ in range(40):
        world.settle()
        now = world.task(task.id)
        if now.is_terminal:
            return now
        if now.is_held:
            lifecycle.fail(ORG, task.id, holder(now), BROKEN)
        world.clock.advance(20)
        for worker in world.workers():
            send_heartbeat(worker)
    raise AssertionError("the task does not end")


@pytest.mark.parametrize(("asked", "leases"), [(None, 3), (1, 1), (5, 5)])
def test_a_task_is_tried_as_often_as_was_asked(world: World, asked: int | None, leases: int) -> None:
    pull(world)
    task = fail_until_ended(world, world.submit(max_attempts=asked))
    assert (task.status, task.attempts, task.epoch) == (Status.FAILED, leases, leases)


def test_a_failure_that_is_not_retryable_ends_the_task(world: World) -> None:
    pull(world)
    task = hand_over_task(world)
    assert lifecycle.fail(ORG, task.id, holder(task), BROKEN._replace(retryable=False)).status is Status.FAILED


def test_a_replayed_task_has_new_attempts_and_can_complete(world: World) -> None:
    pull(world)
    task = fail_until_ended(world, world.submit(max_attempts=2))
    again = lifecycle.replay(ORG, task.id)
    assert (again.attempts, again.max_attempts) == (2, 4)
    with pytest.raises(Conflict):
        lifecycle.replay(ORG, task.id)
    world.settle()
    complete(world.task(task.id), "at last")
    assert world.task(task.id).status is Status.COMPLETED
    with pytest.raises(Conflict):
        lifecycle.replay(ORG, task.id)


# Timeouts: never early, at most one sweep late


def require_end_within_a_sweep(world: World, task: Task, seconds: float, code: str) -> Task:
    for _ in range(int(seconds)):
        world.advance(1)
        for worker in world.workers():
            send_heartbeat(worker)
        now = world.task(task.id)
        assert now.error is None, f"early: {world.clock.now() - START}"
    world.advance(60)
    now = world.task(task.id)
    assert now.error is not None
    assert now.error["code"] == code
    return now


@pytest.mark.parametrize("pushed", [False, True])
def test_an_attempt_that_takes_too_long_is_ended_and_tried_again(world: World, pushed: bool) -> None:
    worker = world.register() if pushed else pull(world)
    task = hand_over_task(world, timeout_seconds=100)
    now = require_end_within_a_sweep(world, task, 99, "start_to_close_timeout")
    assert now.attempts == 1
    assert f"{task.id}:1" in world.worker(worker.id).commands


def test_a_held_task_that_falls_silent_is_ended_and_progress_puts_it_off(world: World) -> None:
    pull(world)
    task = hand_over_task(world, heartbeat_seconds=30)
    world.advance(20)
    lifecycle.report_progress(ORG, task.id, holder(task), 50)
    require_end_within_a_sweep(world, task, 29, "heartbeat_timeout")


def test_a_task_that_nobody_takes_ends_as_timed_out(world: World) -> None:
    task = world.submit()
    world.advance(0.5)
    world.clock.advance(86_400 - 1)
    world.advance(0.4)
    assert world.task(task.id).status is Status.PENDING
    world.advance(61)
    assert world.task(task.id).status is Status.TIMED_OUT
    assert world.task(task.id).attempts == 0


def test_the_total_time_ends_a_task_that_is_always_given_back(world: World) -> None:
    task = world.submit(run_at=START + 60_000)
    world.clock.advance(7 * 86_400 + 59)
    assert not world.task(task.id).is_terminal
    world.advance(61)
    assert (world.task(task.id).error or {})["code"] == "total_timeout"


@pytest.mark.parametrize("delay", [5, 899, 901, 3_600])
def test_a_delayed_task_starts_on_time_within_a_quarter_hour_and_else_at_the_next_sweep(
    world: World, delay: int
) -> None:
    task = world.submit(run_at=START + delay * clock.SECOND)
    world.settle()
    world.advance(delay - 0.001)
    assert not world.task(task.id).is_ready
    world.advance(0.001 if delay <= 900 else 60)
    assert world.task(task.id).is_ready


def test_the_store_is_never_asked_twice_for_a_task_that_is_there(world: World) -> None:
    task = world.submit()
    with aws.counting() as calls:
        lifecycle.get(ORG, task.id)
    assert calls == {("DynamoDB", "GetItem"): 1}


def test_progress_is_kept_and_belongs_to_the_lease(world: World) -> None:
    pull(world)
    task = hand_over_task(world)
    seen: list[Any] = [
        lifecycle.report_progress(ORG, task.id, holder(task), percent).progress for percent in (10, None, 33.3)
    ]
    assert seen == [10, 10, 33.3]
    lifecycle.release(ORG, task.id, holder(task))
    world.settle()
    assert world.task(task.id).progress is None


def test_an_admins_report_repeated_is_accepted_again_and_another_result_is_not(world: World) -> None:
    world.register()
    task = world.submit()
    world.settle()
    lifecycle.complete(ORG, POOL, task.id, None, {"ok": 1})
    lifecycle.complete(ORG, POOL, task.id, None, {"ok": 1})
    with pytest.raises(Conflict):
        lifecycle.complete(ORG, POOL, task.id, None, {"ok": 2})
