"""What a request costs: calls to AWS, which are counted."""

from collections.abc import Callable

import pytest

from chalicelib.engine.statistics import request_counts, wait_estimate
from tests.apis.support.conftest import Desk
from tests.support.aws import counting
from tests.support.client import Reply

CASES: dict[str, tuple[Callable[[Desk, str], Reply], int]] = {
    # limit, put, place in the queue
    "submit": (lambda desk, _: desk.post("/task", {"type": "t"}), 3),
    "submit to the performer": (lambda desk, _: desk.post("/task", {"type": "sentiment_analysis", "data": TEXT}), 3),
    "submit again": (lambda desk, _: desk.post("/task", {"type": "t"}, **{"Idempotency-Key": "k"}), 3),
    # limit, task, and what it waits for
    "get": (lambda desk, task: desk.client.get(f"/task/{task}", token=desk.token), 3),
    "start a worker": (lambda desk, _: desk.post("/workers", {"worker_id": 1}), 2),
    "start one again": (lambda desk, _: desk.post("/workers", {"worker_id": 3, "config": {"max_tasks": 9}}), 4),
    "list workers": (lambda desk, _: desk.client.get("/workers", token=desk.token), 2),
    # limit, figures, pool, and what waits in the one lane that is known and that no worker serves
    "health": (lambda desk, _: desk.client.get("/health", token=desk.token), 4),
    "metrics": (lambda desk, _: desk.client.get("/metrics", token=desk.token), 2),
    "channels": (lambda desk, _: desk.client.get("/channels", token=desk.token), 3),
}
TEXT = {"text": "good"}


@pytest.mark.parametrize("name", CASES)
def test_a_request_costs_no_more_than_its_budget(name: str, desk: Desk) -> None:
    ask, budget = CASES[name]
    desk.start(3)
    task_id = desk.submit()["task_id"]
    desk.post("/task", {"type": "t"}, **{"Idempotency-Key": "k"})
    with counting() as calls:
        reply = ask(desk, task_id)
    assert reply.status < 300, reply.text
    assert sum(calls.values()) == budget, dict(calls)


def test_figures_are_read_each_two_seconds_and_requests_written_each_ten(desk: Desk) -> None:
    desk.submit()
    desk.world.clock.advance(wait_estimate.CACHE_MS / 1000)
    with counting() as calls:
        desk.submit(settle=False)
    assert calls == {
        ("DynamoDB", "UpdateItem"): 1,
        ("DynamoDB", "PutItem"): 1,
        ("DynamoDB", "Query"): 1,
        ("DynamoDB", "BatchGetItem"): 1,
    }
    desk.world.clock.advance(request_counts.FLUSH_INTERVAL_MS / 1000)
    with counting() as calls:
        desk.get("/workers")
        desk.get("/workers")
    assert calls == {("DynamoDB", "UpdateItem"): 3, ("DynamoDB", "Query"): 2}
