"""A tenant cannot read, list, count or change another tenant's resources, and cannot learn that they exist."""

from typing import NamedTuple

import pytest

from tests.contract import over
from tests.contract.conftest import STRANGER, Scene, listings
from tests.contract.documented import Documented, Resource
from tests.contract.face import EVERYONE
from tests.support.client import token
from tests.support.rewind import stored_items


@pytest.fixture(scope="module")
def elsewhere(shared: Scene) -> dict[str, str]:
    """Kind of resource -> the id of one that is in no API's pool."""
    task, worker = shared.world.submit(pool="elsewhere"), shared.world.register(pool="elsewhere")
    shared.world.settle()
    return {"Task": task.id, "Worker": worker.id}


class Neighbour(NamedTuple):
    """The token of another tenant's admin, and that tenant's resources."""

    token: str
    own: dict[str, Resource]


@pytest.fixture(scope="module")
def neighbour(shared: Scene) -> Neighbour:
    theirs = shared.face.caller(shared.world, "penumbra")
    return Neighbour(theirs, shared.face.build(shared.world, shared.client, theirs))


@over.faces()
def test_every_route_with_an_id_is_tested(shared: Scene) -> None:
    with_variables = {route for route in shared.face.mounted_routes() if "{" in route}
    assert with_variables <= {endpoint.id for endpoint in over.with_resource(shared.face)}
    for endpoint in over.with_resource(shared.face):
        assert set(shared.face.on[endpoint.id]) >= set(endpoint.variables)


@over.each(lambda face: [one for one in over.with_found_resource(face) if not face.is_public(one)])
def test_another_tenants_resource_is_404(endpoint: Documented, shared: Scene) -> None:
    variable = next(iter(shared.face.on[endpoint.id]))
    kind, mine = shared.kind(endpoint, variable), shared.values(endpoint)[variable]
    before = stored_items()
    for role in EVERYONE:
        foreign = shared.send(endpoint, token=token(role, subject=mine, **STRANGER))
        unknown = shared.send(endpoint, token=token(role, subject="nowhere", **STRANGER), values={variable: "nowhere"})
        assert foreign.status in (403, 404), "only a role may be refused first"
        assert (foreign.status, foreign.text.replace(mine, "nowhere")) == (unknown.status, unknown.text)
        if foreign.status == 404:
            assert shared.face.require_refusal(foreign, 404, kind).message == f"{kind} not found: {mine}"
    assert stored_items() == before


@over.each(lambda face: [one for one in over.with_resource(face) if len(face.on[one.id]) > 1])
def test_another_tenants_resource_is_404_beside_the_callers_own(
    endpoint: Documented, neighbour: Neighbour, scene: Scene
) -> None:
    theirs = {variable: neighbour.own[name].id for variable, name in scene.face.on[endpoint.id].items()}
    before = stored_items()
    for variable, mine in scene.values(endpoint).items():
        reply = scene.send(endpoint, token=neighbour.token, values=theirs | {variable: mine})
        kind = scene.kind(endpoint, variable)
        assert scene.face.require_refusal(reply, 404, kind).message == f"{kind} not found: {mine}"
    assert stored_items() == before
    assert scene.send(endpoint, token=neighbour.token, values=theirs).status == scene.face.status(endpoint)


@over.each(over.with_found_resource)
def test_another_apis_resource_is_404(endpoint: Documented, shared: Scene, elsewhere: dict[str, str]) -> None:
    before = stored_items()
    for variable in shared.face.on[endpoint.id]:
        kind = shared.kind(endpoint, variable)
        foreign = elsewhere["Task" if kind == "Task" else "Worker"]
        error = shared.face.require_refusal(shared.send(endpoint, values={variable: foreign}), 404, kind)
        assert error.message == f"{kind} not found: {foreign}"
    assert stored_items() == before


@over.faces()
def test_lists_and_figures_show_nothing_of_another_tenant(shared: Scene) -> None:
    # Of an org that no other test calls as: its own requests are in its figures and its log.
    caller = token(org="nebula")
    for endpoint in listings(shared.face):
        reply = shared.client.get(endpoint.url({}), token=caller)
        assert shared.face.without_volatile_fields(reply.json) == shared.face.without_volatile_fields(
            shared.empty[endpoint.id]
        ), endpoint.id
        if endpoint.id in shared.face.common:
            continue
        assert not [resource for resource in shared.resources.values() if resource.id in reply.text]
        ours = shared.face.without_volatile_fields(shared.send(endpoint).json)
        assert ours != shared.face.without_volatile_fields(shared.empty[endpoint.id]), "it has something to show"
