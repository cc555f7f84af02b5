from typing import Any

import pytest

from chalicelib import config
from chalicelib.apis.studio import connections, settings
from chalicelib.domain.settings import typed_value
from chalicelib.domain.settings.studio import GENERAL, THEME
from chalicelib.domain.settings.typed_value import ValueType
from chalicelib.engine.accounts import api_keys
from chalicelib.engine.accounts.api_keys import KeyRequest
from chalicelib.engine.settings import custom_settings
from chalicelib.engine.webhooks import endpoints
from chalicelib.errors import Conflict
from tests.apis.studio.conftest import StudioApi
from tests.support import people
from tests.support.client import token
from tests.support.social import platforms
from tests.support.world import ORG, World, answer

SETTINGS = "/api/settings"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ("", "x"), (7, None, True, [])),
        ("int", (0, -(2**53), 2**53), (2**53 + 1, 1.0, True, "1", None)),
        ("bool", (True, False), (0, 1, "true", None)),
        ("json", ({"a": [1, None]}, None, 1.5, "x"), ()),
    ],
)
def test_a_value_is_of_its_type(kind: ValueType, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    assert [typed_value.problem(kind, value) for value in good] == [None] * len(good)
    assert None not in [typed_value.problem(kind, value) for value in bad]
    assert typed_value.problem("json", ["x" * 4_000]) is not None


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("app_name", ("A", "x" * 100), ("", " ", "x" * 101, 7)),
        ("language", ("en", "pt-BR", "zh-Hant-TW"), ("", "e", "English!", "EN", 7)),
        ("timezone", ("UTC", "Europe/Berlin"), ("", "Mars/Base", "../etc/passwd", "America", 7)),
    ],
)
def test_general_settings_have_a_form(name: str, good: tuple[str, ...], bad: tuple[Any, ...]) -> None:
    setting = GENERAL.find(name)
    assert [setting.problem(value) for value in good] == [None] * len(good)
    assert all((setting.problem(value) or "").startswith("must be ") for value in bad)


def test_the_default_theme_is_one_that_can_be_chosen() -> None:
    THEME.check(THEME.with_defaults({}))


def test_general_and_system_settings_are_changed_by_name_and_reset(studio_api: StudioApi) -> None:
    for name, value in (("app_name", "Glad Labs"), ("timezone", "Europe/Berlin"), ("log_level", "DEBUG")):
        changed = studio_api.call("PUT", f"{SETTINGS}/{name}", {"value": value})
        assert (changed["id"], changed["value"], changed["type"]) == (name, value, "string")
    general = {"app_name": "Glad Labs", "language": "en", "timezone": "Europe/Berlin"}
    assert studio_api.call("GET", f"{SETTINGS}/general") == general
    system = {"debug_mode": True, "log_level": "DEBUG", "max_workers": 50}
    assert studio_api.call("GET", f"{SETTINGS}/system") == system
    studio_api.call("DELETE", f"{SETTINGS}/app_name")
    assert studio_api.call("GET", f"{SETTINGS}/general")["app_name"] == "Yardmaster Studio"
    for name, wrong in (("timezone", "Mars/Base"), ("log_level", "LOUD"), ("app_name", 7)):
        assert "value: must be" in studio_api.expect_error(400, "PUT", f"{SETTINGS}/{name}", {"value": wrong})


def test_an_added_setting_keeps_its_type(studio_api: StudioApi) -> None:
    setting = {"key": "max_posts", "value": 3, "type": "int"}
    created = studio_api.call("POST", f"{SETTINGS}/create", setting)
    assert (created["id"], created["value"]) == ("max_posts", 3)
    assert studio_api.call("PUT", f"{SETTINGS}/max_posts", {"value": 4})["value"] == 4
    studio_api.expect_error(400, "PUT", f"{SETTINGS}/max_posts", {"value": "4"})
    studio_api.expect_error(409, "POST", f"{SETTINGS}/create", setting)
    studio_api.expect_error(409, "POST", f"{SETTINGS}/create", {"key": "language", "value": "de"})
    listed = studio_api.call("GET", SETTINGS)["settings"]
    assert [one["key"] for one in listed] == ["app_name", "language", "timezone", "log_level", "max_posts"]
    assert [one["created_at"] for one in listed[:4]] == [None] * 4
    stranger = {"token": token("user", org="umbra")}
    studio_api.expect_error(404, "PUT", f"{SETTINGS}/max_posts", {"value": 1}, **stranger)
    studio_api.call("DELETE", f"{SETTINGS}/max_posts")
    studio_api.expect_error(404, "DELETE", f"{SETTINGS}/max_posts")


def test_a_key_that_the_api_uses_itself_is_refused(studio_api: StudioApi) -> None:
    """Under the path of another endpoint a setting could be neither changed nor deleted."""
    own = (*settings.routes.endpoints, *connections.routes.endpoints)
    paths = {endpoint.path.removeprefix(f"{SETTINGS}/") for endpoint in own} - {SETTINGS}
    for key in (*(path for path in paths if "{" not in path), "debug_mode", "max_workers"):
        body = {"key": key, "value": "x"}
        assert f"must not be {key}" in studio_api.expect_error(400, "POST", f"{SETTINGS}/create", body)


def test_an_org_has_at_most_so_many_settings_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_settings, "MAX_SETTINGS", 2)
    for key in "ab":
        custom_settings.create(ORG, key, "string", "x", "ann", (GENERAL,))
    with pytest.raises(Conflict, match="at most 2"):
        custom_settings.create(ORG, "c", "string", "x", "ann", (GENERAL,))
    custom_settings.delete(ORG, "a", (GENERAL,), "ann")
    custom_settings.create(ORG, "c", "string", "x", "ann", (GENERAL,))


def test_the_theme_is_changed_in_parts_and_reset(studio_api: StudioApi) -> None:
    default = studio_api.call("PUT", f"{SETTINGS}/theme", {})
    studio_api.call("PUT", f"{SETTINGS}/theme", {"theme": "dark"})
    changed = studio_api.call("PUT", f"{SETTINGS}/theme", {"accent_color": "#FF0000"})
    assert changed == {"theme": "dark", "accent_color": "#FF0000"} == studio_api.call("GET", f"{SETTINGS}/theme")
    for _ in range(2):
        studio_api.call("DELETE", f"{SETTINGS}/theme")
    assert studio_api.call("GET", f"{SETTINGS}/theme") == default


def test_the_callers_api_keys_are_listed_without_the_keys(studio_api: StudioApi) -> None:
    assert studio_api.call("GET", f"{SETTINGS}/api-keys") == {"keys": []}
    user = people.user(studio_api.world)
    key, text = api_keys.create(ORG, user.id, KeyRequest("Production", ["tasks:read"]))
    [shown] = studio_api.call("GET", f"{SETTINGS}/api-keys", token=token("user", subject=user.id))["keys"]
    assert (shown["id"], shown["name"], shown["partial"]) == (key.id, "Production", f"ak_****{text[-4:]}")
    assert text not in str(shown)


def test_a_webhook_is_signed_delivered_listed_and_deleted(studio_api: StudioApi) -> None:
    world = studio_api.world
    world.servers["hook.example"] = lambda *_: answer(204)
    body = {"url": "https://hook.example/in", "events": ["task.completed", "task.failed"]}
    created = studio_api.call("POST", f"{SETTINGS}/webhooks", body)
    assert created["secret"].startswith("whsec_")
    [listed] = studio_api.call("GET", f"{SETTINGS}/webhooks")["webhooks"]
    assert listed == {name: value for name, value in created.items() if name != "secret"}
    task = studio_api.call("POST", "/api/tasks", {"task_name": "A"})["id"]
    studio_api.call("PATCH", f"/api/tasks/{task}", {"status": "completed"})
    world.settle()
    [(_, url, headers, _)] = world.calls
    assert url == body["url"] and {"webhook-id", "webhook-timestamp", "webhook-signature"} <= {*headers}
    stranger = {"token": token("user", org="umbra")}
    studio_api.expect_error(404, "DELETE", f"{SETTINGS}/webhooks/{created['id']}", **stranger)
    studio_api.call("DELETE", f"{SETTINGS}/webhooks/{created['id']}")
    assert studio_api.call("GET", f"{SETTINGS}/webhooks") == {"webhooks": []}


def test_a_webhook_of_the_projects_api_is_neither_listed_nor_deleted_here(studio_api: StudioApi) -> None:
    body = {"url": "https://hook.example/", "events": ["task.created"], "active": True, "headers": {}}
    webhook, _ = endpoints.create(ORG, body, None, "ann")
    assert studio_api.call("GET", f"{SETTINGS}/webhooks") == {"webhooks": []}
    studio_api.expect_error(404, "DELETE", f"{SETTINGS}/webhooks/{webhook.id}")
    assert endpoints.get(ORG, webhook.id) == webhook


def test_integrations_are_what_is_configured_and_whether_it_works(studio_api: StudioApi) -> None:
    world = studio_api.world
    world.servers["api.telegram.org"] = lambda *_: answer(401, {"ok": False, "description": "Unauthorized"})
    models = '[{"name": "own", "protocol": "anthropic", "models": [{"id": "m", "name": "M", "context_length": 1000}]}]'
    telegram = '{"acme": {"telegram": {"bot_token": "1:abc", "chat_id": "1"}}}'
    before = config.replace(models=models, messengers=telegram)
    try:
        for active in (True, False):
            body = {"url": "https://hook.example/", "events": ["task.created"], "active": active}
            studio_api.call("POST", f"{SETTINGS}/webhooks", body)
        integrations = studio_api.call("GET", f"{SETTINGS}/integrations")["integrations"]
    finally:
        config.restore(before)
    now = "2026-01-01T12:00:00Z"
    assert sorted((one["name"], one["status"], one["configured_at"]) for one in integrations) == [
        ("own", "error", None),
        ("telegram", "error", None),
        ("webhook:hook.example", "pending", now),
        ("webhook:hook.example", "pending", now),
    ]


@pytest.mark.parametrize(("answers", "statuses"), [((204, 500), ["connected", "connected"]), ((410,), ["error"])])
def test_a_webhook_is_connected_once_something_was_delivered(
    studio_api: StudioApi, answers: tuple[int, ...], statuses: list[str]
) -> None:
    def read_status() -> str:
        [webhook] = studio_api.call("GET", f"{SETTINGS}/integrations")["integrations"]
        return str(webhook["status"])

    world, shown = studio_api.world, list[str]()
    studio_api.call("POST", f"{SETTINGS}/webhooks", {"url": "https://hook.example/", "events": ["task.created"]})
    assert read_status() == "pending"
    for status in answers:
        world.servers["hook.example"] = lambda *_, status=status: answer(status)
        studio_api.call("POST", "/api/tasks", {"task_name": "A"})
        world.settle()
        shown.append(read_status())
    assert shown == statuses


def test_integrations_list_social_accounts_and_github(studio_api: StudioApi) -> None:
    social = platforms(studio_api.world)
    social.connect("bluesky", "twitter")
    social.twitter.reply = answer(401, {"title": "Unauthorized"})
    before = config.replace(github_client_id="Iv1.app", github_client_secret="")
    try:
        without_secret = studio_api.call("GET", f"{SETTINGS}/integrations")["integrations"]
        config.replace(github_client_secret="secret")
        integrations = studio_api.call("GET", f"{SETTINGS}/integrations")["integrations"]
    finally:
        config.restore(before)
    now = "2026-01-01T12:00:00Z"
    assert {one["name"]: (one["status"], one["configured_at"]) for one in integrations} == {
        "bluesky": ("connected", now),
        "twitter": ("error", now),
        "github": ("connected", None),
    }
    assert {"name": "github", "status": "error", "configured_at": None} in without_secret
    others = studio_api.call("GET", f"{SETTINGS}/integrations", token=token("user", org="other"))["integrations"]
    assert others == []
