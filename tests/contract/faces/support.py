"""The support API (customer-service.md)."""

import re
from typing import Any

from chalicelib.apis.support import api
from tests.contract.documented import ErrorDetails, Resource, Submitting
from tests.contract.face import Face
from tests.support.client import Client
from tests.support.world import World

SENTIMENT = {"type": "sentiment_analysis", "data": {"text": "Great service!", "channel": "chat"}}
DURATION = r"[\d.]+(ms|[smhd])( \d+[smhd])?"


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A worker, a task that waits for the worker to connect, and a task that a built-in performer completed."""
    client.post("/workers", {"worker_id": 1, "config": {"types": ["translation"]}}, token=caller)
    waiting = {"type": "translation", "data": {"channel": "email"}}
    made = [client.post("/task", body, token=caller).json["task_id"] for body in (waiting, SENTIMENT)]
    world.settle()
    return {name: Resource("Task", task) for name, task in zip(("waiting", "completed"), made, strict=True)}


def read_error(document: Any) -> ErrorDetails:
    """`{"error": {"code": ..., "message": ..., "details": {<field>: ...}}}`."""
    assert list(document) == ["error"]
    error = document["error"]
    assert list(error) == list(support.data["error"]["error"])
    assert all(isinstance(what, str) for what in error["details"].values())
    return ErrorDetails(error["code"], error["message"], error["details"])


support = Face(
    api=api,
    settings={"api_urls": {"support": "https://support.example"}},
    build=build,
    on={"GET /task/{task_id}": {"task_id": "completed"}},
    read_error=read_error,
    codes={
        400: "INVALID_INPUT",
        401: "UNAUTHORIZED",
        403: "FORBIDDEN",
        404: "NOT_FOUND",
        (404, "Task"): "TASK_NOT_FOUND",
        405: "METHOD_NOT_ALLOWED",
        409: "CONFLICT",
        413: "INVALID_INPUT",
        415: "INVALID_INPUT",
        429: "RATE_LIMITED",
        500: "INTERNAL_ERROR",
        503: "UNAVAILABLE",
    },
    case=re.compile(r"[a-z][a-z0-9_]*"),
    instants=frozenset(),
    instant=lambda now: now,
    formats={
        r"task_\w+": r"task_\w+",
        DURATION: DURATION,
        r"[\d.]+/sec": r"[\d.]+/sec",
        r"\d+%": r"\d+%",
        r"ws://.+/worker/3": r"wss?://.+/worker/3",
    },
    verbatim=frozenset({"result"}),
    statuses={"POST /task": 202, "POST /workers": 201},
    opens=True,
    spenders={"default": "GET /workers"},
    missing=(
        ("POST /task", "type", {"data": SENTIMENT["data"]}),
        ("POST /task", "data.text", {"type": "sentiment_analysis", "data": {}}),
        ("POST /task", "data.text", {"type": "sentiment_analysis"}),
        ("POST /workers", "worker_id", {}),
    ),
    bases={"POST /task": SENTIMENT, "POST /workers": {"worker_id": 3}},
    wrong=(
        ("POST /task", "type", ("", "two words", "x" * 65, 7, None, [])),
        ("POST /task", "data", ("text", 7, [], None)),
        ("POST /task", "data.text", ("", 7, None, "x" * 20_001)),
        ("POST /task", "data.priority", ("critical", "", 7, None)),
        ("POST /task", "data.channel", ("two words", "", "x" * 65, 7)),
        ("POST /workers", "worker_id", (-1, 1.5, True, "", "two words", "x" * 65, None, [], "größe")),
        ("POST /workers", "config", ("x", [], 7, None)),
        ("POST /workers", "config.max_tasks", (0, 501, "10", 1.5, True, None)),
        ("POST /workers", "config.timeout", (0, 86_401, "30", 1.5, True)),
        ("POST /workers", "config.types", ("x", [""], ["two words"], [7], ["a"] * 65)),
    ),
    submitting=Submitting("POST /task", "GET /task/{task_id}", "task_id"),
    read_only={
        "task_id": "task_mine",
        "id": "task_mine",
        "org": "umbra",
        "status": "completed",
        "result": {"forged": True},
        "error": {"code": "FORGED", "message": "forged"},
        "progress": 99,
        "attempt": 9,
        "version": 9,
    },
    volatile=frozenset({"latency", "cpu_usage", "memory_usage", "requests_per_second"}),
)
