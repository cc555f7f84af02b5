"""The main job: real servers and tasks, one server is killed, and no task is lost."""

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from tests.system.conftest import QUICK
from tests.system.servers import server
from tests.system.stack import Caller, Stack, stack, wait_until

TASKS = 60


def test_no_task_is_lost_when_a_server_is_killed() -> None:
    with stack(LOG_LEVEL="CRITICAL", **QUICK) as yard, ExitStack() as running:
        admin, user = yard.caller("admin"), yard.caller("user")
        kept = [running.enter_context(server(admin, mode, seconds=0.4)) for mode in ("sync", "async")]
        victim = running.enter_context(server(admin, "async", seconds=3.0))
        tasks = submit_tasks(yard)
        wait_until(lambda: count_completed(admin), lambda count: count >= TASKS // 4)
        assert count_held(admin, victim.id), "there is nothing to lose"
        victim.process.send_signal(signal.SIGKILL)
        wait_until(lambda: count_ended(admin), lambda count: count >= TASKS)
        ends = read_tasks(user, tasks)
        assert Counter(task["status"] for task in ends) == {"COMPLETED": TASKS}
        assert [task["result"]["echo"]["number"] for task in ends] == list(range(TASKS))
        require_statistics_agree(admin, ends, [found.id for found in (*kept, victim)])


def submit_tasks(yard: Stack) -> list[str]:
    user = yard.caller("user")

    def submit(number: int) -> str:
        return user.submit(priority=number % 10, payload={"number": number}, maxAttempts=10)

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(submit, range(TASKS)))


def count_held(admin: Caller, server_id: str) -> int:
    balance = admin.json("GET", "/api/stats/load-balancer")
    return int(balance["serverDistribution"][server_id]["activeTasks"])


def read_tasks(user: Caller, tasks: list[str]) -> list[Any]:
    return [user.task(identifier) for identifier in tasks]


def count_completed(admin: Caller) -> int:
    return int(admin.json("GET", "/api/stats/tasks")["successfulTasks"])


def count_ended(admin: Caller) -> int:
    day = admin.json("GET", "/api/stats/tasks")
    return int(day["successfulTasks"] + day["failedTasks"])


def require_statistics_agree(admin: Caller, ends: list[Any], servers: list[str]) -> None:
    day = wait_until(lambda: admin.json("GET", "/api/stats/tasks"), lambda found: found["successfulTasks"] == TASKS)
    assert (day["totalTasks"], day["pendingTasks"], day["failedTasks"]) == (TASKS, 0, 0)
    hours = admin.json("GET", "/api/stats/hourly")["hours"]
    assert sum(hour["created"] for hour in hours) == sum(hour["completed"] for hour in hours) == TASKS
    by_server = Counter(task["serverId"] for task in ends)
    for identifier in servers:
        assert admin.json("GET", f"/api/stats/servers/{identifier}")["successCount"] == by_server[identifier]
    balance = wait_until(
        lambda: admin.json("GET", "/api/stats/load-balancer"), lambda found: not found["totalActiveTasks"]
    )
    assert set(balance["serverDistribution"]) == set(servers)


def test_an_idle_stack_hands_a_task_over_at_once(yard: Stack) -> None:
    admin, user = yard.caller("admin", org="idle"), yard.caller("user", org="idle")
    with server(admin, "sync"):
        ends = []
        for _ in range(5):
            created = user.json("POST", "/api/task", {"type": "t", "priority": 1})
            ends.append(wait_until(lambda i=created["id"]: user.task(i), lambda task: task["status"] == "COMPLETED"))
        waits = [task["startedAt"] - task["createdAt"] for task in ends]
        spans = [task["finishedAt"] - task["createdAt"] for task in ends]
    assert min(waits) < 500, waits
    assert min(spans) < 1000, spans


def test_waiting_for_a_task_returns_it_finished_and_delays_nobody(yard: Stack) -> None:
    admin, user = yard.caller("admin", org="waiting"), yard.caller("user", org="waiting")
    task = {"type": "t", "priority": 1, "async": False, "payload": {"number": 7}}
    with server(admin, "pairs"), ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: user.post("/api/task", task), range(2)))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.json()["status"] for answer in answers] == ["COMPLETED", "COMPLETED"]
    assert answers[0].json()["result"]["echo"] == {"number": 7}
