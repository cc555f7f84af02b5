"""The list of tasks, as those see it who watch."""

from typing import Any

import pytest

from chalicelib import config
from tests.apis.processing.conftest import Desk
from tests.support.client import token

STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")


def look(desk: Desk, query: str = "", by: str | None = None) -> Any:
    reply = desk.client.get(f"/api/tasks{query}", token=by or desk.user)
    assert reply.status == 200, reply.text
    return reply.json


def ids(desk: Desk, query: str = "") -> list[str]:
    return [task["id"] for task in look(desk, query)["tasks"]]


def test_each_status_finds_its_own_tasks_and_all_come_newest_first(desk: Desk) -> None:
    made = {}
    for status in STATUSES:
        made[status] = desk.reach(status)
        desk.world.clock.advance(0.01)
    assert ids(desk) == [*made.values()][::-1]
    now = [desk.task(task_id) for task_id in made.values()]
    for status in STATUSES:
        rows = look(desk, f"?status={status}")["tasks"]
        assert [row["id"] for row in rows] == [one["id"] for one in now[::-1] if one["status"] == status]
    assert {one["status"] for one in now} > {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"}
    bare = [{name: value for name, value in one.items() if name not in ("result", "waitingFor")} for one in now]
    assert look(desk)["tasks"] == bare[::-1]


def test_server_and_type_combine_with_the_rest(desk: Desk) -> None:
    one, two = (desk.register(name, capabilities=[name]) for name in ("one", "two"))
    first, second = (desk.submit(type=name, capabilities=[name]) for name in ("one", "two"))
    assert (ids(desk, f"?server={one}"), ids(desk, f"?server={two}")) == ([first], [second])
    assert (ids(desk, "?type=one"), ids(desk, "?type=two&status=PENDING")) == ([first], [])
    assert ids(desk, f"?type=two&server={two}&status=PROCESSING") == [second]
    assert ids(desk, "?server=server_none") == []


def test_pages_lead_to_the_end(desk: Desk) -> None:
    made = []
    for _ in range(5):
        desk.world.clock.advance(0.01)
        made.append(desk.submit())
    found, query = [], "?limit=2"
    while query:
        page = look(desk, query)
        found += [task["id"] for task in page["tasks"]]
        query = f"?limit=2&cursor={page['nextCursor']}" if "nextCursor" in page else ""
    assert found == made[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?status=DONE", "status"),
        ("?server=", "server"),
        ("?type=", "type"),
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?cursor=x", "cursor"),
    ],
)
def test_a_wrong_query_is_refused_naming_the_field(query: str, field: str, desk: Desk) -> None:
    reply = desk.client.get(f"/api/tasks{query}", token=desk.user)
    assert reply.status == 400
    assert reply.json["details"].startswith(field)


def test_another_tenant_sees_none_of_it_and_nobody_does_without_a_token(desk: Desk) -> None:
    desk.submit()
    assert look(desk, by=token("user", "other")) == {"tasks": []}
    assert desk.client.get("/api/tasks").status == 401


def test_where_it_is_switched_off_the_answer_says_what_to_set(desk: Desk) -> None:
    before = config.replace(watched_pools=frozenset(), listed_pools=frozenset())
    reply = desk.client.get("/api/tasks", token=desk.user)
    config.restore(before)
    assert (reply.status, "WATCHED_POOLS" in reply.json["details"]) == (503, True)
