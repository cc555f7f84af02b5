"""Creating, following, retrying and cancelling tasks."""

from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from tests.apis.processing.conftest import RESULT, Desk
from tests.support.aws import interfering
from tests.support.client import token
from tests.support.world import answer

STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")
TASK = {"type": "t", "priority": 1}


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_failed_or_timed_out_task_can_be_retried(status: str, desk: Desk) -> None:
    task_id = desk.reach(status)
    before = desk.task(task_id)
    reply = desk.client.post(f"/api/task/{task_id}/retry", token=desk.user)
    if status in ("FAILED", "TIMEOUT"):
        assert reply.json == {"message": "Task queued for retry", "taskId": task_id}
        again = desk.task(task_id)
        assert (again["status"], again["attempt"], again["maxAttempts"]) == ("PENDING", 2, 2)
        assert "finishedAt" not in again
    else:
        assert (reply.status, reply.json["error"]) == (409, "Conflict")
        assert task_id in reply.json["details"]
        assert desk.task(task_id) == before


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_pending_or_processing_task_can_be_cancelled(status: str, desk: Desk) -> None:
    task_id = desk.reach(status)
    before = desk.task(task_id)
    reply = desk.client.post(f"/api/task/{task_id}/cancel", token=desk.user)
    if status in ("PENDING", "PROCESSING"):
        assert reply.json == {"message": "Task cancelled", "taskId": task_id}
        assert desk.task(task_id)["status"] == "CANCELLED"
        assert desk.client.post(f"/api/task/{task_id}/cancel", token=desk.user).status == 409
    else:
        assert (reply.status, reply.json["error"]) == (409, "Conflict")
        assert desk.task(task_id) == before


def test_a_retried_task_runs_again_and_can_succeed(desk: Desk) -> None:
    task_id = desk.reach("FAILED")
    desk.client.post(f"/api/task/{task_id}/retry", token=desk.user)
    desk.world.settle()
    assert desk.handed(task_id)["attempt"] == 2
    desk.report(task_id, result=RESULT)
    done = desk.task(task_id)
    assert (done["status"], done["result"], done["attempt"]) == ("COMPLETED", RESULT, 2)
    assert "error" not in done


def test_a_cancelled_task_never_starts_and_frees_its_place(desk: Desk) -> None:
    waiting = desk.submit()
    desk.client.post(f"/api/task/{waiting}/cancel", token=desk.user)
    server = desk.register()
    assert desk.world.calls == []
    running = desk.submit()
    desk.client.post(f"/api/task/{running}/cancel", token=desk.user)
    assert desk.server(server)["activeTasks"] == 0
    next_one = desk.submit()
    assert desk.task(next_one)["status"] == "PROCESSING"
    assert {desk.task(one)["status"] for one in (waiting, running)} == {"CANCELLED"}


def test_async_false_answers_when_the_task_has_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.register(reply=answer(200, RESULT))
    began = desk.world.clock.now()
    monkeypatch.setattr(desk.world.clock, "sleep", desk.world.advance)
    reply = desk.client.post("/api/task", TASK | {"async": False}, token=desk.user)
    assert (reply.status, reply.json["status"], reply.json["result"]) == (201, "COMPLETED", RESULT)
    assert desk.world.clock.now() - began < 1000


def test_async_false_answers_what_is_so_far_after_twenty_seconds(desk: Desk) -> None:
    desk.register()
    began = desk.world.clock.now()
    reply = desk.client.post("/api/task", TASK | {"async": False}, token=desk.user)
    assert (reply.status, reply.json["status"]) == (201, "PENDING")
    assert 20_000 <= desk.world.clock.now() - began <= 21_000, "the gateway gives up after 29 seconds"
    assert reply.headers["location"] == f"/api/task/{reply.json['id']}"


def test_an_idempotency_key_makes_one_task(desk: Desk) -> None:
    body = TASK | {"payload": {"a": 1, "b": 2}, "capabilities": ["x", "y"]}
    key = {"Idempotency-Key": "order-7"}
    first = desk.client.post("/api/task", body, token=desk.user, headers=key)
    desk.world.clock.advance(30)
    shuffled = {"capabilities": ["x", "y"], "payload": {"b": 2, "a": 1}, "type": "t", "priority": 1}
    again = desk.client.post("/api/task", shuffled, token=desk.user, headers={"idempotency-key": "order-7"})
    assert (first.status, again.status) == (201, 201)
    assert (again.text, again.headers["location"]) == (first.text, first.headers["location"])
    assert len(desk.world.tasks()) == 1


@pytest.mark.parametrize("change", [{"priority": 2}, {"payload": {"a": 2}}, {"type": "u"}, {"maxAttempts": 4}], ids=str)
def test_an_idempotency_key_with_another_body_is_a_conflict(change: dict[str, Any], desk: Desk) -> None:
    desk.submit(headers={"Idempotency-Key": "k"}, payload={"a": 1})
    other = desk.client.post(
        "/api/task", TASK | {"payload": {"a": 1}} | change, token=desk.user, headers={"Idempotency-Key": "k"}
    )
    assert (other.status, other.json["error"]) == (409, "Conflict")
    assert "Idempotency-Key" in other.json["details"]
    assert len(desk.world.tasks()) == 1


def test_an_idempotency_key_of_any_spelling_but_not_of_any_length(desk: Desk) -> None:
    for key, status in (("x" * 255, 201), ("ümläut \" ' #", 201), ("x" * 256, 400), ("", 400)):
        reply = desk.client.post("/api/task", TASK, token=desk.user, headers={"Idempotency-Key": key})
        assert reply.status == status, key


def test_a_repeated_submission_still_answers_pending_when_the_task_has_moved_on(desk: Desk) -> None:
    desk.register()
    task_id = desk.submit(headers={"Idempotency-Key": "k"})
    again = desk.client.post("/api/task", TASK, token=desk.user, headers={"Idempotency-Key": "k"})
    assert (again.json["id"], again.json["status"]) == (task_id, "PENDING"), "the first answer, byte for byte"


def test_a_client_that_got_no_answer_may_ask_again_under_its_key(desk: Desk) -> None:
    def answer_lost(call: tuple[str, str], send: Any) -> Any:
        sent = send()
        if call[1] == "PutItem":
            raise NoCredentialsError
        return sent

    key = {"Idempotency-Key": "k"}
    with interfering(answer_lost):
        assert desk.client.post("/api/task", TASK, token=desk.user, headers=key).status == 503
    replies = [desk.client.post("/api/task", TASK, token=desk.user, headers=key) for _ in range(5)]
    assert {reply.status for reply in replies} == {201}
    assert {reply.json["id"] for reply in replies} == {task.id for task in desk.world.tasks()}
    assert len(desk.world.tasks()) == 1


def test_run_at_holds_a_task_back(desk: Desk) -> None:
    desk.register()
    run_at = desk.world.clock.now() + 30_000
    task_id = desk.submit(runAt=run_at)
    assert (desk.task(task_id)["status"], desk.task(task_id)["runAt"]) == ("PENDING", run_at)
    desk.world.advance(29)
    assert desk.world.calls == []
    desk.world.advance(1)
    started = desk.task(task_id)
    assert (started["status"], started["startedAt"]) == ("PROCESSING", run_at)
    assert "runAt" not in started


def test_run_at_in_the_past_is_now(desk: Desk) -> None:
    desk.register()
    assert desk.task(desk.submit(runAt=0))["status"] == "PROCESSING"


def test_a_task_goes_to_a_server_that_can_and_may_do_it(desk: Desk) -> None:
    desk.register("plain")
    able = desk.register("able", capabilities=["video", "gpu"], groups=["production"], maxConcurrent=2)
    assert desk.task(desk.submit(capabilities=["video", "gpu"]))["serverId"] == able
    assert desk.task(desk.submit(capabilities=["audio"]))["status"] == "PENDING"
    assert desk.task(desk.submit(group="staging"))["status"] == "PENDING"
    assert desk.task(desk.submit(group="production"))["serverId"] == able


def test_the_most_urgent_goes_first_then_the_oldest(desk: Desk) -> None:
    made = []
    for priority in (1, 9, 5, 9, 0):
        made.append(desk.submit(priority=priority))
        desk.world.clock.advance(1)
    desk.register(reply=answer(200, {}))
    handed = [desk.task(one)["startedAt"] for one in made]
    assert len(desk.world.calls) == 5
    order = [call[2]["Idempotency-Key"].partition(":")[0] for call in desk.world.calls]
    assert order == [made[1], made[3], made[2], made[0], made[4]]
    assert len(set(handed)) == 1


def test_an_attempt_that_takes_too_long_times_out(desk: Desk) -> None:
    task_id = desk.reach("TIMEOUT")
    ended = desk.task(task_id)
    assert ended["error"]["code"] == "start_to_close_timeout"
    assert ended["attempt"] == 1


def test_any_role_of_the_tenant_follows_the_task(desk: Desk) -> None:
    task_id = desk.submit()
    for role in ("user", "server", "admin"):
        assert desk.client.get(f"/api/task/{task_id}", token=token(role)).json == desk.task(task_id)


def test_the_tasks_of_the_orgs_other_apis_are_not_here(desk: Desk) -> None:
    task = desk.world.submit(pool="coordinator")
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/retry", None),
        ("POST", "/cancel", None),
        *(("PUT", "", {"status": status}) for status in ("PROCESSING", "COMPLETED", "FAILED")),
    ):
        reply = desk.client.request(method, f"/api/task/{task.id}{path}", body, token=desk.admin)
        assert (reply.status, reply.json["details"]) == (404, f"Task not found: {task.id}")
    assert desk.world.task(task.id) == task
