"""The coordinator API (delqhi-platform.md, "Zimmer-13 API Koordinator")."""

import re
from datetime import UTC, datetime
from typing import Any

from chalicelib.apis.coordinator import api
from tests.contract.documented import ErrorDetails, Paging, Resource, Submitting, without
from tests.contract.face import Face
from tests.support.client import Client
from tests.support.world import World

WORKER = {"name": "Arbeiter-1", "type": "general"}
TASK = {"name": "t", "type": "captcha"}
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}"


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A worker with one running task, a worker with free slots and an assigned task, and a pending task."""

    def worker(slots: int) -> str:
        body = WORKER | {"capabilities": ["captcha"], "metadata": {"max_concurrent": slots}}
        return str(client.post("/api/workers", body, token=caller).json["id"])

    def task(*steps: str) -> str:
        task_id = str(client.post("/api/tasks", TASK, token=caller).json["id"])
        for step in steps:
            client.put(f"/api/tasks/{task_id}/{step}", token=caller)
        return task_id

    busy, roomy = worker(1), worker(3)
    running = task(f"assign?worker_id={busy}", "start")
    tasks = {"pending": task(), "assigned": task(f"assign?worker_id={roomy}"), "running": running}
    world.settle()
    return {
        "busy": Resource("Worker", busy),
        "roomy": Resource("Worker", roomy),
        **{name: Resource("Task", made) for name, made in tasks.items()},
    }


def read_error(document: Any) -> ErrorDetails:
    """`{"error": <code>, "message": ..., "status_code": ..., "request_id": ...}`."""
    assert list(document) == list(coordinator.data["error"])
    return ErrorDetails(
        document["error"], document["message"], status=document["status_code"], request_id=document["request_id"]
    )


def format_instant(now: int) -> str:
    """Naive ISO with microseconds."""
    return datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


A_WORKER = {
    "id": "8bce49d3-fe96-40c0-b66b-2b5c613575ab",
    "name": "Arbeiter-1",
    "type": "general",
    "status": "online",
    "capabilities": ["scraping"],
    "metadata": {"max_concurrent": 1},
    "registered_at": "2026-01-27T05:54:06.050535",
    "last_heartbeat": "2026-01-27T05:54:06.050535",
    "tasks_completed": 0,
    "tasks_failed": 0,
}
PENDING = {
    "id": "task-uuid",
    "name": "solve-captcha-batch-1",
    "type": "captcha",
    "status": "pending",
    "priority": "normal",
    "payload": {},
    "metadata": {},
    "assigned_worker": None,
    "created_at": "2026-01-27T06:00:00.000000",
    "started_at": None,
    "completed_at": None,
    "result": None,
    "error": None,
}
ASSIGNED = PENDING | {"status": "assigned", "assigned_worker": A_WORKER["id"]}
RUNNING = ASSIGNED | {"status": "running", "started_at": "2026-01-27T06:00:00.000000"}
ENDED = "2026-01-27T06:00:00.000000"

coordinator = Face(
    api=api,
    build=build,
    on={
        "GET /api/workers/{worker_id}": {"worker_id": "roomy"},
        "PUT /api/workers/{worker_id}": {"worker_id": "roomy"},
        "POST /api/workers/{worker_id}/heartbeat": {"worker_id": "roomy"},
        "DELETE /api/workers/{worker_id}": {"worker_id": "busy"},
        "POST /api/workers/{worker_id}/task/complete": {"worker_id": "busy"},
        "GET /api/tasks/{task_id}": {"task_id": "running"},
        "PUT /api/tasks/{task_id}/assign": {"task_id": "pending", "worker_id": "roomy"},
        "PUT /api/tasks/{task_id}/start": {"task_id": "assigned"},
        "PUT /api/tasks/{task_id}/complete": {"task_id": "running"},
        "DELETE /api/tasks/{task_id}": {"task_id": "running"},
    },
    read_error=read_error,
    codes={
        400: "INVALID_REQUEST",
        401: "UNAUTHENTICATED",
        403: "FORBIDDEN",
        404: "NOT_FOUND",
        405: "METHOD_NOT_ALLOWED",
        409: "CONFLICT",
        (409, "Idempotency-Key"): "IDEMPOTENCY_MISMATCH",
        413: "TOO_LARGE",
        415: "UNSUPPORTED_MEDIA_TYPE",
        429: "TOO_MANY_REQUESTS",
        500: "INTERNAL_ERROR",
        503: "UNAVAILABLE",
    },
    case=re.compile(r"[a-z][a-z0-9_]*"),
    instants=frozenset({"registered_at", "last_heartbeat", "created_at", "started_at", "completed_at", "timestamp"}),
    instant=format_instant,
    formats={UUID: UUID, INSTANT: INSTANT, "task-uuid": r"task_\w+"},
    verbatim=frozenset({"payload", "metadata", "result", "error"}),
    exact=True,
    answers={
        "GET /api/workers": {"workers": [A_WORKER], "total": 2, "next_cursor": None},
        "GET /api/workers/{worker_id}": A_WORKER,
        "PUT /api/workers/{worker_id}": A_WORKER | {"metadata": {"max_concurrent": 3, "current_task": "task-123"}},
        "POST /api/workers/{worker_id}/heartbeat": A_WORKER | {"commands": []},
        "DELETE /api/workers/{worker_id}": {"message": "Worker unregistered", "id": A_WORKER["id"]},
        "POST /api/workers/{worker_id}/task/complete": A_WORKER,
        "GET /api/tasks": {"tasks": [PENDING], "total": 1, "limit": 10, "next_cursor": None},
        "GET /api/tasks/{task_id}": RUNNING,
        "PUT /api/tasks/{task_id}/assign": ASSIGNED,
        "PUT /api/tasks/{task_id}/start": RUNNING,
        "PUT /api/tasks/{task_id}/complete": RUNNING
        | {"status": "completed", "completed_at": ENDED, "result": {"solution": "abc123"}},
        "DELETE /api/tasks/{task_id}": RUNNING | {"status": "cancelled", "completed_at": ENDED},
    },
    statuses={"POST /api/workers": 201, "POST /api/tasks": 201},
    located=("POST /api/workers", "POST /api/tasks"),
    public=("GET /health",),
    opens=True,
    spenders={"default": "GET /api/workers"},
    missing=(
        ("POST /api/workers", "name", without(WORKER, "name")),
        ("POST /api/workers", "type", without(WORKER, "type")),
        ("POST /api/tasks", "name", without(TASK, "name")),
        ("POST /api/tasks", "type", without(TASK, "type")),
    ),
    bases={"POST /api/workers": WORKER, "POST /api/tasks": TASK},
    wrong=(
        ("POST /api/workers", "name", ("", "x" * 129, 7, None)),
        ("POST /api/workers", "type", ("", "captchas", 7, None)),
        ("POST /api/workers", "capabilities", ("scraping", [""], ["x" * 65], [7], ["a"] * 65, None)),
        ("POST /api/workers", "metadata", ("x", [], 7, None)),
        ("POST /api/workers", "metadata.max_concurrent", (0, 501, "10", 1.5, True, None)),
        ("PUT /api/workers/{worker_id}", "status", ("", "idle", 7)),
        ("PUT /api/workers/{worker_id}", "metadata", ("x", [], 7)),
        ("PUT /api/workers/{worker_id}", "metadata.max_concurrent", (0, 501, "10", 1.5, True, None)),
        ("POST /api/workers/{worker_id}/heartbeat", "receipts", ("drain", ["x"], ["task_a:1\n"], [7])),
        ("POST /api/tasks", "name", ("", "x" * 257, 7, None)),
        ("POST /api/tasks", "type", ("", "hcaptcha", 7, None)),
        ("POST /api/tasks", "priority", ("urgent", "", 5, None)),
        ("POST /api/tasks", "payload", ("x", [], 7, None)),
        ("POST /api/tasks", "metadata", ("x", [], 7, None, {"capabilities": ["x" * 65]}, {"capabilities": ["a"] * 33})),
        ("POST /api/tasks", "auto_assign", ("true", 1, None)),
        ("PUT /api/tasks/{task_id}/complete", "error", ("", 7, [], True)),
    ),
    wrong_queries=(
        ("POST /api/workers/{worker_id}/task/complete", "success", ("maybe", "")),
        ("GET /api/tasks", "status", ("done", "PENDING", "")),
        ("GET /api/tasks", "worker_id", ("", "x" * 129)),
        ("PUT /api/tasks/{task_id}/assign", "worker_id", ("",)),
    ),
    submitting=Submitting("POST /api/tasks", "GET /api/tasks/{task_id}"),
    read_only={
        "id": "task_mine",
        "org": "umbra",
        "status": "completed",
        "assigned_worker": A_WORKER["id"],
        "created_at": ENDED,
        "started_at": ENDED,
        "completed_at": ENDED,
        "result": {"forged": True},
        "error": "forged",
        "attempt": 9,
        "version": 9,
    },
    paged={"GET /api/tasks": Paging("tasks", 10, 100)},
)
