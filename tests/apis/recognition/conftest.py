from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.recognition import api
from tests.support.api_client import ApiClient
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.recognition import fake_engine
from tests.support.recognition.fake_engine import FakeEngine
from tests.support.world import World


@dataclass
class RecognitionApi(ApiClient):
    """A client of the recognition API, with an engine that knows some files."""

    engine: FakeEngine

    def post(self, path: str, status: int = 200, **fields: Any) -> Any:
        """Send a request. Files that are given as bytes are sent in base64."""
        reply = self.request("POST", path, {name: _encode(value) for name, value in fields.items()})
        assert reply.status == status, reply.text
        return reply.json


def _encode(value: Any) -> Any:
    if isinstance(value, list):
        return [_encode(each) for each in value]
    return fake_engine.encode(value) if isinstance(value, bytes) else value


@pytest.fixture
def recognition_api(world: World) -> RecognitionApi:
    return RecognitionApi(world, Client(api, conformance(api)), token("user"), fake_engine.use())
