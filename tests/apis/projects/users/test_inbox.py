"""Notifications over HTTP: the caller's own, newest first, with whether they were read."""

import pytest

from chalicelib.domain.changes.effects import Topic
from chalicelib.engine.accounts import inbox
from tests.apis.projects.tasks_api import TasksApi, tasks_api_of
from tests.engine.receivers import fact
from tests.support import aws
from tests.support.world import ORG, World

NOTIFICATIONS = "/api/v1/users/me/notifications"


@pytest.fixture
def tasks_api(world: World) -> TasksApi:
    for number in range(3):
        inbox.add_notifications(ORG, [fact(number, Topic.TASK_FAILED, recipients={"user_ada": f"'{number}' failed"})])
        world.clock.advance(1)
    return tasks_api_of(world)


def test_they_are_listed_newest_first_and_counted_by_whether_they_were_read(tasks_api: TasksApi) -> None:
    rows = tasks_api.call("GET", NOTIFICATIONS)
    assert [row["message"] for row in rows] == ["'2' failed", "'1' failed", "'0' failed"]
    assert rows[0] | {"id": "", "createdAt": ""} == {
        "id": "",
        "type": "task.failed",
        "message": "'2' failed",
        "data": {"taskId": "task_2"},
        "read": False,
        "readAt": None,
        "createdAt": "",
    }
    read = tasks_api.call("PUT", f"{NOTIFICATIONS}/{rows[1]['id']}/read")
    assert (read["read"], read["readAt"]) == (True, "2026-01-01T12:00:03Z")
    counts = [tasks_api.request("GET", f"{NOTIFICATIONS}?limit=1{more}").json["pagination"]["total"] for more in UNREAD]
    assert counts == [3, 2, 1]


UNREAD = ("", "&unread=true", "&unread=false")


def test_all_are_read_at_once(tasks_api: TasksApi) -> None:
    assert tasks_api.call("PUT", f"{NOTIFICATIONS}/read-all") == {"read": 3}
    assert tasks_api.call("GET", f"{NOTIFICATIONS}?unread=true") == []
    assert tasks_api.call("PUT", f"{NOTIFICATIONS}/read-all") == {"read": 0}


def test_nobody_sees_or_reads_anothers(tasks_api: TasksApi) -> None:
    [first, *_] = tasks_api.call("GET", NOTIFICATIONS)
    bob = tasks_api_of(tasks_api.world, "user_bob")
    assert bob.call("GET", NOTIFICATIONS) == []
    bob.expect_error(404, "PUT", f"{NOTIFICATIONS}/{first['id']}/read")
    assert len(tasks_api.call("GET", f"{NOTIFICATIONS}?unread=true")) == 3


def test_a_page_costs_one_call_besides_the_limiter(tasks_api: TasksApi) -> None:
    tasks_api.call("GET", NOTIFICATIONS)
    with aws.counting() as calls:
        tasks_api.call("GET", NOTIFICATIONS)
    assert calls.total() == 2
