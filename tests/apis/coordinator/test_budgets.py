"""What a request costs: calls to AWS are money and time, so they are counted."""

from collections.abc import Callable

import pytest

from tests.apis.coordinator.conftest import RESULT, TASK, Desk
from tests.support.aws import counting
from tests.support.client import Reply

Case = tuple[Callable[[Desk, str, str], Reply], int]
CASES: dict[str, Case] = {
    "submit": (lambda desk, *_: desk.ask("POST", "/api/tasks", TASK), 2),
    "get": (lambda desk, task, _: desk.ask("GET", f"/api/tasks/{task}"), 2),
    "heartbeat": (lambda desk, _, worker: desk.ask("POST", f"/api/workers/{worker}/heartbeat"), 2),
    "complete for a worker": (
        lambda desk, task, worker: desk.ask(
            "PUT", f"/api/tasks/{task}/complete?worker_id={worker}", {"result": RESULT, "error": None}
        ),
        3,
    ),
    "complete": (lambda desk, task, _: desk.ask("PUT", f"/api/tasks/{task}/complete", {"result": RESULT}), 3),
    "fail": (lambda desk, task, _: desk.ask("PUT", f"/api/tasks/{task}/complete", {"error": "broken"}), 3),
    "list": (lambda desk, *_: desk.ask("GET", "/api/tasks"), 2),
    "list a status": (lambda desk, *_: desk.ask("GET", "/api/tasks?status=pending"), 2),
    "list a worker's": (lambda desk, _, worker: desk.ask("GET", f"/api/tasks?worker_id={worker}&status=assigned"), 3),
    "start": (lambda desk, task, _: desk.ask("PUT", f"/api/tasks/{task}/start"), 3),
    "cancel": (lambda desk, task, _: desk.ask("DELETE", f"/api/tasks/{task}"), 3),
    "assign": (lambda desk, task, worker: desk.ask("PUT", f"/api/tasks/{task}/assign?worker_id={worker}"), 4),
    "register": (lambda desk, *_: desk.ask("POST", "/api/workers", {"name": "n", "type": "general"}), 2),
    "list workers": (lambda desk, *_: desk.ask("GET", "/api/workers"), 2),
    "get worker": (lambda desk, _, worker: desk.ask("GET", f"/api/workers/{worker}"), 2),
    "update worker": (
        lambda desk, _, worker: desk.ask("PUT", f"/api/workers/{worker}", {"status": "busy", "metadata": {"a": 1}}),
        3,
    ),
    "summary": (lambda desk, *_: desk.ask("GET", "/api/workers/stats/summary"), 2),
    "health": (lambda desk, *_: desk.ask("GET", "/health", token=None), 0),
}


@pytest.mark.parametrize("name", CASES)
def test_a_request_costs_no_more_than_its_budget(name: str, desk: Desk) -> None:
    ask, budget = CASES[name]
    worker = desk.register(9)
    waiting = [desk.create() for _ in range(12)] if name.startswith("list") else []
    task = desk.reach("pending" if name == "assign" else "assigned", worker)
    if waiting:
        ask(desk, task, worker)  # the totals are known for two seconds
    with counting() as calls:
        reply = ask(desk, task, worker)
    assert reply.status < 300, reply.text
    assert sum(calls.values()) == budget, dict(calls)


def test_a_report_costs_two_calls_and_four_when_it_ends_a_task(desk: Desk) -> None:
    worker, costs = desk.register(), []
    for _ in range(2):
        with counting() as calls:
            desk.told("POST", f"/api/workers/{worker}/task/complete")
        costs.append(sum(calls.values()))
        desk.reach("assigned", worker)
    assert costs == [2, 4]


def test_every_next_page_costs_the_same(desk: Desk) -> None:
    for _ in range(6):
        desk.create()
    costs, path = [], "/api/tasks?limit=2"
    while True:
        with counting() as calls:
            page = desk.told("GET", path)
        costs.append(sum(calls.values()))
        if page["next_cursor"] is None:
            break
        path = f"/api/tasks?limit=2&cursor={page['next_cursor']}"
    assert costs == [3, 2, 2], "the first asks for the total, which is believed for two seconds"
