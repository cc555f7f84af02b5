"""No error of any API repeats a password, a key, a token or a file, whatever else is wrong with the request."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.apis.websockets import CHANNELS
from chalicelib.edge import routes_of
from chalicelib.edge.binding import read_signature
from chalicelib.edge.schemas import FORM, JSON, MULTIPART
from chalicelib.edge.validation_errors import SECRET_NAME, JsonSchema
from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented
from tests.contract.face import Face
from tests.contract.faces import FACES

HIDDEN = "hunter2-of-the-owner"
NUMBER = 73512845
Way = tuple[str, ...]


def fields(schema: JsonSchema, root: JsonSchema, way: Way = (), seen: frozenset[str] = frozenset()) -> Iterator[Any]:
    """(way, schema, whether it is a secret or within one) of every field that the schema describes."""
    reference = schema.get("$ref")
    if reference in seen:
        return
    if reference:
        yield from fields(root["$defs"][reference.rpartition("/")[2]], root, way, seen | {reference})
    for member in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from fields(member, root, way, seen)
    for name, child in schema.get("properties", {}).items():
        yield (*way, name), child, declared(child)
        if not declared(child):
            yield from fields(child, root, (*way, name), seen)
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from fields(inner, root, (*way, "0"), seen)


def declared(schema: JsonSchema) -> bool:
    members = (schema, *schema.get("anyOf", ()))
    return any(one.get("writeOnly") or one.get("format") == "binary" for one in members)


def bodies(face: Face) -> Iterator[tuple[str, str, JsonSchema]]:
    for endpoint in routes_of(face.api):
        body = read_signature(endpoint).body
        if body is not None:
            yield f"{endpoint.method} {endpoint.path}", body.model.media_type, body.schema


def frames() -> Iterator[tuple[str, JsonSchema]]:
    for channels in CHANNELS.values():
        for channel in channels:
            for kind, handler in channel.frame_handlers.items():
                yield f"{channel.name} {kind}", handler.model.model_json_schema()


def undeclared(schema: JsonSchema) -> list[Way]:
    return [way for way, _, secret in fields(schema, schema) if SECRET_NAME.search(way[-1]) and not secret]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_what_is_called_as_secrets_are_is_declared_as_one(face: Face) -> None:
    assert {where: undeclared(schema) for where, _, schema in bodies(face) if undeclared(schema)} == {}


def test_so_it_is_in_frames() -> None:
    assert {where: undeclared(schema) for where, schema in frames() if undeclared(schema)} == {}


def test_there_are_secrets_to_be_found() -> None:
    found = {
        way for face in FACES for _, _, schema in bodies(face) for way, _, secret in fields(schema, schema) if secret
    }
    assert {("password",), ("secret",), ("apiKey",), ("refreshToken",), ("token",), ("headers",), ("file",)} <= found


def with_secrets(face: Face) -> list[Documented]:
    """Endpoints whose body has a secret in it, by what they are sent."""
    kept = {where for where, _, schema in bodies(face) if any(secret for *_, secret in fields(schema, schema))}
    return [one for one in face.endpoints if one.id in kept]


def put(way: Way, value: Any) -> Any:
    name, *rest = way
    return {name: put(tuple(rest), value) if rest else value}


SHAPES: tuple[Any, ...] = (
    HIDDEN,
    HIDDEN[:3],
    HIDDEN * 300,
    f"{HIDDEN}\n\u00e9 ",
    NUMBER,
    [HIDDEN],
    {HIDDEN: HIDDEN},
    {"x": NUMBER},
)
"""Too short, too long, with what may not be in it, of another type: each is wrong somewhere."""


def wrong(schema: JsonSchema) -> Iterator[Any]:
    """Bodies with a secret, in which it or all else is wrong."""
    ways = [(way, secret) for way, _, secret in fields(schema, schema)]
    others = {way[0]: ["wrong"] for way, secret in ways if len(way) == 1 and not secret}
    for way in (way for way, secret in ways if secret):
        for value in SHAPES:
            yield put(way, value)
            yield others | put(way, value)
    yield HIDDEN
    yield [HIDDEN]


@over.each(with_secrets)
def test_no_error_repeats_a_secret(endpoint: Documented, shared: Scene) -> None:
    [(_, media_type, schema)] = [one for one in bodies(shared.face) if one[0] == endpoint.id]
    sent: list[str | bytes] = [json.dumps(body) for body in wrong(schema)]
    sent += [f'{{"password": "{HIDDEN}', f'{{"password": {HIDDEN}}}', f"password={HIDDEN}&password={HIDDEN}", HIDDEN]
    for text in sent:
        for kind in {media_type, JSON, FORM, f"{MULTIPART}; boundary=x", HIDDEN}:
            reply = shared.send(endpoint, text, headers={"Content-Type": kind})
            if reply.status < 400:
                continue
            said = reply.text.replace(f"not {HIDDEN}", "")  # the type that was claimed
            assert HIDDEN[:12] not in said and str(NUMBER) not in said, (text[:200], kind, reply.text)
            assert not re.search(rf"[\"'\s]{HIDDEN[:3]}[\"'\s]", said), (text[:200], kind, reply.text)


@over.each(over.guarded)
def test_no_error_repeats_a_header(endpoint: Documented, shared: Scene) -> None:
    names = [one.key for one in read_signature(route(shared.face, endpoint)).parameters if one.source == "header"]
    for name in [*names, "X-API-Key", "X-Webhook-Secret", "Cookie"]:
        for value in (HIDDEN, HIDDEN * 20, "", f"{HIDDEN} \u00e9"):
            reply = shared.send(endpoint, [], headers={name: value})
            assert reply.status < 400 or HIDDEN not in reply.text, (name, reply.text)
    for value in (HIDDEN, f"Basic {HIDDEN}", f"Bearer {HIDDEN}"):
        assert HIDDEN not in shared.call(endpoint, headers={"Authorization": value}).text


def route(face: Face, endpoint: Documented) -> Any:
    [found] = [one for one in routes_of(face.api) if f"{one.method} {one.path}" == endpoint.id]
    return found
