"""Code tasks for tests, created through the engine."""

from typing import Any

from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.tasks import lifecycle
from tests.support.world import ORG, World

POOL = "codeserver"
BROKEN = Failure(Reason.WORKER_FAILED, "it broke", retryable=False, is_reported=True)


def submit(world: World, language: str = "python", **said: object) -> Task:
    fields: dict[str, object] = {"name": "Write code", "label": language}
    return world.submit(pool=POOL, type="code", **fields | said)


def register_worker(world: World, org: str = ORG, *, runs_tests: bool = False, languages: tuple[str, ...] = ()) -> str:
    """Register a worker that fetches its tasks, and return its id."""
    fields: dict[str, Any] = {
        "endpoints": {},
        "api_key": None,
        "max_concurrent": 50,
        "capabilities": languages,
        "metadata": {"runs_tests": runs_tests},
    }
    worker = world.register("coder", org=org, pool=POOL, **fields)
    world.settle()
    return worker.id


def end(world: World, task: Task, failure: Failure | None = None) -> None:
    """Complete or fail the task as its worker."""
    world.settle()
    held = lifecycle.get(task.org, task.id, POOL)
    assert held.worker_id is not None
    holder = Holder(held.worker_id, held.epoch)
    if failure is None:
        lifecycle.complete(task.org, POOL, task.id, holder, {"code": "pass"})
    else:
        lifecycle.fail(task.org, task.id, holder, failure)
    world.settle()
