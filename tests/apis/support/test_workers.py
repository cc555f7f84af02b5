"""Starting workers, and their status."""

from typing import Any

import pytest

from chalicelib import config
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.engine.workers import registry, websocket_workers
from chalicelib.storage.connections.connections import Connection
from tests.apis.support.conftest import POOL, SupportApi
from tests.support.client import token
from tests.support.world import ORG


def test_the_documented_worker_is_started_and_told_where_to_connect(support_api: SupportApi) -> None:
    reply = support_api.post("/workers", {"worker_id": 3, "config": {"max_tasks": 100, "timeout": 30}})
    assert reply.status == 201
    assert reply.json == {"worker_id": 3, "status": "started", "endpoint": "wss://support.example/worker/3"}
    worker = registry.get(ORG, POOL, "3")
    assert (worker.max_concurrent, worker.attempt_ms, worker.capabilities, worker.socket) == (100, 30_000, (), True)


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [
        ({"api_urls": {POOL: "http://localhost:8003/"}}, "ws://localhost:8003/worker/one-2_b"),
        ({"sockets_url": "wss://live.example/prod"}, "wss://live.example/prod?path=/worker/one-2_b"),
    ],
)
def test_the_endpoint_is_the_apis_own_or_the_gateways(settings: Any, endpoint: str, support_api: SupportApi) -> None:
    config.replace(**settings)
    assert support_api.start("one-2_b")["endpoint"] == endpoint


def test_starting_a_known_worker_replaces_its_config(support_api: SupportApi) -> None:
    support_api.connect(3, max_tasks=5, timeout=30, types=["a", "b"])
    support_api.start(3, types=["c"])
    worker = registry.get(ORG, POOL, "3")
    assert (worker.max_concurrent, worker.attempt_ms, worker.capabilities) == (1, None, ("c",))
    assert worker.connection is not None
    assert support_api.get("/workers")["total_workers"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "worker_id"),
        *(({"worker_id": value}, "worker_id") for value in (-1, 1.5, True, "", "a b", "ä", "x" * 65, None, 2**54)),
        *(({"worker_id": 1, "config": {"max_tasks": value}}, "config.max_tasks") for value in (0, 501, "5", 1.5)),
        *(({"worker_id": 1, "config": {"timeout": value}}, "config.timeout") for value in (0, 86_401, "5")),
        ({"worker_id": 1, "config": {"types": ["a b"]}}, "config.types.0"),
        ({"worker_id": 1, "config": {"types": ["a"] * 65}}, "config.types"),
    ],
)
def test_what_is_no_worker_is_refused_by_naming_the_field(body: Any, field: str, support_api: SupportApi) -> None:
    error = support_api.post("/workers", body).json["error"]
    assert error["code"] == "INVALID_INPUT"
    assert field in error["details"]


def test_the_built_in_worker_is_neither_shown_nor_anybodys(support_api: SupportApi) -> None:
    support_api.submit("sentiment_analysis", text="fine")
    assert [worker.id for worker in support_api.world.workers()] == [BUILT_IN]
    assert support_api.get("/workers") == {"total_workers": 0, "active_workers": 0, "workers": []}
    refused = support_api.post("/workers", {"worker_id": BUILT_IN})
    assert (refused.status, refused.json["error"]["code"]) == (409, "CONFLICT")
    with pytest.raises(Exception, match="Worker not found"):
        websocket_workers.connect(Connection("c", ORG, "support.worker", POOL, BUILT_IN))


def test_a_worker_is_offline_then_idle_then_active(support_api: SupportApi) -> None:
    support_api.start(7, max_tasks=4)
    shown = {"id": 7, "status": "offline", "tasks_processed": 0, "uptime": "0s", "current_load": 0.0}
    assert support_api.worker(7) == shown
    support_api.connect(7, max_tasks=4)
    support_api.world.clock.advance(60)
    assert support_api.worker(7) == shown | {"status": "idle", "uptime": "1m"}
    done, failed, _ = (support_api.submit()["task_id"] for _ in range(3))
    assert support_api.worker(7) == shown | {"status": "active", "uptime": "1m", "current_load": 0.75}
    support_api.complete(done)
    support_api.fail(failed)
    listed = support_api.get("/workers")
    assert (listed["total_workers"], listed["active_workers"]) == (1, 1)
    assert listed["workers"] == [
        shown | {"status": "active", "uptime": "1m", "tasks_processed": 2, "current_load": 0.25}
    ]
    websocket_workers.disconnect(Connection("connection-7", ORG, "support.worker", POOL, "7"))
    assert (support_api.worker(7)["status"], support_api.worker(7)["uptime"]) == ("offline", "0s")


def test_numbers_are_shown_as_numbers_and_words_as_words(support_api: SupportApi) -> None:
    for worker_id in (0, "42", "007", "seven"):
        support_api.start(worker_id)
    assert [worker["id"] for worker in support_api.get("/workers")["workers"]] == [0, "007", 42, "seven"]


def test_another_orgs_workers_are_not_there(support_api: SupportApi) -> None:
    support_api.start(3)
    other = token(org="umbra")
    assert support_api.client.get("/workers", token=other).json["total_workers"] == 0
    assert support_api.client.post("/workers", {"worker_id": 3}, token=other).status == 201
    assert registry.get(ORG, POOL, "3").capabilities == ("translation",)
