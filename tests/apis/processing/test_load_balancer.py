"""How work is spread, and how that is changed."""

from collections import Counter

import pytest

from tests.apis.processing.conftest import Desk
from tests.support.world import answer

PATH = "/api/stats/load-balancer"
ALGORITHMS = ("round-robin", "least-connections", "weighted-round-robin", "random")


def test_the_figures_are_those_of_the_servers(desk: Desk) -> None:
    large = desk.register("large", maxConcurrent=8, priority=3)
    small = desk.register("small", maxConcurrent=4, priority=1, capabilities=["x"])
    desk.submit(capabilities=["x"])
    desk.client.post(f"/api/servers/{small}/maintenance", {"maintenance": True}, token=desk.admin)
    for _ in range(2):
        desk.submit()
    assert desk.client.get(PATH, token=desk.user).json == {
        "algorithm": "weighted-round-robin",
        "serverDistribution": {
            large: {"load": 0.25, "activeTasks": 2, "weight": 3},
            small: {"load": 0.25, "activeTasks": 1, "weight": 1},
        },
        "totalActiveTasks": 3,
        "averageLoad": 0.25,
    }


def test_without_servers_there_is_no_load(desk: Desk) -> None:
    assert desk.client.get(PATH, token=desk.user).json == {
        "algorithm": "weighted-round-robin",
        "serverDistribution": {},
        "totalActiveTasks": 0,
        "averageLoad": 0,
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_algorithm_can_be_changed_before_and_after_the_first_dispatch(algorithm: str, desk: Desk) -> None:
    for _ in range(2):
        reply = desk.client.post(f"{PATH}/algorithm", {"algorithm": algorithm}, token=desk.admin)
        assert reply.json == {"message": "Load balancer algorithm updated", "algorithm": algorithm}
        assert desk.client.get(PATH, token=desk.admin).json["algorithm"] == algorithm
        desk.register(reply=answer(200, {}))
        desk.submit()


@pytest.mark.parametrize(
    ("algorithm", "shares"),
    [("round-robin", {4}), ("least-connections", {4}), ("weighted-round-robin", {6, 2}), ("random", set(range(1, 8)))],
)
def test_the_very_next_dispatch_uses_it(algorithm: str, shares: set[int], desk: Desk) -> None:
    desk.register("heavy", maxConcurrent=20, priority=3)
    desk.register("light", maxConcurrent=20, priority=1)
    desk.client.post(f"{PATH}/algorithm", {"algorithm": algorithm}, token=desk.admin)
    got = Counter(desk.task(desk.submit())["serverId"] for _ in range(8))
    assert sum(got.values()) == 8
    assert set(got.values()) <= shares
    assert len(got) == 2


def test_an_unknown_algorithm_is_refused_with_those_there_are(desk: Desk) -> None:
    reply = desk.client.post(f"{PATH}/algorithm", {"algorithm": "fastest"}, token=desk.admin)
    assert reply.status == 400
    assert all(name in reply.json["details"] for name in ALGORITHMS)
    assert desk.client.get(PATH, token=desk.admin).json["algorithm"] == "weighted-round-robin"
