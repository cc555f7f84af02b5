"""The OpenAPI document is valid and says what the document and the code say."""

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.apis.processing import api
from tests.contract.documented import ENDPOINTS, ERRORS, Documented, name_of
from tests.support.client import Client


@pytest.fixture(scope="module")
def document() -> Any:
    return Client(api).get("/openapi.json").json


def test_it_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
def test_every_operation_states_what_can_happen(endpoint: Documented, document: Any) -> None:
    operation = document["paths"][endpoint.path][endpoint.method.lower()]
    statuses = set(operation["responses"])
    expected = {str(endpoint.status), "500"}
    if not endpoint.public:
        expected |= {"401", "429"}
    if endpoint.auth == "admin":
        expected.add("403")
    if "{id}" in endpoint.path:
        expected |= {"400", "404"}
    if endpoint.request is not None:
        expected |= {"400", "413", "415"}
    assert expected <= statuses
    assert operation["summary"]
    assert operation["tags"]
    assert bool(operation["security"]) is not endpoint.public


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.request], ids=name_of)
def test_the_documented_request_fields_are_described(endpoint: Documented, document: Any) -> None:
    operation = document["paths"][endpoint.path][endpoint.method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert set(endpoint.request) <= set(named["properties"])
    assert set(named.get("required", ())) <= set(endpoint.request)


def test_error_examples_have_the_documented_titles(document: Any) -> None:
    for response in document["components"]["responses"].values():
        [content] = response["content"].values()
        assert set(content["example"]) == {"error", "details"}
    titles = document["components"]["schemas"]["Error"]["properties"]["error"]["enum"]
    assert {example["error"] for example in ERRORS.values()} <= set(titles)


def test_the_document_needs_nothing_from_elsewhere(document: Any) -> None:
    text = json.dumps(document)
    assert "#/components/" in text
    assert '"$ref": "http' not in text
