"""The figures, of today and of other days, against what really happened."""

from typing import Any

import pytest

from chalicelib.functions import schedules
from tests.apis.processing.conftest import Desk

PATHS = ("/api/stats/tasks", "/api/stats/hourly", "/api/stats/servers/{id}")
TODAY, TOMORROW, YESTERDAY = "2026-01-01", "2026-01-02", "2025-12-31"
ZERO = {"created": 0, "completed": 0, "failed": 0, "averageTime": 0}


def get(desk: Desk, path: str) -> Any:
    reply = desk.client.get(path, token=desk.user)
    assert reply.status == 200, reply.text
    return reply.json


def worked(desk: Desk) -> tuple[str, str]:
    """Two servers; in the first hour 2 completed, 1 failed for good, 1 retried by hand; in the next 1 completed."""
    one = desk.register("one", maxConcurrent=10, capabilities=["one"])
    two = desk.register("two", maxConcurrent=10, capabilities=["two"])
    for seconds in (10, 20):
        task_id = desk.submit(capabilities=["one"])
        desk.world.clock.advance(seconds)
        desk.report(task_id)
    failed = desk.submit(capabilities=["two"], maxAttempts=1)
    desk.report(failed, "FAILED")
    desk.world.settle()
    desk.client.post(f"/api/task/{failed}/retry", token=desk.user)
    desk.world.settle()
    desk.world.clock.advance(3600 - 30)
    for server in (one, two):
        desk.beat(server)
    desk.world.clock.advance(6)
    desk.report(failed)
    desk.submit(capabilities=["nobody has"])
    desk.world.settle()
    return one, two


def test_todays_figures(desk: Desk) -> None:
    one, two = worked(desk)
    found = get(desk, "/api/stats/tasks")
    trend = found.pop("hourlyTrend")
    assert found == {
        "totalTasks": 4,
        "pendingTasks": 1,
        "successfulTasks": 3,
        "failedTasks": 1,
        "retriedTasks": 1,
        "averageProcessingTime": (10_000 + 20_000 + 3_576_000) // 3,
        "serverCount": 2,
        "topServers": [
            {"serverId": name, "tasksProcessed": 2, "successRate": rate}
            for name, rate in sorted([(one, 1.0), (two, 0.5)])
        ],
    }
    assert trend == [{"hour": hour, "tasks": {12: 3, 13: 1}.get(hour, 0)} for hour in range(24)]
    assert get(desk, f"/api/stats/tasks?date={TODAY}") == found | {"hourlyTrend": trend}


def test_the_hourly_report_has_24_rows_which_add_up(desk: Desk) -> None:
    worked(desk)
    report = get(desk, "/api/stats/hourly")
    assert report["date"] == TODAY
    rows = {
        12: {"created": 3, "completed": 2, "failed": 1, "averageTime": 15_000},
        13: {"created": 1, "completed": 1, "failed": 0, "averageTime": 3_576_000},
    }
    assert report["hours"] == [{"hour": hour, **rows.get(hour, ZERO)} for hour in range(24)]


def test_a_servers_day(desk: Desk) -> None:
    one, two = worked(desk)
    assert get(desk, f"/api/stats/servers/{two}") == {
        "serverId": two,
        "tasksProcessed": 2,
        "successCount": 1,
        "failureCount": 1,
        "successRate": 0.5,
        "averageProcessingTime": 3_576_000,
        "uptime": round(3606 / (13 * 3600 + 6), 4),
    }
    assert get(desk, f"/api/stats/servers/{one}")["successRate"] == 1


def test_figures_equal_a_recount_before_and_after_the_rollups(desk: Desk) -> None:
    worked(desk)
    tasks = desk.world.tasks()
    before = {path: get(desk, path) for path in PATHS[:2]}
    assert before[PATHS[0]]["totalTasks"] == len(tasks)
    assert before[PATHS[0]]["pendingTasks"] == sum(task.status == "pending" for task in tasks)
    assert before[PATHS[0]]["successfulTasks"] == sum(task.status == "completed" for task in tasks)
    for _ in range(2):
        desk.world.clock.advance(3600)
        schedules.handle_hourly_rollup()
        assert {path: get(desk, path) for path in PATHS[:2]} == before

    desk.world.clock.advance(10 * 3600)
    for _ in range(2):
        schedules.handle_daily_rollup()
        assert {path: get(desk, f"{path}?date={TODAY}") for path in PATHS[:2]} == before


def test_a_day_without_anything(desk: Desk) -> None:
    server = desk.register()
    task_id = desk.submit()
    desk.report(task_id)
    desk.world.settle()
    for day in (YESTERDAY, TOMORROW, "2020-02-29", "0001-01-01", "9999-12-31"):
        found = get(desk, f"/api/stats/tasks?date={day}")
        assert (found["totalTasks"], found["topServers"], len(found["hourlyTrend"])) == (0, [], 24)
        report = get(desk, f"/api/stats/hourly?date={day}")
        assert (report["date"], len(report["hours"])) == (day, 24)
        assert all(row == {"hour": hour, **ZERO} for hour, row in enumerate(report["hours"]))
        one = get(desk, f"/api/stats/servers/{server}?date={day}")
        assert (one["tasksProcessed"], one["uptime"]) == (0, 0)


def test_yesterdays_figures_stay_when_the_day_is_over(desk: Desk) -> None:
    server = desk.register()
    desk.report(desk.submit())
    waiting = desk.submit(capabilities=["nobody has"])
    desk.world.settle()
    desk.world.clock.advance(24 * 3600)
    schedules.handle_daily_rollup()
    assert get(desk, "/api/stats/tasks")["totalTasks"] == 0
    assert get(desk, "/api/stats/tasks")["pendingTasks"] == 1
    old = get(desk, f"/api/stats/tasks?date={TODAY}")
    assert (old["totalTasks"], old["successfulTasks"], old["pendingTasks"]) == (2, 1, 1)
    desk.client.post(f"/api/task/{waiting}/cancel", token=desk.user)
    desk.world.settle()
    assert get(desk, f"/api/stats/tasks?date={TODAY}")["pendingTasks"] == 1, "as it was when the day ended"
    assert get(desk, f"/api/stats/servers/{server}?date={TODAY}")["tasksProcessed"] == 1


NO_DATES = (
    *("2024-13-01", "2024-02-30", "2023-02-29", "2024-1-1", "20240101", "2024-01-01T00:00:00Z", "today", ""),
    *("%202024-01-01", "2024-01-01%0A", "10000-01-01", "0000-01-01", "-024-01-01", "1704556800000"),
    "%D9%A2%D9%A0%D9%A2%D9%A4-01-01",  # Arabic digits
)


@pytest.mark.parametrize("path", PATHS)
def test_a_date_that_is_none_is_refused(path: str, desk: Desk) -> None:
    url = path.replace("{id}", desk.register())
    for date in NO_DATES:
        reply = desk.client.get(f"{url}?date={date}", token=desk.user)
        assert (reply.status, reply.json["error"]) == (400, "Invalid request"), date
        assert reply.json["details"].startswith("date: ")


def test_at_most_ten_servers_are_at_the_top_the_busiest_first(desk: Desk) -> None:
    for number in range(11):
        desk.register(f"s{number}", capabilities=[f"c{number}"], maxConcurrent=20)
        for _ in range(1 + number % 2):
            desk.report(desk.submit(capabilities=[f"c{number}"]))
        desk.world.clock.advance(6)
    desk.world.settle()
    top = get(desk, "/api/stats/tasks")["topServers"]
    assert [row["tasksProcessed"] for row in top] == [2] * 5 + [1] * 5


def test_a_removed_servers_figures_stay(desk: Desk) -> None:
    server = desk.register()
    desk.report(desk.submit())
    desk.world.settle()
    desk.client.delete(f"/api/servers/{server}", token=desk.admin)
    desk.world.settle()
    assert get(desk, f"/api/stats/servers/{server}")["tasksProcessed"] == 1
    assert get(desk, "/api/stats/tasks")["serverCount"] == 0
    assert get(desk, "/api/stats/tasks")["topServers"][0]["serverId"] == server
