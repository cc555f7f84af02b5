"""The number of AWS calls of each request: they cost money and time."""

from collections.abc import Callable

import pytest

from tests.apis.coordinator.conftest import RESULT, TASK, CoordinatorApi
from tests.support.aws import counting
from tests.support.client import Reply

Case = tuple[Callable[[CoordinatorApi, str, str], Reply], int]
CASES: dict[str, Case] = {
    "submit": (lambda coordinator_api, *_: coordinator_api.request("POST", "/api/tasks", TASK), 2),
    "get": (lambda coordinator_api, task, _: coordinator_api.request("GET", f"/api/tasks/{task}"), 2),
    "heartbeat": (
        lambda coordinator_api, _, worker: coordinator_api.request("POST", f"/api/workers/{worker}/heartbeat"),
        2,
    ),
    "complete for a worker": (
        lambda coordinator_api, task, worker: coordinator_api.request(
            "PUT", f"/api/tasks/{task}/complete?worker_id={worker}", {"result": RESULT, "error": None}
        ),
        3,
    ),
    "complete": (
        lambda coordinator_api, task, _: coordinator_api.request(
            "PUT", f"/api/tasks/{task}/complete", {"result": RESULT}
        ),
        3,
    ),
    "fail": (
        lambda coordinator_api, task, _: coordinator_api.request(
            "PUT", f"/api/tasks/{task}/complete", {"error": "broken"}
        ),
        3,
    ),
    "list": (lambda coordinator_api, *_: coordinator_api.request("GET", "/api/tasks"), 2),
    "list a status": (lambda coordinator_api, *_: coordinator_api.request("GET", "/api/tasks?status=pending"), 2),
    "list a worker's": (
        lambda coordinator_api, _, worker: coordinator_api.request(
            "GET", f"/api/tasks?worker_id={worker}&status=assigned"
        ),
        3,
    ),
    "start": (lambda coordinator_api, task, _: coordinator_api.request("PUT", f"/api/tasks/{task}/start"), 3),
    "cancel": (lambda coordinator_api, task, _: coordinator_api.request("DELETE", f"/api/tasks/{task}"), 3),
    "assign": (
        lambda coordinator_api, task, worker: coordinator_api.request(
            "PUT", f"/api/tasks/{task}/assign?worker_id={worker}"
        ),
        4,
    ),
    "register": (
        lambda coordinator_api, *_: coordinator_api.request("POST", "/api/workers", {"name": "n", "type": "general"}),
        2,
    ),
    "list workers": (lambda coordinator_api, *_: coordinator_api.request("GET", "/api/workers"), 2),
    "get worker": (lambda coordinator_api, _, worker: coordinator_api.request("GET", f"/api/workers/{worker}"), 2),
    "update worker": (
        lambda coordinator_api, _, worker: coordinator_api.request(
            "PUT", f"/api/workers/{worker}", {"status": "busy", "metadata": {"a": 1}}
        ),
        3,
    ),
    "summary": (lambda coordinator_api, *_: coordinator_api.request("GET", "/api/workers/stats/summary"), 2),
    "health": (lambda coordinator_api, *_: coordinator_api.request("GET", "/health", token=None), 0),
}


@pytest.mark.parametrize("name", CASES)
def test_a_request_costs_no_more_than_its_budget(name: str, coordinator_api: CoordinatorApi) -> None:
    ask, budget = CASES[name]
    worker = coordinator_api.register(9)
    waiting = [coordinator_api.create() for _ in range(12)] if name.startswith("list") else []
    task = coordinator_api.create_in_status("pending" if name == "assign" else "assigned", worker)
    if waiting:
        ask(coordinator_api, task, worker)  # the totals are known for two seconds
    with counting() as calls:
        reply = ask(coordinator_api, task, worker)
    assert reply.status < 300, reply.text
    assert sum(calls.values()) == budget, dict(calls)


def test_a_report_costs_two_calls_and_four_when_it_ends_a_task(coordinator_api: CoordinatorApi) -> None:
    worker, costs = coordinator_api.register(), []
    for _ in range(2):
        with counting() as calls:
            coordinator_api.call("POST", f"/api/workers/{worker}/task/complete")
        costs.append(sum(calls.values()))
        coordinator_api.create_in_status("assigned", worker)
    assert costs == [2, 4]


def test_every_next_page_costs_the_same(coordinator_api: CoordinatorApi) -> None:
    for _ in range(6):
        coordinator_api.create()
    costs, path = [], "/api/tasks?limit=2"
    while True:
        with counting() as calls:
            page = coordinator_api.call("GET", path)
        costs.append(sum(calls.values()))
        if page["next_cursor"] is None:
            break
        path = f"/api/tasks?limit=2&cursor={page['next_cursor']}"
    assert costs == [3, 2, 2], "the first asks for the total, which is believed for two seconds"
