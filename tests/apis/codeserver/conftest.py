import pytest

from chalicelib.apis import codeserver
from tests.support.api_client import ApiClient
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import World


class CodeserverApi(ApiClient):
    """A client of the code server API over HTTP."""


@pytest.fixture
def codeserver_api(world: World) -> CodeserverApi:
    return CodeserverApi(world, Client(codeserver.api, conformance(codeserver.api)), token("user"))
