"""Metrics over HTTP: measured or null."""

from chalicelib.engine.usage import ledger
from tests.apis.codeserver import tasks
from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.aws import counting
from tests.support.client import token
from tests.support.world import ORG


def test_requests_are_measured_as_they_are_answered(codeserver_api: CodeserverApi) -> None:
    before = codeserver_api.call("GET", "/api/metrics")
    assert before["metrics"] == {
        "total_requests": 0,
        "successful_requests": 0,
        "failed_requests": 0,
        "avg_response_time_ms": None,
        "p99_response_time_ms": None,
    }
    assert (before["period"], before["timestamp"]) == ("hour", "2026-01-01T12:00:00.000000")
    for path in ("/api/sessions", "/api/conversations", "/api/conversations/nowhere", "/api/logs?limit=0"):
        codeserver_api.request("GET", path)
    measured = codeserver_api.call("GET", "/api/metrics?metric_type=performance&period=day")["metrics"]
    assert [measured[f"{name}_requests"] for name in ("total", "successful", "failed")] == [5, 3, 2]
    assert measured["avg_response_time_ms"] is not None
    assert measured["p99_response_time_ms"] is not None
    errors = codeserver_api.call("GET", "/api/metrics?metric_type=errors&period=week")["metrics"]
    assert (errors["refused_requests"], errors["invalid_requests"], errors["server_errors"]) == (2, 1, 0)
    assert errors["error_rate"] == round(2 / 6, 4)


def test_what_another_org_or_nobody_asks_is_not_counted(codeserver_api: CodeserverApi) -> None:
    codeserver_api.request("GET", "/api/sessions", token=token(org="umbra"))
    codeserver_api.request("GET", "/api/sessions", token="garbage")
    codeserver_api.request("GET", "/health", token=None)
    assert codeserver_api.call("GET", "/api/metrics")["metrics"]["total_requests"] == 0


def test_tasks_are_counted_by_language(codeserver_api: CodeserverApi) -> None:
    world = codeserver_api.world
    empty = codeserver_api.call("GET", "/api/metrics/tasks")
    assert empty["tasks"] == {
        "total": 0,
        "completed": 0,
        "failed": 0,
        "pending": 0,
        "avg_duration_seconds": None,
        "success_rate": None,
    }
    assert empty["by_language"] == {}
    tasks.register_worker(world)
    for language, failure in (("python", None), ("python", tasks.BROKEN), ("go", None)):
        task = tasks.submit(world, language)
        world.settle()
        world.clock.advance(3)
        tasks.end(world, task, failure)
    tasks.submit(world, "java", capabilities=("java",))
    world.settle()
    shown = codeserver_api.call("GET", "/api/metrics/tasks")
    assert shown["tasks"] == {
        "total": 4,
        "completed": 2,
        "failed": 1,
        "pending": 1,
        "avg_duration_seconds": 3.0,
        "success_rate": 0.667,
    }
    assert shown["by_language"] == {
        "go": {"total": 1, "completed": 1, "failed": 0},
        "java": {"total": 1, "completed": 0, "failed": 0},
        "python": {"total": 2, "completed": 1, "failed": 1},
    }
    usage = codeserver_api.call("GET", "/api/metrics?metric_type=usage&period=month")["metrics"]
    assert (usage["tasks_created"], usage["tasks_completed"], usage["working_seconds"]) == (4, 2, 6.0)
    assert [usage[name] for name in ("model_calls", "tokens_in", "tokens_out", "cost_usd")] == [0, 0, 0, 0]
    hour = codeserver_api.call("GET", "/api/metrics?metric_type=usage")["metrics"]
    assert [hour[name] for name in ("model_calls", "tokens_in", "tokens_out", "cost_usd")] == [None] * 4
    errors = codeserver_api.call("GET", "/api/metrics?metric_type=errors")["metrics"]
    assert (errors["tasks_failed"], errors["attempts_retried"]) == (1, 0)
    world.clock.advance(3_600)
    assert codeserver_api.call("GET", "/api/metrics/tasks")["tasks"]["total"] == 0
    assert codeserver_api.call("GET", "/api/metrics/tasks?period=day")["tasks"]["total"] == 4


def test_calls_of_models_are_part_of_the_usage(codeserver_api: CodeserverApi) -> None:
    ledger.record(ORG, "call 2", "clever", 10, 2, None)
    path = "/api/metrics?metric_type=usage&period=day"
    assert codeserver_api.call("GET", path)["metrics"]["cost_usd"] is None, "a price that is not known is not 0"
    ledger.record(ORG, "call 1", "clever", 100, 20, 1_500_000)
    usage = codeserver_api.call("GET", path)["metrics"]
    assert [usage[name] for name in ("model_calls", "tokens_in", "tokens_out", "cost_usd")] == [2, 110, 22, 1.5]


def test_requests_cost_no_more_than_their_budgets(codeserver_api: CodeserverApi) -> None:
    for path, budget in (
        ("/api/metrics", 2),
        ("/api/metrics?metric_type=usage&period=day", 5),
        ("/api/metrics/tasks", 3),
    ):
        with counting() as calls:
            codeserver_api.call("GET", path)
        assert calls.total() == budget, (path, dict(calls))
