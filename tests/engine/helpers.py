"""Helpers that several tests of the engine share."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.errors import YardmasterError
from tests.support.world import ORG, POOL, World

Outcome = Any


def run_together(work: list[Callable[[], Any]]) -> list[Outcome]:
    """Run each piece of work in a thread of its own. Returns each result, or the error that was raised."""
    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(_outcome, work))


def _outcome(work: Callable[[], Any]) -> Outcome:
    try:
        return work()
    except YardmasterError as error:
        return error


def pull(world: World, name: str = "puller", **said: Any) -> Worker:
    """Register a worker that is not called: it reports when the test says so."""
    return world.register(name, **({"endpoints": {}} | said))


def send_heartbeat(worker: Worker, *receipts: str, health: Health = Health.HEALTHY) -> Worker:
    return registry.record_heartbeat(ORG, POOL, worker.id, Heartbeat(health, receipts=receipts))


def holder(task: Task) -> Holder:
    assert task.worker_id is not None
    return Holder(task.worker_id, task.epoch)


def complete(task: Task, result: Any = None, by: Holder | None = None) -> None:
    lifecycle.complete(ORG, POOL, task.id, by or holder(task), result)


def hand_over_task(world: World, **said: Any) -> Task:
    """Submit a task, and hand it to the only worker."""
    task = world.submit(**said)
    world.settle()
    return world.task(task.id)
