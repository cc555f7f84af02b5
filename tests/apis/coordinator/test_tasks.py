"""Tasks: creation, assignment, start, completion, cancelling."""

from typing import Any

import pytest

from chalicelib import config
from tests.apis.coordinator.conftest import RESULT, TASK, Desk
from tests.support.client import token

STATUSES = ("pending", "assigned", "running", "completed", "failed", "cancelled")
NOON = "2026-01-01T12:00:00.000000"


def test_a_task_has_the_documented_fields_in_their_order(desk: Desk) -> None:
    said = {
        "name": "solve-captcha-batch-1",
        "type": "captcha",
        "priority": "high",
        "payload": {"images": ["base64..."], "type": "hcaptcha"},
        "metadata": {},
    }
    reply = desk.ask("POST", "/api/tasks", said)
    task = reply.json
    assert (reply.status, reply.headers["location"]) == (201, f"/api/tasks/{task['id']}")
    assert list(task.items())[1:] == [
        ("name", "solve-captcha-batch-1"),
        ("type", "captcha"),
        ("status", "pending"),
        ("priority", "high"),
        ("payload", said["payload"]),
        ("metadata", {}),
        ("assigned_worker", None),
        ("created_at", NOON),
        ("started_at", None),
        ("completed_at", None),
        ("result", None),
        ("error", None),
    ]
    assert desk.task(task["id"]) == task


def test_what_need_not_be_said_has_a_default(desk: Desk) -> None:
    task = desk.told("POST", "/api/tasks", TASK)
    assert (task["priority"], task["payload"], task["metadata"]) == ("normal", {}, {})


def test_creation_names_what_is_wrong_and_what_would_be_right(desk: Desk) -> None:
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
        message = desk.refused(400, "POST", "/api/tasks", TASK | wrong)
        assert message.startswith(words), message
    assert desk.refused(400, "POST", "/api/tasks", {"name": "n"}) == "Missing required field: type"
    assert desk.world.tasks() == []


def test_the_whole_life_of_an_assigned_task(desk: Desk) -> None:
    worker, task_id = desk.register(), desk.create(payload={"n": 1})
    desk.world.clock.advance(1.5)
    assigned = desk.assign(task_id, worker)
    assert (assigned["status"], assigned["assigned_worker"], assigned["started_at"]) == ("assigned", worker, None)
    desk.world.clock.advance(1)
    started = desk.told("PUT", f"/api/tasks/{task_id}/start")
    assert (started["status"], started["started_at"]) == ("running", "2026-01-01T12:00:02.500000")
    desk.world.clock.advance(1)
    ended = desk.complete(task_id)
    at = "2026-01-01T12:00:03.500000"
    assert ended == started | {"status": "completed", "completed_at": at, "result": RESULT}
    assert desk.task(task_id) == ended
    assert (desk.worker(worker)["tasks_completed"], desk.worker(worker)["status"]) == (1, "online")


@pytest.mark.parametrize("status", STATUSES)
def test_what_can_be_done_with_a_task_follows_from_its_status(status: str, desk: Desk) -> None:
    """The four ways on from each status: whether they are open, and what a refusal leaves."""
    worker = desk.register(10)
    ways = {
        "assign": ("PUT", f"/assign?worker_id={worker}", None, {"pending"}),
        "start": ("PUT", "/start", None, {"assigned"}),
        "complete": ("PUT", "/complete", {"result": 1}, {"assigned", "running"}),
        "cancel": ("DELETE", "", None, {"pending", "assigned", "running"}),
    }
    reached = {"assign": "assigned", "start": "running", "complete": "completed", "cancel": "cancelled"}
    for name, (method, path, body, open_from) in ways.items():
        task_id = desk.reach(status, worker)
        before = desk.task(task_id)
        reply = desk.ask(method, f"/api/tasks/{task_id}{path}", body)
        if status in open_from:
            assert (reply.status, reply.json["status"]) == (200, reached[name])
            assert desk.task(task_id)["status"] == reached[name]
        else:
            assert reply.status == 409, (name, reply.text)
            assert task_id in reply.json["message"]
            assert desk.task(task_id) == before


@pytest.mark.parametrize(
    "outcome", [{"result": RESULT}, {"error": "broken"}, {"error": {"code": 7, "why": ["x", None]}}]
)
def test_the_same_completion_twice_is_answered_alike_and_another_is_refused(
    outcome: dict[str, Any], desk: Desk
) -> None:
    worker = desk.register(2)
    for query in ("", f"?worker_id={worker}"):
        task_id = desk.reach("assigned", worker)
        path = f"/api/tasks/{task_id}/complete{query}"
        first = desk.ask("PUT", path, outcome)
        desk.world.settle()
        desk.world.clock.advance(30)
        again = desk.ask("PUT", path, outcome)
        assert (first.status, again.status, again.text) == (200, 200, first.text)
        for other in ({"result": {"solution": "other"}}, {"error": "another"}, {"result": None}):
            assert "409" in desk.ask("PUT", path, other).text
        task = desk.task(task_id)
        assert task["status"] == ("failed" if "error" in outcome else "completed")
        assert (task["result"], task["error"]) == (outcome.get("result"), outcome.get("error"))
    assert desk.summary()["total_tasks_completed"] + desk.summary()["total_tasks_failed"] == 2


def test_a_failed_task_is_not_tried_again(desk: Desk) -> None:
    worker = desk.register()
    task_id = desk.create(auto_assign=True, type="general")
    desk.complete(task_id, error="broken")
    desk.world.advance(600)
    task = desk.task(task_id)
    assert (task["status"], task["assigned_worker"], task["completed_at"]) == ("failed", worker, NOON)


def test_an_error_is_kept_whole_or_refused(desk: Desk) -> None:
    task_id = desk.reach("assigned", desk.register())
    path = f"/api/tasks/{task_id}/complete"
    for wrong in ("", "x" * 4_001, {"a": "x" * 16_000}, 5, ["a"]):
        assert desk.refused(400, "PUT", path, {"error": wrong}).startswith("error"), wrong
    assert desk.complete(task_id, error={"message": "m" * 4_001})["error"] == {"message": "m" * 4_001}
    assert desk.task(task_id)["error"] == {"message": "m" * 4_001}


def test_the_engine_s_own_errors_are_told_in_words(desk: Desk) -> None:
    worker = desk.register()
    task_id = desk.reach("assigned", worker)
    for _ in range(17):
        desk.world.advance(60)
        desk.beat(worker)
    assert (desk.task(task_id)["status"], desk.task(task_id)["error"]) == ("pending", None)
    waiting = desk.create()
    desk.world.clock.advance(86_400)
    desk.world.advance(60)
    task = desk.task(waiting)
    assert (task["status"], task["error"], task["assigned_worker"]) == (
        "failed",
        "No worker took the task in time",
        None,
    )


def test_only_the_named_worker_s_completion_is_taken_when_one_is_named(desk: Desk) -> None:
    worker, other = desk.register(), desk.register()
    task_id = desk.reach("assigned", worker)
    for body in ({"result": 1}, {"error": "broken"}):
        message = desk.refused(409, "PUT", f"/api/tasks/{task_id}/complete?worker_id={other}", body)
        assert "another worker" in message
    assert desk.complete(task_id, f"?worker_id={worker}")["status"] == "completed"


def test_a_late_completion_of_a_task_that_went_on_is_refused(desk: Desk) -> None:
    worker, other = desk.register(), desk.register()
    task_id = desk.reach("running", worker)
    desk.turn(worker, "offline")
    desk.assign(task_id, other)
    desk.refused(409, "PUT", f"/api/tasks/{task_id}/complete?worker_id={worker}", {"result": "late"})
    assert desk.task(task_id)["assigned_worker"] == other
    assert desk.complete(task_id)["result"] == RESULT


def test_cancelling_tells_the_worker_and_ends_the_task(desk: Desk) -> None:
    worker = desk.register()
    task_id = desk.reach("running", worker)
    ended = desk.told("DELETE", f"/api/tasks/{task_id}")
    assert (ended["status"], ended["completed_at"], ended["assigned_worker"]) == ("cancelled", NOON, worker)
    assert [one["task_id"] for one in desk.beat(worker)["commands"]] == [task_id]
    assert desk.worker(worker)["status"] == "online"
    desk.refused(409, "PUT", f"/api/tasks/{task_id}/complete", {"result": 1})


# Assignment by itself


def test_a_task_waits_for_its_owner_unless_it_says_otherwise(desk: Desk) -> None:
    worker = desk.register(9)
    assert desk.task(desk.create(type="general"))["status"] == "pending"
    assert desk.task(desk.create(type="general", auto_assign=True))["assigned_worker"] == worker
    before = config.replace(auto_assign=frozenset({"coordinator"}))
    try:
        assert desk.task(desk.create(type="general"))["assigned_worker"] == worker
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
def test_it_goes_to_a_worker_that_can_do_it(task: dict[str, Any], worker: dict[str, Any], desk: Desk) -> None:
    unfit = [] if task == {"type": "general"} or task.get("metadata") == {"capabilities": []} else [desk.register()]
    waiting = desk.create(auto_assign=True, **task)
    assert desk.task(waiting)["status"] == "pending"
    fit = desk.register(**worker)
    assert desk.task(waiting)["assigned_worker"] == fit
    assert all(desk.worker(one)["status"] == "online" for one in unfit)


def test_the_most_urgent_goes_first_then_the_oldest(desk: Desk) -> None:
    made = []
    for priority in ("low", "critical", "normal", "critical", "high"):
        made.append(desk.create(auto_assign=True, priority=priority))
        desk.world.clock.advance(1)
    worker = desk.register(type="captcha")
    order = []
    while held := desk.told("GET", f"/api/tasks?worker_id={worker}&status=assigned")["tasks"]:
        [task] = held
        order.append(task["id"])
        desk.complete(task["id"])
        desk.world.settle()
    assert order == [made[1], made[3], made[4], made[2], made[0]]


# Idempotency and tenants


def test_an_idempotency_key_makes_one_task_and_one_answer(desk: Desk) -> None:
    worker, key = desk.register(), {"Idempotency-Key": "order-7"}
    said = {"name": "n", "type": "general", "payload": {"a": 1, "b": 2}, "auto_assign": True}
    first = desk.ask("POST", "/api/tasks", said, headers=key)
    desk.world.settle()
    desk.complete(first.json["id"], f"?worker_id={worker}")
    again = desk.ask("POST", "/api/tasks", said | {"payload": {"b": 2, "a": 1}}, headers=key)
    assert (first.status, again.status) == (201, 201)
    assert (again.json, again.headers["location"]) == (first.json, first.headers["location"])
    for change in ({"name": "m"}, {"priority": "low"}, {"auto_assign": False}, {"metadata": {"m": 1}}):
        desk.refused(409, "POST", "/api/tasks", said | change, headers=key)
    assert len(desk.world.tasks()) == 1


def test_another_tenant_s_and_another_api_s_tasks_are_not_there(desk: Desk) -> None:
    worker = desk.register()
    task_id = desk.create()
    foreign = desk.world.submit().id
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "/start", None),
        ("PUT", f"/assign?worker_id={worker}", None),
        ("PUT", "/complete", {"result": 1}),
        ("PUT", "/complete", {"error": "x"}),
        ("PUT", f"/complete?worker_id={worker}", {"result": 1}),
    ):
        for name, who in ((task_id, token(org="other")), (foreign, desk.token), ("task_none", desk.token)):
            assert desk.refused(404, method, f"/api/tasks/{name}{path}", body, token=who) == f"Task not found: {name}"
    assert desk.task(task_id)["status"] == "pending"
    assert desk.refused(404, "PUT", f"/api/tasks/{task_id}/assign?worker_id=none") == "Worker not found: none"


def test_a_large_payload_and_result_come_back_whole(desk: Desk) -> None:
    large = {"text": "é" * 60_000}
    task_id = desk.create(payload=large, headers={"Idempotency-Key": "k"})
    assert (
        desk.told("POST", "/api/tasks", TASK | {"payload": large}, headers={"Idempotency-Key": "k"})["payload"] == large
    )
    desk.assign(task_id, desk.register())
    desk.complete(task_id, result=large)
    assert desk.complete(task_id, result=large)["result"] == large
    task = desk.task(task_id)
    assert task["payload"] == task["result"] == large
    [row] = desk.told("GET", "/api/tasks")["tasks"]
    assert (row["payload"], row["result"], row["status"]) == (None, None, "completed")


# Lists


def test_a_list_pages_and_its_filters_combine(desk: Desk) -> None:
    worker, other = desk.register(9), desk.register(9)
    made = {status: [desk.reach(status, one) for one in (worker, other)] for status in STATUSES}
    page = desk.told("GET", "/api/tasks")
    assert (len(page["tasks"]), page["limit"], page["total"]) == (10, 10, 12)
    rest = desk.told("GET", f"/api/tasks?cursor={page['next_cursor']}")
    assert (len(rest["tasks"]), rest["total"], rest["next_cursor"]) == (2, 12, None)
    found = page["tasks"] + rest["tasks"]
    assert {task["id"] for task in found} == {one for ids in made.values() for one in ids}
    assert all(task == desk.task(task["id"]) for task in found)
    for status, (mine, others) in made.items():
        listed = desk.told("GET", f"/api/tasks?status={status}&limit=1")
        assert (len(listed["tasks"]), listed["limit"], listed["total"]) == (1, 1, 2)
        assert listed["tasks"][0]["id"] in (mine, others)
        theirs = desk.told("GET", f"/api/tasks?status={status}&worker_id={worker}")
        assert [task["id"] for task in theirs["tasks"]] == ([] if status == "pending" else [mine])
    assert desk.told("GET", f"/api/tasks?worker_id={other}")["total"] == 5
    assert desk.told("GET", "/api/tasks?worker_id=none") == {"tasks": [], "total": 0, "limit": 10, "next_cursor": None}


def test_a_list_says_what_it_takes(desk: Desk) -> None:
    for query, words in (
        ("limit=0", 'limit: must be an integer between 1 and 100, got "0"'),
        ("limit=101", 'limit: must be an integer between 1 and 100, got "101"'),
        ("limit=ten", 'limit: must be an integer between 1 and 100, got "ten"'),
        ("status=waiting", "status: must be one of: pending, assigned, running, completed, failed, cancelled"),
        ("cursor=x", "cursor: must be one that this very list gave, with the same filters"),
    ):
        assert desk.refused(400, "GET", f"/api/tasks?{query}").startswith(words)


def test_a_task_that_waits_says_for_whom(desk: Desk) -> None:
    manual, by_itself = desk.create(), desk.create(auto_assign=True)
    assert desk.detail(manual)["waiting_for"] == "a worker to be assigned by its owner"
    assert desk.detail(by_itself)["waiting_for"] == "a live worker that offers captcha: none is registered"
    worker = desk.register(type="captcha")
    assert "waiting_for" not in desk.detail(by_itself)
    third = desk.create(auto_assign=True)
    desk.turn(worker, "busy")
    assert desk.detail(third)["waiting_for"] == f"a worker in rotation that offers captcha: {worker} is out of rotation"
