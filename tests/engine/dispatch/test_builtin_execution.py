"""Tasks that the world performs itself: leased, retried and counted as all others are."""

from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from chalicelib.domain.changes.effects import Handover
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.engine.dispatch import builtin_execution
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import builtin_worker
from chalicelib.engine.workers import registry as workers
from chalicelib.errors import NotFound
from chalicelib.providers.performers import registry as performers
from chalicelib.storage.workers import workers as worker_storage
from tests.engine.helpers import together
from tests.support import aws
from tests.support.world import ORG, World

DESK = "support"
KIND = "sentiment_analysis"


class Anything(BaseModel):
    """Whatever is sent."""


class Moody:
    """Fails as often as it is told to."""

    name: ClassVar[str] = "moody"
    input: ClassVar[type[BaseModel]] = Anything
    failures: ClassVar[int] = 0

    def perform(self, given: Any) -> str:
        Moody.failures -= 1
        if Moody.failures >= 0:
            raise RuntimeError("secret of the inside")
        return "done"


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> type[Moody]:
    monkeypatch.setattr(
        performers, "PERFORMERS", {DESK: {"moody": "tests.engine.dispatch.test_builtin_execution:Moody"}}
    )
    return Moody


def ask(world: World, kind: str = KIND, **payload: Any) -> Task:
    return world.submit(pool=DESK, type=kind, capabilities=(kind,), payload=payload)


def delivery(task: Task) -> Handover:
    return Handover(task_id=task.id, epoch=task.epoch, org=ORG, pool=DESK, worker_id=BUILT_IN)


def leased(world: World, **payload: Any) -> Task:
    """A task that the dispatcher has just given to the world."""
    task = ask(world, **payload)
    while world.task(task.id).status is not Status.LEASED:
        assert world.relay("tasks") or world.handle("dispatch")
    return world.task(task.id)


def built_in_worker() -> Any:
    return worker_storage.find(ORG, DESK, BUILT_IN)


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
    task = leased(world, text="fine")
    with aws.counting() as calls:
        assert builtin_execution.perform_tasks([delivery(task)]) == [None]
    assert calls == {("DynamoDB", "BatchGetItem"): 1, ("DynamoDB", "TransactWriteItems"): 1}


def test_a_delivery_that_comes_twice_at_once_or_late_counts_once(world: World) -> None:
    task = leased(world, text="fine")
    both = together([lambda: builtin_execution.perform_tasks([delivery(task)])] * 2)
    assert both == [[None], [None]]
    world.settle()
    assert builtin_execution.perform_tasks([delivery(task)]) == [None]
    assert built_in_worker().completed == 1


def test_a_task_that_was_cancelled_or_given_anew_is_left_alone(world: World) -> None:
    cancelled, old = leased(world, text="fine"), leased(world, text="good")
    lifecycle.cancel(ORG, cancelled.id)
    lifecycle.release(ORG, old.id, Holder(BUILT_IN, old.epoch))
    assert builtin_execution.perform_tasks([delivery(cancelled), delivery(old)]) == [None, None]
    assert world.task(cancelled.id).status is Status.CANCELLED
    assert world.task(old.id).result is None


@pytest.mark.parametrize(
    ("kind", "payload", "message"),
    [
        (KIND, {"text": 7}, "The data is not what sentiment_analysis needs"),
        ("unheard_of", {}, "No built-in performer does unheard_of"),
    ],
)
def test_what_cannot_be_performed_fails_for_good(kind: str, payload: Any, message: str, world: World) -> None:
    task = world.submit(pool=DESK, type=kind, capabilities=(KIND,), payload=payload)
    world.settle()
    failed = world.task(task.id)
    assert (failed.status, failed.attempts) == (Status.FAILED, 1)
    assert failed.error == {"code": "rejected", "message": message}


def test_a_performer_that_raises_is_tried_again_and_says_nothing_of_its_inside(
    world: World, moody: type[Moody]
) -> None:
    moody.failures = 1
    task = ask(world, "moody")
    world.settle()
    waiting = world.task(task.id)
    assert (waiting.status, waiting.attempts) == (Status.PENDING, 1)
    assert waiting.error == {"code": "worker_failed", "message": "moody failed inside; it is tried again"}
    world.advance(10)
    assert (world.task(task.id).status, world.task(task.id).result) == (Status.COMPLETED, "done")
    assert (built_in_worker().completed, built_in_worker().failed) == (1, 1)


def test_a_performer_that_always_raises_has_its_attempts_and_no_more(world: World, moody: type[Moody]) -> None:
    moody.failures = 99
    task = ask(world, "moody")
    world.advance(180)
    assert (world.task(task.id).status, world.task(task.id).attempts) == (Status.FAILED, 3)
    assert moody.failures == 96


def test_one_that_meets_an_outage_comes_back_and_the_others_do_not(world: World) -> None:
    first, second = leased(world, text="good"), leased(world, text="bad")
    refused: list[str] = []

    def outage(call: aws.Call, send: Any) -> Any:
        if call[1] == "TransactWriteItems" and not refused:
            refused.append(call[1])
            raise OSError("the database is gone")
        return send()

    with aws.interfering(outage):
        outcomes = builtin_execution.perform_tasks([delivery(first), delivery(second)])
    assert outcomes[0] is not None
    assert outcomes[1] is None
    assert builtin_execution.perform_tasks([delivery(first)]) == [None]
    assert world.task(first.id).result["sentiment"] == "positive"


def test_a_message_that_is_lost_costs_time_and_no_task(world: World) -> None:
    task = leased(world, text="good")
    world.queues.queues.clear()
    world.advance(300)
    assert world.task(task.id).status is Status.COMPLETED


def test_a_pool_with_performers_is_staffed_once_however_many_look(world: World) -> None:
    crews = together([lambda: builtin_worker.ensure_builtin_worker(ORG, DESK, [])] * 4)
    assert [[worker.id for worker in crew] for crew in crews] == [[BUILT_IN]] * 4
    assert [worker.id for worker in world.workers()] == [BUILT_IN]
    found = built_in_worker()
    assert (found.capabilities, found.max_concurrent, found.wake_at) == ((KIND,), builtin_worker.MAX_CONCURRENT, None)
    with aws.counting() as calls:
        assert builtin_worker.ensure_builtin_worker(ORG, DESK, [found]) == [found]
        assert builtin_worker.ensure_builtin_worker(ORG, "processing", []) == []
    assert not calls


def test_the_built_in_worker_learns_what_was_added(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    builtin_worker.ensure_builtin_worker(ORG, DESK, [])
    monkeypatch.setattr(
        performers, "PERFORMERS", {DESK: {"moody": "tests.engine.dispatch.test_builtin_execution:Moody"}}
    )
    [trained] = builtin_worker.ensure_builtin_worker(ORG, DESK, [built_in_worker()])
    assert trained.capabilities == built_in_worker().capabilities == ("moody",)


def test_the_built_in_worker_never_goes_offline_and_is_nobodys(world: World) -> None:
    ask(world, text="good")
    world.advance(600)
    assert built_in_worker().alive
    assert workers.list_workers(ORG, DESK) == []
    with pytest.raises(NotFound):
        workers.get(ORG, DESK, BUILT_IN)
