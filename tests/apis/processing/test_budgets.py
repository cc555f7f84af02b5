"""The number of AWS calls of each request: they cost money and time."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.apis.processing.conftest import RESULT, ProcessingApi
from tests.support.aws import counting
from tests.support.client import Reply, token

Case = tuple[Callable[[ProcessingApi, str, str], Reply], int]
CASES: dict[str, Case] = {
    "submit": (
        lambda processing_api, *_: processing_api.client.post(
            "/api/task", {"type": "t", "priority": 1}, token=processing_api.user
        ),
        2,
    ),
    "get": (
        lambda processing_api, task, _: processing_api.client.get(f"/api/task/{task}", token=processing_api.user),
        2,
    ),
    "heartbeat by key": (
        lambda processing_api, _, server: processing_api.client.post(
            f"/api/servers/{server}/heartbeat", {}, key="key-one"
        ),
        2,
    ),
    "heartbeat by token": (
        lambda processing_api, _, server: processing_api.client.post(
            f"/api/servers/{server}/heartbeat", {}, token=token("server", subject=server)
        ),
        2,
    ),
    "complete by callbackUrl": (
        lambda processing_api, task, _: processing_api.client.put(
            processing_api.callback(task), {"status": "COMPLETED", "result": RESULT}, key="key-one"
        ),
        2,
    ),
    "complete by key alone": (
        lambda processing_api, task, _: processing_api.client.put(
            f"/api/task/{task}", {"status": "COMPLETED"}, key="key-one"
        ),
        3,
    ),
    "list servers": (
        lambda processing_api, *_: processing_api.client.get("/api/servers", token=processing_api.admin),
        2,
    ),
    # limit, and the list of each state
    "list tasks": (lambda processing_api, *_: processing_api.client.get("/api/tasks", token=processing_api.user), 7),
    "list tasks that wait": (
        lambda processing_api, *_: processing_api.client.get("/api/tasks?status=PENDING", token=processing_api.user),
        2,
    ),
    "load balancer": (
        lambda processing_api, *_: processing_api.client.get("/api/stats/load-balancer", token=processing_api.user),
        2,
    ),
    "progress": (
        lambda processing_api, task, _: processing_api.client.put(
            processing_api.callback(task), {"progress": 5}, key="key-one"
        ),
        3,
    ),
    "cancel": (
        lambda processing_api, task, _: processing_api.client.post(
            f"/api/task/{task}/cancel", token=processing_api.user
        ),
        3,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_request_costs_no_more_than_its_budget(name: str, processing_api: ProcessingApi) -> None:
    ask, budget = CASES[name]
    server = processing_api.register(maxConcurrent=10)
    task_id = processing_api.submit()
    warm(processing_api, server)
    with counting() as calls:
        reply = ask(processing_api, task_id, server)
    assert reply.status < 300, reply.text
    assert sum(calls.values()) == budget, dict(calls)


def warm(processing_api: ProcessingApi, server: str) -> None:
    """Fill this process's cache of callers, as in a function that has served them."""
    processing_api.client.post(f"/api/servers/{server}/heartbeat", {}, key="key-one")
    processing_api.client.post(f"/api/servers/{server}/heartbeat", {}, token=token("server", subject=server))
    processing_api.client.get("/api/stats/hourly", token=processing_api.user)
    processing_api.client.get("/api/stats/hourly", token=processing_api.admin)


def test_a_refused_request_costs_at_most_one_call(processing_api: ProcessingApi) -> None:
    requests: dict[str, tuple[dict[str, Any], int]] = {
        "no credential": ({}, 0),
        "a bad token": ({"token": "garbage"}, 0),
        "not one's role": ({"token": token("server")}, 0),
        "a bad body": ({"token": processing_api.user}, 1),
    }
    warm(processing_api, processing_api.register())
    for name, (how, most) in requests.items():
        with counting() as calls:
            reply = processing_api.client.post("/api/stats/load-balancer/algorithm", {}, **how)
        assert reply.status >= 400
        assert sum(calls.values()) <= most, name


def test_a_list_costs_the_same_however_many_tasks_there_are(processing_api: ProcessingApi) -> None:
    processing_api.register(maxConcurrent=1)
    warm(processing_api, processing_api.servers()[0]["id"])
    costs = []
    for _ in range(2):
        with counting() as calls:
            processing_api.client.get("/api/servers", token=processing_api.admin)
        costs.append(sum(calls.values()))
        for _ in range(20):
            processing_api.client.post("/api/task", {"type": "t", "priority": 1}, token=processing_api.user)
        processing_api.world.settle()
    assert costs == [2, 2]


def test_a_task_that_waits_costs_one_call_more_to_say_why(processing_api: ProcessingApi) -> None:
    task_id = processing_api.submit(capabilities=["none"])
    with counting() as calls:
        reply = processing_api.client.get(f"/api/task/{task_id}", token=processing_api.user)
    assert "waitingFor" in reply.json
    assert sum(calls.values()) == 3, dict(calls)
