"""Notifications over HTTP: one's own, newest first, with whether they were read."""

import pytest

from chalicelib.domain.changes.effects import Topic
from chalicelib.engine.accounts import inbox
from tests.apis.projects.desk import Desk, desk_of
from tests.engine.receivers import fact
from tests.support import aws
from tests.support.world import ORG, World

NOTIFICATIONS = "/api/v1/users/me/notifications"


@pytest.fixture
def desk(world: World) -> Desk:
    for number in range(3):
        inbox.add_notifications(ORG, [fact(number, Topic.TASK_FAILED, recipients={"user_ada": f"'{number}' failed"})])
        world.clock.advance(1)
    return desk_of(world)


def test_they_are_listed_newest_first_and_counted_by_whether_they_were_read(desk: Desk) -> None:
    rows = desk.told("GET", NOTIFICATIONS)
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
    read = desk.told("PUT", f"{NOTIFICATIONS}/{rows[1]['id']}/read")
    assert (read["read"], read["readAt"]) == (True, "2026-01-01T12:00:03Z")
    counts = [desk.ask("GET", f"{NOTIFICATIONS}?limit=1{more}").json["pagination"]["total"] for more in UNREAD]
    assert counts == [3, 2, 1]


UNREAD = ("", "&unread=true", "&unread=false")


def test_all_are_read_at_once(desk: Desk) -> None:
    assert desk.told("PUT", f"{NOTIFICATIONS}/read-all") == {"read": 3}
    assert desk.told("GET", f"{NOTIFICATIONS}?unread=true") == []
    assert desk.told("PUT", f"{NOTIFICATIONS}/read-all") == {"read": 0}


def test_nobody_sees_or_reads_anothers(desk: Desk) -> None:
    [first, *_] = desk.told("GET", NOTIFICATIONS)
    bob = desk_of(desk.world, "user_bob")
    assert bob.told("GET", NOTIFICATIONS) == []
    bob.refused(404, "PUT", f"{NOTIFICATIONS}/{first['id']}/read")
    assert len(desk.told("GET", f"{NOTIFICATIONS}?unread=true")) == 3


def test_a_page_costs_one_call_besides_the_limiter(desk: Desk) -> None:
    desk.told("GET", NOTIFICATIONS)
    with aws.counting() as calls:
        desk.told("GET", NOTIFICATIONS)
    assert calls.total() == 2
