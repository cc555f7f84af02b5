"""Every documented endpoint does what its document shows."""

from typing import Any

from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented
from tests.support.rewind import stored_items


@over.faces()
def test_documented_mounted_and_described_endpoints_are_the_same(shared: Scene) -> None:
    documented = {endpoint.id for endpoint in shared.face.endpoints}
    in_openapi = {f"{endpoint.method} {endpoint.described_path}" for endpoint in shared.face.endpoints}
    described = shared.client.get("/openapi.json").json["paths"]
    assert len(documented) == len(shared.face.endpoints)
    assert shared.face.mounted_routes() == documented
    assert {f"{method.upper()} {path}" for path, found in described.items() for method in found} == in_openapi


@over.each(lambda face: face.endpoints)
def test_the_documented_example_gets_the_documented_answer(endpoint: Documented, scene: Scene) -> None:
    face = scene.face
    reply = scene.send(endpoint)
    assert reply.status == face.status(endpoint), reply.text
    if reply.status == 204 or ("location" in reply.headers and reply.status != 201):
        assert reply.text == ""
        return
    if face.is_page(endpoint):
        assert reply.headers["content-type"].startswith("text/html")
        return
    if endpoint.id in face.raw:
        assert reply.headers["content-type"] != "application/json"
        return
    example = face.answer(endpoint)
    if example is not None:
        face.require_shape(reply.json, example)
    if endpoint in face.guarded_endpoints:
        face.require_field_case(reply.json, frozenset(resource.id for resource in scene.resources.values()))
    for body in scene.with_ids(endpoint).also:
        assert scene.send(endpoint, body).status == face.status(endpoint), body


@over.faces(where=lambda face: face.instants)
def test_instants_have_the_documented_format(shared: Scene) -> None:
    readable = (one for one in shared.face.guarded_endpoints if one.id not in shared.face.raw)
    looked = (shared.send(endpoint) for endpoint in readable if endpoint.method == "GET")
    found = [pair for reply in looked if reply.text for pair in instants(reply.json, shared.face.instants)]
    assert {name for name, _ in found} == shared.face.instants
    assert {value for _, value in found} - {None} == {shared.face.instant(shared.world.clock.now())}


def instants(value: Any, names: frozenset[str]) -> list[tuple[str, Any]]:
    """Every field of one of these names, wherever it is."""
    if isinstance(value, list):
        return [pair for one in value for pair in instants(one, names)]
    if not isinstance(value, dict):
        return []
    own = [(name, inner) for name, inner in value.items() if name in names]
    return own + [pair for inner in value.values() for pair in instants(inner, names)]


@over.each(lambda face: face.located, "where", str)
def test_a_created_resource_has_a_location(where: str, scene: Scene) -> None:
    created = scene.send(scene.face.endpoint(where))
    assert scene.client.get(created.headers["location"], token=scene.admin).status == 200


@over.each(lambda face: [one for one in over.with_body(face) if one.id not in face.closed])
def test_unknown_fields_change_nothing_and_are_not_stored(endpoint: Documented, scene: Scene) -> None:
    sent = scene.with_ids(endpoint).request | {"surprise": "smuggled"}
    assert scene.send(endpoint, sent).status == scene.face.status(endpoint)
    assert "smuggled" not in str(stored_items())


@over.each(lambda face: [one for one in over.with_body(face) if one.id in face.closed])
def test_where_unknown_fields_are_refused_they_are_named_with_the_known_ones(
    endpoint: Documented, scene: Scene
) -> None:
    before = stored_items()
    body = scene.with_ids(endpoint).request | {"surprise": "smuggled"}
    error = scene.face.require_invalid(scene.send(endpoint, body))
    assert error.message.startswith("surprise: is not a field of this body, which has ")
    assert {*error.message.rpartition("has ")[2].split(", ")} >= {*endpoint.request}
    assert stored_items() == before
