"""The number of AWS calls of each request."""

from collections.abc import Callable

import pytest

from chalicelib.engine.statistics import request_counts, wait_estimate
from tests.apis.support.conftest import SupportApi
from tests.support.aws import counting
from tests.support.client import Reply

CASES: dict[str, tuple[Callable[[SupportApi, str], Reply], int]] = {
    # limit, put, place in the queue
    "submit": (lambda support_api, _: support_api.post("/task", {"type": "t"}), 3),
    "submit to the performer": (
        lambda support_api, _: support_api.post("/task", {"type": "sentiment_analysis", "data": TEXT}),
        3,
    ),
    "submit again": (lambda support_api, _: support_api.post("/task", {"type": "t"}, **{"Idempotency-Key": "k"}), 3),
    # limit, task, and what it waits for
    "get": (lambda support_api, task: support_api.client.get(f"/task/{task}", token=support_api.token), 3),
    "start a worker": (lambda support_api, _: support_api.post("/workers", {"worker_id": 1}), 2),
    "start one again": (
        lambda support_api, _: support_api.post("/workers", {"worker_id": 3, "config": {"max_tasks": 9}}),
        4,
    ),
    "list workers": (lambda support_api, _: support_api.client.get("/workers", token=support_api.token), 2),
    # limit, figures, pool, and what waits in the one lane that is known and that no worker serves
    "health": (lambda support_api, _: support_api.client.get("/health", token=support_api.token), 4),
    "metrics": (lambda support_api, _: support_api.client.get("/metrics", token=support_api.token), 2),
    "channels": (lambda support_api, _: support_api.client.get("/channels", token=support_api.token), 3),
}
TEXT = {"text": "good"}


@pytest.mark.parametrize("name", CASES)
def test_a_request_costs_no_more_than_its_budget(name: str, support_api: SupportApi) -> None:
    ask, budget = CASES[name]
    support_api.start(3)
    task_id = support_api.submit()["task_id"]
    support_api.post("/task", {"type": "t"}, **{"Idempotency-Key": "k"})
    with counting() as calls:
        reply = ask(support_api, task_id)
    assert reply.status < 300, reply.text
    assert sum(calls.values()) == budget, dict(calls)


def test_figures_are_read_each_two_seconds_and_requests_written_each_ten(support_api: SupportApi) -> None:
    support_api.submit()
    support_api.world.clock.advance(wait_estimate.CACHE_MS / 1000)
    with counting() as calls:
        support_api.submit(settle=False)
    assert calls == {
        ("DynamoDB", "UpdateItem"): 1,
        ("DynamoDB", "PutItem"): 1,
        ("DynamoDB", "Query"): 1,
        ("DynamoDB", "BatchGetItem"): 1,
    }
    support_api.world.clock.advance(request_counts.FLUSH_INTERVAL_MS / 1000)
    with counting() as calls:
        support_api.get("/workers")
        support_api.get("/workers")
    assert calls == {("DynamoDB", "UpdateItem"): 3, ("DynamoDB", "Query"): 2}
