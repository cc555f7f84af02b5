"""Sign-in with GitHub in a day."""

from chalicelib.apis import studio
from chalicelib.engine.accounts import users
from chalicelib.engine.accounts.users import Profile
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.github import github
from tests.support.world import ORG, World

ADDRESS = "grace@acme.example"


def run(watch: Watch, world: World) -> None:
    """An invited person signs in, reads their account, and signs out."""
    users.invite(ORG, Profile(ADDRESS, "Grace", "developer", "free"), "user_boss")
    client = Client(watch, studio.api)
    code = github(world, ADDRESS).allow()
    client.call_with(client("POST", "/api/auth/github/callback", {"code": code})["access_token"])
    client("GET", "/api/auth/me")
    client("POST", "/api/auth/logout")
    world.settle()
