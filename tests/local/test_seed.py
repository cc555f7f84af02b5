from chalicelib import config
from chalicelib.engine import oauth_clients, users
from chalicelib.storage import logins
from infra.local.seed import ADMIN, ADMIN_ID, CLIENT_ID, CLIENT_SECRET, ORG, PASSWORD, seed
from tests.engine.helpers import together
from tests.support.world import World


def test_the_document_s_administrator_and_application_are_there_however_often_they_are_seeded(house: World) -> None:
    before = config.replace(api_urls={"projects": "http://127.0.0.1:3000"})
    together([seed] * 3)
    seed()
    config.restore(before)
    user = users.sign_in("admin@orchestrator.com", "admin123", "")
    assert (user.id, user.org, user.body["name"], user.body["role"]) == (ADMIN_ID, "local", "Administrator", "admin")
    assert (len(users.every(ORG)), logins.admins(ORG)) == (1, 1)
    [client] = oauth_clients.every(ORG)
    assert (client.id, client.public) == (CLIENT_ID, False)
    assert client.redirect_uris == ("http://127.0.0.1:3000/oauth/done",)
    assert (ADMIN.email, PASSWORD, CLIENT_SECRET) == ("admin@orchestrator.com", "admin123", "YOUR_CLIENT_SECRET")
