"""The processing API (task-processing.md)."""

import re
from typing import Any

from chalicelib.apis.processing import api
from tests.contract.documented import ErrorDetails, Resource, Submitting, without
from tests.contract.face import Face
from tests.support.client import Client
from tests.support.world import World, answer

REGISTRATION = {
    "name": "one",
    "endpoints": {"predict": "https://one.example/predict", "health": "https://one.example/health"},
    "apiKey": "key-of-one",
    "maxConcurrent": 10,
    "groups": ["production"],
}
TASK = {"type": "t", "priority": 1}
SERVER = {"name": "n", "endpoints": {"predict": "https://one.example/predict"}, "apiKey": "k"}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A server with a running task, and a failed task."""
    world.servers["one.example"] = lambda *_: answer(202)
    server = client.post("/api/servers", REGISTRATION, token=caller).json["serverId"]
    submitted = {"type": "video", "priority": 1}
    running, failed = (client.post("/api/task", submitted, token=caller).json["id"] for _ in range(2))
    world.settle()
    client.put(f"/api/task/{running}", {"status": "PROCESSING", "progress": 45}, token=caller)
    client.put(f"/api/task/{failed}", {"status": "FAILED", "error": "broken", "retryable": False}, token=caller)
    world.settle()
    return {
        "server": Resource("Server", server),
        "running": Resource("Task", running),
        "failed": Resource("Task", failed),
    }


def read_error(document: Any) -> ErrorDetails:
    """`{"error": <title>, "details": <message>}`."""
    assert list(document) == ["error", "details"]
    return ErrorDetails(document["error"], document["details"])


processing = Face(
    api=api,
    build=build,
    on={
        "GET /api/task/{id}": {"id": "running"},
        "PUT /api/task/{id}": {"id": "running"},
        "POST /api/task/{id}/retry": {"id": "failed"},
        "POST /api/task/{id}/cancel": {"id": "running"},
        "POST /api/servers/{id}/heartbeat": {"id": "server"},
        "DELETE /api/servers/{id}": {"id": "server"},
        "POST /api/servers/{id}/maintenance": {"id": "server"},
        "GET /api/servers/{id}/metrics": {"id": "server"},
        "GET /api/stats/servers/{id}": {"id": "server"},
    },
    read_error=read_error,
    codes={
        400: "Invalid request",
        401: "Unauthorized",
        403: "Forbidden",
        404: "Not found",
        405: "Method not allowed",
        409: "Conflict",
        413: "Payload too large",
        415: "Unsupported media type",
        429: "Too many requests",
        500: "Internal server error",
        503: "Service unavailable",
    },
    case=re.compile(r"[a-z][a-zA-Z0-9]*"),
    instants=frozenset({"createdAt", "updatedAt", "startedAt", "registeredAt", "lastHeartbeat"}),
    instant=lambda now: now,
    formats={
        r"task_\w+": r"task_\w+",
        r"server_\w+": r"server_\w+",
        r"\d{4}-\d{2}-\d{2}": r"\d{4}-\d{2}-\d{2}",
    },
    verbatim=frozenset({"payload", "result", "metadata"}),
    statuses={"POST /api/task": 201, "POST /api/servers": 201},
    located=("POST /api/task", "POST /api/servers"),
    roles={
        "PUT /api/task/{id}": ("server", "admin"),
        "POST /api/servers": ("admin",),
        "GET /api/servers": ("admin",),
        "POST /api/servers/{id}/heartbeat": ("server", "admin"),
        "DELETE /api/servers/{id}": ("admin",),
        "POST /api/servers/{id}/maintenance": ("admin",),
        "GET /api/servers/{id}/metrics": ("admin",),
        "POST /api/stats/load-balancer/algorithm": ("admin",),
    },
    limits={"POST /api/task": "task_creation", "POST /api/servers": "server_registration"},
    spenders={
        "default": "GET /api/stats/hourly",
        "task_creation": "POST /api/task",
        "server_registration": "POST /api/servers",
    },
    missing=(
        ("POST /api/task", "type", {"priority": 1}),
        ("POST /api/task", "priority", {"type": "t"}),
        ("POST /api/servers", "name", without(SERVER, "name")),
        ("POST /api/servers", "endpoints", without(SERVER, "endpoints")),
        ("POST /api/servers", "endpoints.predict", SERVER | {"endpoints": {}}),
        ("POST /api/servers", "apiKey", without(SERVER, "apiKey")),
        ("POST /api/servers/{id}/maintenance", "maintenance", {}),
        ("POST /api/stats/load-balancer/algorithm", "algorithm", {}),
    ),
    bases={
        "POST /api/task": TASK,
        "POST /api/servers": SERVER,
        "POST /api/servers/{id}/maintenance": {"maintenance": True},
    },
    wrong=(
        ("POST /api/task", "type", ("", "x" * 129, 7, None, [], {})),
        ("POST /api/task", "priority", (-1, 10, "1", 1.5, True, None, [], 10**30)),
        ("POST /api/task", "payload", ("text", 7, [], None)),
        ("POST /api/task", "capabilities", ("video", [""], ["x" * 65], [7], ["a"] * 33, {})),
        ("POST /api/task", "async", ("false", 0, None)),
        ("POST /api/task", "group", ("", "x" * 65, 7)),
        ("POST /api/task", "maxAttempts", (0, 26, "3", 1.5, True)),
        ("POST /api/task", "timeoutSeconds", (0, 86_401, "3")),
        ("POST /api/task", "runAt", (-1, 10**15, "2026-01-01", 1.5)),
        ("POST /api/task", "metadata", ([], "x", {"": 1}, {"a": []}, {"k" * 65: 1}, {"a": "x" * 65})),
        ("POST /api/task", "metadata", ({str(number): 1 for number in range(51)},)),
        ("PUT /api/task/{id}", "status", ("PENDING", "CANCELLED", "completed", "", 7)),
        ("PUT /api/task/{id}", "progress", (-0.1, 100.1, "45", True, [])),
        ("PUT /api/task/{id}", "error", (7, [], True)),
        ("PUT /api/task/{id}", "retryable", ("no", 0, None)),
        ("PUT /api/task/{id}", "retryAfter", (-1, 86_401, "5")),
        ("POST /api/servers", "name", ("", "x" * 129, 7)),
        ("POST /api/servers", "endpoints", ("https://one.example", [], None)),
        ("POST /api/servers", "apiKey", ("", "two words", "line\nbreak", "schlüssel", "x" * 513, 7)),
        ("POST /api/servers", "maxConcurrent", (0, 501, "10", 1.5, True)),
        ("POST /api/servers", "capabilities", ("video", [7], ["a"] * 65)),
        ("POST /api/servers", "groups", ("production", [""])),
        ("POST /api/servers", "priority", (0, 101, "1")),
        ("POST /api/servers/{id}/heartbeat", "status", ("online", "", 7, None)),
        ("POST /api/servers/{id}/heartbeat", "activeTasks", (-1, "3", 1.5, 10**30)),
        ("POST /api/servers/{id}/heartbeat", "metrics", ([], {"cpu": "45"}, {"": 1}, {"cpu": True})),
        ("POST /api/servers/{id}/heartbeat", "receipts", ("drain", ["x"], ["task_a:1\n"], [7])),
        ("POST /api/servers/{id}/maintenance", "maintenance", ("true", 1, None)),
        ("POST /api/servers/{id}/maintenance", "reason", ("x" * 501, 7)),
        ("POST /api/stats/load-balancer/algorithm", "algorithm", ("fastest", "", 7, None)),
    ),
    wrong_queries=(
        ("GET /api/servers", "status", ("busy", "")),
        ("PUT /api/task/{id}", "lease", ("-1", "one", "1.5", "1" + "0" * 40)),
        ("PUT /api/task/{id}", "serverId", ("", "x" * 129)),
    ),
    submitting=Submitting("POST /api/task", "GET /api/task/{id}"),
    read_only={
        "id": "task_mine",
        "org": "umbra",
        "status": "COMPLETED",
        "attempts": 9,
        "attempt": 9,
        "epoch": 99,
        "version": 99,
        "createdAt": 1,
        "serverId": "server_x",
        "result": {"forged": True},
    },
)
