"""Models over HTTP: public, and nothing of an org is in them."""

from typing import Any

import pytest

from chalicelib import config
from tests.apis.studio.conftest import StudioApi
from tests.support.aws import counting
from tests.support.models import MODELS


def get(api: StudioApi, path: str) -> Any:
    return api.call("GET", path, token=None)


def test_three_lists_are_the_same_and_two_pages_of_a_model(studio_api: StudioApi) -> None:
    config.replace(models=MODELS)
    listed = get(studio_api, "/api/models")
    assert [one["id"] for one in listed["models"]] == ["clever", "fast", "careful", "small"]
    assert get(studio_api, "/api/models/list") == get(studio_api, "/api/models-list") == listed
    row = listed["models"][0]
    prices = {"input_usd_per_million": 2.0, "output_usd_per_million": 10.0, "priced_at": "2026-01-15"}
    assert (row["context_window"], row["pricing"]) == (128_000, prices)
    assert listed["models"][1]["pricing"] == dict.fromkeys(prices)
    one = get(studio_api, "/api/models/clever")
    assert one == row | {"description": "", "max_output_tokens": None} == get(studio_api, "/api/models/clever/info")


@pytest.mark.parametrize("path", ["/api/models/gpt-9", "/api/models/gpt-9/info"])
def test_an_unknown_model_is_404(studio_api: StudioApi, path: str) -> None:
    config.replace(models=MODELS)
    assert studio_api.expect_error(404, "GET", path, token=None) == "Model not found: gpt-9"


def test_a_model_whose_id_has_a_slash_or_a_colon_is_found(studio_api: StudioApi) -> None:
    names = ["mistral:7b", "meta/llama"]
    models = ", ".join(f'{{"id": "{name}", "context_length": 1}}' for name in names)
    config.replace(models=f'[{{"name": "o", "protocol": "ollama", "models": [{models}]}}]')
    assert [get(studio_api, f"/api/models/{name.replace('/', '%2F')}")["id"] for name in names] == names


def test_it_calls_no_table(studio_api: StudioApi) -> None:
    with counting() as calls:
        assert get(studio_api, "/api/models") == {"models": []}
    assert calls.total() == 0
