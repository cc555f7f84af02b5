"""Tasks that Yardmaster performs itself: they are leased, retried and counted like other tasks."""

from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from chalicelib.domain.changes.effects import Handover
from chalicelib.domain.tasks.task import Holder, Needs, Status, Task
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.engine.dispatch import builtin_execution
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import builtin_worker
from chalicelib.engine.workers import registry as workers
from chalicelib.errors import InvalidRequest, NotConfigured, NotFound, TooLarge, Unavailable, YardmasterError
from chalicelib.providers.performers import registry as performers
from chalicelib.storage.workers import workers as worker_storage
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.world import ORG, World

PERFORMER_POOL = "support"
KIND = "sentiment_analysis"
NEEDS = Needs(frozenset({KIND}))


class Anything(BaseModel):
    """Any payload."""


class FlakyPerformer:
    """A performer that fails as often as the test says."""

    name: ClassVar[str] = "flaky"
    input: ClassVar[type[BaseModel]] = Anything
    failures: ClassVar[int] = 0
    error: ClassVar[YardmasterError | None] = None

    def perform(self, given: Any) -> str:
        if FlakyPerformer.error is not None:
            raise FlakyPerformer.error
        FlakyPerformer.failures -= 1
        if FlakyPerformer.failures >= 0:
            raise RuntimeError("secret of the inside")
        return "done"


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> type[FlakyPerformer]:
    monkeypatch.setattr(
        performers,
        "PERFORMERS",
        {PERFORMER_POOL: {"flaky": "tests.engine.dispatch.test_builtin_execution:FlakyPerformer"}},
    )
    FlakyPerformer.error, FlakyPerformer.failures = None, 0
    return FlakyPerformer


def ask(world: World, kind: str = KIND, **payload: Any) -> Task:
    return world.submit(pool=PERFORMER_POOL, type=kind, capabilities=(kind,), payload=payload)


def delivery(task: Task) -> Handover:
    return Handover(task_id=task.id, epoch=task.epoch, org=ORG, pool=PERFORMER_POOL, worker_id=BUILT_IN)


def lease_task(world: World, **payload: Any) -> Task:
    """Submit a task, and have the dispatcher lease it to the built-in worker."""
    task = ask(world, **payload)
    while world.task(task.id).status is not Status.LEASED:
        assert world.relay("tasks") or world.handle("dispatch")
    return world.task(task.id)


def built_in_worker() -> Any:
    return worker_storage.find(ORG, PERFORMER_POOL, BUILT_IN)


def test_a_task_lives_as_any_other_and_is_counted(world: World) -> None:
    task = ask(world, text="Great service!")
    world.settle()
    done = world.task(task.id)
    assert (done.status, done.worker_id, done.attempts, done.result["sentiment"]) == (
        Status.COMPLETED,
        BUILT_IN,
        0,
        "positive",
    )
    assert [event.kind for event in world.log() if event.subject == task.id] == ["submitted", "leased", "completed"]
    assert (built_in_worker().completed, built_in_worker().leases) == (1, {})


def test_performing_one_costs_two_calls(world: World) -> None:
    task = lease_task(world, text="fine")
    with aws.counting() as calls:
        assert builtin_execution.perform_tasks([delivery(task)]) == [None]
    assert calls == {("DynamoDB", "BatchGetItem"): 1, ("DynamoDB", "TransactWriteItems"): 1}


def test_a_delivery_that_comes_twice_at_once_or_late_counts_once(world: World) -> None:
    task = lease_task(world, text="fine")
    both = run_together([lambda: builtin_execution.perform_tasks([delivery(task)])] * 2)
    assert both == [[None], [None]]
    world.settle()
    assert builtin_execution.perform_tasks([delivery(task)]) == [None]
    assert built_in_worker().completed == 1


def test_a_task_that_was_cancelled_or_leased_again_is_left_alone(world: World) -> None:
    cancelled, old = lease_task(world, text="fine"), lease_task(world, text="good")
    lifecycle.cancel(ORG, cancelled.id)
    lifecycle.release(ORG, old.id, Holder(BUILT_IN, old.epoch))
    assert builtin_execution.perform_tasks([delivery(cancelled), delivery(old)]) == [None, None]
    assert world.task(cancelled.id).status is Status.CANCELLED
    assert world.task(old.id).result is None


@pytest.mark.parametrize(
    ("kind", "payload", "message"),
    [
        (KIND, {"text": 7}, "The data is not what sentiment_analysis needs: text must be a valid string"),
        ("unheard_of", {}, "No built-in performer does unheard_of"),
    ],
)
def test_what_cannot_be_performed_fails_for_good(kind: str, payload: Any, message: str, world: World) -> None:
    task = world.submit(pool=PERFORMER_POOL, type=kind, capabilities=(KIND,), payload=payload)
    world.settle()
    failed = world.task(task.id)
    assert (failed.status, failed.attempts) == (Status.FAILED, 1)
    assert failed.error == {"code": "rejected", "message": message}


def test_a_performer_that_raises_is_tried_again_and_says_nothing_of_its_inside(
    world: World, flaky: type[FlakyPerformer]
) -> None:
    flaky.failures = 1
    task = ask(world, "flaky")
    world.settle()
    waiting = world.task(task.id)
    assert (waiting.status, waiting.attempts) == (Status.PENDING, 1)
    assert waiting.error == {"code": "worker_failed", "message": "flaky failed inside; it is tried again"}
    world.advance(10)
    assert (world.task(task.id).status, world.task(task.id).result) == (Status.COMPLETED, "done")
    assert (built_in_worker().completed, built_in_worker().failed) == (1, 1)


@pytest.mark.parametrize("kind", [InvalidRequest, TooLarge, NotConfigured])
def test_what_a_performer_refuses_fails_for_good_and_says_why(
    world: World, flaky: type[FlakyPerformer], kind: type[YardmasterError]
) -> None:
    flaky.error = kind("The file is no image")
    task = ask(world, "flaky")
    world.settle()
    failed = world.task(task.id)
    assert (failed.status, failed.attempts) == (Status.FAILED, 1)
    assert failed.error == {"code": "rejected", "message": "The file is no image"}


@pytest.mark.parametrize(("retry_after", "rest"), [(5, 5), (None, builtin_execution.UNAVAILABLE_SECONDS)])
def test_a_performer_that_is_unavailable_gives_its_task_back_and_rests(
    world: World, flaky: type[FlakyPerformer], retry_after: int | None, rest: int
) -> None:
    flaky.error = Unavailable("The engine is busy", retry_after=retry_after)
    task = ask(world, "flaky")
    world.settle()
    waiting = world.task(task.id)
    assert (waiting.status, waiting.attempts, waiting.release_reason) == (Status.PENDING, 0, "worker_busy")
    assert "the built-in performer rests until" in str(waiting_for(waiting))
    flaky.error = None
    world.advance(rest - 1)
    assert world.task(task.id).status is Status.PENDING
    world.advance(61)
    assert (world.task(task.id).status, world.task(task.id).attempts) == (Status.COMPLETED, 0)


def test_a_performer_that_always_raises_has_its_attempts_and_no_more(world: World, flaky: type[FlakyPerformer]) -> None:
    flaky.failures = 99
    task = ask(world, "flaky")
    world.advance(180)
    assert (world.task(task.id).status, world.task(task.id).attempts) == (Status.FAILED, 3)
    assert flaky.failures == 96


def test_a_message_that_meets_an_outage_comes_back_and_the_others_do_not(world: World) -> None:
    first, second = lease_task(world, text="good"), lease_task(world, text="bad")
    refused: list[str] = []

    def fail_once(call: aws.Call, send: Any) -> Any:
        if call[1] == "TransactWriteItems" and not refused:
            refused.append(call[1])
            raise OSError("the database is gone")
        return send()

    with aws.interfering(fail_once):
        outcomes = builtin_execution.perform_tasks([delivery(first), delivery(second)])
    assert outcomes[0] is not None
    assert outcomes[1] is None
    assert builtin_execution.perform_tasks([delivery(first)]) == [None]
    assert world.task(first.id).result["sentiment"] == "positive"


def test_a_message_that_is_lost_costs_time_and_no_task(world: World) -> None:
    task = lease_task(world, text="good")
    world.queues.queues.clear()
    world.advance(300)
    assert world.task(task.id).status is Status.COMPLETED


def test_a_pool_with_performers_gets_one_built_in_worker_however_many_passes_run(world: World) -> None:
    results = run_together([lambda: builtin_worker.ensure_builtin_worker(ORG, PERFORMER_POOL, [], [NEEDS])] * 4)
    assert [[worker.id for worker in result] for result in results] == [[BUILT_IN]] * 4
    assert [worker.id for worker in world.workers()] == [BUILT_IN]
    builtin = built_in_worker()
    assert (builtin.capabilities, builtin.max_concurrent, builtin.wake_at) == (
        (KIND,),
        builtin_worker.MAX_CONCURRENT,
        None,
    )
    with aws.counting() as calls:
        assert builtin_worker.ensure_builtin_worker(ORG, PERFORMER_POOL, [builtin], [NEEDS]) == [builtin]
        assert builtin_worker.ensure_builtin_worker(ORG, "processing", [], [NEEDS]) == []
        assert (
            builtin_worker.ensure_builtin_worker(ORG, PERFORMER_POOL, [], [Needs(), Needs(frozenset({"other"}))]) == []
        )
    assert not calls


def test_the_built_in_worker_learns_what_was_added(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    builtin_worker.ensure_builtin_worker(ORG, PERFORMER_POOL, [], [NEEDS])
    monkeypatch.setattr(
        performers,
        "PERFORMERS",
        {PERFORMER_POOL: {"flaky": "tests.engine.dispatch.test_builtin_execution:FlakyPerformer"}},
    )
    [trained] = builtin_worker.ensure_builtin_worker(
        ORG, PERFORMER_POOL, [built_in_worker()], [Needs(frozenset({"flaky"}))]
    )
    assert trained.capabilities == built_in_worker().capabilities == ("flaky",)


def test_the_built_in_worker_never_goes_offline_and_is_not_listed(world: World) -> None:
    ask(world, text="good")
    world.advance(600)
    assert built_in_worker().alive
    assert workers.list_workers(ORG, PERFORMER_POOL) == []
    with pytest.raises(NotFound):
        workers.get(ORG, PERFORMER_POOL, BUILT_IN)
