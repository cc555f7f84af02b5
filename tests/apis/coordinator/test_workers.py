"""Workers: registration, heartbeat, status, removal, counters."""

import re
from typing import Any

import pytest

from tests.apis.coordinator.conftest import Desk
from tests.support.client import token

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOON = "2026-01-01T12:00:00.000000"


def test_a_worker_has_the_documented_fields_in_their_order(desk: Desk) -> None:
    said = {"name": "Arbeiter-1", "type": "general", "capabilities": ["scraping", "browser"], "metadata": {}}
    reply = desk.ask("POST", "/api/workers", said)
    worker = reply.json
    assert (reply.status, reply.headers["location"]) == (201, f"/api/workers/{worker['id']}")
    assert UUID.fullmatch(worker["id"])
    assert list(worker.items())[1:] == [
        ("name", "Arbeiter-1"),
        ("type", "general"),
        ("status", "online"),
        ("capabilities", ["scraping", "browser"]),
        ("metadata", {}),
        ("registered_at", NOON),
        ("last_heartbeat", NOON),
        ("tasks_completed", 0),
        ("tasks_failed", 0),
    ]
    assert desk.worker(worker["id"]) == worker
    assert desk.told("GET", "/api/workers") == {"workers": [worker], "total": 1, "next_cursor": None}


def test_registration_names_what_is_wrong_and_what_would_be_right(desk: Desk) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": None}, "name: must be a string"),
        ({"type": "cook"}, "type: must be one of: general, captcha, survey, browser, scraper"),
        ({"capabilities": ["a", 1]}, "capabilities.1: must be a string"),
        ({"metadata": {"max_concurrent": 0}}, "metadata.max_concurrent: must be an integer between 1 and 500, got 0"),
        ({"metadata": {"max_concurrent": 501}}, "metadata.max_concurrent: must be an integer between 1 and 500"),
        ({"metadata": {"max_concurrent": True}}, "metadata.max_concurrent: must be an integer"),
        ({"metadata": {"max_concurrent": None}}, "metadata.max_concurrent: must be an integer"),
        ({"metadata": []}, "metadata: must be an object"),
        ({"metadata": {"a": "x" * 16_000}}, "metadata: must be at most 16000 characters"),
    ]
    for wrong, words in cases:
        message = desk.refused(400, "POST", "/api/workers", {"name": "w", "type": "general"} | wrong)
        assert message.startswith(words), message
    assert desk.refused(400, "POST", "/api/workers", {"type": "general"}) == "Missing required field: name"
    assert desk.world.workers() == []


def test_metadata_are_the_worker_s_own_and_merge_by_key(desk: Desk) -> None:
    notes = {"max_concurrent": 2, "a b": {"c": [1, None, 2.5]}, "model_config": "é"}
    worker = desk.register(metadata=notes)
    assert desk.worker(worker)["metadata"] == notes
    said = {"status": "busy", "metadata": {"current_task": "task-123", "a b": None}}
    changed = desk.told("PUT", f"/api/workers/{worker}", said)
    assert changed["metadata"] == notes | said["metadata"]
    assert desk.worker(worker) == changed
    assert desk.told("PUT", f"/api/workers/{worker}", {}) == changed


def test_max_concurrent_is_the_room_and_can_be_changed(desk: Desk) -> None:
    worker = desk.register(2)
    first, second, third = (desk.create() for _ in range(3))
    desk.assign(first, worker)
    assert desk.worker(worker)["status"] == "online"
    desk.assign(second, worker)
    assert desk.worker(worker)["status"] == "busy"
    assert "holds 2 of 2" in desk.refused(409, "PUT", f"/api/tasks/{third}/assign?worker_id={worker}")
    assert desk.told("PUT", f"/api/workers/{worker}", {"metadata": {"max_concurrent": 3}})["status"] == "online"
    desk.assign(third, worker)
    message = desk.refused(400, "PUT", f"/api/workers/{worker}", {"metadata": {"max_concurrent": "4"}})
    assert message.startswith("metadata.max_concurrent: must be an integer")
    assert desk.worker(worker)["metadata"] == {"max_concurrent": 3}


def test_it_is_offline_as_soon_as_its_heartbeat_is_overdue(desk: Desk) -> None:
    worker, task_id = desk.register(), desk.create()
    desk.world.clock.advance(89.999)
    assert desk.worker(worker)["status"] == "online"
    desk.world.clock.advance(0.001)
    assert (desk.worker(worker)["status"], desk.summary()["offline"]) == ("offline", 1)
    assert "is offline" in desk.refused(409, "PUT", f"/api/tasks/{task_id}/assign?worker_id={worker}")
    assert desk.beat(worker)["status"] == "online"
    assert desk.assign(task_id, worker)["status"] == "assigned"


def test_busy_by_hand_gets_nothing_new_and_keeps_what_it_has(desk: Desk) -> None:
    worker = desk.register(2)
    held = desk.create()
    desk.assign(held, worker)
    assert desk.turn(worker, "busy")["status"] == "busy"
    waiting = desk.create(auto_assign=True, type="general")
    assert "out of rotation" in desk.refused(409, "PUT", f"/api/tasks/{waiting}/assign?worker_id={worker}")
    assert [desk.task(one)["status"] for one in (held, waiting)] == ["assigned", "pending"]
    assert desk.beat(worker)["status"] == "busy", "a heartbeat does not end what was set by hand"
    assert desk.turn(worker, "online")["status"] == "online"
    assert desk.task(waiting)["assigned_worker"] == worker


def test_offline_by_hand_gives_its_tasks_back_unburned(desk: Desk) -> None:
    worker = desk.register(2)
    by_hand, by_itself = desk.create(), desk.create(auto_assign=True, type="general")
    desk.assign(by_hand, worker)
    assert desk.turn(worker, "offline")["status"] == "offline"
    for task_id in (by_hand, by_itself):
        task = desk.task(task_id)
        assert (task["status"], task["assigned_worker"], task["error"]) == ("pending", None, None)
    told = desk.beat(worker)
    assert (told["status"], told["tasks_failed"]) == ("offline", 0)
    assert {one["type"] for one in told["commands"]} == {"cancel", "drain"}
    assert {one["task_id"] for one in told["commands"]} == {by_hand, by_itself, None}
    assert desk.turn(worker, "online")["status"] == "online"
    assert [desk.task(one)["status"] for one in (by_hand, by_itself)] == ["pending", "assigned"]


def test_a_worker_that_falls_silent_is_offline_until_it_is_heard_of(desk: Desk) -> None:
    worker, other = desk.register(), desk.register()
    task = desk.create()
    desk.assign(task, worker)
    for _ in range(3):
        desk.world.advance(60)
        desk.beat(other)
    assert [desk.worker(one)["status"] for one in (worker, other)] == ["offline", "online"]
    assert desk.task(task)["status"] == "pending"
    assert "offline" in desk.refused(409, "PUT", f"/api/tasks/{task}/assign?worker_id={worker}")
    back = desk.beat(worker)
    assert (back["status"], back["last_heartbeat"]) == ("online", "2026-01-01T12:03:00.000000")
    assert back["tasks_failed"] == 1
    desk.world.advance(180)
    assert desk.turn(worker, "online")["status"] == "online"


def test_a_heartbeat_brings_commands_until_they_are_confirmed(desk: Desk) -> None:
    worker = desk.register()
    task = desk.create()
    desk.assign(task, worker)
    assert desk.beat(worker)["commands"] == []
    desk.told("DELETE", f"/api/tasks/{task}")
    [command] = desk.beat(worker)["commands"]
    assert command == {"id": f"{task}:1", "type": "cancel", "task_id": task, "attempt": 1}
    answer = desk.beat(worker, command["id"], "drain")
    assert answer.pop("commands") == []
    assert answer == desk.worker(worker)
    message = desk.refused(400, "POST", f"/api/workers/{worker}/heartbeat", {"receipts": ["nonsense"]})
    assert message.startswith("receipts.0: must be a string")


def test_an_unregistered_worker_is_gone_and_its_tasks_are_not(desk: Desk) -> None:
    worker = desk.register()
    task = desk.create()
    desk.assign(task, worker)
    gone = desk.told("DELETE", f"/api/workers/{worker}")
    assert gone == {"message": "Worker unregistered", "id": worker}
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", {"status": "online"}),
        ("DELETE", "", None),
        ("POST", "/heartbeat", None),
        ("POST", "/task/complete", None),
    ):
        message = desk.refused(404, method, f"/api/workers/{worker}{path}", body)
        assert message == f"Worker not found: {worker}"
    desk.world.settle()
    assert (desk.task(task)["status"], desk.task(task)["assigned_worker"]) == ("pending", None)


def test_the_summary_is_a_recount(desk: Desk) -> None:
    idle, full, out, left = (desk.register() for _ in range(4))
    for worker in (idle, full, left, left):
        desk.complete(desk.reach("assigned", worker))
    desk.complete(desk.reach("assigned", left), error="broken")
    desk.told("POST", f"/api/workers/{out}/task/complete?success=false")
    desk.reach("assigned", full)
    desk.turn(out, "offline")
    desk.told("DELETE", f"/api/workers/{left}")
    for _ in range(2):
        assert desk.summary() == {
            "total_workers": 3,
            "online": 1,
            "busy": 1,
            "offline": 1,
            "total_tasks_completed": 4,
            "total_tasks_failed": 2,
        }
        desk.world.settle()
    by_list = desk.told("GET", "/api/workers")["workers"]
    assert sorted((one["tasks_completed"], one["tasks_failed"]) for one in by_list) == [(0, 1), (1, 0), (1, 0)]


@pytest.mark.parametrize(("success", "status"), [("true", "completed"), ("false", "failed"), (None, "completed")])
def test_a_report_without_a_task_ends_the_one_that_is_held(success: str | None, status: str, desk: Desk) -> None:
    worker = desk.register(2)
    path = f"/api/workers/{worker}/task/complete" + (f"?success={success}" if success else "")
    task = desk.reach("running", worker)
    answer = desk.told("POST", path)
    assert (answer["tasks_completed"], answer["tasks_failed"]) == ((1, 0) if status == "completed" else (0, 1))
    assert desk.task(task)["status"] == status
    again = desk.told("POST", path)
    assert again["tasks_completed"] + again["tasks_failed"] == 2, "with none it only counts"
    assert again == desk.worker(worker)
    several = [desk.reach("assigned", worker) for _ in range(2)]
    message = desk.refused(409, "POST", path)
    assert all(one in message for one in several)
    assert desk.worker(worker)["tasks_completed"] + desk.worker(worker)["tasks_failed"] == 2


def test_success_is_true_or_false(desk: Desk) -> None:
    message = desk.refused(400, "POST", f"/api/workers/{desk.register()}/task/complete?success=perhaps")
    assert message == 'success: must be true or false, got "perhaps"'


def test_every_role_may_do_everything_in_its_tenant_and_nothing_in_another(desk: Desk) -> None:
    worker = desk.register()
    for role in ("user", "server", "admin"):
        assert desk.told("GET", "/api/workers", token=token(role))["total"] == 1
        assert desk.told("POST", f"/api/workers/{worker}/heartbeat", token=token(role))["id"] == worker
    other = token(org="other")
    assert desk.told("GET", "/api/workers", token=other) == {"workers": [], "total": 0, "next_cursor": None}
    assert desk.told("GET", "/api/workers/stats/summary", token=other)["total_workers"] == 0
    desk.refused(404, "DELETE", f"/api/workers/{worker}", token=other)
    desk.refused(401, "GET", "/api/workers", token=None)
    desk.refused(401, "GET", "/api/workers", token=None, headers={"X-API-Key": "k"})


def test_health_needs_no_token(desk: Desk) -> None:
    assert desk.told("GET", "/health", token=None) == {
        "status": "healthy",
        "timestamp": NOON,
        "version": "1.0.0",
        "service": "zimmer-13-api-coordinator",
    }
