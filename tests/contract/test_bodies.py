"""What is sent wrong is refused with a sentence that says what would be right."""

from dataclasses import replace
from typing import Any

from chalicelib.config import settings
from chalicelib.edge.schemas import FORM, JSON, MULTIPART
from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented, Told, without

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


def names(told: Told, field: str) -> bool:
    """Whether an error is about the field, also in its machine-readable part where the dialect has one."""
    return field in told.message and (told.fields is None or any(name.startswith(field) for name in told.fields))


@over.each(over.with_json)
def test_a_malformed_body_is_an_invalid_request(endpoint: Documented, shared: Scene) -> None:
    for name, body in MALFORMED.items():
        told = shared.face.refused(shared.send(endpoint, body), 400)
        assert told.message.startswith("The body "), name
    for name, body in NO_OBJECT.items():
        told = shared.face.unfit(shared.send(endpoint, body))
        assert told.message.startswith("The body must be an object"), name


@over.each(lambda face: [one for one in face.endpoints if one.request is not None and one.id not in face.own_words])
def test_a_body_of_another_type_is_refused_by_its_type(endpoint: Documented, shared: Scene) -> None:
    for kind in ("text/plain", JSON, FORM, f"{MULTIPART}; boundary=x", "", "/"):
        if not kind.startswith(endpoint.sent_as):
            told = shared.face.refused(shared.send(endpoint, "{}", headers={"Content-Type": kind}), 415)
            assert endpoint.sent_as in told.message, kind


@over.faces()
def test_json_is_json_in_any_spelling_of_its_type(scene: Scene) -> None:
    endpoint = next(iter(over.with_json(scene.face)))
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"):
        reply = scene.send(endpoint, headers={"Content-Type": kind})
        assert reply.status == scene.face.status(endpoint), kind


@over.each(lambda face: face.missing, "case", lambda one: f"{one[0]} {one[1]}")
def test_a_missing_field_is_named(case: tuple[str, str, Any], shared: Scene) -> None:
    where, field, body = case
    told = shared.face.unfit(shared.send(shared.face.endpoint(where), body))
    assert told.message == f"Missing required field: {field}"
    assert told.fields is None or told.fields[field]


@over.each(lambda face: sorted({where for where, _, _ in face.missing}), "where", str)
def test_no_body_at_all_lacks_the_first_field(where: str, shared: Scene) -> None:
    told = shared.face.unfit(shared.send(shared.face.endpoint(where), None))
    assert told.message.startswith("Missing required field: ")


@over.each(over.with_body)
def test_every_documented_field_that_must_be_there_is_in_the_table(endpoint: Documented, scene: Scene) -> None:
    tried = {field.partition(".")[0] for where, field, _ in scene.face.missing if where == endpoint.id}
    request = scene.filled(endpoint).request
    for field in request:
        reply = scene.call(endpoint, scene.nowhere(endpoint), without(request, field), token=scene.admin)
        assert reply.status != scene.face.invalid or field in tried, reply.text


@over.each(lambda face: sorted({where for where, _, _ in face.wrong}), "where", str)
def test_a_wrong_value_is_named_with_what_would_be_right(where: str, shared: Scene) -> None:
    endpoint, base = shared.face.endpoint(where), shared.face.bases.get(where, {})
    for _, field, values in (case for case in shared.face.wrong if case[0] == where):
        for value in values:
            told = shared.face.unfit(shared.send(endpoint, with_value(base, field, value)))
            assert told.message.startswith(field), (field, value, told)
            assert names(told, field), told
            assert len(told.message) < 400


def with_value(base: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """The body with this value in the field; `a.b` is the field b of the object a."""
    name, _, inner = field.partition(".")
    return base | {name: with_value(base.get(name, {}), inner, value) if inner else value}


@over.each(lambda face: [one for one in over.of_one(face) if one.query], said=lambda one: one.id)
def test_a_missing_query_parameter_is_named(endpoint: Documented, shared: Scene) -> None:
    for name in set(shared.face.on[endpoint.id]) - set(endpoint.variables):
        url = shared.url(replace(endpoint, query={}))
        told = shared.face.unfit(shared.client.request(endpoint.method, url, token=shared.admin))
        assert told.message == f"Missing required query parameter: {name}"


@over.each(lambda face: face.wrong_queries, "case", lambda one: f"{one[0]} {one[1]}")
def test_a_wrong_query_parameter_is_named_with_what_would_be_right(
    case: tuple[str, str, list[str]], shared: Scene
) -> None:
    where, name, values = case
    endpoint = shared.face.endpoint(where)
    for value in values:
        url = shared.url(replace(endpoint, query={**endpoint.query, name: value}), **{name: value})
        told = shared.face.unfit(shared.call(endpoint, url, token=shared.admin))
        assert names(told, name), told


@over.each(over.guarded)
def test_a_body_over_the_limit_is_refused_with_the_limit(endpoint: Documented, shared: Scene) -> None:
    limit = settings().body_limit_bytes
    told = shared.face.refused(shared.send(endpoint, "{" + " " * (limit - 1) + "}"), 413)
    assert told.message == f"The body has {limit + 1} bytes; at most {limit} are accepted"
