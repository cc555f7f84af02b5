"""Models over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import config
from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.client import token
from tests.support.model_servers import KEY
from tests.support.models import MODELS


@pytest.fixture
def api(codeserver_api: CodeserverApi) -> Iterator[CodeserverApi]:
    before = config.replace(models=MODELS)
    yield codeserver_api
    config.restore(before)


def test_models_are_listed_with_their_status_and_no_key(api: CodeserverApi) -> None:
    listed = api.call("GET", "/api/models")
    assert listed["total"] == 4
    assert listed["models"][0] == {
        "id": "clever",
        "name": "Clever One",
        "provider": "openai",
        "context_length": 128_000,
        "status": "active",
        "description": "",
    }
    assert KEY not in str(listed)


def test_a_model_is_chosen_with_its_parameters(api: CodeserverApi) -> None:
    assert api.call("GET", "/api/model/current")["id"] == "clever"
    switched = api.call("POST", "/api/model/switch", {"model_id": "small", "temperature": 0.2})
    assert (switched["id"], switched["name"], switched["provider"]) == ("small", "Small One", "ollama")
    assert api.call("GET", "/api/model/current") == {
        "id": "small",
        "name": "Small One",
        "provider": "ollama",
        "context_length": 8192,
        "temperature": 0.2,
        "top_p": 0.95,
    }
    other = api.request("GET", "/api/model/current", token=token("user", org="other"))
    assert other.json["id"] == "clever"


def test_an_unknown_model_is_refused_with_the_known_ones(api: CodeserverApi) -> None:
    reply = api.request("POST", "/api/model/switch", {"model_id": "gpt-9"})
    assert (reply.status, reply.json["error"]) == (400, "INVALID_REQUEST")
    assert "known are clever, fast, careful, small" in reply.json["message"]


@pytest.mark.parametrize("more", [{"temperature": 2.1}, {"temperature": -0.1}, {"top_p": 0}, {"top_p": 1.1}])
def test_parameters_have_bounds(more: Any, api: CodeserverApi) -> None:
    assert api.request("POST", "/api/model/switch", {"model_id": "fast"} | more).status == 400
    assert api.call("GET", "/api/model/current")["id"] == "clever"


def test_without_models_the_list_is_empty_and_the_rest_names_the_setting(codeserver_api: CodeserverApi) -> None:
    assert codeserver_api.call("GET", "/api/models") == {"models": [], "total": 0}
    for method, path, body in (("GET", "/api/model/current", None), ("POST", "/api/model/switch", {"model_id": "x"})):
        reply = codeserver_api.request(method, path, body)
        assert (reply.status, reply.json["error"]) == (503, "NOT_CONFIGURED")
        assert reply.json["message"] == "No language model is configured: set MODELS."
