"""Waiting for a task's end: limited for each org and process, and ended when the process ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.tasks import completion_wait, lifecycle
from chalicelib.errors import Unavailable
from tests.support import aws
from tests.support.world import ORG, START, World


@pytest.fixture(autouse=True)
def waits_allowed_afterwards() -> Iterator[None]:
    yield
    completion_wait.allow_waits()


def wait_for_end(world: World, task: Task, seconds: float = 20) -> float:
    """Wait for the task's end, and return for how many seconds."""
    began = clock.now()
    completion_wait.wait_until_ended(task, seconds)
    return (clock.now() - began) / clock.SECOND


def act_while_waiting(world: World, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Run this once when a caller begins to wait."""
    sleep, left = world.clock.sleep, [act]

    def sleep_and_act(seconds: float) -> None:
        sleep(seconds)
        if left:
            left.pop()()

    monkeypatch.setattr(world.clock, "sleep", sleep_and_act)


def test_waiting_ends_when_the_task_does_or_the_time_is_up(world: World) -> None:
    task = world.submit()
    assert completion_wait.wait_until_ended(task, 3).status is Status.PENDING
    assert 3_000 <= world.clock.now() - START < 4_100
    before = lifecycle.cancel(ORG, task.id).updated_at
    assert completion_wait.wait_until_ended(task, 3).is_terminal
    assert world.clock.now() == before


def test_whoever_waits_sees_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    task = world.submit()
    act_while_waiting(world, monkeypatch, lambda: lifecycle.cancel(ORG, task.id))
    assert completion_wait.wait_until_ended(task).status is Status.CANCELLED


def test_a_task_that_has_ended_costs_nothing(world: World) -> None:
    task = lifecycle.cancel(ORG, world.submit().id)
    with aws.counting() as counted:
        assert completion_wait.wait_until_ended(task) is task
    assert counted.total() == 0


def test_beyond_so_many_of_an_org_the_answer_is_what_is_so_far_and_other_orgs_wait(world: World) -> None:
    mine, others = world.submit(), world.submit(org="other")
    with ExitStack() as stack:
        for _ in range(completion_wait.MAX_WAITS_PER_ORG):
            assert stack.enter_context(
                long_call_slots.hold_slot(ORG, completion_wait.KIND, completion_wait.MAX_WAITS_PER_ORG, 20)
            )
        assert wait_for_end(world, mine) == 0
        assert wait_for_end(world, others) >= 20
    assert wait_for_end(world, mine) >= 20


def test_beyond_so_many_in_one_process_nobody_waits(world: World) -> None:
    task = world.submit()
    for _ in range(completion_wait.MAX_WAITS_PER_PROCESS):
        completion_wait._process_waits.acquire()
    try:
        with aws.counting() as counted:
            assert wait_for_end(world, task) == 0
        assert counted.total() == 0
    finally:
        completion_wait._process_waits.release(completion_wait.MAX_WAITS_PER_PROCESS)
    assert wait_for_end(world, task) >= 20


def test_a_wait_gives_back_what_it_took(world: World) -> None:
    task = world.submit()
    assert all(
        wait_for_end(world, task, 1) >= 1
        for _ in range(completion_wait.MAX_WAITS_PER_PROCESS + completion_wait.MAX_WAITS_PER_ORG + 1)
    )


def test_at_the_end_of_the_process_all_waits_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    task = world.submit()
    act_while_waiting(world, monkeypatch, completion_wait.stop_waits)
    assert wait_for_end(world, task) <= completion_wait.MAX_PAUSE_SECONDS
    completion_wait.allow_waits()
    assert wait_for_end(world, task) >= 20


def raise_unavailable(*_: Any) -> None:
    raise Unavailable("The database is busy; try again")


def test_a_table_that_does_not_answer_fails_no_accepted_task(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    task = world.submit()
    with aws.interfering(raise_unavailable):
        assert wait_for_end(world, task) == 0, "it gets no slot"
    with ExitStack() as stack:
        act_while_waiting(world, monkeypatch, lambda: stack.enter_context(aws.interfering(raise_unavailable)))
        assert completion_wait.wait_until_ended(task, 3) == task
