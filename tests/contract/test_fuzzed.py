"""Schemathesis generates requests from the OpenAPI documents: no answer is a 5xx, and each answer is documented.

The requests are the examples, the bounds of every schema and random cases. They are the same in every run.
"""

import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from http.cookies import SimpleCookie
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

from chalicelib.edge import openapi
from chalicelib.edge.schemas import JSON
from tests.contract.conftest import Scene, without_limits
from tests.contract.documented import Documented
from tests.contract.face import Face
from tests.contract.faces import FACES
from tests.support.client import Client

pytestmark = pytest.mark.long

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXACTLY = 3
"""The quarter of the cases that repeat the document's example, with the scene's ids."""
SUCCESSES = (200, 201, 202, 204, 302, 303)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Random cases for each operation, in place of the face's own number. Use hundreds for a new API."""


def wsgi(client: Client) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """Wrap the in-process client as a WSGI application, which schemathesis can call."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {name[5:].replace("_", "-"): text for name, text in environ.items() if name.startswith("HTTP_")}
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        path = environ["REQUEST_URI"].partition("?")[0].lstrip("/")  # the document's server is relative to itself
        url = f"/{path}?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else f"/{path}"
        reply = client.request(environ["REQUEST_METHOD"], url, body or None, headers=headers)
        start_response(f"{reply.status} x", list(reply.headers.items()))
        return [reply.text.encode()]

    return application


@pytest.fixture
def application(scene: Scene) -> Iterator[Any]:
    """The API. Fails at the end unless the operation has succeeded at least once."""
    statuses: Counter[int] = Counter()
    yield wsgi(Client(without_limits(scene.face.api), lambda method, template, reply: statuses.update([reply.status])))
    assert sum(statuses[status] for status in SUCCESSES), f"never succeeded: {statuses}"


def make_test(face: Face) -> Any:
    """Make the test of one API, with an item for each operation."""
    examples = EXAMPLES or face.examples
    found = {"seed": 1, "generation": {"deterministic": True, "max-examples": examples}}
    schema = schemathesis.openapi.from_dict(openapi(face.api), config=SchemathesisConfig.from_dict(found))
    schema = schema if EXAMPLES or not face.twins else schema.exclude(path=list(face.twins))

    @pytest.mark.parametrize("shared", [face], indirect=True, ids=[face.name])
    @schema.parametrize()
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def test(case: schemathesis.Case, scene: Scene, application: Callable[..., Any]) -> None:
        scene.world.clock.advance(1)
        endpoint = scene.face.described_endpoint(case.operation.method.upper(), case.path)
        if quarter := _quarter(case):
            _use_scene_ids(case, scene, endpoint)
        arguments = (
            _documented_arguments(case, scene.with_ids(endpoint))
            if quarter == EXACTLY and scene.face.stands_for
            else {}
        )
        headers = _credential(scene, endpoint) | arguments.pop("headers", {})
        case.call_and_validate(app=application, headers=headers, checks=CHECKS, **arguments)

    return test


def _credential(scene: Scene, endpoint: Documented) -> dict[str, str]:
    return {} if scene.face.is_public(endpoint) else {"Authorization": f"Bearer {scene.admin}"}


def _quarter(case: schemathesis.Case) -> int:
    """A number from 0 to 3, always the same for the same case. From 1 on, the case uses ids that exist."""
    body = case.body if isinstance(case.body, dict | list | str) else ""
    return zlib.crc32(f"{case.path_parameters} {case.query} {body}".encode("utf-8", "replace")) % 4


def _documented_arguments(case: schemathesis.Case, documented: Documented) -> dict[str, Any]:
    """Put the documented example's values into the case, because random ids and words match nothing.

    Returns further arguments of the call: cookies, and the body and headers where the body is not JSON.
    """
    arguments: dict[str, Any] = {
        "cookies": {name: one.value for name, one in SimpleCookie(documented.headers.get("Cookie")).items()}
    }
    if isinstance(case.query, dict):
        if documented.request:
            case.query.clear()  # the example's body needs no more than the example's query
        case.query.update(documented.query)
    if isinstance(case.body, dict) and documented.request:
        if documented.sent_as == JSON:
            case.body.update(documented.request)
        else:
            arguments["data"], arguments["headers"] = documented.encode(documented.request)
    return arguments


def _use_scene_ids(case: schemathesis.Case, scene: Scene, endpoint: Documented) -> None:
    for variable, identifier in scene.values(endpoint).items():
        where = case.path_parameters if variable in endpoint.variables else case.query
        if variable in (where or ()):
            where[variable] = identifier


globals().update({f"test_every_answer_is_documented_in_{face.name}": make_test(face) for face in FACES})
