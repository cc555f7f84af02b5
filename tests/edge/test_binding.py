"""How values of a request become a handler's arguments, and the errors for wrong values."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import config
from chalicelib.edge import Api, mount
from tests.edge.toys import API, Client, build_api, gateway_event, read_answer

TOY = {"kind": "car", "priority": 1}
LISTED = "colour, size, pageSize, madeOn, loud"


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


def test_query_parameters_are_read_by_their_wire_names(user: Client) -> None:
    query = {"colour": ["blue"], "size": ["m"], "pageSize": ["5"], "madeOn": ["2024-01-06"], "loud": ["true"]}
    facts = user("GET", "/api/toys", query=query).json["facts"]
    assert facts == {"colour": "blue", "size": "m", "pageSize": 5, "madeOn": "2024-01-06", "loud": True}


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ({"colour": ["red", "blue"]}, "colour is given more than once"),
        ({"colour": ["red", "red"]}, "colour is given more than once"),
        ({"pageSize": ["5", ""]}, "pageSize is given more than once"),
        *(
            ({name: ["1"]}, f"{name[:60]} is not a query parameter of this endpoint, which has {LISTED}")
            for name in ("unknown", "colour[]", "Colour", "page_size", "", "x" * 100)
        ),
    ],
)
def test_a_query_parameter_that_would_not_count_is_named(
    user: Client, query: dict[str, list[str]], details: str
) -> None:
    answer = user("GET", "/api/toys", query=query)
    assert (answer.status, answer.json["details"]) == (400, details)


def test_an_endpoint_without_query_parameters_takes_none(user: Client) -> None:
    answer = user("GET", "/api/toys/t1", query={"verbose": ["1"]})
    assert answer.status == 400
    assert answer.json["details"] == "verbose is not a query parameter of this endpoint, which has none"


def test_a_public_endpoint_lets_pass_what_monitors_add_to_its_query(stranger: Client) -> None:
    assert stranger("GET", "/api/admin/health", query={"_": ["1", "2"]}).status == 200


@pytest.mark.parametrize("given", [["a,b"], ["a", "b"], ["a,", "b,a"], [" a", "", "b"]])
def test_a_list_is_read_with_commas_and_repeated(user: Client, given: list[str]) -> None:
    assert user("GET", "/api/toys/tagged", query={"tags": given}).json["facts"] == {"tags": ["a", "b"]}


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


def test_a_greedy_path_value_keeps_the_slash_that_gateways_pass_in_the_path_alone(user: Client) -> None:
    assert user("GET", "/api/toys/t1/files/src/").json["note"] == "src/"
    assert user("GET", "/api/toys/t1/").json["toyId"] == "t1"


@pytest.mark.parametrize("path", ["/api/toys/a%ff", "/api/toys/%c3", "/api/toys/a%ED%A0%80", "/api/toys/%C0%AF."])
def test_a_path_value_that_is_not_utf_8_is_refused(user: Client, path: str) -> None:
    answer = user("GET", path)
    assert (answer.status, answer.json["details"]) == (400, "toy_id: must be UTF-8, percent-encoded")


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
        ('{"kind": "car", "kind": "bus"}', 'The body names "kind" more than once in one object'),
        ('{"payload": {"x": [{"a": 1, "\\u0061": 1}]}}', 'The body names "a" more than once in one object'),
        (
            "{" + f'"{"x" * 100}": 1, "{"x" * 100}": 2' + "}",
            f'The body names "{"x" * 60}" more than once in one object',
        ),
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


@pytest.mark.parametrize("role", ["user", "admin"])
def test_a_body_of_no_type_is_415(user: Client, role: str) -> None:
    event = gateway_event("POST", "/api/toys", "/api/toys", None, {"Authorization": f"Bearer {role}"}, json.dumps(TOY))
    answer = read_answer(user.app(event, None))
    assert (answer.status, answer.json["details"]) == (415, "The body must be application/json, not of no type")


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "deflate, gzip", "identity, gzip", "x" * 100])
def test_a_body_that_is_encoded_is_415(user: Client, coding: str) -> None:
    answer = user("POST", "/api/toys", b"\x1f\x8b\x08\x00\xff", headers={"Content-Encoding": coding})
    assert (answer.status, answer.json["error"]) == (415, "Unsupported media type")
    assert answer.json["details"] == f"The body must have no Content-Encoding, not {coding[:60]}"


@pytest.mark.parametrize("coding", ["", "identity", "Identity "])
def test_a_body_that_is_as_it_is_may_say_so(user: Client, coding: str) -> None:
    assert user("POST", "/api/toys", TOY, headers={"Content-Encoding": coding}).status == 201


@pytest.mark.parametrize(
    "body", ["\N{ZERO WIDTH NO-BREAK SPACE}" + json.dumps(TOY), b"\xef\xbb\xbf" + json.dumps(TOY).encode()]
)
def test_a_byte_order_mark_before_the_body_is_skipped(user: Client, body: str | bytes) -> None:
    assert user("POST", "/api/toys", body).status == 201


def test_a_content_type_without_a_body_does_not_matter(user: Client) -> None:
    assert user("GET", "/api/toys/t1", headers={"Content-Type": "text/plain"}).status == 200


def test_an_optional_body_may_be_missing(user: Client) -> None:
    assert user("PATCH", "/api/toys/t1").json["note"] == "nothing"
    assert user("PATCH", "/api/toys/t1", {"note": "new"}).json["note"] == "new"
    assert user("PUT", "/api/toys/t1").json == {"toyId": "t1", "facts": {}}


def test_a_base64_body_is_decoded(user: Client) -> None:
    assert user("POST", "/api/toys", b'{"kind": "car", "priority": 1}').status == 201


@pytest.fixture
def limit() -> Iterator[int]:
    """A body limit in bytes."""
    before = config.replace(body_limit_bytes=40)
    yield 40
    config.replace(body_limit_bytes=before.body_limit_bytes)


@pytest.mark.parametrize(("beyond", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_a_body_over_the_limit_is_refused(user: Client, limit: int, beyond: int, status: int) -> None:
    body = json.dumps(TOY).ljust(limit + beyond)
    assert user("POST", "/api/toys", body).status == status


def test_an_api_can_have_a_body_limit_of_its_own(api: Api, limit: int) -> None:
    own = replace(api, body_limit_bytes=limit + 2)
    client = Client(mount(own), own)
    sizes = [client("POST", "/api/toys", json.dumps(TOY).ljust(limit + beyond)) for beyond in (1, 2, 3)]
    assert [answer.status for answer in sizes] == [201, 201, 413]
    assert sizes[-1].json["details"] == f"The body has {limit + 3} bytes; at most {limit + 2} are accepted"


def test_the_refusal_of_a_too_large_body_names_the_limit_and_its_size(user: Client, limit: int) -> None:
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
APP = mount(build_api())


@given(st.dictionaries(st.sampled_from(["kind", "priority", "maxSpeed", "parts", "payload"]), JSON) | JSON)
def test_no_json_body_is_a_server_error(body: Any) -> None:
    client = Client(mount(build_api()), API)
    assert client("POST", "/api/toys", body).status in {201, 400, 409}


@given(st.text() | st.binary())
def test_no_bytes_are_a_server_error(body: str | bytes) -> None:
    client = Client(APP, API)
    answer = client("PUT", "/api/toys/t1", body.encode("utf-8", "replace") if isinstance(body, str) else body)
    assert answer.status in {200, 400, 429}


@given(st.sampled_from(["colour", "size", "pageSize", "madeOn", "loud"]), st.text(st.characters(codec="utf-8")))
def test_no_query_is_a_server_error(name: str, value: str) -> None:
    client = Client(mount(build_api()), API)
    assert client("GET", "/api/toys", query={name: [value]}).status in {200, 400}
