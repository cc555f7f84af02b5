"""A tenant can neither read, list, count nor change what is another's, and is not told that it exists."""

from typing import NamedTuple

import pytest

from tests.contract import over
from tests.contract.conftest import STRANGER, Scene, shown
from tests.contract.documented import Documented, Thing
from tests.contract.face import EVERYONE
from tests.support.client import token
from tests.support.rewind import stored_items


@pytest.fixture(scope="module")
def elsewhere(shared: Scene) -> dict[str, str]:
    """Kind of thing -> the id of one that is in no API's pool."""
    task, worker = shared.world.submit(pool="elsewhere"), shared.world.register(pool="elsewhere")
    shared.world.settle()
    return {"Task": task.id, "Worker": worker.id}


class Neighbour(NamedTuple):
    """An admin of another tenant, and what is theirs."""

    token: str
    own: dict[str, Thing]


@pytest.fixture(scope="module")
def neighbour(shared: Scene) -> Neighbour:
    theirs = shared.face.caller(shared.world, "penumbra")
    return Neighbour(theirs, shared.face.build(shared.world, shared.client, theirs))


@over.faces()
def test_the_matrix_covers_every_route_that_names_a_thing(shared: Scene) -> None:
    with_variables = {route for route in shared.face.mounted() if "{" in route}
    assert with_variables <= {endpoint.id for endpoint in over.of_one(shared.face)}
    for endpoint in over.of_one(shared.face):
        assert set(shared.face.on[endpoint.id]) >= set(endpoint.variables)


@over.each(over.of_one)
def test_what_is_anothers_is_not_there(endpoint: Documented, shared: Scene) -> None:
    variable = next(iter(shared.face.on[endpoint.id]))
    kind, mine = shared.kind(endpoint, variable), shared.values(endpoint)[variable]
    before = stored_items()
    for role in EVERYONE:
        foreign = shared.send(endpoint, token=token(role, subject=mine, **STRANGER))
        unknown = shared.send(endpoint, token=token(role, subject="nowhere", **STRANGER), values={variable: "nowhere"})
        assert foreign.status in (403, 404), "only a role may be refused first"
        assert (foreign.status, foreign.text.replace(mine, "nowhere")) == (unknown.status, unknown.text)
        if foreign.status == 404:
            assert shared.face.refused(foreign, 404, kind).message == f"{kind} not found: {mine}"
    assert stored_items() == before


@over.each(lambda face: [one for one in over.of_one(face) if len(face.on[one.id]) > 1])
def test_what_is_anothers_is_not_there_for_what_is_ones_own(
    endpoint: Documented, neighbour: Neighbour, scene: Scene
) -> None:
    theirs = {variable: neighbour.own[name].id for variable, name in scene.face.on[endpoint.id].items()}
    before = stored_items()
    for variable, mine in scene.values(endpoint).items():
        reply = scene.send(endpoint, token=neighbour.token, values=theirs | {variable: mine})
        kind = scene.kind(endpoint, variable)
        assert scene.face.refused(reply, 404, kind).message == f"{kind} not found: {mine}"
    assert stored_items() == before
    assert scene.send(endpoint, token=neighbour.token, values=theirs).status == scene.face.status(endpoint)


@over.each(over.of_one)
def test_what_is_another_apis_is_not_there(endpoint: Documented, shared: Scene, elsewhere: dict[str, str]) -> None:
    before = stored_items()
    for variable in shared.face.on[endpoint.id]:
        kind = shared.kind(endpoint, variable)
        foreign = elsewhere["Task" if kind == "Task" else "Worker"]
        told = shared.face.refused(shared.send(endpoint, values={variable: foreign}), 404, kind)
        assert told.message == f"{kind} not found: {foreign}"
    assert stored_items() == before


@over.faces()
def test_lists_and_figures_show_nothing_of_another_tenant(shared: Scene) -> None:
    # Of an org that no other test calls as: its own requests are in its figures and its log.
    caller = token(org="nebula")
    for endpoint in shown(shared.face):
        reply = shared.client.get(endpoint.url({}), token=caller)
        assert shared.face.steady(reply.json) == shared.face.steady(shared.empty[endpoint.id]), endpoint.id
        assert not [thing for thing in shared.things.values() if thing.id in reply.text]
        ours = shared.face.steady(shared.send(endpoint).json)
        assert ours != shared.face.steady(shared.empty[endpoint.id]), "it has something to show"
