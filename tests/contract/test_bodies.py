"""An invalid request is refused with a message that says what would be right."""

from dataclasses import replace
from typing import Any

from chalicelib.config import settings
from chalicelib.edge.schemas import FORM, JSON, MULTIPART
from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented, ErrorDetails, without

MALFORMED: dict[str, str | bytes] = {
    "cut short": '{"type": "t"',
    "not JSON": "type=t&priority=1",
    "NaN": '{"priority": NaN}',
    "infinity": '{"payload": {"x": 1e400}}',
    "half a character": '{"type": "\\ud800"}',
    "not UTF-8": b'{"type": "\xff\xfe"}',
    "too deep": '{"payload": ' + "[" * 5000 + "]" * 5000 + "}",
    "a number without end": '{"payload": {"x": ' + "9" * 5000 + "}}",
    "zero bytes": "\0\0",
}


NO_OBJECT = {"a list": "[]", "text": '"text"', "a number": "7", "null": "null"}


def names_field(error: ErrorDetails, field: str) -> bool:
    """Whether an error is about the field, also in its machine-readable part where the dialect has one."""
    return field in error.message and (error.fields is None or any(name.startswith(field) for name in error.fields))


@over.each(over.with_json)
def test_a_malformed_body_is_an_invalid_request(endpoint: Documented, shared: Scene) -> None:
    for name, body in MALFORMED.items():
        error = shared.face.require_refusal(shared.send(endpoint, body), 400)
        assert error.message.startswith("The body "), name
    for name, body in NO_OBJECT.items():
        error = shared.face.require_invalid(shared.send(endpoint, body))
        assert error.message.startswith("The body must be an object"), name


@over.each(lambda face: [one for one in face.endpoints if one.request is not None and one.id not in face.own_words])
def test_a_body_of_another_media_type_is_refused(endpoint: Documented, shared: Scene) -> None:
    for kind in ("text/plain", JSON, FORM, f"{MULTIPART}; boundary=x", "", "/"):
        if not kind.startswith(endpoint.sent_as):
            error = shared.face.require_refusal(shared.send(endpoint, "{}", headers={"Content-Type": kind}), 415)
            assert endpoint.sent_as in error.message, kind


@over.faces()
def test_the_media_type_of_json_may_be_spelled_in_any_way(scene: Scene) -> None:
    endpoint = next(iter(over.with_json(scene.face)))
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"):
        reply = scene.send(endpoint, headers={"Content-Type": kind})
        assert reply.status == scene.face.status(endpoint), kind


@over.each(lambda face: face.missing, "case", lambda one: f"{one[0]} {one[1]}")
def test_a_missing_field_is_named(case: tuple[str, str, Any], shared: Scene) -> None:
    where, field, body = case
    error = shared.face.require_invalid(shared.send(shared.face.endpoint(where), body))
    assert error.message == f"Missing required field: {field}"
    assert error.fields is None or error.fields[field]


@over.each(lambda face: sorted({where for where, _, _ in face.missing}), "where", str)
def test_a_missing_body_is_refused_for_a_required_field(where: str, shared: Scene) -> None:
    error = shared.face.require_invalid(shared.send(shared.face.endpoint(where), None))
    assert error.message.startswith("Missing required field: ")


@over.each(over.with_body)
def test_every_documented_field_that_must_be_there_is_in_the_table(endpoint: Documented, scene: Scene) -> None:
    tried = {field.partition(".")[0] for where, field, _ in scene.face.missing if where == endpoint.id}
    request = scene.with_ids(endpoint).request
    for field in request:
        reply = scene.call(endpoint, scene.nowhere(endpoint), without(request, field), token=scene.admin)
        assert reply.status != scene.face.invalid or field in tried, reply.text


@over.each(lambda face: sorted({where for where, _, _ in face.wrong}), "where", str)
def test_a_wrong_value_is_named_with_what_would_be_right(where: str, shared: Scene) -> None:
    endpoint, base = shared.face.endpoint(where), shared.face.bases.get(where, {})
    for _, field, values in (case for case in shared.face.wrong if case[0] == where):
        for value in values:
            error = shared.face.require_invalid(shared.send(endpoint, with_value(base, field, value)))
            assert error.message.startswith(field), (field, value, error)
            assert names_field(error, field), error
            assert len(error.message) < 400


def with_value(base: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """The body with this value in the field; `a.b` is the field b of the object a."""
    name, _, inner = field.partition(".")
    return base | {name: with_value(base.get(name, {}), inner, value) if inner else value}


@over.each(lambda face: [one for one in over.with_resource(face) if one.query], label=lambda one: one.id)
def test_a_missing_query_parameter_is_named(endpoint: Documented, shared: Scene) -> None:
    for name in set(shared.face.on[endpoint.id]) - set(endpoint.variables):
        url = shared.url(replace(endpoint, query={}))
        error = shared.face.require_invalid(shared.client.request(endpoint.method, url, token=shared.admin))
        assert error.message == f"Missing required query parameter: {name}"


@over.each(lambda face: face.wrong_queries, "case", lambda one: f"{one[0]} {one[1]}")
def test_a_wrong_query_parameter_is_named_with_what_would_be_right(
    case: tuple[str, str, list[str]], shared: Scene
) -> None:
    where, name, values = case
    endpoint = shared.face.endpoint(where)
    for value in values:
        url = shared.url(replace(endpoint, query={**endpoint.query, name: value}), **{name: value})
        error = shared.face.require_invalid(shared.call(endpoint, url, token=shared.admin))
        assert names_field(error, name), error


@over.each(over.guarded_endpoints)
def test_a_body_over_the_limit_is_refused_with_the_limit(endpoint: Documented, shared: Scene) -> None:
    limit = shared.face.api.body_limit_bytes or settings().body_limit_bytes
    error = shared.face.require_refusal(shared.send(endpoint, "{" + " " * (limit - 1) + "}"), 413)
    assert error.message.startswith(f"The body has {limit + 1} bytes; at most {limit} are accepted")
