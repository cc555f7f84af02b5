"""Creating, following, retrying and cancelling tasks."""

from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from tests.apis.processing.conftest import RESULT, ProcessingApi
from tests.support.aws import interfering
from tests.support.client import token
from tests.support.world import answer

STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")
TASK = {"type": "t", "priority": 1}


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_failed_or_timed_out_task_can_be_retried(status: str, processing_api: ProcessingApi) -> None:
    task_id = processing_api.reach(status)
    before = processing_api.task(task_id)
    reply = processing_api.client.post(f"/api/task/{task_id}/retry", token=processing_api.user)
    if status in ("FAILED", "TIMEOUT"):
        assert reply.json == {"message": "Task queued for retry", "taskId": task_id}
        again = processing_api.task(task_id)
        assert (again["status"], again["attempt"], again["maxAttempts"]) == ("PENDING", 2, 2)
        assert "finishedAt" not in again
    else:
        assert (reply.status, reply.json["error"]) == (409, "Conflict")
        assert task_id in reply.json["details"]
        assert processing_api.task(task_id) == before


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_pending_or_processing_task_can_be_cancelled(status: str, processing_api: ProcessingApi) -> None:
    task_id = processing_api.reach(status)
    before = processing_api.task(task_id)
    reply = processing_api.client.post(f"/api/task/{task_id}/cancel", token=processing_api.user)
    if status in ("PENDING", "PROCESSING"):
        assert reply.json == {"message": "Task cancelled", "taskId": task_id}
        assert processing_api.task(task_id)["status"] == "CANCELLED"
        assert processing_api.client.post(f"/api/task/{task_id}/cancel", token=processing_api.user).status == 409
    else:
        assert (reply.status, reply.json["error"]) == (409, "Conflict")
        assert processing_api.task(task_id) == before


def test_a_retried_task_runs_again_and_can_succeed(processing_api: ProcessingApi) -> None:
    task_id = processing_api.reach("FAILED")
    processing_api.client.post(f"/api/task/{task_id}/retry", token=processing_api.user)
    processing_api.world.settle()
    assert processing_api.last_handover(task_id)["attempt"] == 2
    processing_api.report(task_id, result=RESULT)
    done = processing_api.task(task_id)
    assert (done["status"], done["result"], done["attempt"]) == ("COMPLETED", RESULT, 2)
    assert "error" not in done


def test_a_cancelled_task_never_starts_and_frees_its_place(processing_api: ProcessingApi) -> None:
    waiting = processing_api.submit()
    processing_api.client.post(f"/api/task/{waiting}/cancel", token=processing_api.user)
    server = processing_api.register()
    assert processing_api.world.calls == []
    running = processing_api.submit()
    processing_api.client.post(f"/api/task/{running}/cancel", token=processing_api.user)
    assert processing_api.server(server)["activeTasks"] == 0
    next_one = processing_api.submit()
    assert processing_api.task(next_one)["status"] == "PROCESSING"
    assert {processing_api.task(one)["status"] for one in (waiting, running)} == {"CANCELLED"}


def test_async_false_answers_when_the_task_has_ended(
    processing_api: ProcessingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    processing_api.register(reply=answer(200, RESULT))
    began = processing_api.world.clock.now()
    monkeypatch.setattr(processing_api.world.clock, "sleep", processing_api.world.advance)
    reply = processing_api.client.post("/api/task", TASK | {"async": False}, token=processing_api.user)
    assert (reply.status, reply.json["status"], reply.json["result"]) == (201, "COMPLETED", RESULT)
    assert processing_api.world.clock.now() - began < 1000


def test_async_false_answers_what_is_so_far_after_twenty_seconds(processing_api: ProcessingApi) -> None:
    processing_api.register()
    began = processing_api.world.clock.now()
    reply = processing_api.client.post("/api/task", TASK | {"async": False}, token=processing_api.user)
    assert (reply.status, reply.json["status"]) == (201, "PENDING")
    assert 20_000 <= processing_api.world.clock.now() - began <= 21_000, "the gateway gives up after 29 seconds"
    assert reply.headers["location"] == f"/api/task/{reply.json['id']}"


def test_an_idempotency_key_makes_one_task(processing_api: ProcessingApi) -> None:
    body = TASK | {"payload": {"a": 1, "b": 2}, "capabilities": ["x", "y"]}
    key = {"Idempotency-Key": "order-7"}
    first = processing_api.client.post("/api/task", body, token=processing_api.user, headers=key)
    processing_api.world.clock.advance(30)
    shuffled = {"capabilities": ["x", "y"], "payload": {"b": 2, "a": 1}, "type": "t", "priority": 1}
    again = processing_api.client.post(
        "/api/task", shuffled, token=processing_api.user, headers={"idempotency-key": "order-7"}
    )
    assert (first.status, again.status) == (201, 201)
    assert (again.text, again.headers["location"]) == (first.text, first.headers["location"])
    assert len(processing_api.world.tasks()) == 1


@pytest.mark.parametrize("change", [{"priority": 2}, {"payload": {"a": 2}}, {"type": "u"}, {"maxAttempts": 4}], ids=str)
def test_an_idempotency_key_with_another_body_is_a_conflict(
    change: dict[str, Any], processing_api: ProcessingApi
) -> None:
    processing_api.submit(headers={"Idempotency-Key": "k"}, payload={"a": 1})
    other = processing_api.client.post(
        "/api/task", TASK | {"payload": {"a": 1}} | change, token=processing_api.user, headers={"Idempotency-Key": "k"}
    )
    assert (other.status, other.json["error"]) == (409, "Conflict")
    assert "Idempotency-Key" in other.json["details"]
    assert len(processing_api.world.tasks()) == 1


def test_an_idempotency_key_of_any_spelling_but_not_of_any_length(processing_api: ProcessingApi) -> None:
    for key, status in (("x" * 255, 201), ("ümläut \" ' #", 201), ("x" * 256, 400), ("", 400)):
        reply = processing_api.client.post(
            "/api/task", TASK, token=processing_api.user, headers={"Idempotency-Key": key}
        )
        assert reply.status == status, key


def test_a_repeated_submission_still_answers_pending_when_the_task_has_moved_on(processing_api: ProcessingApi) -> None:
    processing_api.register()
    task_id = processing_api.submit(headers={"Idempotency-Key": "k"})
    again = processing_api.client.post("/api/task", TASK, token=processing_api.user, headers={"Idempotency-Key": "k"})
    assert (again.json["id"], again.json["status"]) == (task_id, "PENDING"), "the first answer, byte for byte"


def test_a_client_that_got_no_answer_may_ask_again_under_its_key(processing_api: ProcessingApi) -> None:
    def answer_lost(call: tuple[str, str], send: Any) -> Any:
        sent = send()
        if call[1] == "PutItem":
            raise NoCredentialsError
        return sent

    key = {"Idempotency-Key": "k"}
    with interfering(answer_lost):
        assert processing_api.client.post("/api/task", TASK, token=processing_api.user, headers=key).status == 503
    replies = [processing_api.client.post("/api/task", TASK, token=processing_api.user, headers=key) for _ in range(5)]
    assert {reply.status for reply in replies} == {201}
    assert {reply.json["id"] for reply in replies} == {task.id for task in processing_api.world.tasks()}
    assert len(processing_api.world.tasks()) == 1


def test_run_at_holds_a_task_back(processing_api: ProcessingApi) -> None:
    processing_api.register()
    run_at = processing_api.world.clock.now() + 30_000
    task_id = processing_api.submit(runAt=run_at)
    assert (processing_api.task(task_id)["status"], processing_api.task(task_id)["runAt"]) == ("PENDING", run_at)
    processing_api.world.advance(29)
    assert processing_api.world.calls == []
    processing_api.world.advance(1)
    started = processing_api.task(task_id)
    assert (started["status"], started["startedAt"]) == ("PROCESSING", run_at)
    assert "runAt" not in started


def test_run_at_in_the_past_is_now(processing_api: ProcessingApi) -> None:
    processing_api.register()
    assert processing_api.task(processing_api.submit(runAt=0))["status"] == "PROCESSING"


def test_a_task_goes_to_a_server_that_can_and_may_do_it(processing_api: ProcessingApi) -> None:
    processing_api.register("plain")
    able = processing_api.register("able", capabilities=["video", "gpu"], groups=["production"], maxConcurrent=2)
    assert processing_api.task(processing_api.submit(capabilities=["video", "gpu"]))["serverId"] == able
    assert processing_api.task(processing_api.submit(capabilities=["audio"]))["status"] == "PENDING"
    assert processing_api.task(processing_api.submit(group="staging"))["status"] == "PENDING"
    assert processing_api.task(processing_api.submit(group="production"))["serverId"] == able


def test_the_most_urgent_goes_first_then_the_oldest(processing_api: ProcessingApi) -> None:
    task_ids = []
    for priority in (1, 9, 5, 9, 0):
        task_ids.append(processing_api.submit(priority=priority))
        processing_api.world.clock.advance(1)
    processing_api.register(reply=answer(200, {}))
    handed = [processing_api.task(one)["startedAt"] for one in task_ids]
    assert len(processing_api.world.calls) == 5
    order = [call[2]["Idempotency-Key"].partition(":")[0] for call in processing_api.world.calls]
    assert order == [task_ids[1], task_ids[3], task_ids[2], task_ids[0], task_ids[4]]
    assert len(set(handed)) == 1


def test_an_attempt_that_takes_too_long_times_out(processing_api: ProcessingApi) -> None:
    task_id = processing_api.reach("TIMEOUT")
    ended = processing_api.task(task_id)
    assert ended["error"]["code"] == "start_to_close_timeout"
    assert ended["attempt"] == 1


def test_any_role_of_the_tenant_follows_the_task(processing_api: ProcessingApi) -> None:
    task_id = processing_api.submit()
    for role in ("user", "server", "admin"):
        assert processing_api.client.get(f"/api/task/{task_id}", token=token(role)).json == processing_api.task(task_id)


def test_the_tasks_of_the_orgs_other_apis_are_not_here(processing_api: ProcessingApi) -> None:
    task = processing_api.world.submit(pool="coordinator")
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/retry", None),
        ("POST", "/cancel", None),
        *(("PUT", "", {"status": status}) for status in ("PROCESSING", "COMPLETED", "FAILED")),
    ):
        reply = processing_api.client.request(method, f"/api/task/{task.id}{path}", body, token=processing_api.admin)
        assert (reply.status, reply.json["details"]) == (404, f"Task not found: {task.id}")
    assert processing_api.world.task(task.id) == task
