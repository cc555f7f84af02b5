"""Every documented endpoint does what its document shows."""

import json

import pytest

from chalicelib.apis.processing import api
from chalicelib.edge import routes_of
from tests.contract.conftest import Scene
from tests.contract.documented import ENDPOINTS, Documented, name_of, require_alike, require_camel_case


def test_documented_mounted_and_described_endpoints_are_the_same_eighteen(scene: Scene) -> None:
    documented = {endpoint.id for endpoint in ENDPOINTS}
    described = json.loads(scene.client.get("/openapi.json").text)["paths"]
    assert len(documented) == 18
    assert {f"{endpoint.method} {endpoint.path}" for endpoint in routes_of(api)} == documented
    assert {f"{method.upper()} {path}" for path, found in described.items() for method in found} == documented


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
def test_the_documented_example_gets_the_documented_answer(endpoint: Documented, scene: Scene) -> None:
    token = None if endpoint.public else scene.admin
    reply = scene.client.request(endpoint.method, scene.url(endpoint), endpoint.request, token=token)
    assert reply.status == endpoint.status, reply.text
    if endpoint.path == "/docs":
        assert reply.headers["content-type"].startswith("text/html")
        return
    if endpoint.response is not None:
        require_alike(reply.json, endpoint.response)
    if not endpoint.public:
        require_camel_case(reply.json)


def test_instants_are_epoch_milliseconds_of_now(scene: Scene) -> None:
    now = scene.house.clock.now()
    task = scene.client.get(f"/api/task/{scene.running}", token=scene.admin).json
    server = scene.client.get("/api/servers", token=scene.admin).json["servers"][0]
    instants = (
        task["createdAt"],
        task["updatedAt"],
        task["startedAt"],
        server["registeredAt"],
        server["lastHeartbeat"],
    )
    assert set(instants) == {now}


def test_a_created_thing_says_where_it_is(scene: Scene) -> None:
    for path in ("/api/task", "/api/servers"):
        endpoint = next(one for one in ENDPOINTS if one.id == f"POST {path}")
        created = scene.client.post(path, endpoint.request, token=scene.admin)
        assert scene.client.get(created.headers["location"], token=scene.admin).status == 200
