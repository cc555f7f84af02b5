"""The OpenAPI document is valid and agrees with the API's document and the code."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented
from tests.contract.face import EVERYONE


@pytest.fixture(scope="module")
def document(shared: Scene) -> Any:
    return shared.client.get("/openapi.json").json


@over.faces()
def test_it_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


@over.faces()
def test_no_schema_is_named_for_a_module(document: Any) -> None:
    """Pydantic does that with two schemas of one name. Generated clients would then name the folders of the code."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


@over.each(lambda face: face.endpoints)
def test_every_operation_lists_its_possible_answers(endpoint: Documented, shared: Scene, document: Any) -> None:
    face = shared.face
    operation = document["paths"][endpoint.described_path][endpoint.method.lower()]
    expected = {str(face.status(endpoint)), "500"}
    if endpoint in face.guarded_endpoints:
        expected |= {"401", "429", "503"}
    if face.allowed_roles(endpoint) != EVERYONE:
        expected.add("403")
    if face.on.get(endpoint.id):
        expected |= {str(face.invalid), "404"}
    if endpoint.request is not None:
        expected |= {"400"} if endpoint.id in face.own_words else {"400", "413", "415"}
    assert expected <= set(operation["responses"])
    assert operation["summary"]
    assert operation["tags"]
    assert bool(operation["security"]) is (endpoint in face.guarded_endpoints)


@over.each(lambda face: [one for one in face.endpoints if one.request])
def test_the_documented_request_fields_are_described(endpoint: Documented, document: Any) -> None:
    operation = document["paths"][endpoint.described_path][endpoint.method.lower()]
    schema = operation["requestBody"]["content"][endpoint.sent_as]["schema"]
    named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert set(endpoint.request) <= set(named["properties"])
    for body in (endpoint.request, *endpoint.also):
        assert set(named.get("required", ())) <= set(body)


@over.each(lambda face: face.endpoints)
def test_the_documented_query_is_described(endpoint: Documented, document: Any) -> None:
    operation = document["paths"][endpoint.described_path][endpoint.method.lower()]
    described = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    assert {*endpoint.query, *endpoint.filters} <= described


@over.faces()
def test_error_examples_are_errors_of_this_api(shared: Scene, document: Any) -> None:
    components = document["components"]
    errors = Draft202012Validator(components["schemas"]["Error"] | {"components": components})
    for response in components["responses"].values():
        [content] = response["content"].values()
        error = shared.face.read_error(content["example"])
        assert error.code in shared.face.codes.values()
        assert error.message
        errors.validate(content["example"])


@over.faces()
def test_the_document_references_no_other_document(document: Any) -> None:
    text = json.dumps(document)
    assert "#/components/" in text
    assert '"$ref": "http' not in text
