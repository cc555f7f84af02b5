"""The WebSocket /ws: who may connect, subscriptions, and the permissions at the time of each event."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import config
from chalicelib.apis.projects import api
from chalicelib.apis.websockets import router
from chalicelib.engine.accounts import api_keys, sessions, users
from chalicelib.engine.accounts.api_keys import KeyRequest
from chalicelib.engine.documents import documents
from chalicelib.engine.oauth import clients
from chalicelib.engine.oauth.clients import Registration
from chalicelib.storage.aws import dynamodb
from tests.support import people
from tests.support.client import Client, token
from tests.support.world import ORG, World

Frame = dict[str, Any]


class Line:
    """A client's connection."""

    def __init__(self, world: World, name: str = "c1", **sent: Any) -> None:
        self.world, self.name = world, name
        self.frames = world.sockets.connect(name)
        query, headers = sent.get("query", {}), sent.get("headers", {})
        event = {
            "requestContext": {"connectionId": name},
            "queryStringParameters": {"path": "/ws", **query},
            "headers": headers,
        }
        self.answer = router.handle_connect(event)

    def say(self, **frame: Any) -> list[Frame]:
        """Send a frame and return the answers."""
        before = len(self.frames)
        router.handle_message({"requestContext": {"connectionId": self.name}, "body": json.dumps(frame)})
        self.world.settle()
        return self.frames[before:]

    def subscribe(self, channel: str = "tasks", **more: Any) -> list[Frame]:
        return self.say(type="subscribe", channel=channel, **more)


@pytest.fixture
def client(world: World) -> Client:
    return Client(api)


@pytest.fixture
def make(world: World, client: Client) -> Callable[..., Frame]:
    def create(what: str, **fields: Any) -> Frame:
        reply = client.post(f"/api/v1/{what}", fields, token=token(plan="enterprise"))
        assert reply.status == 201, reply.text
        world.settle()
        found: Frame = reply.json["data"]
        return found

    return create


def data_frames(frames: list[Frame]) -> list[tuple[str, str]]:
    return [(frame["type"], frame["data"]["id"]) for frame in frames if "data" in frame]


def test_the_document_s_frames(world: World, client: Client, make: Callable[..., Frame]) -> None:
    project = make("projects", name="E-commerce")
    line = Line(world, query={"token": token()})
    assert line.answer["statusCode"] == 200
    [said] = line.subscribe(filters={"projectId": project["id"]})
    assert (said["type"], said["channel"], said["filters"]) == ("subscribed", "tasks", {"projectId": project["id"]})
    line.subscribe("agents")
    before = len(line.frames)
    make("tasks", title="elsewhere")
    task = make("tasks", title="here", projectId=project["id"])
    client.request("PATCH", f"/api/v1/tasks/{task['id']}", {"status": "completed"}, token=token(plan="enterprise"))
    agent = make("agents", name="Bot", type="coding")
    client.post(f"/api/v1/agents/{agent['id']}/disable", {}, token=token(plan="enterprise"))
    world.settle()
    seen = line.frames[before:]
    assert data_frames(seen) == [
        ("task.created", task["id"]),
        ("task.updated", task["id"]),
        ("agent.created", agent["id"]),
        ("agent.status_changed", agent["id"]),
    ]
    assert (seen[1]["event"], seen[1]["data"]["status"]) == ("task.completed", "completed")
    assert seen[1]["data"]["project"]["name"] == "E-commerce"
    assert [frame["sequence"] for frame in seen] == sorted({frame["sequence"] for frame in seen})


@pytest.mark.parametrize(
    ("name", "value", "matches"),
    [("createdBy", "dev", True), ("createdBy", "somebody", False), ("status", ["pending", "active"], True)],
)
def test_each_filter_lets_through_what_fits(
    world: World, make: Callable[..., Frame], name: str, value: Any, matches: bool
) -> None:
    line = Line(world, query={"token": token()})
    line.subscribe(filters={name: value})
    task = make("tasks", title="t")
    assert data_frames(line.frames) == [("task.created", task["id"])] * matches


def test_projects_are_a_channel_too_and_comments_belong_to_tasks(
    world: World, client: Client, make: Callable[..., Frame]
) -> None:
    line = Line(world, query={"token": token()})
    line.subscribe("projects")
    project = make("projects", name="One")
    client.put(f"/api/v1/projects/{project['id']}", {"status": "completed"}, token=token(plan="enterprise"))
    world.settle()
    assert data_frames(line.frames) == [("project.created", project["id"]), ("project.updated", project["id"])]
    line.say(type="unsubscribe", channel="projects")
    line.subscribe()
    task = make("tasks", title="t")
    make(f"tasks/{task['id']}/comments", content="hello")
    assert [frame["event"] for frame in line.frames[-2:]] == ["task.created", "comment.added"]


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"type": "subscribe", "channel": "secrets"}, "channel"),
        ({"type": "subscribe"}, "channel"),
        ({"type": "subscribe", "channel": "tasks", "filters": {"colour": "red"}}, "filters.colour"),
        ({"type": "subscribe", "channel": "tasks", "filters": {"id": 7}}, "filters.id"),
        ({"type": "subscribe", "channel": "tasks", "filters": {"status": "done"}}, "filters.status"),
        ({"type": "subscribe", "channel": "agents", "filters": {"type": ["coding", "cooking"]}}, "filters.type"),
        ({"type": "subscribe", "channel": "tasks", "since": -1}, "since"),
        ({"type": "subscribe", "channel": "tasks", "since": 99}, "since"),
        ({"type": "subscribe", "channel": "tasks", "id": "two words"}, "id"),
        ({"type": "unsubscribe"}, "channel"),
        ({"type": "shout"}, "type"),
    ],
)
def test_a_frame_that_makes_no_sense_is_answered_with_what_would(world: World, frame: Frame, field: str) -> None:
    [answer] = Line(world, query={"token": token()}).say(**frame)
    assert answer["type"] == "error"
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert [name for name in answer["error"]["details"] if name.startswith(field)], answer


def test_who_may_connect(world: World) -> None:
    ada = people.user(world)
    _, text = api_keys.create(ORG, ada.id, KeyRequest("k", {"tasks:read"}))
    good = (
        {"query": {"token": people.token(ada)}},
        {"query": {"token": text}},
        {"headers": {"X-API-Key": text}},
        {"headers": {"Authorization": f"Bearer {people.token(ada)}"}},
    )
    for number, sent in enumerate(good):
        assert Line(world, f"c{number}", **sent).answer["statusCode"] == 200
    for sent in ({}, {"query": {"token": "garbage"}}, {"headers": {"X-API-Key": "ak_no"}}):
        assert Line(world, "x", **sent).answer["statusCode"] == 401


def test_the_local_stage_may_open_it_and_nothing_else(world: World, client: Client) -> None:
    config.replace(open_apis=frozenset({"projects.live"}))
    assert Line(world).answer["statusCode"] == 200
    assert client.get("/api/v1/tasks").status == 401


def test_a_key_sees_what_it_may_read(world: World, make: Callable[..., Frame]) -> None:
    ada = people.user(world)
    _, text = api_keys.create(ORG, ada.id, KeyRequest("k", {"tasks:read"}))
    line = Line(world, headers={"X-API-Key": text})
    [refused] = line.subscribe("agents")
    assert refused["error"]["code"] == "AUTHORIZATION_ERROR"
    assert line.subscribe("tasks")[0]["type"] == "subscribed"


def test_an_application_sees_what_its_user_has_allowed(world: World) -> None:
    ada = people.user(world)
    app, _ = clients.register(ORG, "dev", Registration("App", ["https://a.example/"], ["tasks:read"], public=True))
    given, opening = sessions.new_session(ada, client_id=app.id, scope="tasks:read")
    dynamodb.commit(opening)
    line = Line(world, query={"token": given.access_token})
    assert line.subscribe("tasks")[0]["type"] == "subscribed"
    assert line.subscribe("agents")[0]["error"]["code"] == "AUTHORIZATION_ERROR"


@pytest.mark.parametrize("ending", ["session", "key", "user"])
def test_who_may_no_longer_see_is_cut_off_within_half_a_minute(
    world: World, make: Callable[..., Frame], ending: str
) -> None:
    ada = people.user(world)
    key, text = api_keys.create(ORG, ada.id, KeyRequest("k", {"tasks:read"}))
    tokens = sessions.open_session(documents.get(ORG, "user", ada.id))
    line = Line(world, query={"token": text if ending == "key" else tokens.access_token})
    line.subscribe()
    make("tasks", title="seen")
    if ending == "session":
        sessions.end_by_token(tokens.refresh_token, None)
    elif ending == "key":
        api_keys.revoke(ORG, ada.id, key.id)
    else:
        users.delete(ORG, ada.id, "admin")
    world.clock.advance(31)
    make("tasks", title="unseen")
    assert [frame["data"]["title"] for frame in line.frames if "data" in frame] == ["seen"]
    assert world.sockets.closed == ["c1"]


def test_another_tenant_s_events_are_not_sent(world: World, make: Callable[..., Frame]) -> None:
    stranger = Line(world, query={"token": token(org="umbra")})
    stranger.subscribe()
    task = make("tasks", title="ours")
    stranger.subscribe(filters={"id": task["id"]}, since=0, id="again")
    assert data_frames(stranger.frames) == []


def test_a_client_that_disconnects_is_removed(world: World, make: Callable[..., Frame]) -> None:
    line = Line(world, query={"token": token()})
    line.subscribe()
    assert line.say(type="ping") == [{"type": "pong"}]
    router.handle_disconnect({"requestContext": {"connectionId": "c1"}})
    before = len(line.frames)
    make("tasks", title="t")
    assert len(line.frames) == before
