"""Background jobs are finished, however often processes die."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from chalicelib.config import settings
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.schedule import wakeups
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.documents.documents import DocumentItem
from tests.support import aws
from tests.support.world import ORG, World

Steps = dict[str, background_jobs.Step]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """The steps of the jobs in this world."""
    known: Steps = {}
    monkeypatch.setattr(wakeups, "JOB_STEPS", known)
    return known


def begin(kind: str = "count", subject: str = "one", **facts: object) -> None:
    dynamodb.commit(background_jobs.create_write(ORG, kind, subject, **facts))


def list_unfinished() -> list[str]:
    """The unfinished jobs, by subject."""
    return [item.body["chore"]["subject"] for item in aws.items(DocumentItem)]


def make_step(turns: int, done: list[Job], meanwhile: Callable[[], object] = lambda: None) -> background_jobs.Step:
    """A step that finishes the job after this many runs."""

    def step(job: Job) -> bool:
        done.append(job)
        meanwhile()
        return len(done) >= turns

    return step


def fail(_: Job) -> bool:
    raise ZeroDivisionError


def test_a_job_runs_at_once_with_its_facts_and_is_then_deleted(world: World, steps: Steps) -> None:
    done: list[Job] = []
    steps["count"] = make_step(3, done)
    begin(subject="proj_1", tags=["a"])
    world.settle()
    assert done == [Job(ORG, "count", "proj_1", {"tags": ["a"]})] * 3
    assert list_unfinished() == []


@contextmanager
def losing_wakeups(world: World) -> Iterator[None]:
    """Drop the relay's wakeup messages."""
    yield
    world.relay("documents", limit=1000)
    world.queues.queues[settings().wakeups_queue].clear()


def test_the_sweep_finds_the_job_whose_wakeup_was_lost(world: World, steps: Steps) -> None:
    done: list[Job] = []
    steps["count"] = make_step(1, done)
    with losing_wakeups(world):
        for number in range(20):
            begin(subject=str(number))
    world.sweep()  # not yet: the wakeup may be on its way
    assert not done
    world.advance(120)
    assert len(done) == 20
    assert list_unfinished() == []


def test_a_long_job_goes_on_in_another_run_and_holds_up_no_other(world: World, steps: Steps) -> None:
    long: list[Job] = []
    short: list[Job] = []
    steps["long"] = make_step(20, long, lambda: world.clock.advance(1))
    steps["short"] = make_step(1, short, lambda: seen.append(len(long)))
    seen: list[int] = []
    begin("long", "long")
    begin("short", "short")
    world.settle()
    assert len(long) == 20
    assert seen[0] <= 2 * background_jobs.RUN_SECONDS
    assert list_unfinished() == []


def wait(world: World, minutes: int) -> None:
    """Let time pass with timely wakeups and without a sweep."""
    for _ in range(minutes):
        world.clock.advance(60)
        world.settle()


def test_a_job_that_fails_stays_is_tried_again_later_and_holds_up_no_other(world: World, steps: Steps) -> None:
    tries: list[int] = []
    done: list[Job] = []

    def raise_defect(_: Job) -> bool:
        tries.append(world.clock.now())
        raise ZeroDivisionError

    steps |= {"broken": raise_defect, "count": make_step(1, done)}
    begin("broken", "broken")
    begin("nobody knows this", "unknown")
    begin()
    world.settle()
    assert (len(tries), len(done)) == (1, 1)
    wait(world, minutes=10)
    assert 3 <= len(tries) <= 20
    assert sorted(list_unfinished()) == ["broken", "unknown"]
    steps |= {"broken": lambda _: True, "nobody knows this": lambda _: True}
    wait(world, minutes=14)
    assert list_unfinished() == []


def test_a_job_that_is_not_due_is_left_alone(world: World, steps: Steps) -> None:
    steps["count"] = fail
    begin()
    world.settle()
    tried: list[Job] = []
    steps["count"] = make_step(1, tried)
    world.rewind("documents", 2)
    world.relay("documents")
    world.handle("wakeups")  # the first message once more
    world.sweep()
    assert not tried


def test_two_runs_of_one_job_at_once_finish_it(world: World, steps: Steps) -> None:
    done: list[Job] = []
    [identifier] = _begin_job()
    steps["count"] = make_step(2, done, lambda: len(done) == 1 and background_jobs.run(identifier, steps))
    background_jobs.run(identifier, steps)
    assert list_unfinished() == []
    world.settle()
    assert len(done) == 2


def _begin_job() -> list[str]:
    begin()
    return [item.id for item in aws.items(DocumentItem)]


def test_what_a_job_costs_besides_its_steps(world: World, steps: Steps) -> None:
    steps["count"] = lambda _: True
    with aws.counting() as calls:
        begin()
        world.settle()
    assert calls.total() == 3  # written, read, removed
    with aws.counting() as calls:
        assert list(background_jobs.find_due(world.clock.now())) == []
    assert calls.total() == 1


def test_what_goes_on_failing_is_tried_ever_more_rarely(world: World, steps: Steps) -> None:
    steps["count"] = fail
    begin()
    waits = []
    for _ in range(6):
        [item] = aws.items(DocumentItem)
        world.clock.advance(max(0, item.body["due_at"] - world.clock.now()) / 1000)
        background_jobs.run(item.id, steps)
        [item] = aws.items(DocumentItem)
        waits.append(item.body["due_at"] - world.clock.now())
    assert item.body["failures"] == 6
    assert max(waits[:1]) <= 10_000 < max(waits[3:])
