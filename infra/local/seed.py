"""What the projects API's document expects to find: its administrator and, for OAuth, its application.

Each is written unless it is there, so that two who seed at once, or again, do no harm. The local stage alone does.
"""

from chalicelib.config import settings
from chalicelib.engine import oauth_clients, users
from chalicelib.engine.oauth_clients import Registration
from chalicelib.engine.users import Profile

ORG = "local"
ADMIN = Profile("admin@orchestrator.com", "Administrator", "admin", "enterprise")
ADMIN_ID, PASSWORD = "user_admin", "admin123"
CLIENT_ID, CLIENT_SECRET = "YOUR_CLIENT_ID", "YOUR_CLIENT_SECRET"
CLIENT = Registration(
    name="Example application",
    redirect_uris=(),  # this API's own page, wherever it is served
    scopes=("tasks:read", "tasks:write", "agents:read", "projects:read"),
    public=False,
)


def seed() -> None:
    """Seed this deployment."""
    users.establish(ORG, ADMIN_ID, ADMIN, PASSWORD)
    back = f"{settings().api_urls['projects']}/oauth/done"
    oauth_clients.seed(ORG, CLIENT_ID, CLIENT_SECRET, CLIENT._replace(redirect_uris=(back,)))
