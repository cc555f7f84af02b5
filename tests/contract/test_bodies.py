"""What is sent wrong is refused with a sentence that says what would be right; what is not ours to take is ignored."""

from typing import Any

import pytest

from chalicelib.config import settings
from tests.contract.conftest import Scene
from tests.contract.documented import ENDPOINTS, ERRORS, GUARDED, WITH_BODY, Documented, name_of
from tests.support.client import token

MALFORMED: dict[str, str | bytes] = {
    "cut short": '{"type": "t"',
    "not JSON": "type=t&priority=1",
    "a list": "[]",
    "text": '"text"',
    "a number": "7",
    "null": "null",
    "NaN": '{"priority": NaN}',
    "infinity": '{"payload": {"x": 1e400}}',
    "half a character": '{"type": "\\ud800"}',
    "not UTF-8": b'{"type": "\xff\xfe"}',
    "too deep": '{"payload": ' + "[" * 5000 + "]" * 5000 + "}",
    "a number without end": '{"payload": {"x": ' + "9" * 5000 + "}}",
    "zero bytes": "\0\0",
}
TASK = {"type": "t", "priority": 1}
SERVER = {"name": "n", "endpoints": {"predict": "https://one.example/predict"}, "apiKey": "k"}
MISSING = {
    ("POST /api/task", "type"): TASK,
    ("POST /api/task", "priority"): TASK,
    ("POST /api/servers", "name"): SERVER,
    ("POST /api/servers", "endpoints"): SERVER,
    ("POST /api/servers", "endpoints.predict"): SERVER | {"endpoints": {}},
    ("POST /api/servers", "apiKey"): SERVER,
    ("POST /api/servers/{id}/maintenance", "maintenance"): {},
    ("POST /api/stats/load-balancer/algorithm", "algorithm"): {},
}
WRONG: list[tuple[str, str, Any]] = [
    *(("POST /api/task", "type", value) for value in ("", "x" * 129, 7, None, [], {})),
    *(("POST /api/task", "priority", value) for value in (-1, 10, "1", 1.5, True, None, [], 10**30)),
    *(("POST /api/task", "payload", value) for value in ("text", 7, [], None)),
    *(("POST /api/task", "capabilities", value) for value in ("video", [""], ["x" * 65], [7], ["a"] * 33, {})),
    *(("POST /api/task", "async", value) for value in ("false", 0, None)),
    *(("POST /api/task", "group", value) for value in ("", "x" * 65, 7)),
    *(("POST /api/task", "maxAttempts", value) for value in (0, 26, "3", 1.5, True)),
    *(("POST /api/task", "timeoutSeconds", value) for value in (0, 86_401, "3")),
    *(("POST /api/task", "runAt", value) for value in (-1, 10**15, "2026-01-01", 1.5)),
    *(("POST /api/task", "metadata", value) for value in ([], "x", {"": 1}, {"a": []}, {"k" * 65: 1}, {"a": "x" * 65})),
    ("POST /api/task", "metadata", {str(number): 1 for number in range(51)}),
    *(("PUT /api/task/{id}", "status", value) for value in ("PENDING", "CANCELLED", "completed", "", 7)),
    *(("PUT /api/task/{id}", "progress", value) for value in (-0.1, 100.1, "45", True, [])),
    *(("PUT /api/task/{id}", "error", value) for value in (7, [], True)),
    *(("PUT /api/task/{id}", "retryable", value) for value in ("no", 0, None)),
    *(("PUT /api/task/{id}", "retryAfter", value) for value in (-1, 86_401, "5")),
    *(("POST /api/servers", "name", value) for value in ("", "x" * 129, 7)),
    *(("POST /api/servers", "endpoints", value) for value in ("https://one.example", [], None)),
    *(("POST /api/servers", "apiKey", value) for value in ("", "two words", "line\nbreak", "schlüssel", "x" * 513, 7)),
    *(("POST /api/servers", "maxConcurrent", value) for value in (0, 501, "10", 1.5, True)),
    *(("POST /api/servers", "capabilities", value) for value in ("video", [7], ["a"] * 65)),
    *(("POST /api/servers", "groups", value) for value in ("production", [""])),
    *(("POST /api/servers", "priority", value) for value in (0, 101, "1")),
    *(("POST /api/servers/{id}/heartbeat", "status", value) for value in ("online", "", 7, None)),
    *(("POST /api/servers/{id}/heartbeat", "activeTasks", value) for value in (-1, "3", 1.5, 10**30)),
    *(("POST /api/servers/{id}/heartbeat", "metrics", value) for value in ([], {"cpu": "45"}, {"": 1}, {"cpu": True})),
    *(("POST /api/servers/{id}/heartbeat", "receipts", value) for value in ("drain", ["x"], ["task_a:1\n"], [7])),
    *(("POST /api/servers/{id}/maintenance", "maintenance", value) for value in ("true", 1, None)),
    *(("POST /api/servers/{id}/maintenance", "reason", value) for value in ("x" * 501, 7)),
    *(("POST /api/stats/load-balancer/algorithm", "algorithm", value) for value in ("fastest", "", 7, None)),
]
BASES = {
    "POST /api/task": TASK,
    "POST /api/servers": SERVER,
    "POST /api/servers/{id}/maintenance": {"maintenance": True},
}
BY_ID = {endpoint.id: endpoint for endpoint in ENDPOINTS}


def caller(endpoint: Documented) -> str:
    return token(subject=f"sender of {endpoint.id}", plan="enterprise")


def without(body: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != field}


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=name_of)
def test_a_malformed_body_is_an_invalid_request(endpoint: Documented, shared: Scene) -> None:
    for name, body in MALFORMED.items():
        reply = shared.client.request(endpoint.method, shared.url(endpoint), body, token=caller(endpoint))
        assert reply.status == 400, name
        assert reply.json["error"] == ERRORS["400"]["error"]
        assert reply.json["details"].startswith("The body "), name


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=name_of)
def test_a_body_that_is_not_json_is_refused_by_its_type(endpoint: Documented, shared: Scene) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "/"):
        reply = shared.client.request(
            endpoint.method, shared.url(endpoint), "{}", token=caller(endpoint), headers={"Content-Type": kind}
        )
        assert reply.status == 415, kind
        assert "application/json" in reply.json["details"]


def test_json_is_json_in_any_spelling_of_its_type(shared: Scene) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"):
        reply = shared.client.post("/api/task", TASK, token=shared.admin, headers={"content-type": kind})
        assert reply.status == 201, kind


@pytest.mark.parametrize(("where", "field"), MISSING, ids=lambda text: text)
def test_a_missing_field_is_named_as_documented(where: str, field: str, shared: Scene) -> None:
    endpoint, body = BY_ID[where], without(MISSING[where, field], field)
    reply = shared.client.request(endpoint.method, shared.url(endpoint), body, token=caller(endpoint))
    assert (reply.status, reply.json) == (400, ERRORS["400"] | {"details": f"Missing required field: {field}"})


@pytest.mark.parametrize("where", sorted({where for where, _ in MISSING}))
def test_no_body_at_all_lacks_the_first_field(where: str, shared: Scene) -> None:
    endpoint = BY_ID[where]
    reply = shared.client.request(endpoint.method, shared.url(endpoint), token=caller(endpoint))
    assert reply.status == 400
    assert reply.json["details"].startswith("Missing required field: ")


@pytest.mark.parametrize("where", sorted({where for where, _, _ in WRONG}))
def test_a_wrong_value_is_named_with_what_would_be_right(where: str, shared: Scene) -> None:
    endpoint = BY_ID[where]
    for _, field, value in (case for case in WRONG if case[0] == where):
        body = BASES.get(where, {}) | {field: value}
        reply = shared.client.request(endpoint.method, shared.url(endpoint), body, token=caller(endpoint))
        assert reply.status == 400, (field, value)
        assert reply.json["details"].startswith(field), reply.json
        assert len(reply.json["details"]) < 400


@pytest.mark.parametrize(
    "url",
    [
        "http://one.example/predict",
        "ftp://one.example/",
        "one.example/predict",
        "https://",
        "https://user:secret@one.example/",
        "https://127.0.0.1/predict",
        "https://169.254.169.254/latest",
        "https://[::1]/predict",
        "https://2130706433/",
        "https://one.example:99999/",
        "javascript:alert(1)",
        "https://one.example/\r\nX-Evil: 1",
    ],
)
def test_a_server_that_may_not_be_called_is_not_registered(url: str, shared: Scene) -> None:
    crew = len(shared.house.workers())
    for name in ("predict", "health", "metrics"):
        endpoints = {"predict": "https://one.example/predict", name: url}
        reply = shared.client.post("/api/servers", SERVER | {"endpoints": endpoints}, token=token(plan="enterprise"))
        assert reply.status == 400, url
        assert "secret" not in reply.text
    assert len(shared.house.workers()) == crew


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_a_body_over_the_limit_is_refused_with_the_limit(endpoint: Documented, shared: Scene) -> None:
    limit = settings().body_limit_bytes
    body = "{" + " " * (limit - 1) + "}"
    reply = shared.client.request(endpoint.method, shared.url(endpoint), body, token=caller(endpoint))
    assert (reply.status, reply.json["error"]) == (413, "Payload too large")
    assert reply.json["details"] == f"The body has {limit + 1} bytes; at most {limit} are accepted"
