"""Code tasks through the API: what the worker gets, what the owner sees, and what is refused."""

import json
from typing import Any

import pytest

from chalicelib import config
from chalicelib.engine.tasks import lifecycle
from chalicelib.storage.chunks.chunks import ChunkItem
from tests.apis.codeserver.conftest import CodeserverApi
from tests.support import aws
from tests.support.client import token
from tests.support.socket_worker import SocketWorker
from tests.support.world import ORG

CODE = {"prompt": "Write add(a, b)", "language": "python"}
RESULT = {"code": "def add(a, b):\n    return a + b\n", "tests_passed": 1, "tests_total": 2, "execution_time_ms": 12.4}


def create(api: CodeserverApi, **fields: Any) -> str:
    return str(api.call("POST", "/api/code", CODE | fields)["task_id"])


def status(api: CodeserverApi, task_id: str) -> Any:
    return api.call("GET", f"/api/code/status/{task_id}")


def connect(api: CodeserverApi, *languages: str, **fields: Any) -> SocketWorker:
    """Register a worker and connect it."""
    body = {"name": "w", "languages": languages, **fields}
    worker = api.call("POST", "/api/workers", body)
    return SocketWorker(api.world, f"/codeserver/worker/{worker['id']}", api.token)


def complete(api: CodeserverApi, worker: SocketWorker, task_id: str, **result: Any) -> None:
    said = worker.say("result", worker.task(task_id), result=RESULT | result)
    assert said is not None and said["type"] == "accepted", said
    api.world.settle()


def test_a_worker_gets_the_request_and_its_owner_the_code(codeserver_api: CodeserverApi) -> None:
    context = {"framework": "none", "tests": ["assert add(1, 2) == 3"], "files": [{"name": "a.py", "size": 3}]}
    task_id = create(codeserver_api, context=context)
    worker = connect(codeserver_api)
    frame = worker.task(task_id)
    assert frame["task_type"] == "code"
    assert frame["data"] == {
        "prompt": CODE["prompt"],
        "language": "python",
        "context": context,
        "model": None,
        "fallback": [],
        "temperature": None,
        "top_p": None,
        "timeout_seconds": 300,
    }
    assert frame["deadline"] == codeserver_api.world.clock.now() + 300_000
    complete(codeserver_api, worker, task_id)
    assert status(codeserver_api, task_id) == {
        "task_id": task_id,
        "status": "completed",
        "created_at": "2026-01-01T12:00:00.000000",
        "started_at": "2026-01-01T12:00:00.000000",
        "completed_at": "2026-01-01T12:00:00.000000",
        "progress": 100,
        "code": RESULT["code"],
        "tests_passed": 1,
        "tests_total": 2,
        "execution_time_ms": 12,
    }


def test_a_completed_task_says_which_tests_passed_and_why_nothing_was_run(codeserver_api: CodeserverApi) -> None:
    task_id = create(codeserver_api)
    worker = connect(codeserver_api)
    tests = [{"name": "t", "source": "caller", "passed": False, "error": "no"}]
    outcome = {"tests": tests, "output": "printed", "note": "No code was run."}
    complete(codeserver_api, worker, task_id, tests=tests, output="printed", note="No code was run.")
    shown = status(codeserver_api, task_id)
    assert {name: shown[name] for name in outcome} == outcome


def test_a_pending_task_says_what_it_waits_for(codeserver_api: CodeserverApi) -> None:
    task_id = create(codeserver_api, language="go")
    shown = status(codeserver_api, task_id)
    assert (shown["status"], shown["progress"], shown["code"], shown["tests_total"]) == ("pending", 0, None, None)
    assert (shown["started_at"], shown["completed_at"]) == (None, None)
    assert shown["waiting_for"] == "a live worker that offers go: none is registered"
    connect(codeserver_api, "python")
    assert status(codeserver_api, task_id)["waiting_for"].endswith("the one registered worker does not")
    connect(codeserver_api, "java", "go")
    assert "waiting_for" not in status(codeserver_api, task_id)
    assert status(codeserver_api, task_id)["status"] == "running"


def test_progress_follows_the_chunks_and_does_not_fall(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    for seq, progress, shown in ((1, 10, 10), (2, 55.9, 55), (3, 20, 55), (4, None, 55)):
        assert worker.say("chunk", worker.task(task_id), seq=seq, text="x", progress=progress) is None
        assert status(codeserver_api, task_id)["progress"] == shown


def test_progress_stays_when_the_task_ends_without_a_result(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    worker.say("progress", worker.task(task_id), progress=1)
    worker.say("chunk", worker.task(task_id), seq=1, text="x", progress=55)
    codeserver_api.call("DELETE", f"/api/code/{task_id}")
    assert status(codeserver_api, task_id)["progress"] == 55
    [state] = [row for row in aws.items(ChunkItem) if row.seq == 0]
    assert state.expires_at_s > codeserver_api.world.clock.now() / 1000 + 30 * 86_400, "as long as the task"


def test_the_settings_and_models_of_the_org_are_those_of_the_next_task(codeserver_api: CodeserverApi) -> None:
    entries = [{"id": name, "context_length": 9} for name in "ab"]
    models = json.dumps([{"name": "p", "protocol": "openai", "models": entries}])
    config.replace(models=models)
    codeserver_api.call("POST", "/api/model/switch", {"model_id": "b", "temperature": 0.1})
    codeserver_api.call("PUT", "/api/config", {"timeout_seconds": 60, "max_retries": 0})
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    data = worker.task(task_id)["data"]
    assert (data["model"], data["fallback"], data["timeout_seconds"]) == ("b", ["a"], 60)
    assert (data["temperature"], data["top_p"]) == (0.1, 0.95)
    worker.say("error", worker.task(task_id), error="the model is away")
    shown = status(codeserver_api, task_id)
    assert (shown["status"], shown["error"], shown["code"]) == ("failed", "the model is away", None)


def test_an_attempt_whose_worker_says_that_its_time_was_over_counts_as_timed_out(codeserver_api: CodeserverApi) -> None:
    codeserver_api.call("PUT", "/api/config", {"timeout_seconds": 5, "max_retries": 0})
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    for _ in range(2):
        said = worker.say("error", worker.task(task_id), error="not done after 5 seconds", timed_out=True)
        assert said is not None and said["type"] == "accepted", said
    codeserver_api.world.settle()
    assert codeserver_api.world.task(task_id).status == "timed_out"
    shown = status(codeserver_api, task_id)
    assert (shown["status"], shown["error"]) == ("failed", "not done after 5 seconds")
    errors = codeserver_api.call("GET", "/api/metrics?metric_type=errors")
    assert str(errors).count("'tasks_timed_out': 1") == 1, errors


def test_a_failed_attempt_is_made_again(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    worker.say("chunk", worker.task(task_id), seq=1, text="x", progress=80)
    worker.say("error", worker.task(task_id), error="no", retry_after=30)
    shown = status(codeserver_api, task_id)
    assert (shown["status"], shown["error"]) == ("pending", "no")
    assert shown["waiting_for"].startswith("its next attempt: not before")
    codeserver_api.world.advance(40)
    worker.say("pong")
    assert (worker.task(task_id)["attempt"], status(codeserver_api, task_id)["progress"]) == (2, 0)


def test_a_cancelled_task_stops_its_worker(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    frame = worker.task(task_id)
    cancelled = codeserver_api.call("DELETE", f"/api/code/{task_id}")
    assert cancelled == {
        "task_id": task_id,
        "status": "cancelled",
        "cancelled_at": "2026-01-01T12:00:00.000000",
    }
    codeserver_api.world.settle()
    assert worker.frames[-1] == {"type": "cancel", "task_id": task_id, "attempt": 1}
    rejected = worker.say("chunk", frame, seq=1, text="x")
    assert rejected is not None and (rejected["type"], rejected["reason"]) == ("rejected", "lease_lost")
    again = codeserver_api.request("DELETE", f"/api/code/{task_id}")
    assert (again.status, again.json["error"]) == (409, "CONFLICT")
    assert status(codeserver_api, task_id)["status"] == "cancelled"


def test_chunks_over_http_are_those_of_the_frame(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    frame = worker.task(task_id)
    body = {"worker_id": worker.path.rpartition("/")[2], "attempt": 1, "seq": 1, "text": "x", "progress": 40}
    path = f"/api/code/{task_id}/chunks"
    for _ in range(2):
        assert codeserver_api.call("POST", path, body) == {"task_id": task_id, "seq": 1, "status": "accepted"}
    assert status(codeserver_api, task_id)["progress"] == 40
    assert codeserver_api.request("POST", path, body | {"lease": 2, "seq": 2}).json["error"] == "LEASE_LOST"
    assert codeserver_api.request("POST", path, body | {"worker_id": "other", "seq": 2}).json["error"] == "LEASE_LOST"
    complete(codeserver_api, worker, task_id)
    late = codeserver_api.request("POST", path, body | {"seq": 2, "lease": frame["lease"]})
    assert (late.status, late.json["error"]) == (409, "LEASE_LOST")


@pytest.mark.parametrize(
    "result",
    [None, "code", {}, {"code": None}, {"code": 7}, {"code": "x", "tests_passed": 2, "tests_total": 1}]
    + [{"code": "x", name: -1} for name in ("tests_passed", "tests_total", "execution_time_ms")]
    + [{"code": "x", "usage": {"model": "m", "tokens_in": "many", "tokens_out": 1}}]
    + [{"code": "x", "tests": [{"name": "t", "source": "nobody", "passed": True}]}],
)
def test_a_result_of_another_form_is_refused_and_changes_nothing(codeserver_api: CodeserverApi, result: Any) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    said = worker.say("result", worker.task(task_id), result=result)
    assert said is not None and said["error"]["code"] == "INVALID_INPUT", said
    assert status(codeserver_api, task_id)["status"] == "running"
    complete(codeserver_api, worker, task_id)


def test_a_long_result_is_shown_whole(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    complete(codeserver_api, worker, task_id, code="x" * 110_000)
    assert len(status(codeserver_api, task_id)["code"]) == 110_000


def test_a_repeated_key_gets_the_first_answer_though_settings_have_changed(codeserver_api: CodeserverApi) -> None:
    key = {"Idempotency-Key": "k1"}
    first = codeserver_api.request("POST", "/api/code", CODE, headers=key)
    codeserver_api.call("PUT", "/api/config", {"timeout_seconds": 60})
    connect(codeserver_api)
    assert codeserver_api.request("POST", "/api/code", CODE, headers=key).json == first.json
    other = codeserver_api.request("POST", "/api/code", CODE | {"language": "go"}, headers=key)
    assert (other.status, other.json["error"]) == (409, "IDEMPOTENCY_MISMATCH")


def test_a_task_that_fits_into_no_frame_is_refused(codeserver_api: CodeserverApi) -> None:
    before = len(codeserver_api.world.tasks())
    reply = codeserver_api.request("POST", "/api/code", CODE | {"context": {"file": "x" * 100_000}})
    assert (reply.status, reply.json["error"]) == (413, "TOO_LARGE")
    assert "context" in reply.json["message"]
    assert len(codeserver_api.world.tasks()) == before


def list_task_ids(api: CodeserverApi, query: str = "") -> Any:
    listed = api.call("GET", f"/api/tasks{query}")
    return [row["task_id"] for row in listed["tasks"]], listed["total"]


def test_the_list_has_filters_pages_and_exact_totals(codeserver_api: CodeserverApi) -> None:
    worker = connect(codeserver_api, "python")
    task_ids = []
    for number in range(14):
        codeserver_api.world.clock.advance(1)
        task_ids.append(create(codeserver_api, language="python" if number % 2 else "go"))
    codeserver_api.world.settle()
    [held] = [frame["task_id"] for frame in worker.frames if frame["type"] == "task"]
    newest = task_ids[::-1]
    assert list_task_ids(codeserver_api) == (newest[:10], 14)
    assert list_task_ids(codeserver_api, "?limit=5&offset=3") == (newest[3:8], 14)
    assert list_task_ids(codeserver_api, "?offset=14") == ([], 14)
    assert list_task_ids(codeserver_api, "?offset=9000&language=go") == ([], 7)
    assert list_task_ids(codeserver_api, "?language=go&limit=3&offset=2") == (newest[1::2][2:5], 7)
    assert list_task_ids(codeserver_api, "?status=running") == ([held], 1)
    assert list_task_ids(codeserver_api, "?status=running&language=go") == ([], 0)
    assert list_task_ids(codeserver_api, "?status=pending&language=python&limit=2")[1] == 6
    complete(codeserver_api, worker, held)
    assert list_task_ids(codeserver_api, "?status=completed&language=python&limit=20") == ([held], 1)
    assert list_task_ids(codeserver_api, "?status=failed") == ([], 0)
    stranger = codeserver_api.request("GET", "/api/tasks", token=token(org="umbra")).json
    assert stranger == {"tasks": [], "total": 0, "limit": 10, "offset": 0}


def test_a_long_prompt_is_cut_in_lists_alone(codeserver_api: CodeserverApi) -> None:
    task_id = create(codeserver_api, prompt="y" * 201)
    codeserver_api.world.settle()
    [row] = codeserver_api.call("GET", "/api/tasks")["tasks"]
    assert row["prompt"] == "y" * 197 + "..."
    assert lifecycle.get(ORG, task_id).payload["prompt"] == "y" * 201


def test_workers_are_told_where_to_connect(codeserver_api: CodeserverApi) -> None:
    config.replace(api_urls={"codeserver": "http://127.0.0.1:8041/"})
    worker = codeserver_api.call("POST", "/api/workers", {"name": "w"})
    assert worker["languages"] == ["python", "javascript", "typescript", "java", "go"]
    assert (worker["max_concurrent"], worker["endpoint"]) == (1, f"ws://127.0.0.1:8041/worker/{worker['id']}")
    config.replace(sockets_url="wss://x.example/prod")
    in_aws = codeserver_api.call("POST", "/api/workers", {"name": "w", "languages": ["go", "python", "go"]})
    assert in_aws["endpoint"] == f"wss://x.example/prod?path=/codeserver/worker/{in_aws['id']}"
    assert in_aws["languages"] == ["python", "go"]


def test_a_removed_worker_loses_its_task_and_cannot_connect(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    worker_id = worker.path.rpartition("/")[2]
    assert codeserver_api.call("DELETE", f"/api/workers/{worker_id}")["id"] == worker_id
    codeserver_api.world.advance(60)
    assert status(codeserver_api, task_id)["status"] == "pending"
    assert SocketWorker(codeserver_api.world, worker.path, codeserver_api.token).answer["statusCode"] == 404
    assert codeserver_api.request("DELETE", f"/api/workers/{worker_id}").status == 404


def test_a_worker_connects_to_its_own_api_and_org_only(codeserver_api: CodeserverApi) -> None:
    worker_id = codeserver_api.call("POST", "/api/workers", {"name": "w"})["id"]
    for path, caller in (
        (f"/worker/{worker_id}", codeserver_api.token),
        (f"/codeserver/worker/{worker_id}", token(org="umbra")),
        ("/codeserver/worker/nowhere", codeserver_api.token),
    ):
        assert SocketWorker(codeserver_api.world, path, caller).answer["statusCode"] == 404
    assert SocketWorker(codeserver_api.world, f"/codeserver/worker/{worker_id}", "").answer["statusCode"] == 401


def count_calls(api: CodeserverApi, method: str, path: str, body: Any = None) -> int:
    with aws.counting() as counted:
        assert api.request(method, path, body).status in (200, 201)
    return counted.total()


def test_each_request_keeps_to_its_budget(codeserver_api: CodeserverApi) -> None:
    """The budget includes the rate limiter's call."""
    assert count_calls(codeserver_api, "POST", "/api/code", CODE) == 3
    task_id = create(codeserver_api)
    path = f"/api/code/status/{task_id}"
    assert count_calls(codeserver_api, "GET", path) == 3
    worker = connect(codeserver_api, max_concurrent=2)
    chunk = {"worker_id": worker.path.rpartition("/")[2], "attempt": 1, "lease": 1, "seq": 1, "text": "x"}
    assert count_calls(codeserver_api, "GET", path) == 3
    assert count_calls(codeserver_api, "POST", f"/api/code/{task_id}/chunks", chunk) == 2
    complete(codeserver_api, worker, task_id)
    assert count_calls(codeserver_api, "GET", path) == 2
    for query in ("", "?status=completed", "?language=python", "?language=python&status=completed&offset=1"):
        assert count_calls(codeserver_api, "GET", f"/api/tasks{query}") <= 3
