"""Contents and events of other systems in a day."""

import json

from chalicelib import config
from chalicelib.apis import studio
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.infra.hooks_day import pass_time
from tests.support.world import ORG, World

ONE = "/api/content/{item_id}"


def run(watch: Watch, world: World) -> None:
    """Contents are approved and published, by wakeups or else by the sweep, then read, edited and deleted."""
    client = Client(watch, studio.api)
    before = config.replace(cms_org=ORG, messengers=json.dumps({ORG: {"studio": {"webhook_token": "t"}}}))
    for awake in (True, False):
        content = client("POST", "/api/content", {"title": "t", "content": "x", "tags": ["a"]})["id"]
        client("POST", "/api/content/approve", {"content_id": content, "approved": True})
        pass_time(world, awake)
        slug = client("GET", ONE, item_id=content)["slug"]
        client("GET", "/api/posts/{slug}", slug=slug)
        for path in ("content", "posts", "categories", "tags", "cms/status"):
            client("GET", f"/api/{path}")
        client("POST", ONE, {"content": "y", "tags": ["b"]}, item_id=content)
        client("DELETE", ONE, item_id=content)
        client("POST", "/api/webhooks", {"event": "x", "timestamp": "2026-01-01"})
        client("GET", "/api/webhooks")
    config.restore(before)
