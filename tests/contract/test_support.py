"""What only the support API promises: its document's own error codes."""

import pytest

from chalicelib import config
from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.faces.support import SENTIMENT, support

pytestmark = over.faces(where=lambda face: face is support)


def test_the_described_codes_hold_the_documented_ones(shared: Scene) -> None:
    error = shared.client.get("/openapi.json").json["components"]["schemas"]["Error"]["properties"]["error"]
    assert set(support.data["codes"]) <= set(error["properties"]["code"]["enum"])


def test_a_full_queue_has_its_documented_code(scene: Scene) -> None:
    config.replace(queue_limits={"support": 1})
    refused = scene.client.post("/task", SENTIMENT, token=scene.admin)
    assert refused.status == 503
    assert support.read_error(refused.json).code == "QUEUE_FULL"
    config.replace(queue_limits={"support": 2})
    assert scene.client.post("/task", SENTIMENT, token=scene.admin).status == 202


@pytest.mark.parametrize(("length", "status"), [(99_000, 202), (101_000, 413)])
def test_a_task_must_fit_a_frame(length: int, status: int, scene: Scene) -> None:
    body = {"type": "translation", "data": {"text": "x" * length}}
    reply = scene.client.post("/task", body, token=scene.admin)
    assert reply.status == status
    if status == 413:
        error = support.require_refusal(reply, 413)
        assert "100000" in error.message
        assert set(error.fields or ()) == {"data"}
