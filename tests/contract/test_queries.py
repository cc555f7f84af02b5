"""Every endpoint refuses and names unknown and repeated parameters and headers. Only lists may be repeated."""

from dataclasses import replace
from typing import Any

from chalicelib.edge import routes_of
from chalicelib.edge.binding import Parameter, read_signature
from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented
from tests.contract.face import Face


def parameters(face: Face, endpoint: Documented) -> list[Parameter]:
    [found] = [one for one in routes_of(face.api) if f"{one.method} {one.path}" == endpoint.id]
    return [one for one in read_signature(found).parameters if one.source == "query"]


def call_with_query(shared: Scene, endpoint: Documented, *pairs: str) -> Any:
    url = shared.url(endpoint)
    return shared.call(endpoint, url + ("&" if "?" in url else "?") + "&".join(pairs), token=shared.admin)


@over.each(over.guarded_endpoints)
def test_an_unknown_query_parameter_is_refused_and_named(endpoint: Documented, shared: Scene) -> None:
    keys = [one.key for one in parameters(shared.face, endpoint)]
    for name in ("nonsense", *(f"{one}[]" for one in keys), *(one.upper() for one in keys)):
        error = shared.face.require_invalid(call_with_query(shared, endpoint, f"{name}=a"))
        assert (
            error.message == f"{name} is not a query parameter of this endpoint, which has {', '.join(keys) or 'none'}"
        )


@over.each(over.guarded_endpoints)
def test_a_repeated_query_parameter_is_refused_and_named_unless_it_is_a_list(
    endpoint: Documented, shared: Scene
) -> None:
    for parameter in parameters(shared.face, endpoint):
        if not parameter.many:
            plain = replace(
                endpoint, query={name: text for name, text in endpoint.query.items() if name != parameter.key}
            )
            error = shared.face.require_invalid(
                call_with_query(shared, plain, f"{parameter.key}=acme", f"{parameter.key}=acme")
            )
            assert error.message.startswith(parameter.key)


STATUSES = {"Authorization": 401, "Content-Type": 415, "Content-Encoding": 415}


@over.each(over.with_body)
def test_a_repeated_header_is_refused_and_named(endpoint: Documented, shared: Scene) -> None:
    for name, status in STATUSES.items():
        twice = {name: "first", name.lower(): "second"}
        answer = shared.call(endpoint, token=None if status == 401 else shared.admin, headers=twice)
        assert answer.status == status
        assert f"{name} is given more than once" in answer.text


LISTS = {
    ("projects", "GET /api/v1/tasks", "tags"),
    ("projects", "GET /api/tasks", "tags"),
    ("projects", "GET /api/v1/tasks/{taskId}", "include"),
    ("projects", "GET /api/v1/agents", "capabilities"),
    ("projects", "GET /api/v1/agents/{agentId}", "include"),
}


@over.faces()
def test_only_these_query_parameters_are_lists(shared: Scene) -> None:
    face = shared.face
    repeatable = {
        (face.name, one.id, item.key) for one in face.guarded_endpoints for item in parameters(face, one) if item.many
    }
    assert repeatable == {one for one in LISTS if one[0] == face.name}
