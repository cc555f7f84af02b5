"""Every documented endpoint does what its document shows."""

from typing import Any

from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented
from tests.support.rewind import stored_items


@over.faces()
def test_documented_mounted_and_described_endpoints_are_the_same(shared: Scene) -> None:
    documented = {endpoint.id for endpoint in shared.face.endpoints}
    described = shared.client.get("/openapi.json").json["paths"]
    assert len(documented) == len(shared.face.endpoints)
    assert shared.face.mounted() == documented
    assert {f"{method.upper()} {path}" for path, found in described.items() for method in found} == documented


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
    example = face.answer(endpoint)
    if example is not None:
        face.alike(reply.json, example)
    if endpoint in face.guarded:
        face.spelled(reply.json, frozenset(thing.id for thing in scene.things.values()))
    for body in scene.filled(endpoint).also:
        assert scene.send(endpoint, body).status == face.status(endpoint), body


@over.faces(where=lambda face: face.instants)
def test_instants_are_those_of_now_in_the_documented_form(shared: Scene) -> None:
    looked = (shared.send(endpoint) for endpoint in shared.face.guarded if endpoint.method == "GET")
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
def test_a_created_thing_says_where_it_is(where: str, scene: Scene) -> None:
    created = scene.send(scene.face.endpoint(where))
    assert scene.client.get(created.headers["location"], token=scene.admin).status == 200


@over.each(over.with_body)
def test_unknown_fields_change_nothing_and_are_not_stored(endpoint: Documented, scene: Scene) -> None:
    sent = scene.filled(endpoint).request | {"surprise": "smuggled"}
    assert scene.send(endpoint, sent).status == scene.face.status(endpoint)
    assert "smuggled" not in str(stored_items())
