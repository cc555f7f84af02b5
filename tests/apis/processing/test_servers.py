"""Registering, watching and taking servers out of rotation."""

import pytest

from tests.apis.processing.conftest import Desk
from tests.support.client import token
from tests.support.world import answer


@pytest.mark.parametrize(
    ("said", "status"), [("healthy", "online"), ("degraded", "degraded"), ("unhealthy", "degraded")]
)
def test_a_heartbeat_says_how_the_server_is(said: str, status: str, desk: Desk) -> None:
    server = desk.register()
    desk.world.clock.advance(5)
    reply = desk.beat(server, status=said, activeTasks=3, metrics={"cpu": 45, "gpu": 80.5})
    assert reply.json == {"message": "Heartbeat received", "serverId": server, "status": status, "commands": []}
    listed = desk.server(server)
    assert (listed["status"], listed["lastHeartbeat"]) == (status, desk.world.clock.now())
    assert (listed["timeSinceLastHeartbeat"], listed["uptime"]) == (0, 5000)
    assert listed["activeTasks"] == 0, "what the engine knows, not what the server says"


def test_a_heartbeat_needs_no_body_and_may_come_by_key_or_token(desk: Desk) -> None:
    server = desk.register()
    path = f"/api/servers/{server}/heartbeat"
    assert desk.client.post(path, key="key-one").status == 200
    assert desk.client.post(path, token=token("server", subject=server)).status == 200
    assert desk.client.post(path, key="key-two").status == 401


def test_an_unhealthy_server_gets_nothing_and_a_degraded_one_only_what_nobody_else_takes(desk: Desk) -> None:
    server = desk.register()
    desk.beat(server, status="unhealthy")
    task_id = desk.submit()
    assert desk.task(task_id)["status"] == "PENDING"
    desk.beat(server, status="degraded")
    desk.world.settle()
    assert desk.task(task_id)["serverId"] == server


def test_a_silent_server_is_offline_until_it_is_heard_of_again(desk: Desk) -> None:
    server = desk.register()
    task_id = desk.submit()
    there = dict(desk.world.servers)
    desk.world.servers.clear()
    desk.world.advance(180)
    assert desk.server(server)["status"] == "offline"
    desk.world.servers.update(there)
    task = desk.task(task_id)
    assert (task["status"], task["error"]["code"], task["attempt"]) == ("PENDING", "worker_lost", 2)
    assert desk.beat(server).json["status"] == "online"
    desk.world.settle()
    assert desk.task(task_id)["status"] == "PROCESSING"


def test_a_server_without_health_and_heartbeats_is_there_as_long_as_it_answers_http(desk: Desk) -> None:
    server = desk.register(reply=answer(405))
    desk.world.advance(600)
    assert desk.server(server)["status"] == "online"
    assert {call[0] for call in desk.world.calls} == {"OPTIONS"}


def test_what_holds_first_is_the_status(desk: Desk) -> None:
    server = desk.register()
    desk.beat(server, status="degraded")
    desk.client.post(f"/api/servers/{server}/maintenance", {"maintenance": True}, token=desk.admin)
    assert desk.server(server)["status"] == "maintenance"
    desk.world.servers.clear()
    desk.world.advance(180)
    assert desk.server(server)["status"] == "offline"


def test_a_cancelled_task_is_told_with_each_heartbeat_until_it_is_confirmed(desk: Desk) -> None:
    server = desk.register(maxConcurrent=2)
    task_id = desk.submit()
    desk.client.post(f"/api/task/{task_id}/cancel", token=desk.user)
    command = {"id": f"{task_id}:1", "type": "cancel", "taskId": task_id, "attempt": 1}
    assert desk.beat(server).json["commands"] == [command]
    assert desk.beat(server, receipts=["drain"]).json["commands"] == [command]
    twice = desk.beat(server, receipts=[command["id"], command["id"], "task_unknown:1"])
    assert (twice.status, twice.json["commands"]) == (200, [])
    assert desk.beat(server).json["commands"] == []


def test_a_command_without_receipt_is_dropped_after_fifteen_minutes(desk: Desk) -> None:
    server = desk.register()
    task_id = desk.submit()
    desk.client.post(f"/api/task/{task_id}/cancel", token=desk.user)
    for _ in range(15):
        desk.world.clock.advance(60)
        assert len(desk.beat(server).json["commands"]) == 1
    desk.world.clock.advance(1)
    assert desk.beat(server).json["commands"] == []


def test_maintenance_lets_running_work_finish_and_takes_nothing_new(desk: Desk) -> None:
    server = desk.register(maxConcurrent=5)
    running = desk.submit()
    path = f"/api/servers/{server}/maintenance"
    on = desk.client.post(path, {"maintenance": True, "reason": "Scheduled maintenance"}, token=desk.admin)
    assert on.json == {
        "message": "Maintenance mode enabled",
        "serverId": server,
        "status": "maintenance",
        "reason": "Scheduled maintenance",
    }
    assert desk.beat(server).json["commands"] == [{"id": "drain", "type": "drain"}]
    waiting = desk.submit()
    assert (desk.task(running)["status"], desk.task(waiting)["status"]) == ("PROCESSING", "PENDING")
    assert desk.report(running).status == 200

    off = desk.client.post(path, {"maintenance": False}, token=desk.admin)
    assert off.json == {"message": "Maintenance mode disabled", "serverId": server, "status": "online"}
    desk.world.settle()
    assert desk.task(waiting)["serverId"] == server


def test_an_unregistered_servers_tasks_go_back_unburned_and_its_late_word_is_refused(desk: Desk) -> None:
    gone = desk.register("one")
    task_id = desk.submit()
    late = desk.callback(task_id)
    assert desk.client.post(f"/api/servers/{gone}/heartbeat", {}, key="key-one").status == 200, "known for a minute"
    reply = desk.client.delete(f"/api/servers/{gone}", token=desk.admin)
    assert reply.json == {"message": "Server unregistered", "serverId": gone}
    assert desk.servers() == []
    desk.world.settle()
    assert (desk.task(task_id)["status"], desk.task(task_id)["attempt"]) == ("PENDING", 1)

    heir = desk.register("two")
    assert (desk.task(task_id)["serverId"], desk.handed(task_id)["attempt"]) == (heir, 1)
    assert desk.client.put(late, {"status": "COMPLETED"}, key="key-one").status == 409
    assert desk.client.post(f"/api/servers/{gone}/heartbeat", {}, key="key-one").status == 404
    desk.world.clock.advance(61)
    assert desk.client.put(late, {"status": "COMPLETED"}, key="key-one").status == 401
    assert desk.client.post(f"/api/servers/{gone}/heartbeat", {}, key="key-one").status == 401
    assert desk.task(task_id)["status"] == "PROCESSING"


@pytest.mark.parametrize("rest", ["", "/heartbeat", "/maintenance", "/metrics"])
def test_an_unregistered_server_is_not_found(rest: str, desk: Desk) -> None:
    server = desk.register()
    desk.client.delete(f"/api/servers/{server}", token=desk.admin)
    for _ in range(2):
        method = {"": "DELETE", "/metrics": "GET"}.get(rest, "POST")
        reply = desk.client.request(method, f"/api/servers/{server}{rest}", {"maintenance": True}, token=desk.admin)
        assert (reply.status, reply.json["details"]) == (404, f"Server not found: {server}")
        desk.world.settle()


def test_metrics_count_what_a_server_did_since_it_registered(desk: Desk) -> None:
    server = desk.register(maxConcurrent=4)
    for seconds, status in ((10, "COMPLETED"), (30, "COMPLETED"), (5, "FAILED")):
        task_id = desk.submit(maxAttempts=1)
        desk.world.clock.advance(seconds)
        desk.report(task_id, status)
    desk.submit()
    reply = desk.client.get(f"/api/servers/{server}/metrics", token=desk.admin)
    assert reply.json == {
        "serverId": server,
        "metrics": {
            "uptime": 45_000,
            "tasksProcessed": 3,
            "successCount": 2,
            "failureCount": 1,
            "averageProcessingTime": 20_000,
            "currentLoad": 0.25,
        },
    }


def test_servers_are_listed_oldest_first_and_filters_combine(desk: Desk) -> None:
    names = ("a", "b", "c", "d")
    groups = (["production", "gpu"], ["production"], [], ["gpu"])
    made = {}
    for name, found in zip(names, groups, strict=True):
        made[name] = desk.register(name, groups=found, priority=2, capabilities=["x", "x"])
        desk.world.clock.advance(1)
    desk.beat(made["b"], status="degraded")
    desk.client.post(f"/api/servers/{made['d']}/maintenance", {"maintenance": True}, token=desk.admin)

    def listed(query: str) -> list[str]:
        return [one["name"] for one in desk.servers(query)]

    assert listed("") == ["a", "b", "c", "d"]
    assert listed("?group=production") == ["a", "b"]
    assert listed("?group=gpu") == ["a", "d"]
    assert listed("?group=") == []
    assert listed("?status=online") == ["a", "c"]
    assert listed("?status=degraded") == ["b"]
    assert listed("?status=maintenance&group=gpu") == ["d"]
    assert listed("?status=offline") == []
    assert listed("?status=online&group=production") == ["a"]
    wrong = desk.client.get("/api/servers?status=healthy", token=desk.admin)
    assert (wrong.status, wrong.json["details"]) == (
        400,
        'status: must be one of: online, offline, maintenance, degraded, got "healthy"',
    )
    first = desk.server(made["a"])
    assert (first["groups"], first["priority"], first["maxConcurrent"]) == (["production", "gpu"], 2, 1)


def test_a_server_takes_no_more_than_it_said(desk: Desk) -> None:
    server = desk.register(maxConcurrent=3)
    tasks = [desk.submit() for _ in range(5)]
    assert [desk.task(one)["status"] for one in tasks] == ["PROCESSING"] * 3 + ["PENDING"] * 2
    assert desk.server(server)["activeTasks"] == 3
    desk.report(tasks[0])
    desk.world.settle()
    assert desk.task(tasks[3])["status"] == "PROCESSING"


def test_a_busy_server_is_left_alone_as_long_as_it_asks(desk: Desk) -> None:
    replies = [answer(429, None, Retry_After="30"), answer(202)]
    desk.register(reply=lambda *_: replies.pop(0))
    task_id = desk.submit()
    assert (desk.task(task_id)["status"], desk.task(task_id)["attempt"]) == ("PENDING", 1)
    desk.world.advance(29)
    assert len(desk.world.calls) == 1
    desk.world.advance(1)
    assert (desk.task(task_id)["status"], desk.task(task_id)["attempt"]) == ("PROCESSING", 1)


def test_the_list_shows_where_each_server_listens_without_secrets(desk: Desk) -> None:
    urls = {"predict": "https://one.example/p?token=hush", "health": "https://one.example/health"}
    desk.register(endpoints=urls)
    [shown] = desk.servers()
    assert shown["endpoints"] == {"predict": "https://one.example/p?token=***", "health": "https://one.example/health"}
    assert "hush" not in str(desk.servers())


@pytest.mark.parametrize("field", ["predict", "health", "metrics"])
def test_a_url_without_its_scheme_is_refused_with_the_field_and_what_would_be_right(field: str, desk: Desk) -> None:
    urls = {"predict": "https://one.example/p", field: "one.example:8443/p?token=hush"}
    body = {"name": "one", "endpoints": urls, "apiKey": "key-one"}
    reply = desk.client.post("/api/servers", body, token=desk.admin)
    assert reply.status == 400
    assert reply.json["details"].startswith(f"endpoints.{field}: A URL must begin with https://")
    assert reply.json["details"].endswith("write https://one.example:8443")
    assert desk.servers() == []


ONE = {"name": "one", "endpoints": {"predict": "https://one.example/predict"}, "apiKey": "key-one"}


def at(url: str, **said: object) -> dict[str, object]:
    return ONE | {"endpoints": {"predict": url}} | said


def test_a_server_that_registers_again_is_the_same_server_as_it_says_it_is_now(desk: Desk) -> None:
    first = desk.client.post("/api/servers", ONE, token=desk.admin).json
    desk.world.advance(180)
    assert desk.server(first["serverId"])["status"] == "offline"
    said = {"name": "uno", "maxConcurrent": 7, "priority": 3, "capabilities": ["x", "x"], "groups": ["g"]}
    reply = desk.client.post("/api/servers", ONE | said, token=desk.admin)
    assert (reply.status, reply.json["serverId"]) == (201, first["serverId"])
    assert "already" in reply.json["message"]
    [server] = desk.servers()
    assert (server["status"], server["name"], server["maxConcurrent"], server["priority"]) == ("online", "uno", 7, 3)
    assert (server["capabilities"], server["groups"]) == (["x"], ["g"])
    desk.world.settle()
    assert desk.task(desk.submit(capabilities=["x"]))["serverId"] == first["serverId"]


def test_a_server_that_registers_again_stays_in_maintenance(desk: Desk) -> None:
    server = desk.register()
    desk.client.post(f"/api/servers/{server}/maintenance", {"maintenance": True}, token=desk.admin)
    desk.register()
    assert [one["status"] for one in desk.servers()] == ["maintenance"]


def test_another_key_at_the_same_url_is_refused_with_the_server_that_has_it_and_changes_nothing(desk: Desk) -> None:
    server = desk.register()
    before = desk.servers()
    reply = desk.client.post("/api/servers", ONE | {"name": "two", "apiKey": "key-two"}, token=desk.admin)
    assert reply.status == 409
    assert server in reply.json["details"]
    assert "key" not in reply.json["details"]
    assert desk.servers() == before


@pytest.mark.parametrize(
    "url",
    [
        "https://one.example/predict/",
        "HTTPS://One.Example/predict",
        "https://one.example:443/predict",
        "https://one.example./predict",
        "https://one.example/predict#x",
    ],
)
def test_a_url_is_the_same_however_it_is_spelled(url: str, desk: Desk) -> None:
    server = desk.register()
    assert desk.client.post("/api/servers", at(url), token=desk.admin).json["serverId"] == server


@pytest.mark.parametrize(
    "url",
    [
        "https://one.example/Predict",
        "https://one.example/predict?a=1",
        "https://one.example:8443/predict",
        "https://two.example/predict",
        "https://one.example/",
    ],
)
def test_another_url_is_another_server(url: str, desk: Desk) -> None:
    server = desk.register()
    assert desk.client.post("/api/servers", at(url), token=desk.admin).json["serverId"] != server
    assert len(desk.servers()) == 2


def test_another_tenant_may_have_the_same_url(desk: Desk) -> None:
    server = desk.register()
    other = desk.client.post("/api/servers", ONE, token=token("admin", "other"))
    assert (other.status, other.json["serverId"] == server) == (201, False)


@pytest.mark.parametrize("settled", [False, True])
def test_the_url_of_a_server_that_was_removed_is_free_at_once(settled: bool, desk: Desk) -> None:
    server = desk.register()
    task_id = desk.submit()
    desk.client.delete(f"/api/servers/{server}", token=desk.admin)
    if settled:
        desk.world.settle()
    again = desk.register()
    assert (again != server, [one["id"] for one in desk.servers()]) == (True, [again])
    assert desk.task(task_id)["serverId"] == again
