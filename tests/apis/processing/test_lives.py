"""Whole lives of tasks, over HTTP only."""

import json

import pytest

from chalicelib.providers.http import outbound
from tests.apis.processing.conftest import RESULT, ProcessingApi
from tests.support.client import Reply, token
from tests.support.world import answer

REPORTERS = ("key and callbackUrl", "key alone", "server's token", "admin", "admin for the server")


def report_as(processing_api: ProcessingApi, who: str, task_id: str, server: str, body: dict) -> Reply:
    path = f"/api/task/{task_id}"
    match who:
        case "key and callbackUrl":
            return processing_api.client.put(processing_api.callback(task_id), body, key="key-one")
        case "key alone":
            return processing_api.client.put(path, body, key="key-one")
        case "server's token":
            return processing_api.client.put(path, body, token=token("server", subject=server))
        case "admin":
            return processing_api.client.put(path, body, token=processing_api.admin)
    return processing_api.client.put(f"{path}?serverId={server}&lease=1", body, token=processing_api.admin)


@pytest.mark.parametrize("who", REPORTERS)
def test_a_task_is_accepted_worked_on_and_completed(who: str, processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    began = processing_api.world.clock.now()
    task_id = processing_api.submit(payload={"video_url": "https://example.com/v.mp4"}, metadata={"ours": 1})
    assert processing_api.task(task_id)["status"] == "PROCESSING"

    processing_api.world.clock.advance(5)
    reply = report_as(processing_api, who, task_id, server, {"status": "PROCESSING", "progress": 45})
    assert reply.json == {"message": "Task updated", "taskId": task_id, "status": "PROCESSING"}
    assert processing_api.task(task_id)["progress"] == 45

    processing_api.world.clock.advance(5)
    reply = report_as(processing_api, who, task_id, server, {"status": "COMPLETED", "result": RESULT})
    assert (reply.status, reply.json["status"]) == (200, "COMPLETED")
    assert processing_api.task(task_id) == {
        "id": task_id,
        "status": "COMPLETED",
        "type": "t",
        "priority": 1,
        "progress": 100,
        "serverId": server,
        "attempt": 1,
        "maxAttempts": 3,
        "createdAt": began,
        "startedAt": began,
        "updatedAt": began + 10_000,
        "finishedAt": began + 10_000,
        "result": RESULT,
        "metadata": {"ours": 1},
    }
    assert processing_api.server(server)["activeTasks"] == 0


def test_the_server_gets_the_task_as_promised(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    payload = {"mimeType": "video/mp4", "video_url": "https://example.com/ü.mp4", "deep": [1, {"x": None}]}
    task_id = processing_api.submit(payload=payload, timeoutSeconds=30)
    [(method, url, headers, body)] = processing_api.world.calls
    assert (method, url) == ("POST", "https://one.example/predict")
    assert headers == {
        "Content-Type": "application/json",
        "Idempotency-Key": f"{task_id}:1",
        "X-API-Key": "key-one",
    }
    assert json.loads(body) == {
        "taskId": task_id,
        "type": "t",
        "payload": payload,
        "attempt": 1,
        "deadline": processing_api.world.clock.now() + 30_000,
        "callbackUrl": f"https://api.example/api/task/{task_id}?serverId={server}&lease=1",
    }


def test_a_server_may_answer_at_once_with_any_result(processing_api: ProcessingApi) -> None:
    results: list[object] = [RESULT, [1, 2], "text", 7, 0, False, None, {"big": "x" * 200_000}]
    replies = [answer(200, {"status": "COMPLETED", "result": result}) for result in results]
    processing_api.register(reply=lambda *_: replies.pop(0))
    for result in results:
        done = processing_api.task(processing_api.submit())
        assert (done["status"], done.get("result")) == ("COMPLETED", result)


def test_a_failure_is_retried_after_a_pause_until_the_attempts_are_used_up(processing_api: ProcessingApi) -> None:
    processing_api.register()
    task_id = processing_api.submit(maxAttempts=2)
    error = {"message": "out of memory", "gpu": 3}
    assert processing_api.report(task_id, "FAILED", error=error).json["status"] == "PENDING"
    waiting = processing_api.task(task_id)
    assert (waiting["attempt"], waiting["status"]) == (2, "PENDING")
    assert waiting["error"] == {"code": "worker_failed", "message": "out of memory", "details": error}
    assert processing_api.world.clock.now() < waiting["runAt"] <= processing_api.world.clock.now() + 300_000

    processing_api.world.advance((waiting["runAt"] - processing_api.world.clock.now()) / 1000)
    assert processing_api.task(task_id)["status"] == "PROCESSING"
    assert processing_api.report(task_id, "FAILED", error="again").json["status"] == "FAILED"
    ended = processing_api.task(task_id)
    assert (ended["attempt"], ended["error"]) == (2, {"code": "worker_failed", "message": "again"})
    assert ended["finishedAt"] == processing_api.world.clock.now()


def test_a_failure_that_is_not_retryable_ends_the_task(processing_api: ProcessingApi) -> None:
    processing_api.register()
    task_id = processing_api.submit()
    assert processing_api.report(task_id, "FAILED", error="bad input", retryable=False).json["status"] == "FAILED"
    assert processing_api.task(task_id)["error"]["message"] == "bad input"


def test_a_failure_may_name_when_to_try_again(processing_api: ProcessingApi) -> None:
    processing_api.register()
    task_id = processing_api.submit()
    now = processing_api.world.clock.now()
    processing_api.report(task_id, "FAILED", retryAfter=45)
    assert processing_api.task(task_id)["runAt"] == now + 45_000
    processing_api.world.advance(44)
    assert processing_api.task(task_id)["status"] == "PENDING"
    processing_api.world.advance(1)
    assert processing_api.task(task_id)["status"] == "PROCESSING"


def test_a_workers_own_words_are_cut_to_what_can_be_kept(processing_api: ProcessingApi) -> None:
    processing_api.register()
    long, large = processing_api.submit(), processing_api.submit()
    assert processing_api.report(long, "FAILED", error="x" * 1_000_000, retryable=False).status == 200
    assert processing_api.task(long)["error"]["message"] == "x" * 4000
    processing_api.world.settle()
    said = {"message": "m", "trace": "x" * 1_000_000}
    assert processing_api.report(large, "FAILED", error=said, retryable=False).status == 200
    assert processing_api.task(large)["error"] == {"code": "worker_failed", "message": "m"}


def test_a_report_twice_counts_once(processing_api: ProcessingApi) -> None:
    processing_api.register()
    task_id = processing_api.submit()
    first = processing_api.client.put(
        processing_api.callback(task_id), {"status": "COMPLETED", "result": RESULT}, key="key-one"
    )
    done = processing_api.task(task_id)
    processing_api.world.clock.advance(10)
    again = processing_api.client.put(
        processing_api.callback(task_id), {"status": "COMPLETED", "result": RESULT}, key="key-one"
    )
    assert (first.status, again.status, again.json) == (200, 200, first.json)
    other = processing_api.client.put(
        processing_api.callback(task_id), {"status": "COMPLETED", "result": {}}, key="key-one"
    )
    late = processing_api.client.put(
        processing_api.callback(task_id), {"status": "FAILED", "error": "no"}, key="key-one"
    )
    assert (other.status, late.status) == (409, 409)
    assert processing_api.task(task_id) == done


def test_who_does_not_hold_the_task_changes_nothing(processing_api: ProcessingApi) -> None:
    holder = processing_api.register("one")
    other = processing_api.register("two", capabilities=["none"])
    processing_api.client.post(f"/api/servers/{other}/maintenance", {"maintenance": True}, token=processing_api.admin)
    task_id = processing_api.submit()
    before = processing_api.task(task_id)
    assert before["serverId"] == holder
    path = f"/api/task/{task_id}"
    for body in ({"status": "COMPLETED", "result": 1}, {"status": "FAILED"}, {"progress": 9}, {"status": "PROCESSING"}):
        attempts = {
            "another server by key": processing_api.client.put(f"{path}?serverId={other}&lease=1", body, key="key-two"),
            "another server by token": processing_api.client.put(path, body, token=token("server", subject=other)),
            "an admin for another server": processing_api.client.put(
                f"{path}?serverId={other}", body, token=processing_api.admin
            ),
            "the holder under another lease": processing_api.client.put(
                f"{path}?serverId={holder}&lease=2", body, key="key-one"
            ),
            "another server's key in the holder's name": processing_api.client.put(
                processing_api.callback(task_id), body, key="key-two"
            ),
            "another server's key alone": processing_api.client.put(path, body, key="key-two"),
            "a user": processing_api.client.put(path, body, token=processing_api.user),
        }
        assert [reply.status for reply in attempts.values()] == [409, 409, 409, 409, 401, 401, 403]
    assert processing_api.task(task_id) == before


def test_a_report_of_a_lease_that_ended_is_refused(processing_api: ProcessingApi) -> None:
    processing_api.register("one")
    task_id = processing_api.submit(timeoutSeconds=60)
    stale = processing_api.callback(task_id)
    processing_api.world.advance(70)
    assert processing_api.last_handover(task_id)["attempt"] == 2
    before = processing_api.task(task_id)
    for body in ({"status": "COMPLETED", "result": 1}, {"status": "FAILED"}, {"progress": 9}):
        refused = processing_api.client.put(stale, body, key="key-one")
        assert (refused.status, refused.json["error"]) == (409, "Conflict")
    assert processing_api.task(task_id) == before
    assert (
        processing_api.client.put(processing_api.callback(task_id), {"status": "COMPLETED"}, key="key-one").status
        == 200
    )


@pytest.mark.parametrize("status", ["PENDING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"])
def test_a_task_that_nobody_holds_takes_no_reports(status: str, processing_api: ProcessingApi) -> None:
    task_id = processing_api.reach(status)
    before = processing_api.task(task_id)
    for body in ({"status": "COMPLETED", "result": 1}, {"status": "FAILED", "error": "x"}, {"progress": 9}):
        assert processing_api.client.put(f"/api/task/{task_id}", body, token=processing_api.admin).status == 409
    assert processing_api.task(task_id) == before


def test_progress_is_kept_as_it_is_said_to_three_digits(processing_api: ProcessingApi) -> None:
    processing_api.register()
    task_id = processing_api.submit()
    said = {0: 0, 100: 100, 45: 45, 45.5: 45.5, 1e-300: 0, 33.33333333: 33.333, 99.9999: 100}
    for sent, kept in said.items():
        processing_api.client.put(f"/api/task/{task_id}", {"progress": sent}, token=processing_api.admin)
        assert processing_api.task(task_id)["progress"] == kept


def test_a_task_that_is_processed_has_a_progress_before_its_server_has_said_any(processing_api: ProcessingApi) -> None:
    processing_api.register(capabilities=["x"])
    waiting, given = processing_api.submit(capabilities=["none"]), processing_api.submit(capabilities=["x"])
    assert "progress" not in processing_api.task(waiting)
    assert (processing_api.task(given)["status"], processing_api.task(given)["progress"]) == ("PROCESSING", 0)


def test_a_task_that_waits_says_why(processing_api: ProcessingApi) -> None:
    waiting = processing_api.submit(capabilities=["gpu"])
    assert processing_api.task(waiting)["waitingFor"] == "a live server that offers gpu: none is registered"
    processing_api.register("cpu")
    assert (
        processing_api.task(waiting)["waitingFor"]
        == "a live server that offers gpu: the one registered server does not"
    )
    server = processing_api.register("gpu", capabilities=["gpu"])
    assert "waitingFor" not in processing_api.task(waiting)
    second = processing_api.submit(capabilities=["gpu"])
    busy = f"room on a server that offers gpu: {server} is busy (1 of 1 slots in use)"
    assert processing_api.task(second)["waitingFor"] == busy
    processing_api.report(waiting)
    processing_api.world.settle()
    assert "waitingFor" not in processing_api.task(second)


def test_a_synchronous_task_that_is_not_done_in_time_says_what_it_waits_for(processing_api: ProcessingApi) -> None:
    body = {"type": "t", "priority": 1, "async": False, "group": "g"}
    created = processing_api.client.post("/api/task", body, token=processing_api.user).json
    assert (created["status"], created["waitingFor"]) == ("PENDING", "a live server in group g: none is registered")


def test_a_task_says_nothing_of_another_tenants_servers(processing_api: ProcessingApi) -> None:
    processing_api.client.post("/api/servers", OTHERS, token=token("admin", "other"))
    assert processing_api.task(processing_api.submit())["waitingFor"] == "a live server: none is registered"


OTHERS = {"name": "x", "endpoints": {"predict": "https://x.example/"}, "apiKey": "k"}


@pytest.mark.parametrize("report", [{"progress": 5}, {"status": "COMPLETED"}, {"status": "FAILED", "error": "x"}])
def test_a_servers_report_is_a_sign_of_life(report: dict[str, object], processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    task_id = processing_api.submit()
    processing_api.world.clock.advance(60)
    assert processing_api.client.put(processing_api.callback(task_id), report, key="key-one").status == 200
    assert processing_api.server(server)["timeSinceLastHeartbeat"] == 0


def test_a_late_report_is_a_sign_of_life_by_key_and_not_by_an_admin(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    callback = processing_api.callback(processing_api.submit())
    processing_api.world.servers["one.example"] = connection_refused
    processing_api.world.advance(180)
    assert processing_api.server(server)["status"] == "offline"
    for how, status in (({"token": processing_api.admin}, "offline"), ({"key": "key-one"}, "online")):
        assert processing_api.client.put(callback, {"progress": 5}, **how).status == 409
        assert processing_api.server(server)["status"] == status


def test_what_an_admin_says_of_whoever_holds_it_is_no_sign_of_life(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    task_id = processing_api.submit()
    processing_api.world.clock.advance(60)
    assert processing_api.report(task_id).status == 200
    assert processing_api.server(server)["timeSinceLastHeartbeat"] == 60_000


def connection_refused(*_: object) -> outbound.Response:
    raise outbound.Unreachable("refused")
