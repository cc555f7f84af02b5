"""Users of the projects API, for tests: their accounts and tokens.

ada = people.user(world, "developer", name="Ada")
client.get("/api/v1/users/me", token=people.token(ada))
"""

from chalicelib import ids
from chalicelib.apis.projects.permissions import Role
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.accounts.users import Profile
from chalicelib.engine.documents import documents
from chalicelib.engine.security import passwords
from chalicelib.engine.security.passwords import Cost
from tests.support.world import ORG, World

PASSWORD = "correct horse battery"


def admin(world: World, org: str = ORG, name: str = "Administrator") -> Document:
    """An active administrator of the org."""
    return user(world, "admin", org=org, name=name)


def user(
    world: World,
    role: Role = "developer",
    *,
    org: str = ORG,
    name: str = "Ada",
    plan: str = "enterprise",
    password: str = PASSWORD,
) -> Document:
    """An active user, who signs in as `<name>@<org>.example` with PASSWORD. `world.settle()` is not needed."""
    identifier, cost = ids.ordered("user"), passwords.use_cost(Cost(1, 8, 1))
    try:
        users.ensure_user(org, identifier, Profile(email(name, org), name, role, plan), password)
    finally:
        passwords.use_cost(cost)
    return users.get(org, identifier)


def email(name: str, org: str = ORG) -> str:
    """The address that a user of this name signs in with."""
    return f"{name.lower().replace(' ', '.')}@{org}.example"


def token(account: Document) -> str:
    """An access token of a new session of the user."""
    return sessions.open_session(documents.get(account.org, "user", account.id)).access_token
