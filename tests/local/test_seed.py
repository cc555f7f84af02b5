from chalicelib.engine import oauth_clients, users
from chalicelib.storage import logins
from infra.local.seed import ADMIN, ADMIN_ID, CLIENT_ID, CLIENT_SECRET, ORG, PASSWORD, seed
from tests.engine.helpers import together
from tests.support.world import World


def test_the_document_s_administrator_and_application_are_there_however_often_they_are_seeded(house: World) -> None:
    together([seed] * 3)
    seed()
    user = users.sign_in("admin@orchestrator.com", "admin123", "")
    assert (user.id, user.org, user.body["name"], user.body["role"]) == (ADMIN_ID, "local", "Administrator", "admin")
    assert (len(users.every(ORG)), logins.admins(ORG)) == (1, 1)
    [client] = oauth_clients.every(ORG)
    assert (client.id, client.public) == (CLIENT_ID, False)
    assert (ADMIN.email, PASSWORD, CLIENT_SECRET) == ("admin@orchestrator.com", "admin123", "YOUR_CLIENT_SECRET")
