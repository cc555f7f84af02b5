"""Webhooks over HTTP: valid fields, what is shown, and secrets, which are shown once only."""

import re
from typing import Any

import pytest

from tests.apis.projects.tasks_api import TasksApi, tasks_api_of
from tests.engine.receivers import Receiver, fact, happen, receiver
from tests.support.client import token
from tests.support.world import World, answer

WEBHOOKS = "/api/v1/webhooks"
DOCUMENTED = {
    "url": "https://your-app.com/webhook/orchestrator",
    "events": ["task.created", "task.completed", "task.failed", "agent.status_changed"],
    "secret": "your-webhook-secret",
    "active": True,
    "headers": {"User-Agent": "Orchestrator-Webhook/1.0"},
}


@pytest.fixture
def tasks_api(world: World) -> TasksApi:
    """Webhooks, managed by an administrator."""
    return TasksApi(world, tasks_api_of(world).client, token("admin"))


def create(tasks_api: TasksApi, **said: Any) -> dict[str, Any]:
    return dict(tasks_api.call("POST", WEBHOOKS, DOCUMENTED | said))


def path(webhook: dict[str, Any], *parts: str) -> str:
    return "/".join([WEBHOOKS, webhook["id"], *parts])


def test_the_documents_webhook_is_created_and_its_secret_shown_once(tasks_api: TasksApi) -> None:
    reply = tasks_api.request("POST", WEBHOOKS, DOCUMENTED)
    webhook = reply.json["data"]
    assert (reply.status, reply.headers["location"]) == (201, path(webhook))
    assert webhook | DOCUMENTED == webhook
    shown = tasks_api.call("GET", path(webhook))
    assert shown == {name: value for name, value in webhook.items() if name != "secret"}
    assert tasks_api.call("GET", WEBHOOKS) == [shown]
    assert create(tasks_api, secret=None)["secret"].startswith("whsec_")


def test_it_is_changed_in_part_rotated_and_deleted(tasks_api: TasksApi) -> None:
    webhook = create(tasks_api)
    changed = tasks_api.call("PUT", path(webhook), {"active": False, "events": ["task.failed", "task.failed"]})
    assert (changed["active"], changed["events"], changed["url"]) == (False, ["task.failed"], webhook["url"])
    rotated = tasks_api.call("POST", path(webhook, "rotate-secret"), {"overlapHours": 1})
    assert rotated["secret"] not in ("", DOCUMENTED["secret"])
    assert rotated["previousSecretUntil"] == "2026-01-01T13:00:00Z"
    assert "secret" not in tasks_api.call("GET", path(webhook))
    assert tasks_api.call("DELETE", path(webhook)) == {"id": webhook["id"], "deleted": True}
    for method, parts in (("GET", ()), ("DELETE", ()), ("POST", ("test",)), ("GET", ("deliveries",))):
        tasks_api.expect_error(404, method, path(webhook, *parts))


WRONG: dict[str, list[Any]] = {
    "url": ["", "ftp://x.example", "http://x.example", "https://10.0.0.1/", "https://x.example:22/", None, 1],
    "events": [[], ["task.sung"], ["webhook.test"], "task.created", None],
    "secret": ["short", "with space in it!", "whsec_not*base64*at*all", "ü" * 20, 1],
    "active": ["yes", 1, None],
    "headers": [
        {"Host": "x"},
        {"connection": "close"},
        {"Content-Length": "1"},
        {"content-type": "x"},
        {"Transfer-Encoding": "chunked"},
        {"X-Orchestrator-Signature": "sha256=00"},
        {"webhook-id": "evt"},
        {"Proxy-Authorization": "x"},
        {"X A": "x"},
        {"X-A": "line\r\nX-B: y"},
        {"X-A": "ü"},
        {"X-A": "1", "x-a": "2"},
        {"": "x"},
        {f"X-{number}": "x" for number in range(21)},
    ],
}


def test_what_is_wrong_is_named(tasks_api: TasksApi) -> None:
    for field, value in ((field, value) for field, values in WRONG.items() for value in values):
        error = tasks_api.expect_error(422, "POST", WEBHOOKS, DOCUMENTED | {field: value})
        assert error["code"] == "VALIDATION_ERROR"
        assert {re.split(r"[.\[]", name)[0] for name in error["details"]} == {field}, value
    assert tasks_api.call("GET", WEBHOOKS) == []


def test_a_test_shows_what_the_receiver_answers(tasks_api: TasksApi) -> None:
    webhook = create(tasks_api)
    tasks_api.world.servers["your-app.com"] = lambda *_: answer(204)
    delivery = tasks_api.call("POST", path(webhook, "test"))
    assert (delivery["event"], delivery["status"], delivery["attempts"][0]["status"]) == (
        "webhook.test",
        "delivered",
        204,
    )
    del tasks_api.world.servers["your-app.com"]
    delivery = tasks_api.call("POST", path(webhook, "test"))
    assert (delivery["status"], delivery["attempts"][0]["error"]) == ("failed", "the host refused the connection")


def test_deliveries_are_listed_shown_resent_and_recovered(tasks_api: TasksApi) -> None:
    webhook = create(tasks_api, events=["task.created"])
    for _ in range(3):
        tasks_api.create()
    rows = tasks_api.request("GET", path(webhook, "deliveries") + "?limit=2&status=pending").json
    assert [row["status"] for row in rows["data"]] == ["pending"] * 2
    assert (rows["pagination"]["total"], rows["pagination"]["hasNext"]) == (3, True)
    tasks_api.call("PUT", path(webhook), {"active": False})
    tasks_api.world.advance(400)
    delivery = tasks_api.call("GET", path(webhook, "deliveries", rows["data"][0]["id"]))
    assert (delivery["status"], delivery["reason"], delivery["nextAttemptAt"]) == (
        "failed",
        "the webhook is not active",
        None,
    )
    tasks_api.expect_error(409, "POST", path(webhook, "deliveries", delivery["id"], "resend"))
    tasks_api.expect_error(409, "POST", path(webhook, "recover"), {"since": "2026-01-01"})
    tasks_api.call("PUT", path(webhook), {"active": True})
    receiver = Receiver(webhook, tasks_api.world)  # type: ignore[arg-type]
    tasks_api.world.servers["your-app.com"] = receiver
    assert tasks_api.call("POST", path(webhook, "deliveries", delivery["id"], "resend"))["status"] == "pending"
    tasks_api.world.settle()
    assert tasks_api.call("POST", path(webhook, "recover"), {"since": "2026-01-01"}) == {"requeued": 2, "more": False}
    tasks_api.world.settle()
    assert len(set(receiver.events)) == 3
    assert tasks_api.call("GET", path(webhook, "deliveries") + "?status=failed") == []
    tasks_api.expect_error(404, "GET", path(webhook, "deliveries", "dlv_0_unknown"))
    tasks_api.expect_error(422, "POST", path(webhook, "recover"), {"since": "yesterday"})


def test_a_viewer_and_a_developer_may_not_see_them_and_a_tenant_sees_its_own(tasks_api: TasksApi) -> None:
    webhook = create(tasks_api)
    for method, parts in (("GET", ()), ("PUT", ()), ("DELETE", ()), ("POST", ("test",)), ("GET", ("deliveries",))):
        tasks_api.expect_error(403, method, path(webhook, *parts), {}, token=token("user"))
        tasks_api.expect_error(404, method, path(webhook, *parts), {}, token=token("admin", org="rival"))
    assert tasks_api.call("GET", WEBHOOKS, token=token("admin", org="rival")) == []


def test_what_is_kept_beside_deliveries_is_none(tasks_api: TasksApi) -> None:
    webhook = receiver(tasks_api.world)
    webhook.reply = answer(500)
    happen(fact())
    tasks_api.world.settle()
    for path_of_no_delivery in ("events/deliveries/evt_task_1_1", f"health/deliveries/{webhook.webhook.id}"):
        tasks_api.expect_error(404, "GET", f"{WEBHOOKS}/{path_of_no_delivery}")
