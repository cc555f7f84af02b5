from chalicelib import config
from chalicelib.apis.projects import api
from chalicelib.engine.accounts import api_keys, users
from chalicelib.engine.oauth import clients
from chalicelib.engine.projects import projects
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.storage.access import logins
from infra.local.seed import ADMIN, ADMIN_ID, AGENTS, CLIENT_ID, CLIENT_SECRET, EXAMPLE_KEYS, ORG, PASSWORD, seed
from tests.engine.helpers import run_together
from tests.support.client import Client
from tests.support.world import World


def test_seeding_twice_creates_the_documents_examples_once(world: World) -> None:
    before = config.replace(api_urls={"projects": "http://127.0.0.1:3000"})
    run_together([seed] * 3)
    seed()
    config.restore(before)
    user = users.sign_in("admin@orchestrator.com", "admin123", "")
    assert (user.id, user.org, user.body["name"], user.body["role"]) == (ADMIN_ID, "local", "Administrator", "admin")
    assert (len(users.list_users(ORG)), logins.count_admins(ORG)) == (3, 1)
    [client] = clients.list_clients(ORG)
    assert (client.id, client.public) == (CLIENT_ID, False)
    assert client.redirect_uris == ("http://127.0.0.1:3000/oauth/done",)
    assert (ADMIN.email, PASSWORD, CLIENT_SECRET) == ("admin@orchestrator.com", "admin123", "YOUR_CLIENT_SECRET")
    [project] = projects.find(ORG, projects.ProjectFilter())
    assert (project.id, {*project.body["members"]}) == ("proj-123", {"user-123", "user-456"})
    assert (
        {one.id for one in registry.list_workers(ORG, "projects")}
        == {*AGENTS}
        == {"agent-123", "agent-456", "agent-789"}
    )
    assert lifecycle.get(ORG, "task-123", "projects").name == "Implement user authentication"


def test_the_documents_api_key_works_with_the_setting_only(world: World) -> None:
    client, headers = Client(api), {"X-API-Key": "your-api-key"}
    before = config.replace(api_urls={"projects": "http://127.0.0.1:3000"})
    seed()
    assert client.get("/api/v1/users/me", headers=headers).status == 401
    config.replace(example_keys=EXAMPLE_KEYS)
    assert client.get("/api/v1/users/me", headers=headers).json["data"]["id"] == ADMIN_ID
    bearer = {"Authorization": "Bearer your-api-key"}
    assert client.get("/api/v1/tasks/task-123", headers=bearer).json["data"]["createdBy"] == ADMIN_ID
    [key] = api_keys.list_keys(ORG, ADMIN_ID)
    assert key.name == "The document's examples"
    config.restore(before)
