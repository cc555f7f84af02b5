"""The list of tasks, as a monitoring client reads it."""

from typing import Any

import pytest

from chalicelib import config
from tests.apis.processing.conftest import ProcessingApi
from tests.support.client import token

STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")


def list_tasks(processing_api: ProcessingApi, query: str = "", by: str | None = None) -> Any:
    reply = processing_api.client.get(f"/api/tasks{query}", token=by or processing_api.user)
    assert reply.status == 200, reply.text
    return reply.json


def ids(processing_api: ProcessingApi, query: str = "") -> list[str]:
    return [task["id"] for task in list_tasks(processing_api, query)["tasks"]]


def test_each_status_finds_its_own_tasks_and_all_come_newest_first(processing_api: ProcessingApi) -> None:
    ids_by_status = {}
    for status in STATUSES:
        ids_by_status[status] = processing_api.reach(status)
        processing_api.world.clock.advance(0.01)
    assert ids(processing_api) == [*ids_by_status.values()][::-1]
    now = [processing_api.task(task_id) for task_id in ids_by_status.values()]
    for status in STATUSES:
        rows = list_tasks(processing_api, f"?status={status}")["tasks"]
        assert [row["id"] for row in rows] == [one["id"] for one in now[::-1] if one["status"] == status]
    assert {one["status"] for one in now} > {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"}
    bare = [{name: value for name, value in one.items() if name not in ("result", "waitingFor")} for one in now]
    assert list_tasks(processing_api)["tasks"] == bare[::-1]


def test_server_and_type_combine_with_the_rest(processing_api: ProcessingApi) -> None:
    one, two = (processing_api.register(name, capabilities=[name]) for name in ("one", "two"))
    first, second = (processing_api.submit(type=name, capabilities=[name]) for name in ("one", "two"))
    assert (ids(processing_api, f"?server={one}"), ids(processing_api, f"?server={two}")) == ([first], [second])
    assert (ids(processing_api, "?type=one"), ids(processing_api, "?type=two&status=PENDING")) == ([first], [])
    assert ids(processing_api, f"?type=two&server={two}&status=PROCESSING") == [second]
    assert ids(processing_api, "?server=server_none") == []


def test_pages_lead_to_the_end(processing_api: ProcessingApi) -> None:
    task_ids = []
    for _ in range(5):
        processing_api.world.clock.advance(0.01)
        task_ids.append(processing_api.submit())
    listed, query = [], "?limit=2"
    while query:
        page = list_tasks(processing_api, query)
        listed += [task["id"] for task in page["tasks"]]
        query = f"?limit=2&cursor={page['nextCursor']}" if "nextCursor" in page else ""
    assert listed == task_ids[::-1]


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
def test_a_wrong_query_is_refused_naming_the_field(query: str, field: str, processing_api: ProcessingApi) -> None:
    reply = processing_api.client.get(f"/api/tasks{query}", token=processing_api.user)
    assert reply.status == 400
    assert reply.json["details"].startswith(field)


def test_another_tenant_sees_none_of_it_and_nobody_does_without_a_token(processing_api: ProcessingApi) -> None:
    processing_api.submit()
    assert list_tasks(processing_api, by=token("user", "other")) == {"tasks": []}
    assert processing_api.client.get("/api/tasks").status == 401


def test_where_it_is_switched_off_the_answer_says_what_to_set(processing_api: ProcessingApi) -> None:
    before = config.replace(watched_pools=frozenset(), listed_pools=frozenset())
    reply = processing_api.client.get("/api/tasks", token=processing_api.user)
    config.restore(before)
    assert (reply.status, "WATCHED_POOLS" in reply.json["details"]) == (503, True)
