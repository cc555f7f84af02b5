"""The load balancer's algorithms, and changes of them."""

from collections import Counter

import pytest

from tests.apis.processing.conftest import ProcessingApi
from tests.support.world import answer

PATH = "/api/stats/load-balancer"
ALGORITHMS = ("round-robin", "least-connections", "weighted-round-robin", "random")


def test_the_figures_are_those_of_the_servers(processing_api: ProcessingApi) -> None:
    large = processing_api.register("large", maxConcurrent=8, priority=3)
    small = processing_api.register("small", maxConcurrent=4, priority=1, capabilities=["x"])
    processing_api.submit(capabilities=["x"])
    processing_api.client.post(f"/api/servers/{small}/maintenance", {"maintenance": True}, token=processing_api.admin)
    for _ in range(2):
        processing_api.submit()
    assert processing_api.client.get(PATH, token=processing_api.user).json == {
        "algorithm": "weighted-round-robin",
        "serverDistribution": {
            large: {"load": 0.25, "activeTasks": 2, "weight": 3},
            small: {"load": 0.25, "activeTasks": 1, "weight": 1},
        },
        "totalActiveTasks": 3,
        "averageLoad": 0.25,
    }


def test_without_servers_there_is_no_load(processing_api: ProcessingApi) -> None:
    assert processing_api.client.get(PATH, token=processing_api.user).json == {
        "algorithm": "weighted-round-robin",
        "serverDistribution": {},
        "totalActiveTasks": 0,
        "averageLoad": 0,
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_algorithm_can_be_changed_before_and_after_the_first_dispatch(
    algorithm: str, processing_api: ProcessingApi
) -> None:
    for _ in range(2):
        reply = processing_api.client.post(f"{PATH}/algorithm", {"algorithm": algorithm}, token=processing_api.admin)
        assert reply.json == {"message": "Load balancer algorithm updated", "algorithm": algorithm}
        assert processing_api.client.get(PATH, token=processing_api.admin).json["algorithm"] == algorithm
        processing_api.register(reply=answer(200, {}))
        processing_api.submit()


@pytest.mark.parametrize(
    ("algorithm", "shares"),
    [("round-robin", {4}), ("least-connections", {4}), ("weighted-round-robin", {6, 2}), ("random", set(range(1, 8)))],
)
def test_the_very_next_dispatch_uses_it(algorithm: str, shares: set[int], processing_api: ProcessingApi) -> None:
    processing_api.register("heavy", maxConcurrent=20, priority=3)
    processing_api.register("light", maxConcurrent=20, priority=1)
    processing_api.client.post(f"{PATH}/algorithm", {"algorithm": algorithm}, token=processing_api.admin)
    got = Counter(processing_api.task(processing_api.submit())["serverId"] for _ in range(8))
    assert sum(got.values()) == 8
    assert set(got.values()) <= shares
    assert len(got) == 2


def test_an_unknown_algorithm_is_refused_with_those_there_are(processing_api: ProcessingApi) -> None:
    reply = processing_api.client.post(f"{PATH}/algorithm", {"algorithm": "fastest"}, token=processing_api.admin)
    assert reply.status == 400
    assert all(name in reply.json["details"] for name in ALGORITHMS)
    assert processing_api.client.get(PATH, token=processing_api.admin).json["algorithm"] == "weighted-round-robin"
