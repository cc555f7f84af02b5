"""Health, metrics and channels: each figure is measured."""

import pytest

from chalicelib import config
from chalicelib.engine.statistics import request_counts
from tests.apis.support.conftest import SupportApi
from tests.support.client import answered_request, token


def test_an_idle_deployment_is_healthy_and_has_done_nothing(support_api: SupportApi) -> None:
    shown = support_api.get("/health")
    assert shown["status"] == "healthy"
    assert shown["components"] == {
        "redis": {"status": "up", "latency": "0s"},
        "workers": {"active": 0, "total": 0},
        "queues": {name: {"length": 0, "processing_rate": "0/sec"} for name in ("tasks", "results")},
    }
    assert list(shown["metrics"]) == ["cpu_usage", "memory_usage", "average_response_time"]
    assert all(shown["metrics"][name].endswith("%") for name in ("cpu_usage", "memory_usage"))
    assert 0 < int(shown["metrics"]["memory_usage"].rstrip("%")) <= 100


def test_health_counts_what_waits_what_is_held_and_how_fast_it_moves(support_api: SupportApi) -> None:
    support_api.connect(1, max_tasks=2)
    made = [support_api.submit()["task_id"] for _ in range(5)]
    support_api.wait(300)
    support_api.complete(made[0])
    shown = support_api.get("/health")["components"]
    assert shown["workers"] == {"active": 1, "total": 1}
    assert shown["queues"] == {
        "tasks": {"length": 2, "processing_rate": "0.01/sec"},
        "results": {"length": 2, "processing_rate": "0.003/sec"},
    }


def test_health_is_degraded_while_tasks_wait_and_no_worker_is_connected_or_the_queue_is_full(
    support_api: SupportApi,
) -> None:
    support_api.start(1)
    assert support_api.get("/health")["status"] == "healthy"
    first = support_api.submit()["task_id"]
    shown = support_api.get("/health")
    assert (shown["status"], shown["reasons"][0]) == ("degraded", "Tasks wait while no known worker is connected")
    support_api.connect(1)
    support_api.submit()
    assert (support_api.get("/health")["status"], support_api.get("/health")["reasons"]) == ("healthy", [])
    config.replace(queue_limits={"support": 1})
    shown = support_api.get("/health")
    assert (shown["status"], shown["reasons"]) == ("degraded", ["The queue is full: no more tasks are accepted"])
    support_api.complete(first)


def test_a_type_that_nobody_performs_shows_in_health_until_somebody_does(support_api: SupportApi) -> None:
    support_api.connect(1)
    mistyped = support_api.submit("sentimnet_analysis", text="good")["task_id"]
    shown = support_api.get("/health")
    words = "Tasks of type sentimnet_analysis wait: no connected worker performs them"
    assert (shown["status"], shown["reasons"]) == ("degraded", [words])
    waits = "a live worker that offers sentimnet_analysis: the one registered worker does not"
    assert support_api.get(f"/task/{mistyped}") == {"task_id": mistyped, "status": "queued", "waiting_for": waits}
    support_api.connect(2, types=["sentimnet_analysis"])
    assert (support_api.get("/health")["status"], support_api.get("/health")["reasons"]) == ("healthy", [])
    assert "waiting_for" not in support_api.get(f"/task/{mistyped}")


def test_what_yardmaster_performs_needs_no_worker_to_be_healthy(support_api: SupportApi) -> None:
    task = support_api.submit("sentiment_analysis", settle=False, text="good")["task_id"]
    assert support_api.get(f"/task/{task}")["waiting_for"] == "its turn: the built-in performer has room"
    support_api.world.settle()
    assert (support_api.get(f"/task/{task}")["status"], support_api.get("/health")["reasons"]) == ("completed", [])


def test_metrics_are_shares_percentiles_and_rates_of_what_was_asked(support_api: SupportApi) -> None:
    support_api.connect(1, max_tasks=10)
    for end in ("complete", "complete", "complete", "fail"):
        task_id = support_api.submit()["task_id"]
        support_api.world.clock.advance(2)
        (support_api.complete if end == "complete" else support_api.fail)(task_id)
    for _ in range(4):
        assert support_api.post("/task", {}).status == 400
    shown = support_api.get("/metrics")
    assert shown["error_rates"] == {
        "total": 0.625,
        "by_type": {"timeout": 0.0, "processing": 0.125, "validation": 0.5},
    }
    assert shown["throughput"]["tasks_processed"] == 4
    # One registration, four tasks, four refusals; the clock of the tests moved 8 s into the running five minutes.
    assert shown["throughput"]["requests_per_second"] == round(9 / 308, 2)
    assert all(abs(shown["task_times"][name] - 2_000) <= 400 for name in ("p50", "p95", "p99"))
    assert shown["response_times"] == {"p50": 1, "p95": 1, "p99": 1}
    assert list(shown) == ["response_times", "task_times", "throughput", "error_rates"]


def test_metrics_reach_back_over_the_hour_and_no_further(support_api: SupportApi) -> None:
    support_api.connect(1)
    support_api.complete(support_api.submit()["task_id"])
    processed = []
    for _ in range(3):
        processed.append(support_api.get("/metrics")["throughput"]["tasks_processed"])
        support_api.world.clock.advance(3600)
    assert processed == [1, 1, 0]


def test_a_tenants_figures_are_its_own(support_api: SupportApi) -> None:
    support_api.connect(1)
    support_api.complete(support_api.submit(channel="chat")["task_id"])
    other = token(org="umbra")
    assert support_api.client.get("/metrics", token=other).json["throughput"]["tasks_processed"] == 0
    assert support_api.client.get("/health", token=other).json["components"]["workers"]["total"] == 0
    assert support_api.client.get("/channels", token=other).json["channels"]["chat"]["status"] == "idle"


def test_channels_are_those_of_the_document_and_those_seen(support_api: SupportApi) -> None:
    unused = {"status": "idle", "current_load": 0, "response_time": "0s"}
    assert support_api.get("/channels") == {"channels": {"chat": unused, "voice": unused, "email": unused}}
    support_api.connect(1, max_tasks=1)
    first, second, _ = (support_api.submit(channel=name)["task_id"] for name in ("chat", "fax", "chat"))
    support_api.wait(90)
    support_api.complete(first)
    support_api.wait(30)
    support_api.complete(second)
    assert support_api.get("/channels")["channels"] == {
        "chat": {"status": "active", "current_load": 1, "response_time": "1m 30s"},
        "voice": unused,
        "email": unused,
        "fax": {"status": "active", "current_load": 0, "response_time": "2m"},
    }
    support_api.world.clock.advance(86_400)
    assert support_api.get("/channels")["channels"] == {
        "chat": {"status": "active", "current_load": 1, "response_time": "0s"},
        "voice": unused,
        "email": unused,
        "fax": unused,
    }


@pytest.mark.parametrize("path", ["/metrics", "/health"])
def test_requests_of_all_processes_count_once_each(path: str, support_api: SupportApi) -> None:
    measure = request_counts.request_counter("support")
    for _ in range(3):
        measure(answered_request("acme", 200, 100.0))
    support_api.world.clock.advance(request_counts.FLUSH_INTERVAL_MS / 1000)
    measure(answered_request("acme", 200, 100.0))  # written by this one
    measure(answered_request("acme", 500, 100.0))  # only gathered yet
    request_counts._buffers.clear()  # the process dies with it
    shown = support_api.get(path)
    if path == "/health":
        assert shown["metrics"]["average_response_time"] == "100ms"
    else:
        assert shown["response_times"] == {"p50": 108, "p95": 108, "p99": 108}
        assert shown["throughput"]["requests_per_second"] == round(4 / 310, 2)
