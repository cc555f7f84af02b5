import json
from collections import Counter
from typing import Any

import pytest

from chalicelib.engine.webhooks import endpoints
from tests.apis.studio.conftest import StudioApi
from tests.support.client import token
from tests.support.world import ORG, answer

TASKS = "/api/tasks"


def create(studio_api: StudioApi, *statuses: str, **fields: Any) -> str:
    task = str(studio_api.call("POST", TASKS, {"task_name": "A"} | fields)["id"])
    for status in statuses:
        studio_api.call("PATCH", f"{TASKS}/{task}", {"status": status})
    studio_api.world.settle()
    return task


@pytest.mark.parametrize(
    ("before", "status"),
    [
        ((), "in_progress"),
        ((), "completed"),
        ((), "failed"),
        (("in_progress",), "completed"),
        (("in_progress",), "pending"),
        (("failed",), "pending"),
    ],
)
def test_the_owner_moves_a_task(studio_api: StudioApi, before: tuple[str, ...], status: str) -> None:
    task = create(studio_api, *before)
    assert studio_api.call("PATCH", f"{TASKS}/{task}", {"status": status})["status"] == status
    assert studio_api.call("GET", f"{TASKS}/{task}")["status"] == status


@pytest.mark.parametrize("status", ["pending", "in_progress", "failed"])
def test_a_completed_task_stays_completed(studio_api: StudioApi, status: str) -> None:
    task = create(studio_api, "completed")
    studio_api.expect_error(409, "PATCH", f"{TASKS}/{task}", {"status": status, "task_metadata": {"a": 1}})
    assert studio_api.call("GET", f"{TASKS}/{task}")["task_metadata"] == {}


def test_nobody_gets_a_task_but_its_owner(studio_api: StudioApi) -> None:
    task = create(studio_api)
    studio_api.world.advance(3_600)
    assert studio_api.call("GET", f"{TASKS}/{task}")["status"] == "pending"


def test_an_idempotency_key_makes_one_task(studio_api: StudioApi) -> None:
    key = {"headers": {"Idempotency-Key": "k"}}
    first, second = (studio_api.call("POST", TASKS, {"task_name": "A"}, **key) for _ in range(2))
    assert first == second
    studio_api.expect_error(409, "POST", TASKS, {"task_name": "B"}, **key)


def test_the_list_filters_sorts_and_pages(studio_api: StudioApi) -> None:
    moves: tuple[tuple[str, ...], ...] = (("completed",), (), ("in_progress",), ("failed",), ())
    tasks = []
    for statuses in moves:
        tasks.append(create(studio_api, *statuses))
        studio_api.world.clock.advance(1)
    done, first, held, failed, second = tasks
    studio_api.call("PATCH", f"{TASKS}/{first}", {"category": "c"})
    studio_api.world.settle()

    def ids(query: str) -> list[str]:
        page = studio_api.call("GET", f"{TASKS}?{query}")
        assert page["total"] == (2 if "status=pending" in query else 5)
        return [row["id"] for row in page["tasks"]]

    assert ids("limit=2&offset=1") == [failed, held]
    assert ids("sort_by=updated_at") == [first, second, failed, held, done]
    assert ids("sort_by=status") == [second, first, held, done, failed]
    assert ids("sort_by=status&limit=2&offset=2") == [held, done]
    assert ids("sort_by=status&order=asc") == ids("sort_by=status")
    assert ids("order=asc") == ids("order=desc")[::-1] == ids("")[::-1]
    assert ids("sort_by=updated_at&order=asc&limit=2&offset=1") == [held, failed]
    assert ids("sort_by=status&order=desc") == [failed, done, held, first, second]
    assert ids("sort_by=status&order=desc&limit=2&offset=2") == [held, first]
    assert ids("status=pending&sort_by=status&order=desc") == [first, second]
    assert ids("status=pending&sort_by=status&limit=1&offset=1") == [first]
    assert ids("status=pending&sort_by=updated_at") == [first, second]


def test_the_summary_equals_a_recount(studio_api: StudioApi) -> None:
    empty = studio_api.call("GET", f"{TASKS}/metrics/summary")
    assert (empty["total_tasks"], empty["completion_rate"], empty["avg_completion_time"]) == (0, None, None)
    moves = ["completed"] * 3 + ["failed"] * 2 + ["in_progress", "pending", "pending"]
    for status in moves:
        task = create(studio_api)
        studio_api.world.clock.advance(30)
        studio_api.call("PATCH", f"{TASKS}/{task}", {"status": status})
        studio_api.world.settle()
    listed = Counter(row["status"] for row in studio_api.call("GET", TASKS)["tasks"])
    assert studio_api.call("GET", f"{TASKS}/metrics/summary") == {
        "total_tasks": 8,
        **{status: listed[status] for status in ("completed", "in_progress", "failed", "pending")},
        "completion_rate": 0.375,
        "avg_completion_time": 30,
        "success_rate": 0.6,
    }


def test_another_org_sees_and_counts_nothing_of_it(studio_api: StudioApi) -> None:
    task, stranger = create(studio_api), {"token": token("user", org="umbra")}
    studio_api.expect_error(404, "PATCH", f"{TASKS}/{task}", {"status": "completed"}, **stranger)
    assert studio_api.call("GET", TASKS, **stranger)["tasks"] == []
    assert studio_api.call("GET", f"{TASKS}/metrics/summary", **stranger)["total_tasks"] == 0


def test_webhooks_of_this_api_get_its_events_and_those_of_the_projects_api_do_not(studio_api: StudioApi) -> None:
    world, topics = studio_api.world, ["task.created", "task.completed", "task.deleted"]
    world.servers["own.example"] = world.servers["other.example"] = lambda *_: answer(204)
    for host, more in (("own", {"pool": "studio"}), ("other", {})):
        body = {"url": f"https://{host}.example/", "events": topics, "active": True, "headers": {}, **more}
        endpoints.create(ORG, body, None, "ann")
    task = create(studio_api, "completed", task_metadata={"content": "x"})
    world.settle()
    sent = [json.loads(body) for _, url, _, body in world.calls if url == "https://own.example/"]
    assert [(one["event"], one["data"]["id"], one["data"]["status"]) for one in sent] == [
        ("task.created", task, "pending"),
        ("task.completed", task, "completed"),
    ]
    assert len(world.calls) == 2
