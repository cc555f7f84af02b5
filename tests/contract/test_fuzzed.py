"""What schemathesis makes of the OpenAPI document, sent to the mounted API: nothing breaks, nothing is undocumented.

Examples, coverage of every schema's edges, and random cases; always the same ones.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chalicelib.apis.processing import api
from chalicelib.edge import openapi
from tests.contract.conftest import Scene
from tests.contract.documented import OF_ONE
from tests.support.client import Client, token

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 25
"""Random cases for each operation."""


def wsgi(client: Client) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """The in-process client as the WSGI application that schemathesis can call."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {name[5:].replace("_", "-"): text for name, text in environ.items() if name.startswith("HTTP_")}
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        url = "/" + environ["REQUEST_URI"].lstrip("/")  # the document's server is relative to itself
        reply = client.request(environ["REQUEST_METHOD"], url, body or None, headers=headers)
        start_response(f"{reply.status} x", list(reply.headers.items()))
        return [reply.text.encode()]

    return application


@pytest.fixture
def application(scene: Scene) -> Iterator[Any]:
    """The API, which must have said yes at least once by the time the operation has been tried."""
    statuses: Counter[int] = Counter()
    yield wsgi(Client(api, lambda method, template, reply: statuses.update([reply.status])))
    assert statuses[200] + statuses[201], f"never succeeded: {statuses}"


def _schema() -> Any:
    config = SchemathesisConfig.from_dict({"seed": 1, "generation": {"deterministic": True, "max-examples": EXAMPLES}})
    return schemathesis.openapi.from_dict(openapi(api), config=config)


SCHEMA = _schema()


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_nothing_breaks_and_nothing_is_undocumented(
    case: schemathesis.Case, scene: Scene, application: Callable[..., Any]
) -> None:
    scene.house.clock.advance(1)
    if "id" in case.path_parameters and _in_three_of_four(case):
        endpoint = next(one for one in OF_ONE if (one.method, one.path) == (case.operation.method.upper(), case.path))
        case.path_parameters["id"] = scene.identifier(endpoint)
    headers = {"Authorization": f"Bearer {token(subject='fuzz', plan='enterprise')}"}
    case.call_and_validate(app=application, headers=headers, checks=CHECKS)


def _in_three_of_four(case: schemathesis.Case) -> bool:
    """Whether to send the case to a thing that exists; the same case always goes to the same."""
    body = case.body if isinstance(case.body, dict | list | str) else ""
    return zlib.crc32(f"{case.path_parameters['id']} {body}".encode("utf-8", "replace")) % 4 > 0
