"""A day of survey sessions: one at a time on each platform, and people are notified of their ends."""

from dataclasses import replace

from chalicelib.apis import coordinator, surveys
from chalicelib.config import settings
from chalicelib.engine.tasks import concurrency_limits, lifecycle
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.workers import concurrency_limits as permit_storage
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.messengers import messengers
from tests.support.world import ORG, World

SESSION = {"platform": "mturk", "account_id": "a-1", "notify": ["telegram"]}


def run(watch: Watch, world: World) -> None:
    """Two sessions of one platform, with a notification of each end; then the same again after a death."""
    messengers(world)
    client, workers = Client(watch, surveys.api), Client(watch, coordinator.api)
    use_many_keys()
    said = {"name": "one", "type": "survey", "capabilities": ["survey:mturk"]}
    worker = workers("POST", "/api/workers", said)["id"]
    sessions = [client("POST", "/api/start", SESSION)["session_id"] for _ in range(2)]
    world.settle()
    for path in ("/health", "/api/platforms", "/api/status"):
        client("GET", path)
    for lost in (False, True):
        [held] = {one for one in sessions if world.task(one).is_held}
        workers("PUT", "/api/tasks/{task_id}/complete", {"result": None}, task_id=held)
        end(world, lost)
        lifecycle.change(ORG, held, lambda task: replace(task, version=task.version + 1, wake_at=world.clock.now()))
        end(world, lost)
    workers("DELETE", "/api/workers/{worker_id}", worker_id=worker)
    world.settle()


def end(world: World, lost: bool) -> None:
    """A wakeup notifies people of a session's end, or the sweep if the wakeup is lost."""
    for _ in range(4 if lost else 0):
        world.relay("tasks", limit=1000)
        world.queues.queues[settings().wakeups_queue].clear()
        world.advance(60, settle=False)
    world.settle()


def use_many_keys() -> None:
    """Use more keys of concurrency limits than a pool keeps."""
    for number in range(concurrency_limits.MAX_IDLE_KEYS + 1):
        said = (ORG, "coordinator", f"k{number}")
        dynamodb.commit(permit_storage.acquire_write(*said, 1, "task_gone"))
        dynamodb.commit(permit_storage.release_write(*said, "task_gone"))
