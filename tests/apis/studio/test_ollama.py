"""Ollama over HTTP, against a server that speaks its documented API."""

import json
from typing import Any

import pytest

from chalicelib import config
from chalicelib.engine.models.provider_calls import SHARED
from chalicelib.engine.security import long_call_slots
from tests.apis.studio.conftest import StudioApi
from tests.support.client import token
from tests.support.ollama import SIZES, FakeOllama

HOST, KEY = "ollama.example", "ollama-secret"
MODEL = {"id": "small", "name": "Mistral", "model": "mistral", "context_length": 8_192}
PROVIDER = {"name": "local", "protocol": "ollama", "url": f"https://{HOST}", "key": KEY, "models": [MODEL]}
WARM_UP, SELECT = "/api/ollama/warmup", "/api/ollama/select-model"


@pytest.fixture
def server(studio_api: StudioApi) -> FakeOllama:
    config.replace(models=json.dumps([PROVIDER]))
    found = FakeOllama(studio_api.world, KEY)
    studio_api.world.servers[HOST] = found
    return found


def get(api: StudioApi, path: str) -> Any:
    return api.call("GET", f"/api/ollama/{path}", token=None)


def warm_up(api: StudioApi, model: str = "mistral") -> Any:
    return api.call("POST", WARM_UP, {"model": model}, token=None)


def test_without_ollama_it_is_offline_and_has_no_models(studio_api: StudioApi) -> None:
    assert get(studio_api, "health") == {"status": "offline", "uptime": None, "memory_usage": None}
    assert get(studio_api, "models") == {"models": []}
    assert get(studio_api, "status") == dict.fromkeys(("active_model", "memory_allocated", "requests_per_second"))
    for path, caller in ((WARM_UP, None), (SELECT, studio_api.token)):
        reply = studio_api.request("POST", path, {"model": "mistral"}, token=caller)
        assert (reply.status, reply.json["type"]) == (503, "not_configured")
        assert "protocol ollama to MODELS" in reply.json["detail"]


def test_what_it_has_and_what_is_in_memory(studio_api: StudioApi, server: FakeOllama) -> None:
    assert get(studio_api, "health") == {"status": "healthy", "uptime": None, "memory_usage": 0}
    assert get(studio_api, "status")["active_model"] is None
    assert get(studio_api, "models")["models"] == [
        {"name": "mistral:latest", "size": "7.2b", "parameters": 7_200_000_000, "quantization": "4bit"},
        {"name": "gemma3:4b", "size": "4.3b", "parameters": 4_300_000_000, "quantization": "4bit"},
    ]
    assert warm_up(studio_api) == {"status": "loaded", "progress": 100}
    assert warm_up(studio_api, "mistral:latest") == {"status": "ready", "progress": 100}
    assert warm_up(studio_api, "gemma3:4b")["status"] == "loaded"
    assert get(studio_api, "health")["memory_usage"] == sum(SIZES.values())
    status = get(studio_api, "status")
    assert (status["active_model"], status["memory_allocated"]) == ("gemma3:4b", sum(SIZES.values()))
    assert server.requests.count("POST /api/generate") == 2


@pytest.mark.parametrize(
    ("fault", "status"), [("gone", "offline"), ("silent", "degraded"), ("broken", "degraded"), ("html", "degraded")]
)
def test_a_server_that_does_not_answer_well(studio_api: StudioApi, server: FakeOllama, fault: str, status: str) -> None:
    server.fault = fault
    assert get(studio_api, "health") == {"status": status, "uptime": None, "memory_usage": None}
    for method, path in (("GET", "models"), ("GET", "status"), ("POST", "warmup")):
        body = {"model": "mistral"} if method == "POST" else None
        detail = studio_api.expect_error(503, method, f"/api/ollama/{path}", body, token=None)
        assert detail == "Ollama does not answer as it should; see /api/ollama/health"


def test_strangers_cannot_make_it_busy(studio_api: StudioApi, server: FakeOllama) -> None:
    for _ in range(20):
        get(studio_api, "health"), get(studio_api, "status"), get(studio_api, "models")
    assert sorted(server.requests) == ["GET /api/ps", "GET /api/tags"]
    with long_call_slots.try_slot(SHARED, "ollama:mistral:latest", 1, 25):
        assert warm_up(studio_api) == {"status": "warming", "progress": None}
    assert "POST /api/generate" not in server.requests


def test_a_model_that_it_does_not_have_is_refused_with_those_that_it_has(
    studio_api: StudioApi, server: FakeOllama
) -> None:
    detail = studio_api.expect_error(400, "POST", WARM_UP, {"model": "gpt-9"}, token=None)
    assert detail == "model: there is no model 'gpt-9': known are mistral:latest, gemma3:4b"


def test_a_model_that_loads_for_too_long_is_a_504(studio_api: StudioApi, server: FakeOllama) -> None:
    server.is_slow = True
    detail = studio_api.expect_error(504, "POST", WARM_UP, {"model": "mistral"}, token=None)
    assert detail == "Ollama did not load the model within 25 seconds"


@pytest.mark.parametrize("name", ["small", "mistral", "mistral:latest"])
def test_a_model_is_chosen_for_the_org(studio_api: StudioApi, server: FakeOllama, name: str) -> None:
    assert studio_api.call("POST", SELECT, {"model": name}) == {
        "model": "small",
        "name": "Mistral",
        "provider": "local",
        "selected_at": "2026-01-01T12:00:00Z",
    }
    refused = studio_api.expect_error(400, "POST", SELECT, {"model": "gemma3:4b"})
    assert refused.endswith("known are small"), "the names that models have in the list, without :latest"
    assert studio_api.request("POST", SELECT, {"model": name}, token=None).status == 401
    assert studio_api.request("POST", SELECT, {"model": name}, token=token(org="umbra")).status == 200
