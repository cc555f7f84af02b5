import pytest

from chalicelib.apis.projects import api
from tests.apis.projects.projects_api import ProjectsApi
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import World


@pytest.fixture(scope="session")
def checking_client() -> Client:
    """A client that checks every answer against the API's own OpenAPI document."""
    return Client(api, conformance(api))


@pytest.fixture
def projects_api(world: World, checking_client: Client) -> ProjectsApi:
    """The projects of an organization, read by its administrator."""
    return ProjectsApi(world, checking_client, token("admin"))
