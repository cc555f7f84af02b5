"""A day of the whole world: no function makes a call that its policy forbids, and none may do what it never does."""

import pytest

from chalicelib.storage.aws import sqs
from infra.bundles import BUNDLES
from infra.functions import Function
from tests.infra import day
from tests.infra.calls import Permission, granted, watch
from tests.support.world import new_world

FUNCTIONS = [(f"{bundle.name}.{function.name}", function) for bundle in BUNDLES for function in bundle.functions]
each_function = pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
Needed = dict[str, set[Permission]]


@pytest.fixture(scope="module")
def needed() -> Needed:
    """Function name -> the permissions that it needed in the course of a day."""
    sqs.client.cache_clear()  # a client that knows a queue's URL no longer asks for it
    with pytest.MonkeyPatch.context() as monkeypatch, new_world() as world:
        made = watch(world, monkeypatch)
        day.whole(made, world)
        return made.needed


@each_function
def test_nothing_is_done_that_is_not_granted(needed: Needed, name: str, function: Function) -> None:
    assert needed[name] - granted(function) == set()


@each_function
def test_nothing_is_granted_that_is_not_done(needed: Needed, name: str, function: Function) -> None:
    assert granted(function) - needed[name] == set()
