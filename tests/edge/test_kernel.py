"""The order of checks: headers, size, credential, role, limit, validation, handler, dialect."""

import json
from dataclasses import replace

import pytest

from chalicelib.edge import Api, FlatErrors, Routes, method_not_allowed, mount, not_found
from chalicelib.edge.api import AnsweredRequest
from chalicelib.edge.kernel import MAX_ANSWER_CHARS
from chalicelib.edge.request import CREDENTIAL_HEADERS, PAGE_HEADERS
from chalicelib.errors import Unavailable, YardmasterError
from chalicelib.observability import logger
from tests.edge.conftest import Logged
from tests.edge.toys import (
    RESET_AT,
    Answer,
    Caller,
    Client,
    Grant,
    Limit,
    ToyOut,
    api_of,
    gateway_event,
    read_answer,
)

REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


def test_every_answer_carries_the_common_headers(user: Client, stranger: Client, admin: Client) -> None:
    answers = [
        user("GET", "/api/toys/t1"),
        stranger("GET", "/api/toys/t1"),
        stranger("GET", "/api/admin/health"),
        admin("POST", "/api/admin/break", query={"how": ["x"]}),
        user("POST", "/api/toys/t1"),
        user("GET", "/nowhere"),
    ]
    assert [answer.status for answer in answers] == [200, 401, 200, 500, 405, 404]
    for answer in answers:
        assert answer.headers["X-Request-Id"] == REQUEST_ID
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] == "application/json"


def test_json_is_compact_unescaped_and_without_nulls(user: Client, stranger: Client) -> None:
    assert user("GET", "/api/toys/t1").text == '{"toyId":"t1","note":"größer ✓","facts":{}}'
    assert stranger("GET", "/api/admin/health").json == {"toyId": "ok", "facts": {"nan": None}}


def test_a_request_without_a_credential_is_refused(stranger: Client) -> None:
    answer = stranger("GET", "/api/toys/t1")
    assert (answer.status, answer.json) == (401, {"error": "Unauthorized", "details": "Invalid or expired token"})
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="toys"'
    assert "X-RateLimit-Limit" not in answer.headers


@pytest.mark.parametrize(("names", "status"), [(CREDENTIAL_HEADERS, 401), (PAGE_HEADERS, 403)])
def test_a_header_that_counts_once_is_refused_when_it_comes_twice(
    api: Api, names: tuple[str, ...], status: int
) -> None:
    for name in names:
        sent = {"Authorization": "user", name: "user"}
        event = gateway_event("GET", "/api/toys/t1", "/api/toys/{toy_id}", {"toy_id": "t1"}, sent)
        for given in ({name.lower(): ["right", "wrong"]}, {name: ["wrong"], name.upper(): ["right"]}):
            answer = dict(mount(api)(event | {"multiValueHeaders": given}, None))
            assert (answer["statusCode"], json.loads(answer["body"])["details"]) == (
                status,
                f"{name} is given more than once",
            )


def test_an_endpoint_admits_only_its_roles(user: Client, admin: Client) -> None:
    refused = user("POST", "/api/admin/break")
    assert (refused.status, refused.json) == (403, {"error": "Forbidden", "details": "Admin role required"})
    several = user("GET", "/api/admin/either")
    assert several.json["details"] == "One of these roles required: server, admin"
    assert admin("GET", "/api/admin/either").json["toyId"] == "admin"
    assert user("GET", "/api/admin/anyone").json["toyId"] == "user"


def test_the_limit_counts_and_refuses(user: Client) -> None:
    toy = {"kind": "car", "priority": 1}
    statuses = [user("POST", "/api/toys", toy).status for _ in range(2)]
    refused = user("POST", "/api/toys", toy)
    assert statuses == [201, 201]
    assert (refused.status, refused.headers["Retry-After"]) == (429, "12")
    assert refused.json == {
        "error": "Too many requests",
        "details": "At most 2 requests per 60 seconds; try again in 12 seconds",
    }
    assert user("GET", "/api/toys").status == 200


def test_limit_headers_are_on_every_limited_answer(user: Client) -> None:
    for path, status in [("/api/toys/t1", 200), ("/api/toys/missing", 404), ("/api/toys/x", 400)]:
        answer = user("GET", path)
        assert answer.status == status
        assert answer.headers["X-RateLimit-Limit"] == "100"
        assert answer.headers["X-RateLimit-Reset"] == str(RESET_AT)
    assert answer.headers["X-RateLimit-Remaining"] == "97"


def test_public_endpoints_are_neither_authenticated_nor_limited(stranger: Client) -> None:
    answer = stranger("GET", "/api/admin/health")
    assert answer.status == 200
    assert "X-RateLimit-Limit" not in answer.headers


def test_a_refused_caller_learns_nothing_about_the_body(stranger: Client, user: Client) -> None:
    assert stranger("POST", "/api/toys", "{").status == 401
    assert user("POST", "/api/admin/break", "{").status == 403


def test_a_reply_has_its_own_status_and_headers(user: Client) -> None:
    assert user("PATCH", "/api/toys/t1").headers["X-Version"] == "2"
    gone = user("DELETE", "/api/toys/t1")
    assert (gone.status, gone.text) == (204, "")
    assert "Content-Type" not in gone.headers


def test_an_answer_that_lambda_does_not_send_says_so() -> None:
    """Lambda's runtime writes each letter beyond ASCII as an escape of six characters, an emoji as twelve."""
    large = Routes("/api/large", tag="Large")

    @large.get()
    def get_large(letters: int, letter: str) -> ToyOut:
        return ToyOut(toy_id="large", note=letter * letters)

    api = api_of(large)
    client = Client(mount(api), api)

    def ask(letter: str, letters: int) -> Answer:
        return client("GET", "/api/large", query={"letter": [letter], "letters": [str(letters)]})

    for letter, length in (("a", 1), ("字", 6), ("😀", 12)):
        assert ask(letter, MAX_ANSWER_CHARS // length - 100).status == 200
        refused = ask(letter, MAX_ANSWER_CHARS // length)
        assert (refused.status, refused.json["error"]) == (413, "Payload too large")
        assert "at most 6200000 can be sent" in refused.json["details"]


def test_our_own_errors_keep_their_words(user: Client, admin: Client) -> None:
    assert user("GET", "/api/toys/missing").json == {"error": "Not found", "details": "Toy not found: missing"}
    taken = user("POST", "/api/toys", {"kind": "taken", "priority": 1})
    assert (taken.status, taken.json["error"]) == (409, "Conflict")
    assert admin("POST", "/api/admin/break", query={"how": ["input"]}).status == 400


@pytest.mark.parametrize("how", ["output", "chaos"])
def test_anything_else_is_logged_and_not_shown(admin: Client, how: str, read_log: Logged) -> None:
    answer = admin("POST", "/api/admin/break", query={"how": [how]})
    expected = {"error": "Internal server error", "details": "An unexpected error occurred"}
    assert (answer.status, answer.json) == (500, expected)
    assert answer.headers["X-RateLimit-Limit"] == "100"
    [error] = [line for line in read_log() if line["level"] == "ERROR"]
    assert "break_things" in error["exception"]
    assert (error["request_id"], error["org"]) == (REQUEST_ID, "acme")
    assert "input_value" not in error["exception"]


def test_a_limiter_that_is_down_is_503(api: Api) -> None:
    def raise_unavailable(caller: Caller, name: str, limit: Limit) -> Grant:
        raise Unavailable("The service is busy; try again")

    broken = replace(api, admit=raise_unavailable)
    answer = Client(mount(broken), broken)("GET", "/api/toys/t1")
    assert (answer.status, answer.json["error"]) == (503, "Service unavailable")
    assert "Retry-After" not in answer.headers


def test_an_error_that_knows_when_another_try_is_worth_it_says_so(api: Api) -> None:
    def raise_unavailable(caller: Caller, name: str, limit: Limit) -> Grant:
        raise Unavailable("The engine is busy; try again", retry_after=3)

    broken = replace(api, admit=raise_unavailable)
    assert Client(mount(broken), broken)("GET", "/api/toys/t1").headers["Retry-After"] == "3"


def test_one_log_line_a_request(user: Client, read_log: Logged) -> None:
    user("GET", "/api/toys/t1")
    [line] = read_log()
    facts = {
        "level": "INFO",
        "method": "GET",
        "route": "/api/toys/{toy_id}",
        "path": "/api/toys/t1",
        "status": 200,
        "org": "acme",
    }
    assert facts.items() <= line.items()
    assert line["request_id"] == REQUEST_ID
    assert line["duration_ms"] >= 0


def test_one_request_leaves_nothing_in_the_log_of_the_next(user: Client, stranger: Client, read_log: Logged) -> None:
    user("GET", "/api/toys/t1")
    stranger("GET", "/api/admin/health")
    logger().warning("between requests")
    lines = read_log()
    assert [line.get("org") for line in lines] == ["acme", None, None]
    assert "request_id" not in lines[2]


def test_the_log_level_silences_the_request_lines(user: Client, read_log: Logged) -> None:
    logger().setLevel("WARNING")
    user("GET", "/api/toys/t1")
    assert read_log() == []


def test_a_request_that_matches_nothing_is_logged_too(user: Client, read_log: Logged) -> None:
    user("GET", "/nowhere")
    assert [(line["route"], line["status"]) for line in read_log()] == [("unmatched", 404)]


def test_chalices_own_405_and_404_are_reworded(user: Client) -> None:
    wrong = user("POST", "/api/toys/t1")
    assert wrong.status == 405
    assert wrong.headers["Allow"] == "DELETE, GET, PATCH, PUT"
    assert wrong.json == {
        "error": "Method not allowed",
        "details": "POST is not allowed on /api/toys/{toy_id}; allowed: DELETE, GET, PATCH, PUT",
    }
    assert user("GET", "/nowhere").json == {"error": "Not found", "details": "Path not found: /nowhere"}


@pytest.mark.parametrize("event", [{}, {"requestContext": {"resourcePath": "/api/toys"}}])
def test_an_event_that_is_no_request_does_not_leak(user: Client, event: dict) -> None:
    if event:
        event = gateway_event("GET", "/api/toys/t1", "/api/toys/{toy_id}") | {"pathParameters": None}
    answer = read_answer(user.app(event, None))
    assert (answer.status, answer.json["details"]) == (500, "An unexpected error occurred")


def test_the_gateways_refusals_are_in_the_dialect(api: Api) -> None:
    status, headers, body, _ = not_found(api, "GET", "/nowhere")
    assert (status, json.loads(body)["details"]) == (404, "Path not found: /nowhere")
    assert headers["X-Request-Id"].startswith("req_")
    status, headers, body, _ = method_not_allowed(api, "PUT", "/api/toys", ["GET", "POST"], request_id="r1")
    assert (status, headers["Allow"], headers["X-Request-Id"]) == (405, "GET, POST", "r1")
    assert json.loads(body)["error"] == "Method not allowed"


class Enveloped(FlatErrors):
    """A dialect with an envelope, like those of other documents."""

    exclude_none = False
    error_media_type = "application/problem+json"

    def success(self, value: object, request_id: str) -> bytes:
        return self.json({"data": value, "meta": {"requestId": request_id}})

    def error(self, error: YardmasterError, request_id: str) -> bytes:
        return self.json({"code": error.code, "fields": error.fields, "requestId": request_id})


def test_a_dialect_is_a_subclass(api: Api) -> None:
    enveloped = replace(api, dialect=Enveloped())
    client = Client(mount(enveloped), enveloped)
    listed = client("GET", "/api/toys").json
    assert listed["data"]["note"] is None
    assert listed["meta"] == {"requestId": REQUEST_ID}
    refused = client("POST", "/api/toys", {"priority": 11})
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json == {
        "code": "invalid_request",
        "fields": {"kind": "is required", "priority": "must be an integer between 0 and 9, got 11"},
        "requestId": REQUEST_ID,
    }


def test_an_answered_request_of_a_known_caller_is_measured_and_a_failure_to_do_so_is_no_failure(api: Api) -> None:
    seen: list[AnsweredRequest] = []

    def measure(answered: AnsweredRequest) -> None:
        seen.append(answered)
        if answered.status == 404:
            raise RuntimeError

    measured = Client(mount(replace(api, measure=measure)), api)
    statuses = [measured("GET", path).status for path in ("/api/toys/t1", "/api/toys/missing", "/api/toys/x")]
    assert statuses == [200, 404, 400]
    assert [(one.org, one.status) for one in seen] == [("acme", status) for status in statuses]
    assert {(one.method, one.route) for one in seen} == {("GET", "/api/toys/{toy_id}")}
    assert all(one.milliseconds >= 0 for one in seen)
    replace(measured, role=None)("GET", "/api/toys/t1")
    assert len(seen) == 3
