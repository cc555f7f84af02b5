"""No error of any API repeats a password, a key, a token or a file."""

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
FieldPath = tuple[str, ...]
PUBLIC: set[FieldPath] = {
    ("result", "code"),
    ("result", "usage", "tokens_in"),
    ("result", "usage", "tokens_out"),
}
"""Fields that only sound like secrets: code that was written, and how many tokens a language model used."""


def fields(
    schema: JsonSchema, root: JsonSchema, field_path: FieldPath = (), visited: frozenset[str] = frozenset()
) -> Iterator[Any]:
    """(way, schema, whether it is a secret or within one) of every field that the schema describes."""
    reference = schema.get("$ref")
    if reference in visited:
        return
    if reference:
        yield from fields(root["$defs"][reference.rpartition("/")[2]], root, field_path, visited | {reference})
    for member in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from fields(member, root, field_path, visited)
    for name, child in schema.get("properties", {}).items():
        yield (*field_path, name), child, is_declared_secret(child)
        if not is_declared_secret(child):
            yield from fields(child, root, (*field_path, name), visited)
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from fields(inner, root, (*field_path, "0"), visited)


def is_declared_secret(schema: JsonSchema) -> bool:
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


def undeclared_secrets(schema: JsonSchema) -> list[FieldPath]:
    return [
        field_path
        for field_path, _, secret in fields(schema, schema)
        if SECRET_NAME.search(field_path[-1]) and field_path not in PUBLIC and not secret
    ]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_body_field_with_a_secrets_name_is_declared_secret(face: Face) -> None:
    assert {where: undeclared_secrets(schema) for where, _, schema in bodies(face) if undeclared_secrets(schema)} == {}


def test_a_frame_field_with_a_secrets_name_is_declared_secret() -> None:
    assert {where: undeclared_secrets(schema) for where, schema in frames() if undeclared_secrets(schema)} == {}


def test_the_schemas_declare_secrets() -> None:
    secret_paths = {
        field_path
        for face in FACES
        for _, _, schema in bodies(face)
        for field_path, _, secret in fields(schema, schema)
        if secret
    }
    assert {
        ("password",),
        ("secret",),
        ("apiKey",),
        ("refreshToken",),
        ("token",),
        ("headers",),
        ("file",),
    } <= secret_paths


def with_secrets(face: Face) -> list[Documented]:
    """Endpoints whose body has a secret in it."""
    endpoint_ids = {where for where, _, schema in bodies(face) if any(secret for *_, secret in fields(schema, schema))}
    return [one for one in face.endpoints if one.id in endpoint_ids]


def nest(field_path: FieldPath, value: Any) -> Any:
    name, *rest = field_path
    return {name: nest(tuple(rest), value) if rest else value}


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
"""Too short, too long, with forbidden characters, of another type: for each schema at least one is invalid."""


def wrong_bodies(schema: JsonSchema) -> Iterator[Any]:
    """Invalid bodies with a secret: the secret is invalid, or the other fields are."""
    secrecy = [(field_path, secret) for field_path, _, secret in fields(schema, schema)]
    others = {field_path[0]: ["wrong"] for field_path, secret in secrecy if len(field_path) == 1 and not secret}
    for field_path in (field_path for field_path, secret in secrecy if secret):
        for value in SHAPES:
            yield nest(field_path, value)
            yield others | nest(field_path, value)
    yield HIDDEN
    yield [HIDDEN]


@over.each(with_secrets)
def test_no_error_repeats_a_secret(endpoint: Documented, shared: Scene) -> None:
    [(_, media_type, schema)] = [one for one in bodies(shared.face) if one[0] == endpoint.id]
    sent: list[str | bytes] = [json.dumps(body) for body in wrong_bodies(schema)]
    sent += [f'{{"password": "{HIDDEN}', f'{{"password": {HIDDEN}}}', f"password={HIDDEN}&password={HIDDEN}", HIDDEN]
    for text in sent:
        for kind in {media_type, JSON, FORM, f"{MULTIPART}; boundary=x", HIDDEN}:
            reply = shared.send(endpoint, text, headers={"Content-Type": kind})
            if reply.status < 400:
                continue
            text_without_type = reply.text.replace(f"not {HIDDEN}", "")  # the type that was claimed
            assert HIDDEN[:12] not in text_without_type and str(NUMBER) not in text_without_type, (
                text[:200],
                kind,
                reply.text,
            )
            assert not re.search(rf"[\"'\s]{HIDDEN[:3]}[\"'\s]", text_without_type), (text[:200], kind, reply.text)


@over.each(over.guarded_endpoints)
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
