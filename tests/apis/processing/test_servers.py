"""Registering servers, listing them, and taking them out of rotation."""

import pytest

from tests.apis.processing.conftest import ProcessingApi
from tests.support.client import token
from tests.support.world import answer


@pytest.mark.parametrize(
    ("health", "status"), [("healthy", "online"), ("degraded", "degraded"), ("unhealthy", "degraded")]
)
def test_a_heartbeat_says_how_the_server_is(health: str, status: str, processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    processing_api.world.clock.advance(5)
    reply = processing_api.beat(server, status=health, activeTasks=3, metrics={"cpu": 45, "gpu": 80.5})
    assert reply.json == {"message": "Heartbeat received", "serverId": server, "status": status, "commands": []}
    listed = processing_api.server(server)
    assert (listed["status"], listed["lastHeartbeat"]) == (status, processing_api.world.clock.now())
    assert (listed["timeSinceLastHeartbeat"], listed["uptime"]) == (0, 5000)
    assert listed["activeTasks"] == 0, "what the engine knows, not what the server says"


def test_a_heartbeat_needs_no_body_and_may_come_by_key_or_token(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    path = f"/api/servers/{server}/heartbeat"
    assert processing_api.client.post(path, key="key-one").status == 200
    assert processing_api.client.post(path, token=token("server", subject=server)).status == 200
    assert processing_api.client.post(path, key="key-two").status == 401


def test_an_unhealthy_server_gets_nothing_and_a_degraded_one_only_what_nobody_else_takes(
    processing_api: ProcessingApi,
) -> None:
    server = processing_api.register()
    processing_api.beat(server, status="unhealthy")
    task_id = processing_api.submit()
    assert processing_api.task(task_id)["status"] == "PENDING"
    processing_api.beat(server, status="degraded")
    processing_api.world.settle()
    assert processing_api.task(task_id)["serverId"] == server


def test_a_silent_server_is_offline_until_it_is_heard_of_again(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    task_id = processing_api.submit()
    there = dict(processing_api.world.servers)
    processing_api.world.servers.clear()
    processing_api.world.advance(180)
    assert processing_api.server(server)["status"] == "offline"
    processing_api.world.servers.update(there)
    task = processing_api.task(task_id)
    assert (task["status"], task["error"]["code"], task["attempt"]) == ("PENDING", "worker_lost", 2)
    assert processing_api.beat(server).json["status"] == "online"
    processing_api.world.settle()
    assert processing_api.task(task_id)["status"] == "PROCESSING"


def test_a_server_without_health_and_heartbeats_is_there_as_long_as_it_answers_http(
    processing_api: ProcessingApi,
) -> None:
    server = processing_api.register(reply=answer(405))
    processing_api.world.advance(600)
    assert processing_api.server(server)["status"] == "online"
    assert {call[0] for call in processing_api.world.calls} == {"OPTIONS"}


def test_what_holds_first_is_the_status(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    processing_api.beat(server, status="degraded")
    processing_api.client.post(f"/api/servers/{server}/maintenance", {"maintenance": True}, token=processing_api.admin)
    assert processing_api.server(server)["status"] == "maintenance"
    processing_api.world.servers.clear()
    processing_api.world.advance(180)
    assert processing_api.server(server)["status"] == "offline"


def test_a_cancelled_task_is_named_with_each_heartbeat_until_it_is_confirmed(processing_api: ProcessingApi) -> None:
    server = processing_api.register(maxConcurrent=2)
    task_id = processing_api.submit()
    processing_api.client.post(f"/api/task/{task_id}/cancel", token=processing_api.user)
    command = {"id": f"{task_id}:1", "type": "cancel", "taskId": task_id, "attempt": 1}
    assert processing_api.beat(server).json["commands"] == [command]
    assert processing_api.beat(server, receipts=["drain"]).json["commands"] == [command]
    twice = processing_api.beat(server, receipts=[command["id"], command["id"], "task_unknown:1"])
    assert (twice.status, twice.json["commands"]) == (200, [])
    assert processing_api.beat(server).json["commands"] == []


def test_a_command_without_receipt_is_dropped_after_fifteen_minutes(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    task_id = processing_api.submit()
    processing_api.client.post(f"/api/task/{task_id}/cancel", token=processing_api.user)
    for _ in range(15):
        processing_api.world.clock.advance(60)
        assert len(processing_api.beat(server).json["commands"]) == 1
    processing_api.world.clock.advance(1)
    assert processing_api.beat(server).json["commands"] == []


def test_maintenance_lets_running_work_finish_and_takes_nothing_new(processing_api: ProcessingApi) -> None:
    server = processing_api.register(maxConcurrent=5)
    running = processing_api.submit()
    path = f"/api/servers/{server}/maintenance"
    on = processing_api.client.post(
        path, {"maintenance": True, "reason": "Scheduled maintenance"}, token=processing_api.admin
    )
    assert on.json == {
        "message": "Maintenance mode enabled",
        "serverId": server,
        "status": "maintenance",
        "reason": "Scheduled maintenance",
    }
    assert processing_api.beat(server).json["commands"] == [{"id": "drain", "type": "drain"}]
    waiting = processing_api.submit()
    assert (processing_api.task(running)["status"], processing_api.task(waiting)["status"]) == ("PROCESSING", "PENDING")
    assert processing_api.report(running).status == 200

    off = processing_api.client.post(path, {"maintenance": False}, token=processing_api.admin)
    assert off.json == {"message": "Maintenance mode disabled", "serverId": server, "status": "online"}
    processing_api.world.settle()
    assert processing_api.task(waiting)["serverId"] == server


def test_an_unregistered_servers_tasks_go_back_without_a_counted_attempt_and_its_late_report_is_refused(
    processing_api: ProcessingApi,
) -> None:
    gone = processing_api.register("one")
    task_id = processing_api.submit()
    late = processing_api.callback(task_id)
    assert processing_api.client.post(f"/api/servers/{gone}/heartbeat", {}, key="key-one").status == 200, (
        "known for a minute"
    )
    reply = processing_api.client.delete(f"/api/servers/{gone}", token=processing_api.admin)
    assert reply.json == {"message": "Server unregistered", "serverId": gone}
    assert processing_api.servers() == []
    processing_api.world.settle()
    assert (processing_api.task(task_id)["status"], processing_api.task(task_id)["attempt"]) == ("PENDING", 1)

    heir = processing_api.register("two")
    assert (processing_api.task(task_id)["serverId"], processing_api.last_handover(task_id)["attempt"]) == (heir, 1)
    assert processing_api.client.put(late, {"status": "COMPLETED"}, key="key-one").status == 409
    assert processing_api.client.post(f"/api/servers/{gone}/heartbeat", {}, key="key-one").status == 404
    processing_api.world.clock.advance(61)
    assert processing_api.client.put(late, {"status": "COMPLETED"}, key="key-one").status == 401
    assert processing_api.client.post(f"/api/servers/{gone}/heartbeat", {}, key="key-one").status == 401
    assert processing_api.task(task_id)["status"] == "PROCESSING"


@pytest.mark.parametrize("rest", ["", "/heartbeat", "/maintenance", "/metrics"])
def test_an_unregistered_server_is_not_found(rest: str, processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    processing_api.client.delete(f"/api/servers/{server}", token=processing_api.admin)
    for _ in range(2):
        method = {"": "DELETE", "/metrics": "GET"}.get(rest, "POST")
        reply = processing_api.client.request(
            method, f"/api/servers/{server}{rest}", {"maintenance": True}, token=processing_api.admin
        )
        assert (reply.status, reply.json["details"]) == (404, f"Server not found: {server}")
        processing_api.world.settle()


def test_metrics_count_what_a_server_did_since_it_registered(processing_api: ProcessingApi) -> None:
    server = processing_api.register(maxConcurrent=4)
    for seconds, status in ((10, "COMPLETED"), (30, "COMPLETED"), (5, "FAILED")):
        task_id = processing_api.submit(maxAttempts=1)
        processing_api.world.clock.advance(seconds)
        processing_api.report(task_id, status)
    processing_api.submit()
    reply = processing_api.client.get(f"/api/servers/{server}/metrics", token=processing_api.admin)
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


def test_servers_are_listed_oldest_first_and_filters_combine(processing_api: ProcessingApi) -> None:
    names = ("a", "b", "c", "d")
    groups = (["production", "gpu"], ["production"], [], ["gpu"])
    servers = {}
    for name, found in zip(names, groups, strict=True):
        servers[name] = processing_api.register(name, groups=found, priority=2, capabilities=["x", "x"])
        processing_api.world.clock.advance(1)
    processing_api.beat(servers["b"], status="degraded")
    processing_api.client.post(
        f"/api/servers/{servers['d']}/maintenance", {"maintenance": True}, token=processing_api.admin
    )

    def list_names(query: str) -> list[str]:
        return [one["name"] for one in processing_api.servers(query)]

    assert list_names("") == ["a", "b", "c", "d"]
    assert list_names("?group=production") == ["a", "b"]
    assert list_names("?group=gpu") == ["a", "d"]
    assert list_names("?group=") == []
    assert list_names("?status=online") == ["a", "c"]
    assert list_names("?status=degraded") == ["b"]
    assert list_names("?status=maintenance&group=gpu") == ["d"]
    assert list_names("?status=offline") == []
    assert list_names("?status=online&group=production") == ["a"]
    wrong = processing_api.client.get("/api/servers?status=healthy", token=processing_api.admin)
    assert (wrong.status, wrong.json["details"]) == (
        400,
        'status: must be one of: online, offline, maintenance, degraded, got "healthy"',
    )
    first = processing_api.server(servers["a"])
    assert (first["groups"], first["priority"], first["maxConcurrent"]) == (["production", "gpu"], 2, 1)


def test_a_server_takes_no_more_than_it_said(processing_api: ProcessingApi) -> None:
    server = processing_api.register(maxConcurrent=3)
    tasks = [processing_api.submit() for _ in range(5)]
    assert [processing_api.task(one)["status"] for one in tasks] == ["PROCESSING"] * 3 + ["PENDING"] * 2
    assert processing_api.server(server)["activeTasks"] == 3
    processing_api.report(tasks[0])
    processing_api.world.settle()
    assert processing_api.task(tasks[3])["status"] == "PROCESSING"


def test_a_busy_server_is_left_alone_as_long_as_it_asks(processing_api: ProcessingApi) -> None:
    replies = [answer(429, None, Retry_After="30"), answer(202)]
    processing_api.register(reply=lambda *_: replies.pop(0))
    task_id = processing_api.submit()
    assert (processing_api.task(task_id)["status"], processing_api.task(task_id)["attempt"]) == ("PENDING", 1)
    processing_api.world.advance(29)
    assert len(processing_api.world.calls) == 1
    processing_api.world.advance(1)
    assert (processing_api.task(task_id)["status"], processing_api.task(task_id)["attempt"]) == ("PROCESSING", 1)


def test_the_list_shows_where_each_server_listens_without_secrets(processing_api: ProcessingApi) -> None:
    urls = {"predict": "https://one.example/p?token=hush", "health": "https://one.example/health"}
    processing_api.register(endpoints=urls)
    [shown] = processing_api.servers()
    assert shown["endpoints"] == {"predict": "https://one.example/p?token=***", "health": "https://one.example/health"}
    assert "hush" not in str(processing_api.servers())


@pytest.mark.parametrize("field", ["predict", "health", "metrics"])
def test_a_url_without_its_scheme_is_refused_with_the_field_and_what_would_be_right(
    field: str, processing_api: ProcessingApi
) -> None:
    urls = {"predict": "https://one.example/p", field: "one.example:8443/p?token=hush"}
    body = {"name": "one", "endpoints": urls, "apiKey": "key-one"}
    reply = processing_api.client.post("/api/servers", body, token=processing_api.admin)
    assert reply.status == 400
    assert reply.json["details"].startswith(f"endpoints.{field}: A URL must begin with https://")
    assert reply.json["details"].endswith("write https://one.example:8443")
    assert processing_api.servers() == []


ONE = {"name": "one", "endpoints": {"predict": "https://one.example/predict"}, "apiKey": "key-one"}


def registration(url: str, **said: object) -> dict[str, object]:
    return ONE | {"endpoints": {"predict": url}} | said


def test_a_server_that_registers_again_is_the_same_server_as_it_says_it_is_now(processing_api: ProcessingApi) -> None:
    first = processing_api.client.post("/api/servers", ONE, token=processing_api.admin).json
    processing_api.world.advance(180)
    assert processing_api.server(first["serverId"])["status"] == "offline"
    said = {"name": "uno", "maxConcurrent": 7, "priority": 3, "capabilities": ["x", "x"], "groups": ["g"]}
    reply = processing_api.client.post("/api/servers", ONE | said, token=processing_api.admin)
    assert (reply.status, reply.json["serverId"]) == (201, first["serverId"])
    assert "already" in reply.json["message"]
    [server] = processing_api.servers()
    assert (server["status"], server["name"], server["maxConcurrent"], server["priority"]) == ("online", "uno", 7, 3)
    assert (server["capabilities"], server["groups"]) == (["x"], ["g"])
    processing_api.world.settle()
    assert processing_api.task(processing_api.submit(capabilities=["x"]))["serverId"] == first["serverId"]


def test_a_server_that_registers_again_stays_in_maintenance(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    processing_api.client.post(f"/api/servers/{server}/maintenance", {"maintenance": True}, token=processing_api.admin)
    processing_api.register()
    assert [one["status"] for one in processing_api.servers()] == ["maintenance"]


def test_another_key_at_the_same_url_is_refused_with_the_server_that_has_it_and_changes_nothing(
    processing_api: ProcessingApi,
) -> None:
    server = processing_api.register()
    before = processing_api.servers()
    reply = processing_api.client.post(
        "/api/servers", ONE | {"name": "two", "apiKey": "key-two"}, token=processing_api.admin
    )
    assert reply.status == 409
    assert server in reply.json["details"]
    assert "key" not in reply.json["details"]
    assert processing_api.servers() == before


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
def test_a_url_is_the_same_however_it_is_spelled(url: str, processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    assert (
        processing_api.client.post("/api/servers", registration(url), token=processing_api.admin).json["serverId"]
        == server
    )


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
def test_another_url_is_another_server(url: str, processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    assert (
        processing_api.client.post("/api/servers", registration(url), token=processing_api.admin).json["serverId"]
        != server
    )
    assert len(processing_api.servers()) == 2


def test_another_tenant_may_have_the_same_url(processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    other = processing_api.client.post("/api/servers", ONE, token=token("admin", "other"))
    assert (other.status, other.json["serverId"] == server) == (201, False)


@pytest.mark.parametrize("settled", [False, True])
def test_the_url_of_a_server_that_was_removed_is_free_at_once(settled: bool, processing_api: ProcessingApi) -> None:
    server = processing_api.register()
    task_id = processing_api.submit()
    processing_api.client.delete(f"/api/servers/{server}", token=processing_api.admin)
    if settled:
        processing_api.world.settle()
    again = processing_api.register()
    assert (again != server, [one["id"] for one in processing_api.servers()]) == (True, [again])
    assert processing_api.task(task_id)["serverId"] == again
