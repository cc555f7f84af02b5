"""Events of the projects API, as webhooks, notifications and the live feed show them."""

from typing import Any

import pytest

from chalicelib.apis.projects.events.payloads import build_payloads
from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.engine.accounts import inbox
from chalicelib.engine.documents import documents
from tests.apis.projects.tasks_api import TasksApi, tasks_api_of
from tests.engine.receivers import Receiver, receiver
from tests.support import aws
from tests.support.client import token
from tests.support.world import ORG, World, answer

PROJECTS = "/api/v1/projects"


@pytest.fixture
def tasks_api(world: World) -> TasksApi:
    return tasks_api_of(world)


def create_webhook(world: World, *topics: Topic) -> Receiver:
    documents.create(documents.new(ORG, "org", {"name": "Acme Corp"}, id="org"))
    return receiver(world, "hook", *topics)


def user(name: str, role: str = "developer") -> str:
    said = {"name": name, "email": f"{name}@acme.example", "status": "active", "role": role}
    return documents.create(documents.new(ORG, "user", said, id=f"user_{name}")).id


def inbox_messages(name: str) -> list[str]:
    return [found.body["message"] for found in inbox.list_newest(ORG, f"user_{name}")]


def test_a_completed_task_is_announced_as_the_document_shows_it(world: World, tasks_api: TasksApi) -> None:
    webhook = create_webhook(world, Topic.TASK_COMPLETED)
    project = documents.get(ORG, "project", tasks_api.call("POST", PROJECTS, {"name": "Shop"}, token=_admin())["id"])
    agent = tasks_api.agent("Senior Developer Bot")
    task = tasks_api.create(title="Implement user authentication", projectId=project.id, agentId=agent)
    tasks_api.patch(task, status="completed")
    body = webhook.body
    assert list(body) == ["event", "timestamp", "data", "organization"]
    documented = {
        "id": task,
        "title": "Implement user authentication",
        "status": "completed",
        "completedAt": "2026-01-01T12:00:00Z",
        "agent": {"id": agent, "name": "Senior Developer Bot"},
        "project": {"id": project.id, "name": "Shop"},
    }
    assert body["data"] | documented == body["data"]
    assert (body["event"], body["organization"]) == ("task.completed", {"id": ORG, "name": "Acme Corp"})


def test_the_life_of_a_task_is_announced_in_order_with_the_status_of_each_moment(
    world: World, tasks_api: TasksApi
) -> None:
    topics = (Topic.TASK_CREATED, Topic.TASK_UPDATED, Topic.TASK_COMPLETED, Topic.TASK_FAILED, Topic.TASK_DELETED)
    webhook = create_webhook(world, *topics)
    task = tasks_api.call("POST", "", {"title": "one"})["id"]
    for status in ("active", "completed"):
        tasks_api.call("PATCH", f"/{task}", {"status": status})
    world.settle()
    tasks_api.call("DELETE", f"/{task}")
    world.settle()
    posts = sorted(webhook.posts, key=lambda post: int(post[0]["webhook-id"].rpartition("_")[2]))
    bodies: list[Any] = [Receiver(webhook.webhook, world, [post]).body for post in posts]
    assert [each["event"] for each in bodies] == ["task.created", "task.updated", "task.completed", "task.deleted"]
    assert [each["data"].get("status") for each in bodies] == ["pending", "active", "completed", None]
    assert bodies[-1]["data"] == {"id": task}


def test_what_changes_after_the_end_leaves_the_end_where_it_was(world: World, tasks_api: TasksApi) -> None:
    webhook = create_webhook(world, Topic.TASK_UPDATED)
    task = tasks_api.create(title="one")
    ended = tasks_api.call("PATCH", f"/{task}", {"status": "completed"})["completedAt"]
    world.advance(60)
    tasks_api.call("PATCH", f"/{task}", {"actualHours": 2})
    world.settle()
    assert (webhook.body["data"]["status"], webhook.body["data"]["completedAt"]) == ("completed", ended)


def test_agents_projects_and_comments_are_announced(world: World, tasks_api: TasksApi) -> None:
    topics = (Topic.AGENT_CREATED, Topic.AGENT_STATUS_CHANGED, Topic.PROJECT_CREATED, Topic.COMMENT_ADDED)
    webhook = create_webhook(world, *topics)
    agent = tasks_api.agent("Bot")
    assert (webhook.body["event"], webhook.body["data"]["name"], webhook.body["data"]["status"]) == (
        "agent.created",
        "Bot",
        "available",
    )
    tasks_api.call("POST", f"/api/v1/agents/{agent}/disable", {"reason": "rest"})
    world.settle()
    assert webhook.body["event"] == "agent.status_changed"
    assert (webhook.body["data"]["previousStatus"], webhook.body["data"]["status"]) == ("available", "offline")
    project = tasks_api.call("POST", PROJECTS, {"name": "P"}, token=_admin())["id"]
    world.settle()
    assert (webhook.body["event"], webhook.body["data"]["id"]) == ("project.created", project)
    task = tasks_api.create(title="T", projectId=project)
    tasks_api.call("POST", f"/{task}/comments", {"content": "Look"})
    world.settle()
    assert webhook.body["data"]["content"] == "Look"
    assert webhook.body["data"]["task"] == {"id": task, "title": "T"}


def _admin() -> str:
    user("root", "admin")
    return token("admin", subject="user_root")


def test_whom_it_concerns_is_notified_and_nobody_of_their_own_doing(world: World, tasks_api: TasksApi) -> None:
    user("ada"), user("bob")
    task = tasks_api.create(title="T", dueDate="2026-01-02T00:00:00Z")
    bob = tasks_api_of(world, "user_bob")
    bob.call("POST", f"/{task}/comments", {"content": "@ada", "mentions": ["user_ada", "user_bob"]})
    world.settle()
    assert (inbox_messages("ada"), inbox_messages("bob")) == (["You were mentioned on 'T'"], [])
    bob.patch(task, status="active")
    world.clock.advance(43_200)
    world.sweep()
    world.settle()
    assert (inbox_messages("ada")[0], inbox_messages("bob")) == ("'T' is overdue", ["'T' is overdue"])
    world.clock.advance(1)
    bob.patch(task, status="failed")
    assert (inbox_messages("ada")[0], len(inbox_messages("bob"))) == ("'T' failed", 1)
    tasks_api.call("POST", f"/{task}/comments", {"content": "me", "mentions": ["user_ada"]})
    world.settle()
    assert len(inbox_messages("ada")) == 3


def test_a_new_member_and_the_admins_of_a_disabled_webhook_are_notified(world: World, tasks_api: TasksApi) -> None:
    user("ada"), user("bob", "admin")
    admin = TasksApi(world, tasks_api.client, _admin())
    project = admin.call("POST", PROJECTS, {"name": "P"})["id"]
    admin.call("POST", f"{PROJECTS}/{project}/members", {"userId": "user_ada", "role": "developer"})
    world.settle()
    assert inbox_messages("ada") == ["You are now a member of the project 'P'"]
    [found] = inbox.list_newest(ORG, "user_ada")
    assert found.body["data"]["projectId"] == project
    webhook = create_webhook(world, Topic.TASK_CREATED)
    webhook.reply = answer(410)
    tasks_api.create()
    world.settle()
    text = "The webhook to https://hook.example/hook was disabled: it answered 410 Gone"
    assert inbox_messages("bob") == inbox_messages("root")[:1] == [text]
    assert inbox_messages("ada") == ["You are now a member of the project 'P'"]


def announcement(topic: Topic, subject: str, **said: Any) -> Announcement:
    base: dict[str, Any] = {"org": ORG, "pool": "projects", "version": 1, "at": 0}
    return Announcement(**(base | {"topic": topic, "subject": subject} | said))


def test_what_is_gone_meanwhile_is_not_announced_and_stops_no_other_event(world: World) -> None:
    gone = [
        announcement(Topic.TASK_UPDATED, "task_gone"),
        announcement(Topic.AGENT_UPDATED, "agent_gone"),
        announcement(Topic.PROJECT_UPDATED, "proj_gone"),
        announcement(Topic.COMMENT_ADDED, "comment_gone", within="task_gone"),
        announcement(Topic.MEMBER_ADDED, "user_gone", within="proj_gone"),
        announcement(Topic.WEBHOOK_DISABLED, "webhook_gone"),
    ]
    assert build_payloads(ORG, gone) == []
    [fact] = build_payloads(ORG, [*gone, announcement(Topic.TASK_DELETED, "task_gone", version=2)])
    assert (fact.id, fact.data, fact.about["id"]) == ("evt_task_gone_2", {"id": "task_gone"}, "task_gone")


def test_an_event_that_cannot_be_built_is_left_out_and_delays_no_other(world: World, tasks_api: TasksApi) -> None:
    broken = documents.create(documents.new(ORG, "project", {"name": "made by hand"}))
    said = [announcement(Topic.PROJECT_UPDATED, broken.id), announcement(Topic.TASK_UPDATED, tasks_api.create())]
    assert [fact.topic for fact in build_payloads(ORG, said)] == [Topic.TASK_UPDATED]


def test_a_task_of_another_org_is_never_announced(world: World, tasks_api: TasksApi) -> None:
    task = tasks_api.create()
    assert build_payloads("rival", [announcement(Topic.TASK_UPDATED, task, org="rival")]) == []


def test_a_batch_costs_a_few_calls_however_many_tasks_it_is_about(world: World) -> None:
    said = [announcement(Topic.TASK_UPDATED, world.submit(pool="projects", manual=True).id) for _ in range(20)]
    with aws.counting() as calls:
        assert len(build_payloads(ORG, said)) == 20
    assert calls.total() == 2
