"""A day of the whole world: no function needs a permission that its policy lacks, and no policy has one that is not
needed."""

import pytest

from chalicelib.storage.aws import sqs
from infra.bundles import BUNDLES
from infra.functions import Function
from tests.infra import day
from tests.infra.calls import Permission, granted_permissions, watch
from tests.support.world import new_world

pytestmark = pytest.mark.long

FUNCTIONS = [(f"{bundle.name}.{function.name}", function) for bundle in BUNDLES for function in bundle.functions]
each_function = pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
Needed = dict[str, set[Permission]]


@pytest.fixture(scope="module")
def needed_permissions() -> Needed:
    """Function name -> the permissions that it needed during a day."""
    sqs.client.cache_clear()  # a client that knows a queue's URL no longer asks for it
    with pytest.MonkeyPatch.context() as monkeypatch, new_world() as world:
        calls = watch(world, monkeypatch)
        day.run(calls, world)
        return calls.needed


@each_function
def test_nothing_is_done_that_is_not_granted(needed_permissions: Needed, name: str, function: Function) -> None:
    assert needed_permissions[name] - granted_permissions(function) == set()


@each_function
def test_nothing_is_granted_that_is_not_done(needed_permissions: Needed, name: str, function: Function) -> None:
    assert granted_permissions(function) - needed_permissions[name] == set()
