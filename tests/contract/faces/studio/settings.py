"""Settings, webhooks and integrations."""

from tests.contract.documented import Resource, without
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

INSTANT = "2024-12-09T15:00:00Z"
CREATE = "POST /api/settings/create"
CHANGE, DELETE = "PUT /api/settings/{setting_id}", "DELETE /api/settings/{setting_id}"
THEME, RESET = "PUT /api/settings/theme", "DELETE /api/settings/theme"
KEYS = "GET /api/settings/api-keys"
HOOKS, HOOK = "GET /api/settings/webhooks", "POST /api/settings/webhooks"
UNHOOK = "DELETE /api/settings/webhooks/{webhook_id}"
SETTING = {"key": "setting_name", "value": "setting_value", "type": "string"}
WEBHOOK = {"url": "https://webhook.example.com", "events": ["task.completed", "task.failed"], "active": True}
ADDED = {"id": "x", "key": "x", "value": "x", "type": "string", "created_at": INSTANT, "updated_at": INSTANT}
THEME_OUT = {"theme": "dark", "accent_color": "#FF0000"}
HOOK_OUT = {"id": "webhook-id", **WEBHOOK, "created_at": INSTANT}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """An added setting, and a webhook."""
    client.post("/api/settings/create", SETTING | {"key": "owners_motto"}, token=caller)
    for key, value in (("language", "de"), ("log_level", "DEBUG")):
        client.put(f"/api/settings/{key}", {"value": value}, token=caller)
    client.put("/api/settings/theme", THEME_OUT, token=caller)
    webhook = str(client.post("/api/settings/webhooks", WEBHOOK, token=caller).json["id"])
    world.settle()
    return {"setting": Resource("Setting", "owners_motto"), "webhook": Resource("Webhook", webhook)}


group = Group(
    build=build,
    on={CHANGE: {"setting_id": "setting"}, DELETE: {"setting_id": "setting"}, UNHOOK: {"webhook_id": "webhook"}},
    formats={"webhook-id": r"webhook_\w+"},
    instants=frozenset({"created_at", "updated_at", "configured_at"}),
    verbatim=frozenset({"value"}),
    common=(KEYS,),  # the scene's caller is no user of the projects API, whose keys these are
    answers={
        CREATE: ADDED,
        CHANGE: ADDED,
        THEME: THEME_OUT,
        "GET /api/settings/theme": THEME_OUT,
        KEYS: {"keys": []},
        # What the deployment configures has no time of its own.
        "GET /api/settings/integrations": {
            "integrations": [
                {"name": "anthropic", "status": "connected", "configured_at": None},
                {"name": "stripe", "status": "connected", "configured_at": INSTANT},
            ]
        },
        HOOK: HOOK_OUT | {"secret": "whsec_x"},
        HOOKS: {"webhooks": [HOOK_OUT]},
    },
    statuses={CREATE: 201, HOOK: 201, DELETE: 204, RESET: 204, UNHOOK: 204},
    located=(CREATE, HOOK),
    missing=(
        *((CREATE, name, without(SETTING, name)) for name in ("key", "value")),
        (CHANGE, "value", {}),
        *((HOOK, name, without(WEBHOOK, name)) for name in ("url", "events")),
    ),
    bases={CREATE: SETTING, CHANGE: {"value": "x"}, THEME: {"theme": "dark"}, HOOK: WEBHOOK},
    wrong=(
        (CREATE, "key", ("", "theme", "max_workers", "1a", "a b", "x" * 65, 7, None)),
        (CREATE, "type", ("", "float", 7, None)),
        (CREATE, "value", (7, None, True, [], "x" * 4_000)),
        (CHANGE, "value", (7, None, True, [], "x" * 4_000)),
        (THEME, "theme", ("", "DARK", "blue", 7)),
        (THEME, "accent_color", ("", "red", "#FFF", "#GG0000", 7)),
        (HOOK, "url", ("", "http://webhook.example.com", "ftp://webhook.example.com", "x" * 2_049, 7, None)),
        (HOOK, "events", ([], ["task.sung"], ["webhook.test"], "task.completed", None)),
        (HOOK, "active", ("yes", 1, None)),
    ),
)
