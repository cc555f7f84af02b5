"""What of a body is kept, and what it cannot move."""

import pytest

from chalicelib import storage
from chalicelib.config import settings
from tests.contract.conftest import REGISTRATION, Scene
from tests.support import aws

TASK = {"type": "t", "priority": 1}


def test_unknown_and_read_only_fields_change_nothing_and_are_not_stored(scene: Scene) -> None:
    sly = {
        "id": "task_mine",
        "org": "umbra",
        "status": "COMPLETED",
        "attempts": 9,
        "attempt": 9,
        "epoch": 99,
        "version": 99,
        "createdAt": 1,
        "serverId": scene.server,
        "result": {"forged": True},
        "surprise": "smuggled",
    }
    created = scene.client.post("/api/task", TASK | sly, token=scene.admin).json
    got = scene.client.get(f"/api/task/{created['id']}", token=scene.admin).json
    assert created["id"] != "task_mine"
    assert (got["status"], got["attempt"], got["createdAt"]) == ("PENDING", 1, scene.house.clock.now())
    assert not got.keys() & {"serverId", "result", "surprise", "org"}

    alive = {"id": "server_mine", "status": "offline", "leases": {"x": 1}, "sealedKey": "k", "surprise": "smuggled"}
    scene.client.post("/api/servers", REGISTRATION | alive, token=scene.admin)
    scene.client.post(
        f"/api/servers/{scene.server}/heartbeat",
        {"maxConcurrent": 400} | alive | {"status": "healthy"},
        token=scene.admin,
    )
    found = scene.client.get("/api/servers", token=scene.admin).json["servers"]
    assert [(one["status"], one["maxConcurrent"]) for one in found] == [("online", 10)] * 2
    assert "server_mine" not in {one["id"] for one in found}

    everything = str([item.serialize() for model in storage.models() for item in aws.items(model)])
    assert "smuggled" not in everything


def test_a_report_cannot_move_what_is_not_its_to_move(scene: Scene) -> None:
    path = f"/api/task/{scene.running}"
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
        scene.house.settle()
        assert len(scene.house.calls[-1][3]) > settings().body_limit_bytes - 1000
