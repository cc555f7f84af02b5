"""What schemathesis makes of the OpenAPI documents, sent to the mounted APIs: nothing breaks, nothing is undocumented.

Examples, coverage of every schema's edges, and random cases; always the same ones.
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
from tests.contract.conftest import Scene, unlimited
from tests.contract.documented import Documented
from tests.contract.face import Face
from tests.contract.faces import FACES
from tests.support.client import Client

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXACTLY = 3
"""The quarter of the cases that say what the document says, where it names things."""
SUCCESSES = (200, 201, 202, 302, 303)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Random cases for each operation, where others are wanted than the face says. Ask for hundreds when a face is new."""


def wsgi(client: Client) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """The in-process client as the WSGI application that schemathesis can call."""

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
    """The API, which must have said yes at least once by the time the operation has been tried."""
    statuses: Counter[int] = Counter()
    yield wsgi(Client(unlimited(scene.face.api), lambda method, template, reply: statuses.update([reply.status])))
    assert sum(statuses[status] for status in SUCCESSES), f"never succeeded: {statuses}"


def fuzzed(face: Face) -> Any:
    """The test of one API: an item for each operation."""
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
        endpoint = scene.face.endpoint(f"{case.operation.method.upper()} {case.path}")
        if quarter := _quarter(case):
            _aim(case, scene, endpoint)
        said = _repeat(case, scene.filled(endpoint)) if quarter == EXACTLY and scene.face.stands_for else {}
        headers = _credential(scene, endpoint) | said.pop("headers", {})
        case.call_and_validate(app=application, headers=headers, checks=CHECKS, **said)

    return test


def _credential(scene: Scene, endpoint: Documented) -> dict[str, str]:
    return {} if scene.face.is_public(endpoint) else {"Authorization": f"Bearer {scene.admin}"}


def _quarter(case: schemathesis.Case) -> int:
    """In three of four the case goes to things that exist; the same case is always in the same quarter."""
    body = case.body if isinstance(case.body, dict | list | str) else ""
    return zlib.crc32(f"{case.path_parameters} {case.query} {body}".encode("utf-8", "replace")) % 4


def _repeat(case: schemathesis.Case, known: Documented) -> dict[str, Any]:
    """Say what the document's example says: without ids or words that are known nothing would be found. What is not
    JSON is sent as it is in the example."""
    said: dict[str, Any] = {
        "cookies": {name: one.value for name, one in SimpleCookie(known.headers.get("Cookie")).items()}
    }
    if isinstance(case.query, dict):
        case.query.update(known.query)
    if isinstance(case.body, dict) and known.request:
        if known.sent_as == JSON:
            case.body.update(known.request)
        else:
            said["data"], said["headers"] = known.sent(known.request)
    return said


def _aim(case: schemathesis.Case, scene: Scene, endpoint: Documented) -> None:
    for variable, identifier in scene.values(endpoint).items():
        where = case.path_parameters if variable in endpoint.variables else case.query
        if variable in (where or ()):
            where[variable] = identifier


globals().update({f"test_nothing_breaks_and_nothing_is_undocumented_in_{face.name}": fuzzed(face) for face in FACES})
