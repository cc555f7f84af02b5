"""Events of other systems over HTTP: who may report them, and what becomes of them."""

import json
from typing import Any

import pytest

from chalicelib import config
from chalicelib.engine import inbound_events
from tests.apis.studio.conftest import StudioApi
from tests.support.client import ORG, token

EVENT = {"event": "deployment.success", "timestamp": "2024-12-09T15:00:00Z", "data": {"version": "1"}}
WORD = "word-of-acme"


def report(studio_api: StudioApi, name: str = "deployment.success", status: int = 200, **more: Any) -> Any:
    data, query = more.pop("data", EVENT["data"]), more.pop("query", "")
    body = EVENT | {"event": name, "data": data}
    reply = studio_api.request("POST", f"/api/webhooks{query}", body, **more)
    assert reply.status == status, reply.text
    return reply.json


def queue(studio_api: StudioApi) -> str:
    return str(studio_api.call("POST", "/api/commands", {"command": "deploy"})["command_id"])


def get(studio_api: StudioApi, command: str) -> Any:
    return studio_api.call("GET", f"/api/commands/{command}")


def test_an_event_is_kept_once_and_shown(studio_api: StudioApi) -> None:
    for _ in range(2):
        assert report(studio_api) == {"acknowledged": True, "outcome": "noted"}
    report(studio_api, data={"version": "2"})
    page = studio_api.call("GET", "/api/webhooks?limit=1")
    rest = studio_api.call("GET", f"/api/webhooks?limit=5&cursor={page['next_cursor']}")
    events = page["events"] + rest["events"]
    assert sorted(event["data"]["version"] for event in events) == ["1", "2"] and rest["next_cursor"] is None
    assert {event["occurred_at"] for event in events} == {EVENT["timestamp"]}
    assert studio_api.call("GET", "/api/webhooks", token=token(org="umbra"))["events"] == []
    studio_api.world.clock.advance(30 * 86_400)
    assert studio_api.call("GET", "/api/webhooks", token=token("user"))["events"] == []


def test_an_event_about_a_task_ends_it(studio_api: StudioApi) -> None:
    done, failed = queue(studio_api), queue(studio_api)
    data = {"task_id": done, "result": {"done": True}}
    for _ in range(2):
        assert report(studio_api, "task.completed", data=data)["outcome"] == "task_ended"
    assert report(studio_api, "task.failed", data={"task_id": failed, "error": "no ink"})["outcome"] == "task_ended"
    assert (get(studio_api, done)["status"], get(studio_api, done)["result"]) == ("completed", {"done": True})
    assert (get(studio_api, failed)["status"], get(studio_api, failed)["error"]) == ("failed", "no ink")
    assert report(studio_api, "task.failed", data={"task_id": done})["outcome"] == "task_unchanged"
    assert get(studio_api, done)["status"] == "completed"


def test_a_content_task_shows_what_the_event_says(studio_api: StudioApi) -> None:
    ends = {"task.completed": {"result": {"url": "/tea"}}, "task.failed": {"error": "no ink"}}
    for event, outcome in ends.items():
        task = studio_api.call("POST", "/api/tasks", {"task_name": "x"})["id"]
        report(studio_api, event, data={"task_id": task, **outcome})
        shown = studio_api.call("GET", f"/api/tasks/{task}")
        assert {name: shown[name] for name in ("result", "error") if shown[name] is not None} == outcome
    studio_api.call("PATCH", f"/api/tasks/{task}", {"status": "pending"})
    assert studio_api.call("GET", f"/api/tasks/{task}")["error"] is None


def test_an_event_that_is_repeated_does_not_end_a_task_that_was_begun_again(studio_api: StudioApi) -> None:
    task = studio_api.call("POST", "/api/tasks", {"task_name": "x"})["id"]
    data = {"task_id": task, "error": "no ink"}
    assert report(studio_api, "task.failed", data=data)["outcome"] == "task_ended"
    studio_api.call("PATCH", f"/api/tasks/{task}", {"status": "pending"})
    assert report(studio_api, "task.failed", data=data)["outcome"] == "task_ended"
    assert studio_api.call("GET", f"/api/tasks/{task}")["status"] == "pending"


def test_an_event_about_a_task_of_another_org_or_api_changes_nothing(studio_api: StudioApi) -> None:
    other = studio_api.world.submit().id
    for task_id, caller in (
        (queue(studio_api), token(org="umbra")),
        (other, studio_api.token),
        ("x", studio_api.token),
    ):
        taken = report(studio_api, "task.completed", data={"task_id": task_id}, token=caller)
        assert taken["outcome"] == "task_unknown"
    assert not studio_api.world.task(other).is_terminal
    assert report(studio_api, "task.completed", data={"task_id": 7})["outcome"] == "noted"


def test_an_instant_far_away_is_taken(studio_api: StudioApi) -> None:
    body = EVENT | {"timestamp": "9999-12-31T23:59:59Z"}
    assert studio_api.call("POST", "/api/webhooks", body)["acknowledged"]
    assert studio_api.call("GET", "/api/webhooks")["events"][0]["occurred_at"] == "9999-12-31T23:59:59Z"


def test_the_webhook_token_of_the_org_suffices_and_no_other_does(studio_api: StudioApi) -> None:
    config.replace(messengers=json.dumps({ORG: {"studio": {"webhook_token": WORD}}, "umbra": {}}))
    report(studio_api, token=None, headers={"X-Webhook-Token": WORD}, query=f"?org={ORG}")
    assert len(studio_api.call("GET", "/api/webhooks")["events"]) == 1
    for headers, query in (
        ({"X-Webhook-Token": WORD}, "?org=umbra"),
        ({"X-Webhook-Token": WORD}, ""),
        ({"X-Webhook-Token": "guess"}, f"?org={ORG}"),
        ({"X-Webhook-Token": ""}, "?org=umbra"),
        ({"X-Webhook-Secret": WORD}, f"?org={ORG}"),
        ({}, f"?org={ORG}"),
    ):
        refused = report(studio_api, status=401, token=None, headers=headers, query=query)
        assert WORD not in refused["detail"]


def test_without_an_org_it_is_local_and_the_error_says_so(studio_api: StudioApi) -> None:
    config.replace(messengers=json.dumps({"local": {"studio": {"webhook_token": WORD}}}))
    report(studio_api, token=None, headers={"X-Webhook-Token": WORD}, query="")
    refused = report(studio_api, status=401, token=None, headers={"X-Webhook-Token": "guess"}, query="")
    assert "for the org local: name another as ?org=" in refused["detail"]


def test_the_webhook_token_opens_nothing_else(studio_api: StudioApi) -> None:
    config.replace(messengers=json.dumps({ORG: {"studio": {"webhook_token": WORD}}}))
    headers = {"X-Webhook-Token": WORD}
    for method, path in (("GET", f"/api/webhooks?org={ORG}"), ("GET", f"/api/content?org={ORG}")):
        studio_api.expect_error(401, method, path, token=None, headers=headers)


@pytest.mark.parametrize("data", [{"a": "x" * 16_000}, {str(number): "ü" for number in range(3_000)}])
def test_too_much_is_refused_and_changes_nothing(studio_api: StudioApi, data: Any) -> None:
    command = queue(studio_api)
    report(studio_api, "task.completed", status=400, data=data | {"task_id": command})
    assert get(studio_api, command)["status"] == "queued"
    assert studio_api.call("GET", "/api/webhooks")["events"] == []


def test_a_page_of_events_that_grows_too_large_ends_early(
    studio_api: StudioApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound_events, "MAX_PAGE_CHARS", 1_500)
    for number in range(3):
        report(studio_api, data={"words": "\u8a9e" * 100, "number": number})
    path, numbers = "/api/webhooks", []
    while path:
        page = studio_api.call("GET", path)
        assert len(page["events"]) <= 2
        numbers += [event["data"]["number"] for event in page["events"]]
        path = f"/api/webhooks?cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert sorted(numbers) == [0, 1, 2]
