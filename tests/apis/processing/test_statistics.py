"""The statistics of today and of other days, compared with what happened."""

from typing import Any

import pytest

from chalicelib.functions import schedules
from tests.apis.processing.conftest import ProcessingApi

PATHS = ("/api/stats/tasks", "/api/stats/hourly", "/api/stats/servers/{id}")
TODAY, TOMORROW, YESTERDAY = "2026-01-01", "2026-01-02", "2025-12-31"
ZERO = {"created": 0, "completed": 0, "failed": 0, "averageTime": 0}


def get(processing_api: ProcessingApi, path: str) -> Any:
    reply = processing_api.client.get(path, token=processing_api.user)
    assert reply.status == 200, reply.text
    return reply.json


def run_two_hours(processing_api: ProcessingApi) -> tuple[str, str]:
    """Register two servers. In the first hour two tasks are completed, one fails permanently, and one is retried by
    hand; in the next hour one is completed."""
    first = processing_api.register("one", maxConcurrent=10, capabilities=["one"])
    second = processing_api.register("two", maxConcurrent=10, capabilities=["two"])
    for seconds in (10, 20):
        task_id = processing_api.submit(capabilities=["one"])
        processing_api.world.clock.advance(seconds)
        processing_api.report(task_id)
    failed = processing_api.submit(capabilities=["two"], maxAttempts=1)
    processing_api.report(failed, "FAILED")
    processing_api.world.settle()
    processing_api.client.post(f"/api/task/{failed}/retry", token=processing_api.user)
    processing_api.world.settle()
    processing_api.world.clock.advance(3600 - 30)
    for server in (first, second):
        processing_api.beat(server)
    processing_api.world.clock.advance(6)
    processing_api.report(failed)
    processing_api.submit(capabilities=["nobody has"])
    processing_api.world.settle()
    return first, second


def test_todays_figures_are_what_happened(processing_api: ProcessingApi) -> None:
    first, second = run_two_hours(processing_api)
    figures = get(processing_api, "/api/stats/tasks")
    trend = figures.pop("hourlyTrend")
    assert figures == {
        "totalTasks": 4,
        "pendingTasks": 1,
        "successfulTasks": 3,
        "failedTasks": 1,
        "retriedTasks": 1,
        "averageProcessingTime": (10_000 + 20_000 + 3_576_000) // 3,
        "serverCount": 2,
        "topServers": [
            {"serverId": name, "tasksProcessed": 2, "successRate": rate}
            for name, rate in sorted([(first, 1.0), (second, 0.5)])
        ],
    }
    assert trend == [{"hour": hour, "tasks": {12: 3, 13: 1}.get(hour, 0)} for hour in range(24)]
    assert get(processing_api, f"/api/stats/tasks?date={TODAY}") == figures | {"hourlyTrend": trend}


def test_the_hourly_report_has_24_rows_which_add_up(processing_api: ProcessingApi) -> None:
    run_two_hours(processing_api)
    report = get(processing_api, "/api/stats/hourly")
    assert report["date"] == TODAY
    rows = {
        12: {"created": 3, "completed": 2, "failed": 1, "averageTime": 15_000},
        13: {"created": 1, "completed": 1, "failed": 0, "averageTime": 3_576_000},
    }
    assert report["hours"] == [{"hour": hour, **rows.get(hour, ZERO)} for hour in range(24)]


def test_a_servers_day_has_its_own_figures(processing_api: ProcessingApi) -> None:
    first, second = run_two_hours(processing_api)
    assert get(processing_api, f"/api/stats/servers/{second}") == {
        "serverId": second,
        "tasksProcessed": 2,
        "successCount": 1,
        "failureCount": 1,
        "successRate": 0.5,
        "averageProcessingTime": 3_576_000,
        "uptime": round(3606 / (13 * 3600 + 6), 4),
    }
    assert get(processing_api, f"/api/stats/servers/{first}")["successRate"] == 1


def test_figures_equal_a_recount_before_and_after_the_rollups(processing_api: ProcessingApi) -> None:
    run_two_hours(processing_api)
    tasks = processing_api.world.tasks()
    before = {path: get(processing_api, path) for path in PATHS[:2]}
    assert before[PATHS[0]]["totalTasks"] == len(tasks)
    assert before[PATHS[0]]["pendingTasks"] == sum(task.status == "pending" for task in tasks)
    assert before[PATHS[0]]["successfulTasks"] == sum(task.status == "completed" for task in tasks)
    for _ in range(2):
        processing_api.world.clock.advance(3600)
        schedules.handle_hourly_rollup()
        assert {path: get(processing_api, path) for path in PATHS[:2]} == before

    processing_api.world.clock.advance(10 * 3600)
    for _ in range(2):
        schedules.handle_daily_rollup()
        assert {path: get(processing_api, f"{path}?date={TODAY}") for path in PATHS[:2]} == before


def test_another_day_has_zeros(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    task_id = processing_api.submit()
    processing_api.report(task_id)
    processing_api.world.settle()
    for day in (YESTERDAY, TOMORROW, "2020-02-29", "0001-01-01", "9999-12-31"):
        found = get(processing_api, f"/api/stats/tasks?date={day}")
        assert (found["totalTasks"], found["topServers"], len(found["hourlyTrend"])) == (0, [], 24)
        report = get(processing_api, f"/api/stats/hourly?date={day}")
        assert (report["date"], len(report["hours"])) == (day, 24)
        assert all(row == {"hour": hour, **ZERO} for hour, row in enumerate(report["hours"]))
        one = get(processing_api, f"/api/stats/servers/{server}?date={day}")
        assert (one["tasksProcessed"], one["uptime"]) == (0, 0)


def test_yesterdays_figures_stay_when_the_day_is_over(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    processing_api.report(processing_api.submit())
    waiting = processing_api.submit(capabilities=["nobody has"])
    processing_api.world.settle()
    processing_api.world.clock.advance(24 * 3600)
    schedules.handle_daily_rollup()
    assert get(processing_api, "/api/stats/tasks")["totalTasks"] == 0
    assert get(processing_api, "/api/stats/tasks")["pendingTasks"] == 1
    old = get(processing_api, f"/api/stats/tasks?date={TODAY}")
    assert (old["totalTasks"], old["successfulTasks"], old["pendingTasks"]) == (2, 1, 1)
    processing_api.client.post(f"/api/task/{waiting}/cancel", token=processing_api.user)
    processing_api.world.settle()
    assert get(processing_api, f"/api/stats/tasks?date={TODAY}")["pendingTasks"] == 1, "as it was when the day ended"
    assert get(processing_api, f"/api/stats/servers/{server}?date={TODAY}")["tasksProcessed"] == 1


NO_DATES = (
    *("2024-13-01", "2024-02-30", "2023-02-29", "2024-1-1", "20240101", "2024-01-01T00:00:00Z", "today", ""),
    *("%202024-01-01", "2024-01-01%0A", "10000-01-01", "0000-01-01", "-024-01-01", "1704556800000"),
    "%D9%A2%D9%A0%D9%A2%D9%A4-01-01",  # Arabic digits
)


@pytest.mark.parametrize("path", PATHS)
def test_a_date_that_is_none_is_refused(path: str, processing_api: ProcessingApi) -> None:
    url = path.replace("{id}", processing_api.register())
    for date in NO_DATES:
        reply = processing_api.client.get(f"{url}?date={date}", token=processing_api.user)
        assert (reply.status, reply.json["error"]) == (400, "Invalid request"), date
        assert reply.json["details"].startswith("date: ")


def test_at_most_ten_servers_are_at_the_top_the_busiest_first(processing_api: ProcessingApi) -> None:
    for number in range(11):
        processing_api.register(f"s{number}", capabilities=[f"c{number}"], maxConcurrent=20)
        for _ in range(1 + number % 2):
            processing_api.report(processing_api.submit(capabilities=[f"c{number}"]))
        processing_api.world.clock.advance(6)
    processing_api.world.settle()
    top = get(processing_api, "/api/stats/tasks")["topServers"]
    assert [row["tasksProcessed"] for row in top] == [2] * 5 + [1] * 5


def test_a_removed_servers_figures_stay(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    processing_api.report(processing_api.submit())
    processing_api.world.settle()
    processing_api.client.delete(f"/api/servers/{server}", token=processing_api.admin)
    processing_api.world.settle()
    assert get(processing_api, f"/api/stats/servers/{server}")["tasksProcessed"] == 1
    assert get(processing_api, "/api/stats/tasks")["serverCount"] == 0
    assert get(processing_api, "/api/stats/tasks")["topServers"][0]["serverId"] == server
