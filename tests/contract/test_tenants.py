"""A tenant can neither read, list, count nor change what is another's, and is not told that it exists."""

from typing import Any

import pytest

from chalicelib import storage
from chalicelib.apis.processing import api
from chalicelib.edge import routes_of
from tests.contract.conftest import REGISTRATION, Scene
from tests.contract.documented import ENDPOINTS, OF_ONE, Documented, name_of
from tests.support import aws
from tests.support.client import token
from tests.support.world import answer

STRANGER = {"org": "umbra"}


def stored() -> list[str]:
    """Everything in all tables but the limiters."""
    found = (item.serialize() for model in storage.models() for item in aws.items(model))
    return sorted(str(item) for item in found if not item.get("id", {}).get("S", "").startswith("limit#"))


def test_the_matrix_covers_every_route_that_names_a_thing() -> None:
    with_variables = {f"{one.method} {one.path}" for one in routes_of(api) if "{" in one.path}
    assert with_variables == {endpoint.id for endpoint in OF_ONE}


@pytest.mark.parametrize("endpoint", OF_ONE, ids=name_of)
def test_what_is_anothers_is_not_there(endpoint: Documented, shared: Scene) -> None:
    missing = f"{endpoint.kind.lower()}_nowhere"
    mine = shared.identifier(endpoint)
    before = stored()
    for role in ("admin", "server"):
        caller = token(role, subject=mine, **STRANGER)
        foreign = shared.client.request(endpoint.method, endpoint.url(mine), endpoint.request, token=caller)
        nobody = token(role, subject=missing, **STRANGER)
        unknown = shared.client.request(endpoint.method, endpoint.url(missing), endpoint.request, token=nobody)
        assert foreign.status in (403, 404), "only a role may be refused first"
        assert (foreign.status, foreign.text.replace(mine, missing)) == (unknown.status, unknown.text)
        if foreign.status == 404:
            assert foreign.json == {"error": "Not found", "details": f"{endpoint.kind} not found: {mine}"}
    assert stored() == before


def test_lists_and_figures_show_nothing_of_another_tenant(shared: Scene) -> None:
    caller = token(**STRANGER)

    def get(path: str) -> Any:
        return shared.client.get(path, token=caller).json

    assert get("/api/servers") == {"servers": []}
    figures = get("/api/stats/tasks")
    assert {row["tasks"] for row in figures.pop("hourlyTrend")} == {0}
    assert figures.pop("topServers") == []
    assert set(figures.values()) == {0}
    assert all(sum(row.values()) == row["hour"] for row in get("/api/stats/hourly")["hours"])
    balance = get("/api/stats/load-balancer")
    assert (balance["serverDistribution"], balance["totalActiveTasks"], balance["averageLoad"]) == ({}, 0, 0)


def test_the_same_idempotency_key_is_another_task_for_another_tenant(shared: Scene) -> None:
    body, headers = {"type": "t", "priority": 1}, {"Idempotency-Key": "same"}
    ours, theirs = (
        shared.client.post("/api/task", body, token=token(org=org), headers=headers) for org in ("left", "right")
    )
    assert (ours.status, theirs.status) == (201, 201)
    assert ours.json["id"] != theirs.json["id"]


def test_the_algorithm_is_the_tenants_own(shared: Scene) -> None:
    path = "/api/stats/load-balancer"
    shared.client.post(f"{path}/algorithm", {"algorithm": "random"}, token=token(**STRANGER))
    assert shared.client.get(path, token=token(**STRANGER)).json["algorithm"] == "random"
    assert shared.client.get(path, token=shared.admin).json["algorithm"] == "weighted-round-robin"


def test_a_foreign_servers_key_opens_nothing(shared: Scene) -> None:
    shared.house.servers["one.example"] = lambda *_: answer(202)
    registered = shared.client.post("/api/servers", REGISTRATION | {"apiKey": "foreign"}, token=token(**STRANGER))
    foreign = registered.json["serverId"]
    before = stored()
    task, put = f"/api/task/{shared.running}", shared.client.put
    assert put(task, {"status": "COMPLETED"}, key="foreign").status == 401
    assert put(f"{task}?serverId={shared.server}", {"status": "COMPLETED"}, key="foreign").status == 401
    named = put(f"{task}?serverId={foreign}&lease=1", {"status": "COMPLETED"}, key="foreign")
    assert (named.status, named.json["details"]) == (404, f"Task not found: {shared.running}")
    assert shared.client.post(f"/api/servers/{shared.server}/heartbeat", {}, key="foreign").status == 401
    assert stored() == before


def test_every_documented_endpoint_of_one_thing_is_in_the_matrix() -> None:
    assert {one.id for one in ENDPOINTS if "{id}" in one.path} == {one.id for one in OF_ONE}
