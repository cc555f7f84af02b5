from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import (
    DISPATCH_GUARD_MS,
    HANDOVER_GUARD_MS,
    MAX_CHECK_INTERVAL_MS,
    Failure,
    Reason,
)
from chalicelib.errors import Conflict, LeaseLost
from tests.domain import samples
from tests.domain.samples import BACKOFF, FAILURE, HOUR, NOW

EVERY = samples.one_in_each_state()
LATER = NOW + 5_000


def take(task: Task) -> Task:
    return transitions.leased(task, "worker_2", LATER)


def report(task: Task) -> Task:
    transitions.require_holder(task, Holder("worker_1", 1))
    return transitions.completed(task, LATER, 42)


def cancel(task: Task) -> Task:
    return transitions.cancelled(task, LATER)


def replay(task: Task) -> Task:
    return transitions.replayed(task, LATER, HOUR)


HELD = {"leased", "running"}
OPEN = {"ready", "sleeping"} | HELD
RULES: dict[Callable[[Task], Task], tuple[set[str], Status, type[Exception]]] = {
    take: ({"ready"}, Status.LEASED, Conflict),
    report: (HELD, Status.COMPLETED, LeaseLost),
    cancel: (OPEN | {"awaiting approval"}, Status.CANCELLED, Conflict),
    replay: ({"failed", "timed_out"}, Status.PENDING, Conflict),
}
TABLE = [(rule, state) for rule in RULES for state in EVERY]


@pytest.mark.parametrize(("rule", "state"), TABLE, ids=[f"{rule.__name__}-{state}" for rule, state in TABLE])
def test_each_operation_is_allowed_in_just_its_states(rule: Callable[[Task], Task], state: str) -> None:
    allowed, becomes, error = RULES[rule]
    before = EVERY[state]
    if state not in allowed:
        with pytest.raises(error) as caught:
            rule(before)
        assert type(caught.value) is error
        assert before.status.value in str(caught.value)
        return
    after = rule(before)
    assert after.status is becomes
    assert after.version == before.version + 1
    assert after.updated_at == LATER


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled", "timed_out"])
def test_an_ended_task_has_nothing_left_to_wait_for(state: str) -> None:
    task = EVERY[state]
    assert (task.wake_at, task.run_at, task.ready_at, task.deliver_by) == (None, None, None, None)
    assert task.finished_at == NOW
    assert transitions.next_if_due(task, task.deadline + HOUR, BACKOFF, 0.5) is task


@pytest.mark.parametrize("state", ["ready", "sleeping", "leased", "running"])
def test_an_open_task_always_has_a_moment_to_wake_at_and_no_later_than_its_deadline(state: str) -> None:
    wake_at = EVERY[state].wake_at
    assert wake_at is not None
    assert NOW < wake_at <= EVERY[state].deadline


def test_each_lease_has_a_new_epoch_and_starts_afresh() -> None:
    first = samples.running()
    second = transitions.leased(transitions.released(first, LATER), "worker_2", LATER)
    assert (first.epoch, second.epoch) == (1, 2)
    assert (second.worker_id, second.leased_at, second.beat_at) == ("worker_2", LATER, LATER)
    assert (second.started_at, second.progress, second.ready_at) == (None, None, None)


@pytest.mark.parametrize(
    ("worker_id", "epoch", "word"),
    [("worker_2", None, "another worker"), ("worker_1", 0, "leased again"), ("worker_1", 2, "leased again")],
)
def test_another_worker_or_epoch_does_not_hold_the_task(worker_id: str | None, epoch: int | None, word: str) -> None:
    with pytest.raises(LeaseLost, match=word) as caught:
        transitions.require_holder(samples.leased(), Holder(worker_id, epoch))
    assert caught.value.facts == {"epoch": 1}


@pytest.mark.parametrize(("worker_id", "epoch"), [("worker_1", 1), ("worker_1", None), (None, None)])
def test_the_holder_may_leave_out_what_it_does_not_know(worker_id: str | None, epoch: int | None) -> None:
    task = samples.leased()
    transitions.require_holder(task, Holder(worker_id, epoch) if worker_id else None)
    assert task.is_held


def test_progress_keeps_when_it_began_and_what_was_last_said() -> None:
    first = transitions.progressed(samples.leased(needs_handover=True), NOW + 1, 40)
    second = transitions.progressed(first, NOW + 2)
    assert (second.started_at, second.beat_at, second.progress) == (NOW + 1, NOW + 2, 40)
    assert second.deliver_by is None
    assert second.status is Status.RUNNING


def test_progress_has_no_more_digits_than_a_table_can_hold() -> None:
    stored = [
        transitions.progressed(samples.leased(needs_handover=True), NOW, percent).progress
        for percent in (1e-300, 100 / 3, 7)
    ]
    assert stored == [0, 33.333, 7]


def test_completion_forgets_an_earlier_failure() -> None:
    done = transitions.completed(samples.running(error={"code": "x"}), NOW, {"a": 1}, None)
    assert (done.result, done.error, done.progress) == ({"a": 1}, None, 100)


# Attempts


def test_a_failed_attempt_sleeps_for_its_backoff_and_prefers_another_worker() -> None:
    after = transitions.attempt_failed(samples.running(), FAILURE, NOW, BACKOFF, 0.5)
    assert (after.status, after.attempts, after.run_at) == (Status.PENDING, 1, NOW + 1_000)
    assert (after.wake_at, after.failed_on) == (NOW + 1_000, ("worker_1",))
    assert after.error == {"code": "worker_failed", "message": "it broke"}


def test_a_backoff_of_nothing_is_ready_at_once() -> None:
    assert transitions.attempt_failed(samples.running(), FAILURE, NOW, BACKOFF, 0.0).is_ready


def test_the_last_attempt_ends_the_task() -> None:
    after = transitions.attempt_failed(samples.running(attempts=2), FAILURE, NOW, BACKOFF, 0.5)
    assert (after.status, after.attempts, after.attempt) == (Status.FAILED, 3, 3)


def test_a_failure_that_is_not_retryable_ends_the_task_at_once() -> None:
    after = transitions.attempt_failed(samples.running(), FAILURE._replace(retryable=False), NOW, BACKOFF, 0.5)
    assert (after.status, after.attempts) == (Status.FAILED, 1)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.WORKER_FAILED, Status.FAILED),
        (Reason.WORKER_LOST, Status.FAILED),
        (Reason.UNREACHABLE, Status.FAILED),
        (Reason.REJECTED, Status.FAILED),
        (Reason.START_TO_CLOSE, Status.TIMED_OUT),
        (Reason.HEARTBEAT, Status.TIMED_OUT),
        (Reason.SCHEDULE_TO_START, Status.TIMED_OUT),
        (Reason.TOTAL, Status.TIMED_OUT),
    ],
)
def test_the_reason_of_the_last_attempt_says_how_the_task_ended(reason: Reason, status: Status) -> None:
    last = samples.running(max_attempts=1)
    assert transitions.attempt_failed(last, Failure(reason, "m"), NOW, BACKOFF, 0.5).status is status


def test_a_retry_that_could_only_start_after_the_deadline_ends_the_task() -> None:
    late = replace(samples.running(), deadline=NOW + 1_000)
    assert transitions.attempt_failed(late, FAILURE, NOW, BACKOFF, 0.5).status is Status.TIMED_OUT
    assert transitions.attempt_failed(late, FAILURE, NOW, BACKOFF, 0.499).status is Status.PENDING


def test_a_release_counts_no_attempt() -> None:
    back = transitions.released(samples.running(attempts=1), LATER)
    assert (back.attempts, back.is_ready, back.ready_at, back.failed_on) == (1, True, LATER, ())


def test_what_had_not_begun_goes_back_to_its_place_and_its_wait_goes_on() -> None:
    back = transitions.released(samples.leased(), LATER)
    assert (back.is_ready, back.ready_at, back.attempts) == (True, NOW, 0)
    again = transitions.released(transitions.leased(back, "worker_2", LATER + 5), LATER + 9)
    assert again.ready_at == NOW
    assert transitions.next_if_due(again, NOW + again.schedule_to_start_ms, BACKOFF, 0.5).status is Status.TIMED_OUT


def test_a_task_remembers_whom_it_failed_on_the_latest_last_and_not_for_ever() -> None:
    task = samples.ready(max_attempts=100)
    for number in (1, 2, 1, *range(3, 30)):
        held = transitions.leased(task, f"w{number}", NOW)
        task = transitions.attempt_failed(held, FAILURE, NOW, BACKOFF, 0.0)
    assert task.failed_on == tuple(f"w{number}" for number in range(10, 30))
    early = transitions.attempt_failed(
        transitions.leased(samples.ready(failed_on=("a", "b")), "a", NOW), FAILURE, NOW, BACKOFF, 0
    )
    assert early.failed_on == ("b", "a")


def test_a_replay_grants_the_same_number_of_attempts_again() -> None:
    failed = samples.ended(Status.FAILED, attempts=2)
    once = transitions.replayed(failed, LATER, HOUR)
    assert (once.attempts, once.max_attempts, once.attempt) == (3, 6, 4)
    assert (once.deadline, once.finished_at, once.failed_on) == (LATER + HOUR, None, ())
    assert once.is_ready


@given(outcomes=st.lists(st.sampled_from(["fail", "release", "late"]), max_size=12), granted=st.integers(1, 4))
def test_attempts_never_exceed_what_was_granted(outcomes: list[str], granted: int) -> None:
    task = samples.ready(max_attempts=granted, allowance=granted)
    for outcome in outcomes:
        if task.is_terminal:
            task = transitions.replayed(task, NOW, HOUR)
        task = transitions.leased(task if task.is_ready else transitions.ready(task, NOW), "w", NOW)
        if outcome == "fail":
            task = transitions.attempt_failed(task, FAILURE, NOW, BACKOFF, 0.5)
        elif outcome == "release":
            task = transitions.released(task, NOW)
        else:
            task = transitions.timed_out(task, Reason.TOTAL, "late", NOW)
        assert task.attempts <= task.max_attempts
        assert task.attempt <= task.max_attempts


# What is due


def advance_to(task: Task, instant: int) -> Task:
    return transitions.next_if_due(task, instant, BACKOFF, 0.5)


def advance_exactly_to(task: Task, moment: int) -> Task:
    """Move to `moment`, and return the task. Nothing that is due earlier changes its status or its attempts."""
    while task.wake_at is not None and task.wake_at < moment:
        status, attempts = task.status, task.attempts
        task = advance_to(task, task.wake_at)
        assert (task.status, task.attempts) == (status, attempts)
    assert task.wake_at == moment
    assert advance_to(task, moment - 1) is task
    return advance_to(task, moment)


def test_a_sleeping_task_is_ready_exactly_when_it_is_due() -> None:
    task = advance_exactly_to(samples.sleeping(), NOW + 60_000)
    assert (task.is_ready, task.ready_at, task.run_at) == (True, NOW + 60_000, None)


def test_a_waiting_task_has_its_pool_looked_at_after_a_minute_then_two_and_keeps_its_age() -> None:
    task = advance_exactly_to(samples.ready(), NOW + DISPATCH_GUARD_MS)
    assert (task.is_ready, task.ready_at) == (True, NOW)
    assert task.wake_at == NOW + 2 * DISPATCH_GUARD_MS


def test_a_waiting_task_without_a_pool_that_watches_it_is_looked_at_every_quarter_of_an_hour_at_least() -> None:
    task, looks = samples.ready(), []
    while task.status is Status.PENDING:
        assert task.wake_at is not None
        looks.append(task.wake_at)
        task = advance_to(task, task.wake_at)
    gaps = [later - earlier for earlier, later in pairwise([NOW, *looks])]
    assert max(gaps) == MAX_CHECK_INTERVAL_MS
    assert len(gaps) > 24 * 4


def test_a_task_seeks_a_worker_when_it_is_due_for_nothing_else() -> None:
    due = NOW + DISPATCH_GUARD_MS
    task = samples.ready()
    assert [transitions.is_only_waiting(task, instant) for instant in (due - 1, due)] == [False, True]
    assert not transitions.is_only_waiting(replace(task, manual=True), due)
    assert not transitions.is_only_waiting(replace(task, due_at=due), due)
    assert not transitions.is_only_waiting(replace(task, deadline=due), due)
    assert not transitions.is_only_waiting(replace(task, schedule_to_start_ms=DISPATCH_GUARD_MS), due)
    assert not any(transitions.is_only_waiting(other, due) for other in (samples.sleeping(), samples.leased()))


def test_a_task_that_its_pool_watches_is_due_when_its_own_time_ends_and_keeps_its_age() -> None:
    due = NOW + DISPATCH_GUARD_MS
    task = transitions.watched(samples.ready(schedule_to_start_ms=HOUR), due)
    assert (task.is_ready, task.ready_at, task.wake_at) == (True, NOW, NOW + HOUR)
    assert transitions.watched(samples.ready(due_at=NOW + 90_000), due).wake_at == NOW + 90_000
    task = advance_exactly_to(task, NOW + HOUR)
    assert task.status is Status.TIMED_OUT


@pytest.mark.parametrize("limit", [30_000, 60_000, 60_001, HOUR])
def test_schedule_to_start_ends_a_task_nobody_took_and_counts_no_attempt(limit: int) -> None:
    task = advance_exactly_to(samples.ready(schedule_to_start_ms=limit), NOW + limit)
    assert (task.status, task.attempts) == (Status.TIMED_OUT, 0)
    assert task.error is not None and task.error["code"] == "schedule_to_start_timeout"


@pytest.mark.parametrize("begun", [False, True])
def test_start_to_close_counts_from_the_lease_however_much_progress_there_is(begun: bool) -> None:
    held = samples.leased(start_to_close_ms=10_000)
    held = transitions.progressed(held, NOW + 9_000, 90) if begun else held
    task = advance_exactly_to(held, NOW + 10_000)
    assert (task.status, task.attempts, task.run_at) == (Status.PENDING, 1, NOW + 11_000)
    assert task.error == {"code": "start_to_close_timeout", "message": "The attempt took longer than 10 s"}


def test_a_silent_task_times_out_exactly_one_heartbeat_after_its_last_word() -> None:
    held = transitions.progressed(samples.leased(heartbeat_ms=5_000), NOW + 4_000)
    task = advance_exactly_to(held, NOW + 9_000)
    assert (task.attempts, (task.error or {})["code"]) == (1, "heartbeat_timeout")


def test_a_lease_that_was_not_delivered_is_given_back_without_a_counted_attempt() -> None:
    task = advance_exactly_to(samples.leased(needs_handover=True), NOW + HANDOVER_GUARD_MS)
    assert (task.is_ready, task.attempts, task.error) == (True, 0, None)


@pytest.mark.parametrize(("state", "attempts"), [("ready", 0), ("sleeping", 0), ("leased", 1), ("running", 1)])
def test_the_total_time_ends_a_task_in_any_state(state: str, attempts: int) -> None:
    makers = {
        "ready": samples.ready,
        "sleeping": samples.sleeping,
        "leased": samples.leased,
        "running": samples.running,
    }
    task = advance_exactly_to(makers[state](deadline=NOW + 20_000), NOW + 20_000)
    assert (task.status, task.attempts, (task.error or {})["code"]) == (Status.TIMED_OUT, attempts, "total_timeout")


def test_the_total_time_goes_before_every_other_timeout_of_the_same_moment() -> None:
    held = samples.leased(start_to_close_ms=20_000, heartbeat_ms=20_000, deadline=NOW + 20_000)
    assert (advance_to(held, NOW + 20_000).error or {})["code"] == "total_timeout"


@given(
    close=st.integers(1, 300_000),
    beat=st.none() | st.integers(1, 300_000),
    total=st.integers(1, 300_000),
    needs_handover=st.booleans(),
)
def test_a_lease_wakes_at_the_first_of_its_ends_and_something_is_then_done(
    close: int, beat: int | None, total: int, needs_handover: bool
) -> None:
    held = samples.leased(
        needs_handover=needs_handover, start_to_close_ms=close, heartbeat_ms=beat, deadline=NOW + total
    )
    ends = [close, total, *([beat] if beat else []), *([HANDOVER_GUARD_MS] if needs_handover else [])]
    after = advance_exactly_to(held, NOW + min(ends))
    assert not after.is_held


GIVEN_BACK = transitions.released(samples.leased(), NOW)


@pytest.mark.parametrize("before", [samples.ready(), samples.sleeping(), GIVEN_BACK], ids=["ready", "sleeping", "back"])
def test_what_a_person_begins_is_no_worker_s_and_waits_for_nothing(before: Task) -> None:
    after = transitions.begun_by_person(before, "user_1", LATER)
    assert (after.status, after.person, after.worker_id) == (Status.RUNNING, "user_1", None)
    assert (after.epoch, after.run_at, after.ready_at) == (before.epoch + 1, None, None)
    assert (after.is_held_by_worker, after.wake_at) == (False, after.deadline)
    assert transitions.ready(after, LATER).person is None


def test_a_due_date_is_noticed_once_whoever_holds_the_task_and_again_when_it_is_another() -> None:
    for task in (samples.ready(due_at=LATER), transitions.begun_by_person(samples.ready(due_at=LATER), "user_1", NOW)):
        assert task.wake_at == LATER
        late = advance_to(task, LATER)
        assert (late.overdue, late.status, late.person) == (True, task.status, task.person)
        assert late.wake_at is not None and late.wake_at > LATER
        assert transitions.edited(late, LATER, due_at=LATER).overdue
        again = transitions.edited(late, LATER, due_at=LATER + 7)
        assert (again.overdue, again.wake_at) == (False, LATER + 7)


def test_a_task_that_waits_for_somebody_to_choose_it_is_not_looked_at_until_its_time_is_up() -> None:
    assert samples.ready(manual=True).wake_at == NOW + 24 * HOUR
