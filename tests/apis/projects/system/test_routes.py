"""Health, metrics, status and logs: the org's own measured figures."""

from typing import Any

import pytest

from chalicelib import clock
from chalicelib.apis.projects import api
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.rotation import Rotation
from chalicelib.domain.tasks.task import Holder
from chalicelib.engine.statistics.request_counts import FLUSH_INTERVAL_MS
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.engine.workers.registry import WorkerChange
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import sqs
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import World

HEALTH = {
    "status": "healthy",
    "timestamp": "2026-01-01T12:00:00Z",
    "uptime": int,
    "version": str,
    "environment": "development",
    "services": {
        "database": {"status": "healthy", "latency": float, "connections": int},
        "redis": {"status": "healthy", "latency": float, "memory": str},
        "agents": {"status": "healthy", "total": 1, "available": 0, "busy": 1},
    },
    "metrics": {"activeTasks": 1, "completedToday": 1, "averageResponseTime": float, "errorRate": 0.0},
}


@pytest.fixture
def client(world: World) -> Client:
    return Client(api, conformance(api))


def call(client: Client, name: str, role: str = "admin", **query: Any) -> Reply:
    text = "&".join(f"{key}={value}" for key, value in query.items())
    return client.get(f"/api/v1/system/{name}?{text}", token=token(role, plan="enterprise"))


def get_data(client: Client, name: str, **query: Any) -> Any:
    reply = call(client, name, **query)
    assert reply.status == 200, reply.text
    return reply.json["data"]


def start_busy_agent(world: World) -> str:
    """Let an agent complete a task, fail one permanently, and work on a third. Returns its id."""
    worker = world.register(pool="projects", id_prefix="agent")
    for ending in ("completed", "failed", None):
        task = world.submit(pool="projects")
        world.settle()
        if ending == "completed":
            lifecycle.complete("acme", "projects", task.id, Holder(worker.id), {})
        elif ending == "failed":
            lifecycle.fail("acme", task.id, Holder(worker.id), reported_failure("no", retryable=False))
        else:
            lifecycle.release("acme", task.id, Holder(worker.id), None)
    world.settle()
    return worker.id


def has_shape(actual: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return list(actual) == list(wanted) and all(has_shape(actual[name], wanted[name]) for name in wanted)
    return type(actual) is wanted if isinstance(wanted, type) else actual == wanted


def test_health_is_the_org_s_own_and_measured(world: World, client: Client) -> None:
    start_busy_agent(world)
    found = get_data(client, "health")
    assert has_shape(found, HEALTH), found
    assert call(client, "health", "user").status == 200
    stranger = client.get("/api/v1/system/health", token=token(org="umbra")).json["data"]
    assert stranger["services"]["agents"]["total"] == stranger["metrics"]["activeTasks"] == 0


def test_a_queue_that_does_not_answer_is_reported(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_unavailable(queue: str) -> int:
        raise Unavailable(f"{queue} cannot be reached")

    monkeypatch.setattr(sqs, "depth", raise_unavailable)
    found = get_data(client, "health")
    assert (found["status"], found["services"]["redis"]["status"]) == ("unhealthy", "unhealthy")
    parts = {one["name"]: one["status"] for one in get_data(client, "status")["components"]}
    assert parts == {"database": "healthy", "queue": "unhealthy", "agents": "healthy", "tasks": "healthy"}


def test_without_any_agent_there_tasks_that_agents_hold_are_a_bad_sign(world: World, client: Client) -> None:
    agent = start_busy_agent(world)
    registry.update("acme", "projects", agent, WorkerChange(rotation=Rotation.CLOSED))
    assert get_data(client, "health")["status"] == "degraded"
    world.advance(400)
    task = world.submit(pool="projects", manual=True)
    lifecycle.change("acme", task.id, lambda found: transitions.begun_by_person(found, "user_ada", clock.now()))
    world.settle()
    assert get_data(client, "health")["status"] == "healthy"  # nothing is held any more, but by a person
    assert get_data(client, "metrics")["agents"] == {"available": 0, "busy": 0, "offline": 1, "error": 0}


def test_metrics_are_of_today_and_of_the_last_hours(world: World, client: Client) -> None:
    start_busy_agent(world)
    call(client, "nowhere")
    world.clock.advance(FLUSH_INTERVAL_MS / 1000)
    call(client, "logs", limit=0)
    metrics = get_data(client, "metrics")
    tasks_ = metrics["tasks"]
    assert (tasks_["pending"], tasks_["active"], tasks_["completedToday"], tasks_["failedToday"]) == (0, 1, 1, 1)
    assert (tasks_["createdToday"], tasks_["successRate"]) == (3, 0.5)
    assert (metrics["requests"]["total"], metrics["requests"]["invalid"]) == (1, 1)


def test_logs_are_filtered_by_level_service_and_time(world: World, client: Client) -> None:
    start_busy_agent(world)
    call(client, "logs", limit=0)
    lines = get_data(client, "logs")
    assert {line["service"] for line in lines} == {"api", "tasks", "agents"}
    assert [line["level"] for line in get_data(client, "logs", level="error")] == ["error"]
    refused = get_data(client, "logs", service="api")
    assert [line["details"]["status"] for line in refused] == [422]
    world.clock.advance(60)
    since = clock.utc(clock.now() - 30_000).isoformat().replace("+00:00", "Z")
    assert get_data(client, "logs", since=since) == []
    assert get_data(client, "logs", since="2026-01-01") == lines
    assert len(get_data(client, "logs", limit=2)) == 2


@pytest.mark.parametrize(
    "query", [{"level": "fatal"}, {"limit": 0}, {"limit": 1001}, {"since": "2020-01-01T00:00:00Z"}, {"since": "noon"}]
)
def test_a_filter_that_makes_no_sense_is_refused(client: Client, query: dict[str, Any]) -> None:
    reply = call(client, "logs", **query)
    assert reply.status == 422
    assert list(reply.json["error"]["details"]) == list(query)


def test_logs_are_for_administrators(client: Client) -> None:
    assert call(client, "logs", "user").status == 403
