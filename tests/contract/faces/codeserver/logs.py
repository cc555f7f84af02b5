"""The log of code tasks, and metrics."""

from chalicelib.domain.statistics.counters import Counts, last_api_hour_rows
from chalicelib.engine.workers import registry
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.statistics import counters
from tests.apis.codeserver import tasks
from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import ORG, World

LIST, GET = "GET /api/logs", "GET /api/logs/{taskId}"
METRICS, TASKS = "GET /api/metrics", "GET /api/metrics/tasks"


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A code task that is completed by a worker who leaves, one that waits for another worker, and counted requests."""
    worker = tasks.register_worker(world)
    tasks.end(world, tasks.submit(world))
    registry.unregister(ORG, tasks.POOL, worker)
    row, _ = last_api_hour_rows(ORG, tasks.POOL, world.clock.now())
    dynamodb.commit(counters.addition_write(row, Counts({"requests": 2, "time_ms": 30, "h9": 2})))
    waiting = tasks.submit(world, capabilities=("quantum",))
    world.settle()
    return {"waiting code task": Resource("Task", waiting.id)}


group = Group(
    build=build,
    on={GET: {"taskId": "waiting code task"}},
    stands_for={"task-uuid": "waiting code task"},
    instants=frozenset({"timestamp"}),
    verbatim=frozenset({"context", "by_language"}),
    decided={
        TASKS: {
            "tasks.avg_duration_seconds": 0.0,
            "tasks.success_rate": 1.0,
            "by_language": {"python": {"total": 60, "completed": 58, "failed": 2}},
        }
    },
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "1001", "ten", "")),
        (LIST, "level", ("warn", "INFO", "")),
        (LIST, "task_id", ("", "x" * 129)),
        (LIST, "from_time", ("yesterday", "", "1969-12-31", "99999-01-01", "12")),
        (METRICS, "metric_type", ("speed", "USAGE", "")),
        (METRICS, "period", ("year", "HOUR", "")),
        (TASKS, "period", ("year", "")),
    ),
)
