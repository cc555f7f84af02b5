"""What only the processing API promises: keys of servers, and which fields a report can change."""

from typing import Any

import pytest

from chalicelib.config import settings
from tests.contract import over
from tests.contract.conftest import STRANGER, Scene
from tests.contract.documented import Documented
from tests.contract.faces.processing import REGISTRATION, SERVER, TASK, processing
from tests.support import aws
from tests.support.client import token
from tests.support.rewind import stored_items
from tests.support.world import answer

pytestmark = [over.faces(where=lambda face: face is processing), pytest.mark.usefixtures("shared")]
ERRORS = processing.data["errors"]


OURS = {"GET /api/tasks"}
"""Endpoints that are not in the document."""


def test_the_document_has_eighteen_endpoints() -> None:
    known = {endpoint["id"] for endpoint in processing.data["endpoints"]}
    assert len(processing.endpoints) == len(known) == 18 + len(OURS)
    assert known >= OURS


def test_admin_endpoints_are_the_documented_ones_and_the_algorithm() -> None:
    admins_only = {name for name, roles in processing.roles.items() if roles == ("admin",)}
    documented = {endpoint.id for endpoint in processing.guarded_endpoints if endpoint.auth == "admin"}
    decided = {"POST /api/stats/load-balancer/algorithm"}
    assert admins_only == documented - {"POST /api/servers/{id}/heartbeat"} | decided


def test_errors_are_word_for_word_those_of_the_document(shared: Scene) -> None:
    client, user = shared.client, token("user")
    assert client.post("/api/task", {"type": "t"}, token=user).json == ERRORS["400"]
    assert client.get("/api/stats/tasks", token="garbage").json == ERRORS["401"]
    assert client.get("/api/servers", token=user).json == ERRORS["403"]
    assert client.get("/api/task/task_abc123", token=user).json == ERRORS["404"]
    with aws.interfering(lambda call, send: 1 / 0):
        assert client.get("/api/stats/tasks", token=user).json == ERRORS["500"]


def test_the_described_titles_hold_the_documented_ones(shared: Scene) -> None:
    document = shared.client.get("/openapi.json").json
    titles = document["components"]["schemas"]["Error"]["properties"]["error"]["enum"]
    assert {example["error"] for example in ERRORS.values()} <= set(titles)


@pytest.mark.parametrize("endpoint", processing.guarded_endpoints, ids=lambda one: one.id)
def test_an_api_key_opens_only_the_two_endpoints_where_servers_report(endpoint: Documented, scene: Scene) -> None:
    reply = scene.client.request(endpoint.method, scene.url(endpoint), {}, key="key-of-one")
    reports = ("PUT /api/task/{id}", "POST /api/servers/{id}/heartbeat")
    assert reply.status == (200 if endpoint.id in reports else 401)


@pytest.mark.parametrize(
    "identifier", ["server_nowhere", "x" * 129, "x" * 3000, "%00", "%ff%fe", "a%2Fb", "%F0%9F%98%80"]
)
def test_an_api_key_with_a_strange_id_is_401(identifier: str, shared: Scene) -> None:
    for method, path in (
        ("POST", f"/api/servers/{identifier}/heartbeat"),
        ("PUT", f"/api/task/{identifier}"),
        ("PUT", f"/api/task/{shared.resources['running'].id}?serverId={identifier}"),
    ):
        reply = shared.client.request(method, path, {}, key="key-of-one")
        assert processing.require_refusal(reply, 401).message == "Invalid API key"


def test_a_server_cannot_report_for_another(shared: Scene) -> None:
    caller, server = token("server", subject="server_other"), shared.resources["server"].id
    beat = shared.client.post(f"/api/servers/{server}/heartbeat", {}, token=caller)
    report = shared.client.put(f"/api/task/{shared.resources['running'].id}?serverId={server}", {}, token=caller)
    assert (beat.status, report.status) == (403, 403)


@pytest.mark.parametrize(
    "url",
    [
        "http://one.example/predict",
        "ftp://one.example/",
        "one.example/predict",
        "https://",
        "https://user:secret@one.example/",
        "https://127.0.0.1/predict",
        "https://169.254.169.254/latest",
        "https://[::1]/predict",
        "https://2130706433/",
        "https://one.example:99999/",
        "javascript:alert(1)",
        "https://one.example/\r\nX-Evil: 1",
    ],
)
def test_a_server_that_may_not_be_called_is_not_registered(url: str, shared: Scene) -> None:
    worker_count = len(shared.world.workers())
    for name in ("predict", "health", "metrics"):
        endpoints = {"predict": "https://one.example/predict", name: url}
        reply = shared.client.post("/api/servers", SERVER | {"endpoints": endpoints}, token=shared.admin)
        assert processing.require_refusal(reply, 400).message
        assert "secret" not in reply.text
    assert len(shared.world.workers()) == worker_count


def test_a_stranger_sees_an_empty_list(shared: Scene) -> None:
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


def test_the_algorithm_is_the_tenants_own(scene: Scene) -> None:
    path = "/api/stats/load-balancer"
    scene.client.post(f"{path}/algorithm", {"algorithm": "random"}, token=token(**STRANGER))
    assert scene.client.get(path, token=token(**STRANGER)).json["algorithm"] == "random"
    assert scene.client.get(path, token=scene.admin).json["algorithm"] == "weighted-round-robin"


def test_a_foreign_servers_key_opens_nothing(scene: Scene) -> None:
    scene.world.servers["one.example"] = lambda *_: answer(202)
    registered = scene.client.post("/api/servers", REGISTRATION | {"apiKey": "foreign"}, token=token(**STRANGER))
    foreign, server, running = registered.json["serverId"], scene.resources["server"].id, scene.resources["running"].id
    before = stored_items()
    task, put = f"/api/task/{running}", scene.client.put
    assert put(task, {"status": "COMPLETED"}, key="foreign").status == 401
    assert put(f"{task}?serverId={server}", {"status": "COMPLETED"}, key="foreign").status == 401
    named = put(f"{task}?serverId={foreign}&lease=1", {"status": "COMPLETED"}, key="foreign")
    assert processing.require_refusal(named, 404).message == f"Task not found: {running}"
    assert scene.client.post(f"/api/servers/{server}/heartbeat", {}, key="foreign").status == 401
    assert stored_items() == before


def test_a_server_cannot_set_read_only_fields(scene: Scene) -> None:
    sly = {"id": "server_mine", "status": "offline", "leases": {"x": 1}, "sealedKey": "k", "surprise": "smuggled"}
    server = scene.resources["server"].id
    elsewhere = {"endpoints": {"predict": "https://server2.example.com/predict"}}
    scene.client.post("/api/servers", REGISTRATION | sly | elsewhere, token=scene.admin)
    beat = {"maxConcurrent": 400} | sly | {"status": "healthy"}
    scene.client.post(f"/api/servers/{server}/heartbeat", beat, token=scene.admin)
    found = scene.client.get("/api/servers", token=scene.admin).json["servers"]
    assert [(one["status"], one["maxConcurrent"]) for one in found] == [("online", 10)] * 2
    assert "server_mine" not in {one["id"] for one in found}
    assert "smuggled" not in str(stored_items())


def test_a_new_task_ignores_read_only_fields(scene: Scene) -> None:
    sly = processing.read_only | {"surprise": "smuggled"}
    created = scene.client.post("/api/task", TASK | sly, token=scene.admin).json
    got = scene.client.get(f"/api/task/{created['id']}", token=scene.admin).json
    assert (got["status"], got["attempt"], got["createdAt"]) == ("PENDING", 1, scene.world.clock.now())
    assert not got.keys() & {"serverId", "result", "surprise", "org"}


def test_a_report_changes_no_other_field(scene: Scene) -> None:
    path = f"/api/task/{scene.resources['running'].id}"
    before = scene.client.get(path, token=scene.admin).json
    sly = {"progress": 50, "attempt": 9, "maxAttempts": 25, "priority": 9, "type": "x", "serverId": "server_x"}
    assert scene.client.put(path, sly, token=scene.admin).status == 200
    assert scene.client.get(path, token=scene.admin).json == before | {"progress": 50}


@pytest.mark.parametrize(("over", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_a_large_payload_goes_through_up_to_the_limit(over: int, status: int, scene: Scene) -> None:
    frame = '{"type":"t","priority":1,"payload":{"text":"%s"}}'
    body = frame % ("ü" * 10 + "x" * (settings().body_limit_bytes + over - 20 - len(frame) + 2))
    assert len(body.encode()) == settings().body_limit_bytes + over
    reply = scene.client.post("/api/task", body, token=scene.admin)
    assert reply.status == status
    if status == 201:
        scene.world.settle()
        assert len(scene.world.calls[-1][3]) > settings().body_limit_bytes - 1000
