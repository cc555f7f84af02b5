"""Workers: registration, heartbeat, status, removal, counters."""

import re
from typing import Any

import pytest

from tests.apis.coordinator.conftest import CoordinatorApi
from tests.support.client import token

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOON = "2026-01-01T12:00:00.000000"


def test_a_worker_has_the_documented_fields_in_their_order(coordinator_api: CoordinatorApi) -> None:
    said = {"name": "Arbeiter-1", "type": "general", "capabilities": ["scraping", "browser"], "metadata": {}}
    reply = coordinator_api.request("POST", "/api/workers", said)
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
    assert coordinator_api.worker(worker["id"]) == worker
    assert coordinator_api.call("GET", "/api/workers") == {"workers": [worker], "total": 1, "next_cursor": None}


def test_registration_names_what_is_wrong_and_what_would_be_right(coordinator_api: CoordinatorApi) -> None:
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
        message = coordinator_api.expect_error(400, "POST", "/api/workers", {"name": "w", "type": "general"} | wrong)
        assert message.startswith(words), message
    assert (
        coordinator_api.expect_error(400, "POST", "/api/workers", {"type": "general"}) == "Missing required field: name"
    )
    assert coordinator_api.world.workers() == []


def test_metadata_are_the_worker_s_own_and_merge_by_key(coordinator_api: CoordinatorApi) -> None:
    notes = {"max_concurrent": 2, "a b": {"c": [1, None, 2.5]}, "model_config": "é"}
    worker = coordinator_api.register(metadata=notes)
    assert coordinator_api.worker(worker)["metadata"] == notes
    said = {"status": "busy", "metadata": {"current_task": "task-123", "a b": None}}
    changed = coordinator_api.call("PUT", f"/api/workers/{worker}", said)
    assert changed["metadata"] == notes | said["metadata"]
    assert coordinator_api.worker(worker) == changed
    assert coordinator_api.call("PUT", f"/api/workers/{worker}", {}) == changed


def test_max_concurrent_is_the_number_of_slots_and_can_be_changed(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register(2)
    first, second, third = (coordinator_api.create() for _ in range(3))
    coordinator_api.assign(first, worker)
    assert coordinator_api.worker(worker)["status"] == "online"
    coordinator_api.assign(second, worker)
    assert coordinator_api.worker(worker)["status"] == "busy"
    assert "holds 2 of 2" in coordinator_api.expect_error(409, "PUT", f"/api/tasks/{third}/assign?worker_id={worker}")
    assert (
        coordinator_api.call("PUT", f"/api/workers/{worker}", {"metadata": {"max_concurrent": 3}})["status"] == "online"
    )
    coordinator_api.assign(third, worker)
    message = coordinator_api.expect_error(400, "PUT", f"/api/workers/{worker}", {"metadata": {"max_concurrent": "4"}})
    assert message.startswith("metadata.max_concurrent: must be an integer")
    assert coordinator_api.worker(worker)["metadata"] == {"max_concurrent": 3}


def test_it_is_offline_as_soon_as_its_heartbeat_is_overdue(coordinator_api: CoordinatorApi) -> None:
    worker, task_id = coordinator_api.register(), coordinator_api.create()
    coordinator_api.world.clock.advance(89.999)
    assert coordinator_api.worker(worker)["status"] == "online"
    coordinator_api.world.clock.advance(0.001)
    assert (coordinator_api.worker(worker)["status"], coordinator_api.summary()["offline"]) == ("offline", 1)
    assert "is offline" in coordinator_api.expect_error(409, "PUT", f"/api/tasks/{task_id}/assign?worker_id={worker}")
    assert coordinator_api.heartbeat(worker)["status"] == "online"
    assert coordinator_api.assign(task_id, worker)["status"] == "assigned"


def test_busy_by_hand_gets_nothing_new_and_keeps_what_it_has(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register(2)
    held = coordinator_api.create()
    coordinator_api.assign(held, worker)
    assert coordinator_api.set_status(worker, "busy")["status"] == "busy"
    waiting = coordinator_api.create(auto_assign=True, type="general")
    assert "out of rotation" in coordinator_api.expect_error(
        409, "PUT", f"/api/tasks/{waiting}/assign?worker_id={worker}"
    )
    assert [coordinator_api.task(one)["status"] for one in (held, waiting)] == ["assigned", "pending"]
    assert coordinator_api.heartbeat(worker)["status"] == "busy", "a heartbeat does not end what was set by hand"
    assert coordinator_api.set_status(worker, "online")["status"] == "online"
    assert coordinator_api.task(waiting)["assigned_worker"] == worker


def test_offline_by_hand_gives_its_tasks_back_without_a_counted_attempt(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register(2)
    by_hand, by_itself = coordinator_api.create(), coordinator_api.create(auto_assign=True, type="general")
    coordinator_api.assign(by_hand, worker)
    assert coordinator_api.set_status(worker, "offline")["status"] == "offline"
    for task_id in (by_hand, by_itself):
        task = coordinator_api.task(task_id)
        assert (task["status"], task["assigned_worker"], task["error"]) == ("pending", None, None)
    told = coordinator_api.heartbeat(worker)
    assert (told["status"], told["tasks_failed"]) == ("offline", 0)
    assert {one["type"] for one in told["commands"]} == {"cancel", "drain"}
    assert {one["task_id"] for one in told["commands"]} == {by_hand, by_itself, None}
    assert coordinator_api.set_status(worker, "online")["status"] == "online"
    assert [coordinator_api.task(one)["status"] for one in (by_hand, by_itself)] == ["pending", "assigned"]


def test_a_worker_that_falls_silent_is_offline_until_it_is_heard_of(coordinator_api: CoordinatorApi) -> None:
    worker, other = coordinator_api.register(), coordinator_api.register()
    task = coordinator_api.create()
    coordinator_api.assign(task, worker)
    for _ in range(3):
        coordinator_api.world.advance(60)
        coordinator_api.heartbeat(other)
    assert [coordinator_api.worker(one)["status"] for one in (worker, other)] == ["offline", "online"]
    assert coordinator_api.task(task)["status"] == "pending"
    assert "offline" in coordinator_api.expect_error(409, "PUT", f"/api/tasks/{task}/assign?worker_id={worker}")
    back = coordinator_api.heartbeat(worker)
    assert (back["status"], back["last_heartbeat"]) == ("online", "2026-01-01T12:03:00.000000")
    assert back["tasks_failed"] == 1
    coordinator_api.world.advance(180)
    assert coordinator_api.set_status(worker, "online")["status"] == "online"


def test_a_heartbeat_brings_commands_until_they_are_confirmed(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register()
    task = coordinator_api.create()
    coordinator_api.assign(task, worker)
    assert coordinator_api.heartbeat(worker)["commands"] == []
    coordinator_api.call("DELETE", f"/api/tasks/{task}")
    [command] = coordinator_api.heartbeat(worker)["commands"]
    assert command == {"id": f"{task}:1", "type": "cancel", "task_id": task, "attempt": 1}
    answer = coordinator_api.heartbeat(worker, command["id"], "drain")
    assert answer.pop("commands") == []
    assert answer == coordinator_api.worker(worker)
    message = coordinator_api.expect_error(400, "POST", f"/api/workers/{worker}/heartbeat", {"receipts": ["nonsense"]})
    assert message.startswith("receipts.0: must be a string")


def test_an_unregistered_worker_is_gone_and_its_tasks_are_not(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register()
    task = coordinator_api.create()
    coordinator_api.assign(task, worker)
    gone = coordinator_api.call("DELETE", f"/api/workers/{worker}")
    assert gone == {"message": "Worker unregistered", "id": worker}
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", {"status": "online"}),
        ("DELETE", "", None),
        ("POST", "/heartbeat", None),
        ("POST", "/task/complete", None),
    ):
        message = coordinator_api.expect_error(404, method, f"/api/workers/{worker}{path}", body)
        assert message == f"Worker not found: {worker}"
    coordinator_api.world.settle()
    assert (coordinator_api.task(task)["status"], coordinator_api.task(task)["assigned_worker"]) == ("pending", None)


def test_the_summary_is_a_recount(coordinator_api: CoordinatorApi) -> None:
    idle, full, out, left = (coordinator_api.register() for _ in range(4))
    for worker in (idle, full, left, left):
        coordinator_api.complete(coordinator_api.create_in_status("assigned", worker))
    coordinator_api.complete(coordinator_api.create_in_status("assigned", left), error="broken")
    coordinator_api.call("POST", f"/api/workers/{out}/task/complete?success=false")
    coordinator_api.create_in_status("assigned", full)
    coordinator_api.set_status(out, "offline")
    coordinator_api.call("DELETE", f"/api/workers/{left}")
    for _ in range(2):
        assert coordinator_api.summary() == {
            "total_workers": 3,
            "online": 1,
            "busy": 1,
            "offline": 1,
            "total_tasks_completed": 4,
            "total_tasks_failed": 2,
        }
        coordinator_api.world.settle()
    by_list = coordinator_api.call("GET", "/api/workers")["workers"]
    assert sorted((one["tasks_completed"], one["tasks_failed"]) for one in by_list) == [(0, 1), (1, 0), (1, 0)]


@pytest.mark.parametrize(("success", "status"), [("true", "completed"), ("false", "failed"), (None, "completed")])
def test_a_report_without_a_task_ends_the_one_that_is_held(
    success: str | None, status: str, coordinator_api: CoordinatorApi
) -> None:
    worker = coordinator_api.register(2)
    path = f"/api/workers/{worker}/task/complete" + (f"?success={success}" if success else "")
    task = coordinator_api.create_in_status("running", worker)
    answer = coordinator_api.call("POST", path)
    assert (answer["tasks_completed"], answer["tasks_failed"]) == ((1, 0) if status == "completed" else (0, 1))
    assert coordinator_api.task(task)["status"] == status
    again = coordinator_api.call("POST", path)
    assert again["tasks_completed"] + again["tasks_failed"] == 2, "with none it only counts"
    assert again == coordinator_api.worker(worker)
    several = [coordinator_api.create_in_status("assigned", worker) for _ in range(2)]
    message = coordinator_api.expect_error(409, "POST", path)
    assert all(one in message for one in several)
    assert coordinator_api.worker(worker)["tasks_completed"] + coordinator_api.worker(worker)["tasks_failed"] == 2


def test_success_is_true_or_false(coordinator_api: CoordinatorApi) -> None:
    message = coordinator_api.expect_error(
        400, "POST", f"/api/workers/{coordinator_api.register()}/task/complete?success=perhaps"
    )
    assert message == 'success: must be true or false, got "perhaps"'


def test_every_role_may_do_everything_in_its_tenant_and_nothing_in_another(coordinator_api: CoordinatorApi) -> None:
    worker = coordinator_api.register()
    for role in ("user", "server", "admin"):
        assert coordinator_api.call("GET", "/api/workers", token=token(role))["total"] == 1
        assert coordinator_api.call("POST", f"/api/workers/{worker}/heartbeat", token=token(role))["id"] == worker
    other = token(org="other")
    assert coordinator_api.call("GET", "/api/workers", token=other) == {"workers": [], "total": 0, "next_cursor": None}
    assert coordinator_api.call("GET", "/api/workers/stats/summary", token=other)["total_workers"] == 0
    coordinator_api.expect_error(404, "DELETE", f"/api/workers/{worker}", token=other)
    coordinator_api.expect_error(401, "GET", "/api/workers", token=None)
    coordinator_api.expect_error(401, "GET", "/api/workers", token=None, headers={"X-API-Key": "k"})


def test_health_needs_no_token(coordinator_api: CoordinatorApi) -> None:
    assert coordinator_api.call("GET", "/health", token=None) == {
        "status": "healthy",
        "timestamp": NOON,
        "version": "1.0.0",
        "service": "zimmer-13-api-coordinator",
    }
