"""Whole lives of tasks, through HTTP alone."""

import json

import pytest

from chalicelib.providers.http import outbound
from tests.apis.processing.conftest import RESULT, Desk
from tests.support.client import Reply, token
from tests.support.world import answer

REPORTERS = ("key and callbackUrl", "key alone", "server's token", "admin", "admin for the server")


def reported_by(desk: Desk, who: str, task_id: str, server: str, body: dict) -> Reply:
    path = f"/api/task/{task_id}"
    match who:
        case "key and callbackUrl":
            return desk.client.put(desk.callback(task_id), body, key="key-one")
        case "key alone":
            return desk.client.put(path, body, key="key-one")
        case "server's token":
            return desk.client.put(path, body, token=token("server", subject=server))
        case "admin":
            return desk.client.put(path, body, token=desk.admin)
    return desk.client.put(f"{path}?serverId={server}&lease=1", body, token=desk.admin)


@pytest.mark.parametrize("who", REPORTERS)
def test_a_task_is_accepted_worked_on_and_completed(who: str, desk: Desk) -> None:
    server = desk.register()
    began = desk.world.clock.now()
    task_id = desk.submit(payload={"video_url": "https://example.com/v.mp4"}, metadata={"ours": 1})
    assert desk.task(task_id)["status"] == "PROCESSING"

    desk.world.clock.advance(5)
    reply = reported_by(desk, who, task_id, server, {"status": "PROCESSING", "progress": 45})
    assert reply.json == {"message": "Task updated", "taskId": task_id, "status": "PROCESSING"}
    assert desk.task(task_id)["progress"] == 45

    desk.world.clock.advance(5)
    reply = reported_by(desk, who, task_id, server, {"status": "COMPLETED", "result": RESULT})
    assert (reply.status, reply.json["status"]) == (200, "COMPLETED")
    assert desk.task(task_id) == {
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
    assert desk.server(server)["activeTasks"] == 0


def test_the_server_gets_the_task_as_promised(desk: Desk) -> None:
    server = desk.register()
    payload = {"mimeType": "video/mp4", "video_url": "https://example.com/ü.mp4", "deep": [1, {"x": None}]}
    task_id = desk.submit(payload=payload, timeoutSeconds=30)
    [(method, url, headers, body)] = desk.world.calls
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
        "deadline": desk.world.clock.now() + 30_000,
        "callbackUrl": f"https://api.example/api/task/{task_id}?serverId={server}&lease=1",
    }


def test_a_server_may_answer_at_once_with_any_result(desk: Desk) -> None:
    results: list[object] = [RESULT, [1, 2], "text", 7, 0, False, None, {"big": "x" * 200_000}]
    replies = [answer(200, {"status": "COMPLETED", "result": result}) for result in results]
    desk.register(reply=lambda *_: replies.pop(0))
    for result in results:
        done = desk.task(desk.submit())
        assert (done["status"], done.get("result")) == ("COMPLETED", result)


def test_a_failure_is_retried_after_a_pause_until_the_attempts_are_used_up(desk: Desk) -> None:
    desk.register()
    task_id = desk.submit(maxAttempts=2)
    error = {"message": "out of memory", "gpu": 3}
    assert desk.report(task_id, "FAILED", error=error).json["status"] == "PENDING"
    waiting = desk.task(task_id)
    assert (waiting["attempt"], waiting["status"]) == (2, "PENDING")
    assert waiting["error"] == {"code": "worker_failed", "message": "out of memory", "details": error}
    assert desk.world.clock.now() < waiting["runAt"] <= desk.world.clock.now() + 300_000

    desk.world.advance((waiting["runAt"] - desk.world.clock.now()) / 1000)
    assert desk.task(task_id)["status"] == "PROCESSING"
    assert desk.report(task_id, "FAILED", error="again").json["status"] == "FAILED"
    ended = desk.task(task_id)
    assert (ended["attempt"], ended["error"]) == (2, {"code": "worker_failed", "message": "again"})
    assert ended["finishedAt"] == desk.world.clock.now()


def test_a_failure_that_is_not_retryable_ends_the_task(desk: Desk) -> None:
    desk.register()
    task_id = desk.submit()
    assert desk.report(task_id, "FAILED", error="bad input", retryable=False).json["status"] == "FAILED"
    assert desk.task(task_id)["error"]["message"] == "bad input"


def test_a_failure_may_name_when_to_try_again(desk: Desk) -> None:
    desk.register()
    task_id = desk.submit()
    now = desk.world.clock.now()
    desk.report(task_id, "FAILED", retryAfter=45)
    assert desk.task(task_id)["runAt"] == now + 45_000
    desk.world.advance(44)
    assert desk.task(task_id)["status"] == "PENDING"
    desk.world.advance(1)
    assert desk.task(task_id)["status"] == "PROCESSING"


def test_a_workers_own_words_are_cut_to_what_can_be_kept(desk: Desk) -> None:
    desk.register()
    long, large = desk.submit(), desk.submit()
    assert desk.report(long, "FAILED", error="x" * 1_000_000, retryable=False).status == 200
    assert desk.task(long)["error"]["message"] == "x" * 4000
    desk.world.settle()
    said = {"message": "m", "trace": "x" * 1_000_000}
    assert desk.report(large, "FAILED", error=said, retryable=False).status == 200
    assert desk.task(large)["error"] == {"code": "worker_failed", "message": "m"}


def test_a_report_twice_counts_once(desk: Desk) -> None:
    desk.register()
    task_id = desk.submit()
    first = desk.client.put(desk.callback(task_id), {"status": "COMPLETED", "result": RESULT}, key="key-one")
    done = desk.task(task_id)
    desk.world.clock.advance(10)
    again = desk.client.put(desk.callback(task_id), {"status": "COMPLETED", "result": RESULT}, key="key-one")
    assert (first.status, again.status, again.json) == (200, 200, first.json)
    other = desk.client.put(desk.callback(task_id), {"status": "COMPLETED", "result": {}}, key="key-one")
    late = desk.client.put(desk.callback(task_id), {"status": "FAILED", "error": "no"}, key="key-one")
    assert (other.status, late.status) == (409, 409)
    assert desk.task(task_id) == done


def test_who_does_not_hold_the_task_changes_nothing(desk: Desk) -> None:
    holder = desk.register("one")
    other = desk.register("two", capabilities=["none"])
    desk.client.post(f"/api/servers/{other}/maintenance", {"maintenance": True}, token=desk.admin)
    task_id = desk.submit()
    before = desk.task(task_id)
    assert before["serverId"] == holder
    path = f"/api/task/{task_id}"
    for body in ({"status": "COMPLETED", "result": 1}, {"status": "FAILED"}, {"progress": 9}, {"status": "PROCESSING"}):
        attempts = {
            "another server by key": desk.client.put(f"{path}?serverId={other}&lease=1", body, key="key-two"),
            "another server by token": desk.client.put(path, body, token=token("server", subject=other)),
            "an admin for another server": desk.client.put(f"{path}?serverId={other}", body, token=desk.admin),
            "the holder under another lease": desk.client.put(f"{path}?serverId={holder}&lease=2", body, key="key-one"),
            "another server's key in the holder's name": desk.client.put(desk.callback(task_id), body, key="key-two"),
            "another server's key alone": desk.client.put(path, body, key="key-two"),
            "a user": desk.client.put(path, body, token=desk.user),
        }
        assert [reply.status for reply in attempts.values()] == [409, 409, 409, 409, 401, 401, 403]
    assert desk.task(task_id) == before


def test_a_report_of_a_lease_that_ended_is_refused(desk: Desk) -> None:
    desk.register("one")
    task_id = desk.submit(timeoutSeconds=60)
    stale = desk.callback(task_id)
    desk.world.advance(70)
    assert desk.handed(task_id)["attempt"] == 2
    before = desk.task(task_id)
    for body in ({"status": "COMPLETED", "result": 1}, {"status": "FAILED"}, {"progress": 9}):
        refused = desk.client.put(stale, body, key="key-one")
        assert (refused.status, refused.json["error"]) == (409, "Conflict")
    assert desk.task(task_id) == before
    assert desk.client.put(desk.callback(task_id), {"status": "COMPLETED"}, key="key-one").status == 200


@pytest.mark.parametrize("status", ["PENDING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"])
def test_a_task_that_nobody_holds_takes_no_reports(status: str, desk: Desk) -> None:
    task_id = desk.reach(status)
    before = desk.task(task_id)
    for body in ({"status": "COMPLETED", "result": 1}, {"status": "FAILED", "error": "x"}, {"progress": 9}):
        assert desk.client.put(f"/api/task/{task_id}", body, token=desk.admin).status == 409
    assert desk.task(task_id) == before


def test_progress_is_kept_as_it_is_said_to_three_digits(desk: Desk) -> None:
    desk.register()
    task_id = desk.submit()
    said = {0: 0, 100: 100, 45: 45, 45.5: 45.5, 1e-300: 0, 33.33333333: 33.333, 99.9999: 100}
    for sent, kept in said.items():
        desk.client.put(f"/api/task/{task_id}", {"progress": sent}, token=desk.admin)
        assert desk.task(task_id)["progress"] == kept


def test_a_task_that_is_processed_has_a_progress_before_its_server_has_said_any(desk: Desk) -> None:
    desk.register(capabilities=["x"])
    waiting, given = desk.submit(capabilities=["none"]), desk.submit(capabilities=["x"])
    assert "progress" not in desk.task(waiting)
    assert (desk.task(given)["status"], desk.task(given)["progress"]) == ("PROCESSING", 0)


def test_a_task_that_waits_says_why(desk: Desk) -> None:
    waiting = desk.submit(capabilities=["gpu"])
    assert desk.task(waiting)["waitingFor"] == "a live server that offers gpu: none is registered"
    desk.register("cpu")
    assert desk.task(waiting)["waitingFor"] == "a live server that offers gpu: the one registered server does not"
    server = desk.register("gpu", capabilities=["gpu"])
    assert "waitingFor" not in desk.task(waiting)
    second = desk.submit(capabilities=["gpu"])
    busy = f"room on a server that offers gpu: {server} is busy (1 of 1 slots in use)"
    assert desk.task(second)["waitingFor"] == busy
    desk.report(waiting)
    desk.world.settle()
    assert "waitingFor" not in desk.task(second)


def test_a_synchronous_task_that_is_not_done_in_time_says_what_it_waits_for(desk: Desk) -> None:
    body = {"type": "t", "priority": 1, "async": False, "group": "g"}
    created = desk.client.post("/api/task", body, token=desk.user).json
    assert (created["status"], created["waitingFor"]) == ("PENDING", "a live server in group g: none is registered")


def test_a_task_says_nothing_of_another_tenants_servers(desk: Desk) -> None:
    desk.client.post("/api/servers", OTHERS, token=token("admin", "other"))
    assert desk.task(desk.submit())["waitingFor"] == "a live server: none is registered"


OTHERS = {"name": "x", "endpoints": {"predict": "https://x.example/"}, "apiKey": "k"}


@pytest.mark.parametrize("said", [{"progress": 5}, {"status": "COMPLETED"}, {"status": "FAILED", "error": "x"}])
def test_a_servers_report_is_a_sign_of_life(said: dict[str, object], desk: Desk) -> None:
    server = desk.register()
    task_id = desk.submit()
    desk.world.clock.advance(60)
    assert desk.client.put(desk.callback(task_id), said, key="key-one").status == 200
    assert desk.server(server)["timeSinceLastHeartbeat"] == 0


def test_a_late_report_is_a_sign_of_life_by_key_and_not_by_an_admin(desk: Desk) -> None:
    server = desk.register()
    callback = desk.callback(desk.submit())
    desk.world.servers["one.example"] = gone
    desk.world.advance(180)
    assert desk.server(server)["status"] == "offline"
    for how, status in (({"token": desk.admin}, "offline"), ({"key": "key-one"}, "online")):
        assert desk.client.put(callback, {"progress": 5}, **how).status == 409
        assert desk.server(server)["status"] == status


def test_what_an_admin_says_of_whoever_holds_it_is_no_sign_of_life(desk: Desk) -> None:
    server = desk.register()
    task_id = desk.submit()
    desk.world.clock.advance(60)
    assert desk.report(task_id).status == 200
    assert desk.server(server)["timeSinceLastHeartbeat"] == 60_000


def gone(*_: object) -> outbound.Response:
    raise outbound.Unreachable("refused")
