import pytest

from chalicelib.apis.studio import api
from tests.support.api_client import ApiClient
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import World


class StudioApi(ApiClient):
    """A client of the studio API: everything goes through HTTP."""

    succeeds = (200, 201, 204)
    error_fields = ("status", "detail")


@pytest.fixture
def studio_api(world: World) -> StudioApi:
    return StudioApi(world, Client(api, conformance(api)), token("user"))
