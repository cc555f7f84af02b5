"""A day of the code server API's log and metrics."""

from chalicelib.apis import codeserver
from tests.apis.codeserver import tasks
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.world import World


def run(watch: Watch, world: World) -> None:
    """Complete a code task; read its log and the metrics, with the counted requests."""
    client = Client(watch, codeserver.api)
    tasks.register_worker(world)
    task = tasks.submit(world)
    tasks.end(world, task)
    client("GET", "/api/logs")
    client("GET", "/api/logs", query={"task_id": task.id})
    client("GET", "/api/logs/{taskId}", taskId=task.id)
    for metric_type in ("performance", "usage", "errors"):
        world.clock.advance(15)
        client("GET", "/api/metrics", query={"metric_type": metric_type, "period": "day"})
    client("GET", "/api/metrics/tasks")
