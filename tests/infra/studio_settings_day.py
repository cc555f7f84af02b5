"""Settings of the studio API in a day."""

from chalicelib import config
from chalicelib.apis import studio
from chalicelib.engine.accounts import api_keys
from chalicelib.engine.accounts.api_keys import KeyRequest
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support import people
from tests.support.world import World

ALL, HOOKS = "/api/settings", "/api/settings/webhooks"


def run(watch: Watch, world: World) -> None:
    """Settings are added, changed, listed and deleted, and webhooks too; integrations are asked for."""
    client = Client(watch, studio.api)
    client("POST", f"{ALL}/create", {"key": "own", "value": "x"})
    client("PUT", f"{ALL}/{{setting_id}}", {"value": "y"}, setting_id="own")
    client("GET", ALL)
    client("DELETE", f"{ALL}/{{setting_id}}", setting_id="own")
    client("PUT", f"{ALL}/theme", {"theme": "dark"})
    client("DELETE", f"{ALL}/theme")
    webhook = client("POST", HOOKS, {"url": "https://hook.example/", "events": ["task.created"]})["id"]
    before = config.replace(messengers="", models="")
    client("GET", f"{ALL}/integrations")
    config.restore(before)
    client("DELETE", f"{HOOKS}/{{webhook_id}}", webhook_id=webhook)
    user = people.user(world, name="Keyholder")
    api_keys.create(user.org, user.id, KeyRequest("x", ["tasks:read"]))
    client.call_with(authentication.issue_token(Principal(user.org, user.id, "admin"), 3_600))
    client("GET", f"{ALL}/api-keys")
    world.settle()
