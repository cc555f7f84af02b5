"""Check that a reply matches the API's OpenAPI document and that an error shows no internals."""

import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.edge import Api, openapi
from tests.support.client import Reply, Watch

INTERNALS = re.compile(
    r"traceback|boto|dynamo|pynamo|pydantic|chalice|lambda|yardmaster-|\.py(:\d|\\\")|errors\.|0x[0-9a-f]{6}"
)


_watches: dict[int, tuple[Api, Watch]] = {}
"""By the API's identity: generating its document takes longer than most tests."""


def conformance(api: Api) -> Watch:
    """A watcher that raises AssertionError for a reply that differs from the document."""
    if id(api) not in _watches:
        _watches[id(api)] = api, _watch(api)
    return _watches[id(api)][1]


def _watch(api: Api) -> Watch:
    document = openapi(api)

    @cache
    def validator(method: str, template: str, status: int) -> Draft202012Validator:
        operation = document["paths"][template][method.lower()]
        assert str(status) in operation["responses"], f"{method} {template} answered {status}, which is not documented"
        response = _resolve(document, operation["responses"][str(status)])
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        return Draft202012Validator({**schema, "components": document["components"]})

    def watch(method: str, template: str, reply: Reply) -> None:
        if reply.status >= 400:
            assert not INTERNALS.search(reply.text.lower()), f"{method} {template}: {reply.text}"
        if method.lower() in document["paths"].get(template, {}):
            schema = validator(method, template, reply.status)
            if reply.headers.get("content-type") == "application/json":
                schema.validate(reply.json)
            _check_headers(document, method, template, reply)

    return watch


def _check_headers(document: dict[str, Any], method: str, template: str, reply: Reply) -> None:
    responses = document["paths"][template][method.lower()]["responses"]
    for name in _resolve(document, responses[str(reply.status)])["headers"]:
        assert name.lower() in reply.headers, f"{method} {template} {reply.status} lacks {name}"


def _resolve(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    for name in response.get("$ref", "").split("/")[1:]:
        document = document[name]
    return document if "$ref" in response else response
