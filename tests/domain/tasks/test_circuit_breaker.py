from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import backoff
from chalicelib.domain.tasks import circuit_breaker
from tests.domain.samples import NOW, worker

SILENT = worker(last_heartbeat_at=NOW - 1)


def test_a_hand_over_that_did_not_arrive_suspends_the_worker_for_a_second() -> None:
    after = circuit_breaker.unreached(worker(wake_at=NOW + 90_000), NOW)
    assert (after.unreached, after.unreached_since) == (1, NOW)
    assert (after.suspended_until, after.wake_at) == (NOW + 1_000, NOW + 1_000)
    assert not after.can_take_tasks(NOW) and not after.can_take_tasks(NOW + 1_000)  # nothing before it was probed
    assert not after.is_trusted


def test_several_at_once_count_as_one() -> None:
    once = circuit_breaker.unreached(worker(), NOW)
    assert circuit_breaker.unreached(once, NOW + 999) is once
    assert circuit_breaker.unreached(once, NOW + 1_000).unreached == 2


@pytest.mark.parametrize(("alive", "longest"), [(True, 60_000), (False, 900_000)])
def test_pauses_double_up_to_a_longest(alive: bool, longest: int) -> None:
    current, now = worker(alive=alive), NOW
    for number in range(14):
        current = circuit_breaker.unreached(replace(current, wake_at=None), now)
        assert current.suspended_until == now + min(longest, 1_000 * 2**number)
        now = current.suspended_until
        assert current.unreached_since == NOW


def test_after_three_it_is_gone_unless_it_was_heard_of_since_the_first() -> None:
    current, now = SILENT, NOW
    for number in (1, 2, 3):
        assert not circuit_breaker.should_go_offline(current)
        current = circuit_breaker.unreached(current, now)
        assert current.unreached == number
        now = current.suspended_until or 0
    assert circuit_breaker.should_go_offline(current)
    assert not circuit_breaker.should_go_offline(replace(current, last_heartbeat_at=NOW + 1))


def test_a_probe_that_reached_it_lets_one_task_through_and_an_arrival_all() -> None:
    found = circuit_breaker.answered(circuit_breaker.unreached(worker(max_concurrent=5), NOW))
    assert found.can_take_tasks(NOW) and not found.is_trusted
    tried = circuit_breaker.tried(found, NOW)
    assert tried.suspended_until == NOW + circuit_breaker.TRIAL_MS and not tried.can_take_tasks(NOW + 1)
    arrived = circuit_breaker.reached(tried)
    assert arrived.can_take_tasks(NOW) and arrived.is_trusted
    assert arrived == replace(worker(max_concurrent=5), wake_at=arrived.wake_at)


def test_a_trial_that_does_not_arrive_makes_the_pause_longer() -> None:
    tried = circuit_breaker.tried(circuit_breaker.answered(circuit_breaker.unreached(worker(), NOW)), NOW + 1_000)
    again = circuit_breaker.unreached(tried, NOW + 1_001)
    assert (again.unreached, again.suspended_until, again.on_trial) == (2, NOW + 3_001, False)


def test_who_can_be_reached_is_not_on_trial() -> None:
    assert (
        circuit_breaker.tried(worker(), NOW)
        == circuit_breaker.reached(worker())
        == circuit_breaker.answered(worker())
        == worker()
    )


@given(st.integers(0, 10_000))
def test_pauses_after_failures_begin_with_the_third_and_are_bounded(failures: int) -> None:
    pause = backoff.pause_after_failures_ms(failures)
    assert (pause == 0) == (failures < backoff.SUSPECT_AFTER_FAILURES)
    assert pause <= backoff.pause_after_failures_ms(failures + 1) <= backoff.MAX_PAUSE_MS
