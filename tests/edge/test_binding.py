"""Every way a value gets from the request into a handler, and what is said when it is wrong."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import config
from chalicelib.edge import mount
from tests.edge.toys import API, Client, fresh

TOY = {"kind": "car", "priority": 1}


def problem(client: Client, body: Any, **more: Any) -> str:
    answer = client("POST", "/api/toys", body, **more)
    assert (answer.status, answer.json["error"]) == (400, "Invalid request"), answer
    return answer.json["details"]


def test_a_body_and_a_header(user: Client) -> None:
    answer = user("POST", "/api/toys", TOY, headers={"idempotency-key": "k1"})
    assert answer.status == 201
    assert answer.headers["Location"] == "/api/toys/car-1"
    assert answer.json == {"toyId": "car-1", "facts": {"priority": 1, "key": "k1", "org": "acme"}}


def test_absent_query_parameters_take_their_defaults(user: Client) -> None:
    assert user("GET", "/api/toys").json["facts"] == {
        "colour": None,
        "size": "s",
        "pageSize": 20,
        "madeOn": None,
        "loud": False,
    }


def test_query_parameters_are_read_by_their_wire_names_the_last_wins_and_unknown_ones_are_ignored(user: Client) -> None:
    query = {"colour": ["red", "blue"], "size": ["m"], "pageSize": ["5"], "madeOn": ["2024-01-06"], "loud": ["true"]}
    facts = user("GET", "/api/toys", query=query | {"unknown": ["1"]}).json["facts"]
    assert facts == {"colour": "blue", "size": "m", "pageSize": 5, "madeOn": "2024-01-06", "loud": True}


@pytest.mark.parametrize(
    ("name", "value", "details"),
    [
        ("colour", "green", 'colour: must be one of: red, blue, got "green"'),
        ("size", "xl", 'size: must be one of: s, m, got "xl"'),
        ("pageSize", "many", 'pageSize: must be an integer between 1 and 100, got "many"'),
        ("pageSize", "101", 'pageSize: must be an integer between 1 and 100, got "101"'),
        ("madeOn", "yesterday", 'madeOn: must be a date (YYYY-MM-DD), got "yesterday"'),
        ("loud", "very", 'loud: must be true or false, got "very"'),
    ],
)
def test_a_wrong_query_parameter_is_named_with_what_would_be_right(
    user: Client, name: str, value: str, details: str
) -> None:
    answer = user("GET", "/api/toys", query={name: [value]})
    assert (answer.status, answer.json) == (400, {"error": "Invalid request", "details": details})


def test_required_query_parameters_and_headers(user: Client) -> None:
    assert user("GET", "/api/toys/search").json["details"] == "Missing required query parameter: text"
    half = user("GET", "/api/toys/search", query={"text": ["x"]})
    assert half.json["details"] == "Missing required header: X-Trace"
    assert user("GET", "/api/toys/search", query={"text": ["x"]}, headers={"x-trace": "t"}).json["note"] == "t"


@pytest.mark.parametrize(
    ("path", "toy_id"),
    [("/api/toys/a%20b", "a b"), ("/api/toys/a%2Fb", "a/b"), ("/api/toys/a%2520b", "a%20b"), ("/api/toys/a+b", "a+b")],
)
def test_path_values_are_percent_decoded_once(user: Client, path: str, toy_id: str) -> None:
    assert user("GET", path).json["toyId"] == toy_id


def test_a_greedy_path_value(user: Client) -> None:
    assert user("GET", "/api/toys/t1/files/src/a%20b.py").json["note"] == "src/a b.py"


def test_a_path_value_is_validated(user: Client) -> None:
    details = user("GET", "/api/toys/x").json["details"]
    assert details == 'toy_id: must be a string of 2 to 40 characters, got "x"'


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"kind": "car"}, "Missing required field: priority"),
        ({}, "Missing required field: kind"),
        (None, "Missing required field: kind"),
        (TOY | {"parts": [{"weight": 1}]}, "Missing required field: parts.0.name"),
        (TOY | {"priority": "high"}, 'priority: must be an integer between 0 and 9, got "high"'),
        (TOY | {"priority": 10}, "priority: must be an integer between 0 and 9, got 10"),
        (TOY | {"kind": ["car"]}, "kind: must be a string, got a list"),
        (TOY | {"maxSpeed": {}}, "maxSpeed: must be an integer or a string, got an object"),
        (TOY | {"parts": [{"name": ""}]}, 'parts.0.name: must be a string of 1 to 20 characters, got ""'),
        (TOY | {"parts": [{"name": "a", "weight": "x"}]}, 'parts.0.weight: must be a number, got "x"'),
        (TOY | {"parts": {}}, "parts: must be a list of at most 3 items, got an object"),
        (TOY | {"parts": [{"name": "a"}] * 4}, "parts: must be a list of at most 3 items, got 4"),
        (TOY | {"kind": 10**70}, "kind: must be a string, got a value of 71 characters"),
        (TOY | {"priority": "x" * 101}, "priority: must be an integer between 0 and 9, got a value of 101 characters"),
        ([TOY], "The body must be an object, got a list"),
        ('"car"', 'The body must be an object, got "car"'),
        ("null", "The body must be an object, got null"),
        ('{"kind": "car",}', "The body is not valid JSON: trailing comma at line 1 column 16"),
        ('{"kind":\n "\\ud800"}', "The body is not valid JSON: unexpected end of hex escape at line 2 column 9"),
        ('{"kind": NaN}', "The body is not valid JSON: expected value at line 1 column 10"),
        ('{"payload": {"x": [1e400]}}', "The body is not valid JSON: a number in it is too large for a double"),
        (b"\xff\xfe", "The body is not valid JSON: expected value at line 1 column 1"),
    ],
)
def test_a_wrong_body_is_explained(user: Client, body: Any, details: str) -> None:
    assert problem(user, body) == details


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_content_types_are_accepted(user: Client, content_type: str) -> None:
    assert user("POST", "/api/toys", TOY, headers={"Content-Type": content_type}).status == 201


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_other_content_types_are_415(user: Client, content_type: str) -> None:
    answer = user("POST", "/api/toys", TOY, headers={"Content-Type": content_type})
    assert (answer.status, answer.json["error"]) == (415, "Unsupported media type")
    assert answer.json["details"].startswith("The body must be application/json")


def test_a_content_type_without_a_body_does_not_matter(user: Client) -> None:
    assert user("GET", "/api/toys/t1", headers={"Content-Type": "text/plain"}).status == 200


def test_an_optional_body(user: Client) -> None:
    assert user("PATCH", "/api/toys/t1").json["note"] == "nothing"
    assert user("PATCH", "/api/toys/t1", {"note": "new"}).json["note"] == "new"
    assert user("PUT", "/api/toys/t1").json == {"toyId": "t1", "facts": {}}


def test_a_base64_body_is_decoded(user: Client) -> None:
    assert user("POST", "/api/toys", b'{"kind": "car", "priority": 1}').status == 201


@pytest.fixture
def limit() -> Iterator[int]:
    """A body limit, in bytes."""
    before = config.replace(body_limit_bytes=40)
    yield 40
    config.replace(body_limit_bytes=before.body_limit_bytes)


@pytest.mark.parametrize(("beyond", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_the_body_limit(user: Client, limit: int, beyond: int, status: int) -> None:
    body = json.dumps(TOY).ljust(limit + beyond)
    assert user("POST", "/api/toys", body).status == status


def test_a_body_beyond_the_limit_is_told_the_limit_and_its_size(user: Client, limit: int) -> None:
    answer = user("POST", "/api/toys", json.dumps(TOY).ljust(41))
    assert answer.json == {
        "error": "Payload too large",
        "details": "The body has 41 bytes; at most 40 are accepted",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
APP = mount(fresh())


@given(st.dictionaries(st.sampled_from(["kind", "priority", "maxSpeed", "parts", "payload"]), JSON) | JSON)
def test_no_json_body_is_a_server_error(body: Any) -> None:
    client = Client(mount(fresh()), API)
    assert client("POST", "/api/toys", body).status in {201, 400, 409}


@given(st.text() | st.binary())
def test_no_bytes_are_a_server_error(body: str | bytes) -> None:
    client = Client(APP, API)
    answer = client("PUT", "/api/toys/t1", body.encode("utf-8", "replace") if isinstance(body, str) else body)
    assert answer.status in {200, 400, 429}


@given(st.sampled_from(["colour", "size", "pageSize", "madeOn", "loud"]), st.text(st.characters(codec="utf-8")))
def test_no_query_is_a_server_error(name: str, value: str) -> None:
    client = Client(mount(fresh()), API)
    assert client("GET", "/api/toys", query={name: [value]}).status in {200, 400}
