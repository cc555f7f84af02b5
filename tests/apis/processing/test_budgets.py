"""What a request costs: calls to AWS are money and time, so they are counted."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.apis.processing.conftest import RESULT, Desk
from tests.support.aws import counting
from tests.support.client import Reply, token

Case = tuple[Callable[[Desk, str, str], Reply], int]
CASES: dict[str, Case] = {
    "submit": (lambda desk, *_: desk.client.post("/api/task", {"type": "t", "priority": 1}, token=desk.user), 2),
    "get": (lambda desk, task, _: desk.client.get(f"/api/task/{task}", token=desk.user), 2),
    "heartbeat by key": (
        lambda desk, _, server: desk.client.post(f"/api/servers/{server}/heartbeat", {}, key="key-one"),
        2,
    ),
    "heartbeat by token": (
        lambda desk, _, server: desk.client.post(
            f"/api/servers/{server}/heartbeat", {}, token=token("server", subject=server)
        ),
        2,
    ),
    "complete by callbackUrl": (
        lambda desk, task, _: desk.client.put(
            desk.callback(task), {"status": "COMPLETED", "result": RESULT}, key="key-one"
        ),
        2,
    ),
    "complete by key alone": (
        lambda desk, task, _: desk.client.put(f"/api/task/{task}", {"status": "COMPLETED"}, key="key-one"),
        3,
    ),
    "list servers": (lambda desk, *_: desk.client.get("/api/servers", token=desk.admin), 2),
    # limit, and the list of each state
    "list tasks": (lambda desk, *_: desk.client.get("/api/tasks", token=desk.user), 7),
    "list tasks that wait": (lambda desk, *_: desk.client.get("/api/tasks?status=PENDING", token=desk.user), 2),
    "load balancer": (lambda desk, *_: desk.client.get("/api/stats/load-balancer", token=desk.user), 2),
    "progress": (lambda desk, task, _: desk.client.put(desk.callback(task), {"progress": 5}, key="key-one"), 3),
    "cancel": (lambda desk, task, _: desk.client.post(f"/api/task/{task}/cancel", token=desk.user), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_a_request_costs_no_more_than_its_budget(name: str, desk: Desk) -> None:
    ask, budget = CASES[name]
    server = desk.register(maxConcurrent=10)
    task_id = desk.submit()
    warm(desk, server)
    with counting() as calls:
        reply = ask(desk, task_id, server)
    assert reply.status < 300, reply.text
    assert sum(calls.values()) == budget, dict(calls)


def warm(desk: Desk, server: str) -> None:
    """Let this process have seen the callers lately, as a function that serves them has."""
    desk.client.post(f"/api/servers/{server}/heartbeat", {}, key="key-one")
    desk.client.post(f"/api/servers/{server}/heartbeat", {}, token=token("server", subject=server))
    desk.client.get("/api/stats/hourly", token=desk.user)
    desk.client.get("/api/stats/hourly", token=desk.admin)


def test_a_refused_request_costs_at_most_one_call(desk: Desk) -> None:
    requests: dict[str, tuple[dict[str, Any], int]] = {
        "no credential": ({}, 0),
        "a bad token": ({"token": "garbage"}, 0),
        "not one's role": ({"token": token("server")}, 0),
        "a bad body": ({"token": desk.user}, 1),
    }
    warm(desk, desk.register())
    for name, (how, most) in requests.items():
        with counting() as calls:
            reply = desk.client.post("/api/stats/load-balancer/algorithm", {}, **how)
        assert reply.status >= 400
        assert sum(calls.values()) <= most, name


def test_a_list_costs_the_same_however_many_tasks_there_are(desk: Desk) -> None:
    desk.register(maxConcurrent=1)
    warm(desk, desk.servers()[0]["id"])
    costs = []
    for _ in range(2):
        with counting() as calls:
            desk.client.get("/api/servers", token=desk.admin)
        costs.append(sum(calls.values()))
        for _ in range(20):
            desk.client.post("/api/task", {"type": "t", "priority": 1}, token=desk.user)
        desk.world.settle()
    assert costs == [2, 2]


def test_a_task_that_waits_costs_one_call_more_to_say_why(desk: Desk) -> None:
    task_id = desk.submit(capabilities=["none"])
    with counting() as calls:
        reply = desk.client.get(f"/api/task/{task_id}", token=desk.user)
    assert "waitingFor" in reply.json
    assert sum(calls.values()) == 3, dict(calls)
