import pytest

from chalicelib.apis.projects import api
from tests.apis.projects.projects_api import ProjectsApi
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import World


@pytest.fixture(scope="session")
def conforming() -> Client:
    """A client that holds every answer against the API's own description."""
    return Client(api, conformance(api))


@pytest.fixture
def projects_api(world: World, conforming: Client) -> ProjectsApi:
    """The projects of an organization, as its administrator sees them."""
    return ProjectsApi(world, conforming, token("admin"))
