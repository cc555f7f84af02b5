"""Tasks: creation, assignment, start, completion, cancelling."""

from typing import Any

import pytest

from chalicelib import config
from tests.apis.coordinator.conftest import RESULT, TASK, CoordinatorApi
from tests.support.client import token

STATUSES = ("pending", "assigned", "running", "completed", "failed", "cancelled")
NOON = "2026-01-01T12:00:00.000000"


def test_a_task_has_the_documented_fields_in_their_order(coordinator_api: CoordinatorApi) -> None:
    request = {
        "name": "solve-captcha-batch-1",
        "type": "captcha",
        "priority": "high",
        "payload": {"images": ["base64..."], "type": "hcaptcha"},
        "metadata": {},
    }
    reply = coordinator_api.request("POST", "/api/tasks", request)
    task = reply.json
    assert (reply.status, reply.headers["location"]) == (201, f"/api/tasks/{task['id']}")
    assert list(task.items())[1:] == [
        ("name", "solve-captcha-batch-1"),
        ("type", "captcha"),
        ("status", "pending"),
        ("priority", "high"),
        ("payload", request["payload"]),
        ("metadata", {}),
        ("assigned_worker", None),
        ("created_at", NOON),
        ("started_at", None),
        ("completed_at", None),
        ("result", None),
        ("error", None),
    ]
    assert coordinator_api.task(task["id"]) == task


def test_what_need_not_be_said_has_a_default(coordinator_api: CoordinatorApi) -> None:
    task = coordinator_api.call("POST", "/api/tasks", TASK)
    assert (task["priority"], task["payload"], task["metadata"]) == ("normal", {}, {})


def test_creation_names_what_is_wrong_and_what_would_be_right(coordinator_api: CoordinatorApi) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": ""}, "name: must be a string of 1 to 256 characters"),
        ({"type": "cook"}, "type: must be one of: general, captcha, survey, browser, scraper"),
        ({"priority": "urgent"}, "priority: must be one of: low, normal, high, critical"),
        ({"priority": 5}, "priority: must be one of"),
        ({"payload": []}, "payload: must be an object"),
        ({"auto_assign": "yes"}, "auto_assign: must be true or false"),
        ({"metadata": {"a": "x" * 16_000}}, "metadata: must be at most 16000 characters"),
        ({"metadata": {"capabilities": ["a"] * 33}}, "metadata: capabilities must be at most 32 words"),
        ({"metadata": {"capabilities": ["a" * 65]}}, "metadata: capabilities must be at most 32 words"),
    ]
    for wrong, words in cases:
        message = coordinator_api.expect_error(400, "POST", "/api/tasks", TASK | wrong)
        assert message.startswith(words), message
    assert coordinator_api.expect_error(400, "POST", "/api/tasks", {"name": "n"}) == "Missing required field: type"
    assert coordinator_api.world.tasks() == []


def test_the_whole_life_of_an_assigned_task(coordinator_api: CoordinatorApi) -> None:
    worker, task_id = coordinator_api.register(), coordinator_api.create(payload={"n": 1})
    coordinator_api.world.clock.advance(1.5)
    assigned = coordinator_api.assign(task_id, worker)
    assert (assigned["status"], assigned["assigned_worker"], assigned["started_at"]) == ("assigned", worker, None)
    coordinator_api.world.clock.advance(1)
    started = coordinator_api.call("PUT", f"/api/tasks/{task_id}/start")
    assert (started["status"], started["started_at"]) == ("running", "2026-01-01T12:00:02.500000")
    coordinator_api.world.clock.advance(1)
    ended = coordinator_api.complete(task_id)
    at = "2026-01-01T12:00:03.500000"
    assert ended == started | {"status": "completed", "completed_at": at, "result": RESULT}
    assert coordinator_api.task(task_id) == ended
    assert (coordinator_api.worker(worker)["tasks_completed"], coordinator_api.worker(worker)["status"]) == (
        1,
        "online",
    )


@pytest.mark.parametrize("status", STATUSES)
def test_what_can_be_done_with_a_task_follows_from_its_status(status: str, coordinator_api: CoordinatorApi) -> None:
    """For each status: which of the four actions are allowed, and that a refused one changes nothing."""
    worker = coordinator_api.register(10)
    ways = {
        "assign": ("PUT", f"/assign?worker_id={worker}", None, {"pending"}),
        "start": ("PUT", "/start", None, {"assigned"}),
        "complete": ("PUT", "/complete", {"result": 1}, {"assigned", "running"}),
        "cancel": ("DELETE", "", None, {"pending", "assigned", "running"}),
    }
    reached = {"assign": "assigned", "start": "running", "complete": "completed", "cancel": "cancelled"}
    for name, (method, path, body, open_from) in ways.items():
        task_id = coordinator_api.create_in_status(status, worker)
        before = coordinator_api.task(task_id)
        reply = coordinator_api.request(method, f"/api/tasks/{task_id}{path}", body)
        if status in open_from:
            assert (reply.status, reply.json["status"]) == (200, reached[name])
            assert coordinator_api.task(task_id)["status"] == reached[name]
        else:
            assert reply.status == 409, (name, reply.text)
            assert task_id in reply.json["message"]
            assert coordinator_api.task(task_id) == before


@pytest.mark.parametrize(
    "outcome", [{"result": RESULT}, {"error": "broken"}, {"error": {"code": 7, "why": ["x", None]}}]
)
def test_the_same_completion_twice_is_answered_alike_and_another_is_refused(
    outcome: dict[str, Any], coordinator_api: CoordinatorApi
) -> None:
    worker = coordinator_api.register(2)
    for query in ("", f"?worker_id={worker}"):
        task_id = coordinator_api.create_in_status("assigned", worker)
        path = f"/api/tasks/{task_id}/complete{query}"
        first = coordinator_api.request("PUT", path, outcome)
        coordinator_api.world.settle()
        coordinator_api.world.clock.advance(30)
        again = coordinator_api.request("PUT", path, outcome)
        assert (first.status, again.status, again.text) == (200, 200, first.text)
        for other in ({"result": {"solution": "other"}}, {"error": "another"}, {"result": None}):
            assert "409" in coordinator_api.request("PUT", path, other).text
        task = coordinator_api.task(task_id)
        assert task["status"] == ("failed" if "error" in outcome else "completed")
        assert (task["result"], task["error"]) == (outcome.get("result"), outcome.get("error"))
    assert coordinator_api.summary()["total_tasks_completed"] + coordinator_api.summary()["total_tasks_failed"] == 2


def test_a_failed_task_is_not_tried_again(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register()
    task_id = coordinator_api.create(auto_assign=True, type="general")
    coordinator_api.complete(task_id, error="broken")
    coordinator_api.world.advance(600)
    task = coordinator_api.task(task_id)
    assert (task["status"], task["assigned_worker"], task["completed_at"]) == ("failed", worker, NOON)


def test_an_error_is_kept_whole_or_refused(coordinator_api: CoordinatorApi) -> None:
    task_id = coordinator_api.create_in_status("assigned", coordinator_api.register())
    path = f"/api/tasks/{task_id}/complete"
    for wrong in ("", "x" * 4_001, {"a": "x" * 16_000}, 5, ["a"]):
        assert coordinator_api.expect_error(400, "PUT", path, {"error": wrong}).startswith("error"), wrong
    assert coordinator_api.complete(task_id, error={"message": "m" * 4_001})["error"] == {"message": "m" * 4_001}
    assert coordinator_api.task(task_id)["error"] == {"message": "m" * 4_001}


def test_the_engine_s_own_errors_have_a_text(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register()
    task_id = coordinator_api.create_in_status("assigned", worker)
    for _ in range(17):
        coordinator_api.world.advance(60)
        coordinator_api.heartbeat(worker)
    assert (coordinator_api.task(task_id)["status"], coordinator_api.task(task_id)["error"]) == ("pending", None)
    waiting = coordinator_api.create()
    coordinator_api.world.clock.advance(86_400)
    coordinator_api.world.advance(60)
    task = coordinator_api.task(waiting)
    assert (task["status"], task["error"], task["assigned_worker"]) == (
        "failed",
        "No worker took the task in time",
        None,
    )


def test_only_the_named_worker_s_completion_is_taken_when_one_is_named(coordinator_api: CoordinatorApi) -> None:
    worker, other = coordinator_api.register(), coordinator_api.register()
    task_id = coordinator_api.create_in_status("assigned", worker)
    for body in ({"result": 1}, {"error": "broken"}):
        message = coordinator_api.expect_error(409, "PUT", f"/api/tasks/{task_id}/complete?worker_id={other}", body)
        assert "another worker" in message
    assert coordinator_api.complete(task_id, f"?worker_id={worker}")["status"] == "completed"


def test_a_late_completion_of_a_task_that_went_on_is_refused(coordinator_api: CoordinatorApi) -> None:
    worker, other = coordinator_api.register(), coordinator_api.register()
    task_id = coordinator_api.create_in_status("running", worker)
    coordinator_api.set_status(worker, "offline")
    coordinator_api.assign(task_id, other)
    coordinator_api.expect_error(409, "PUT", f"/api/tasks/{task_id}/complete?worker_id={worker}", {"result": "late"})
    assert coordinator_api.task(task_id)["assigned_worker"] == other
    assert coordinator_api.complete(task_id)["result"] == RESULT


def test_cancelling_tells_the_worker_and_ends_the_task(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register()
    task_id = coordinator_api.create_in_status("running", worker)
    ended = coordinator_api.call("DELETE", f"/api/tasks/{task_id}")
    assert (ended["status"], ended["completed_at"], ended["assigned_worker"]) == ("cancelled", NOON, worker)
    assert [one["task_id"] for one in coordinator_api.heartbeat(worker)["commands"]] == [task_id]
    assert coordinator_api.worker(worker)["status"] == "online"
    coordinator_api.expect_error(409, "PUT", f"/api/tasks/{task_id}/complete", {"result": 1})


# Assignment by itself


def test_a_task_waits_for_its_owner_unless_it_says_otherwise(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register(9)
    assert coordinator_api.task(coordinator_api.create(type="general"))["status"] == "pending"
    assert coordinator_api.task(coordinator_api.create(type="general", auto_assign=True))["assigned_worker"] == worker
    before = config.replace(auto_assign=frozenset({"coordinator"}))
    try:
        assert coordinator_api.task(coordinator_api.create(type="general"))["assigned_worker"] == worker
    finally:
        config.restore(before)


@pytest.mark.parametrize(
    ("task", "worker"),
    [
        ({"type": "captcha"}, {"type": "captcha"}),
        ({"type": "captcha"}, {"type": "general", "capabilities": ["captcha"]}),
        ({"type": "general"}, {"type": "survey"}),
        ({"type": "captcha", "metadata": {"capabilities": ["gpu", "ocr"]}}, {"capabilities": ["ocr", "fast", "gpu"]}),
        ({"type": "captcha", "metadata": {"capabilities": []}}, {"type": "browser"}),
        ({"type": "captcha", "metadata": {"capabilities": "mine"}}, {"type": "captcha"}),
    ],
)
def test_it_goes_to_a_worker_that_can_do_it(
    task: dict[str, Any], worker: dict[str, Any], coordinator_api: CoordinatorApi
) -> None:
    unfit = (
        []
        if task == {"type": "general"} or task.get("metadata") == {"capabilities": []}
        else [coordinator_api.register()]
    )
    waiting = coordinator_api.create(auto_assign=True, **task)
    assert coordinator_api.task(waiting)["status"] == "pending"
    fit = coordinator_api.register(**worker)
    assert coordinator_api.task(waiting)["assigned_worker"] == fit
    assert all(coordinator_api.worker(one)["status"] == "online" for one in unfit)


def test_the_most_urgent_goes_first_then_the_oldest(coordinator_api: CoordinatorApi) -> None:
    task_ids = []
    for priority in ("low", "critical", "normal", "critical", "high"):
        task_ids.append(coordinator_api.create(auto_assign=True, priority=priority))
        coordinator_api.world.clock.advance(1)
    worker = coordinator_api.register(type="captcha")
    order = []
    while held := coordinator_api.call("GET", f"/api/tasks?worker_id={worker}&status=assigned")["tasks"]:
        [task] = held
        order.append(task["id"])
        coordinator_api.complete(task["id"])
        coordinator_api.world.settle()
    assert order == [task_ids[1], task_ids[3], task_ids[4], task_ids[2], task_ids[0]]


# Idempotency and tenants


def test_an_idempotency_key_makes_one_task_and_one_answer(coordinator_api: CoordinatorApi) -> None:
    worker, key = coordinator_api.register(), {"Idempotency-Key": "order-7"}
    request = {"name": "n", "type": "general", "payload": {"a": 1, "b": 2}, "auto_assign": True}
    first = coordinator_api.request("POST", "/api/tasks", request, headers=key)
    coordinator_api.world.settle()
    coordinator_api.complete(first.json["id"], f"?worker_id={worker}")
    again = coordinator_api.request("POST", "/api/tasks", request | {"payload": {"b": 2, "a": 1}}, headers=key)
    assert (first.status, again.status) == (201, 201)
    assert (again.json, again.headers["location"]) == (first.json, first.headers["location"])
    for change in ({"name": "m"}, {"priority": "low"}, {"auto_assign": False}, {"metadata": {"m": 1}}):
        coordinator_api.expect_error(409, "POST", "/api/tasks", request | change, headers=key)
    assert len(coordinator_api.world.tasks()) == 1


def test_another_tenant_s_and_another_api_s_tasks_are_not_there(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register()
    task_id = coordinator_api.create()
    foreign = coordinator_api.world.submit().id
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "/start", None),
        ("PUT", f"/assign?worker_id={worker}", None),
        ("PUT", "/complete", {"result": 1}),
        ("PUT", "/complete", {"error": "x"}),
        ("PUT", f"/complete?worker_id={worker}", {"result": 1}),
    ):
        for name, who in (
            (task_id, token(org="other")),
            (foreign, coordinator_api.token),
            ("task_none", coordinator_api.token),
        ):
            assert (
                coordinator_api.expect_error(404, method, f"/api/tasks/{name}{path}", body, token=who)
                == f"Task not found: {name}"
            )
    assert coordinator_api.task(task_id)["status"] == "pending"
    assert (
        coordinator_api.expect_error(404, "PUT", f"/api/tasks/{task_id}/assign?worker_id=none")
        == "Worker not found: none"
    )


def test_beside_a_result_that_fills_the_answer_there_is_no_payload(coordinator_api: CoordinatorApi) -> None:
    """Lambda sends 6 MB; a body of 4 MB brought each of the two."""
    large = {"text": "x" * 3_000_000}
    task_id = coordinator_api.create(payload=large)
    assert coordinator_api.task(task_id)["payload"] == large
    coordinator_api.assign(task_id, coordinator_api.register())
    done = coordinator_api.complete(task_id, result=large)
    assert (done["payload"], done["result"]) == (None, large)
    assert coordinator_api.task(task_id) == done


def test_a_large_payload_and_result_come_back_whole(coordinator_api: CoordinatorApi) -> None:
    large = {"text": "é" * 60_000}
    task_id = coordinator_api.create(payload=large, headers={"Idempotency-Key": "k"})
    assert (
        coordinator_api.call("POST", "/api/tasks", TASK | {"payload": large}, headers={"Idempotency-Key": "k"})[
            "payload"
        ]
        == large
    )
    coordinator_api.assign(task_id, coordinator_api.register())
    coordinator_api.complete(task_id, result=large)
    assert coordinator_api.complete(task_id, result=large)["result"] == large
    task = coordinator_api.task(task_id)
    assert task["payload"] == task["result"] == large
    [row] = coordinator_api.call("GET", "/api/tasks")["tasks"]
    assert (row["payload"], row["result"], row["status"]) == (None, None, "completed")


# Lists


def test_a_list_pages_and_its_filters_combine(coordinator_api: CoordinatorApi) -> None:
    worker, other = coordinator_api.register(9), coordinator_api.register(9)
    ids_by_status = {
        status: [coordinator_api.create_in_status(status, one) for one in (worker, other)] for status in STATUSES
    }
    page = coordinator_api.call("GET", "/api/tasks")
    assert (len(page["tasks"]), page["limit"], page["total"]) == (10, 10, 12)
    rest = coordinator_api.call("GET", f"/api/tasks?cursor={page['next_cursor']}")
    assert (len(rest["tasks"]), rest["total"], rest["next_cursor"]) == (2, 12, None)
    found = page["tasks"] + rest["tasks"]
    assert {task["id"] for task in found} == {one for ids in ids_by_status.values() for one in ids}
    assert all(task == coordinator_api.task(task["id"]) for task in found)
    for status, (mine, others) in ids_by_status.items():
        listed = coordinator_api.call("GET", f"/api/tasks?status={status}&limit=1")
        assert (len(listed["tasks"]), listed["limit"], listed["total"]) == (1, 1, 2)
        assert listed["tasks"][0]["id"] in (mine, others)
        theirs = coordinator_api.call("GET", f"/api/tasks?status={status}&worker_id={worker}")
        assert [task["id"] for task in theirs["tasks"]] == ([] if status == "pending" else [mine])
    assert coordinator_api.call("GET", f"/api/tasks?worker_id={other}")["total"] == 5
    assert coordinator_api.call("GET", "/api/tasks?worker_id=none") == {
        "tasks": [],
        "total": 0,
        "limit": 10,
        "next_cursor": None,
    }


def test_a_list_says_what_it_takes(coordinator_api: CoordinatorApi) -> None:
    for query, words in (
        ("limit=0", 'limit: must be an integer between 1 and 100, got "0"'),
        ("limit=101", 'limit: must be an integer between 1 and 100, got "101"'),
        ("limit=ten", 'limit: must be an integer between 1 and 100, got "ten"'),
        ("status=waiting", "status: must be one of: pending, assigned, running, completed, failed, cancelled"),
        ("cursor=x", "cursor: must be one that this very list gave, with the same filters"),
    ):
        assert coordinator_api.expect_error(400, "GET", f"/api/tasks?{query}").startswith(words)


def test_a_task_that_waits_says_for_whom(coordinator_api: CoordinatorApi) -> None:
    manual, by_itself = coordinator_api.create(), coordinator_api.create(auto_assign=True)
    assert coordinator_api.detail(manual)["waiting_for"] == "a worker to be assigned by its owner"
    assert coordinator_api.detail(by_itself)["waiting_for"] == "a live worker that offers captcha: none is registered"
    worker = coordinator_api.register(type="captcha")
    assert "waiting_for" not in coordinator_api.detail(by_itself)
    third = coordinator_api.create(auto_assign=True)
    coordinator_api.set_status(worker, "busy")
    assert (
        coordinator_api.detail(third)["waiting_for"]
        == f"a worker in rotation that offers captcha: {worker} is out of rotation"
    )
