"""Which web pages may call an API, as browsers ask, and which are kept from the local stage."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import config
from chalicelib.config import Misconfigured
from chalicelib.edge import Api, mount, origins, routes_of
from chalicelib.edge.binding import read_signature
from tests.contract.faces import FACES
from tests.edge.toys import Answer, Client, gateway_event, read_answer

PAGE = "https://app.example.com"
EVIL = "https://evil.example"
LOCAL_PAGES = [
    *("http://localhost", "http://localhost:5173", "https://localhost:8443", "http://LOCALHOST:1"),
    *("http://127.0.0.1:3000", "http://127.8.8.8", "http://[::1]:8080", "http://app.localhost:3000"),
]
FOREIGN_PAGES = [
    *(EVIL, PAGE, "null", "http://localhost.evil.example", "http://evil.example:3000", "http://127.0.0.1.evil.example"),
    *("http://evillocalhost", "http://localhost@evil.example", "http://192.168.0.2", "http://0.0.0.0:8003", "file://"),
    *(
        "http://localhost:3000, https://evil.example",
        "chrome-extension://abc",
        "http://localhost:3000/x",
        "http://",
        " ",
    ),
]
LOCAL_HOSTS = ["localhost", "localhost:8003", "127.0.0.1:8003", "[::1]:8003", "LocalHost.:80", "api.localhost:8003"]
FOREIGN_HOSTS = [
    *("evil.example", "evil.example:8003", "localhost.evil.example", "127.0.0.1.evil.example:8003", "192.168.0.2:8003"),
    *("evillocalhost", "0.0.0.0:8003", "169.254.1.1", "localhost:8003:1", "localhost evil.example", "user@localhost"),
]


@pytest.fixture
def aws_stage() -> Iterator[None]:
    """A stage in AWS with one listed origin."""
    before = config.replace(stage="production", cors_origins=frozenset({PAGE}))
    yield
    config.restore(before)


@pytest.fixture
def local_stage() -> Iterator[None]:
    """The local stage with one listed origin and one listed name."""
    before = config.replace(cors_origins=frozenset({PAGE}), allowed_hosts=frozenset({"yard.internal:8003"}))
    yield
    config.restore(before)


def ask(client: Client, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    return client(method, path, headers=dict(headers))


def preflight(client: Client, origin: str = PAGE, path: str = "/api/toys", method: str = "POST", **more: str) -> Answer:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    return ask(replace(client, role=None), "OPTIONS", path, headers | more)


def allowed_origin(answer: Answer) -> str | None:
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.mark.usefixtures("aws_stage")
def test_a_listed_page_may_ask_and_read(user: Client) -> None:
    first = preflight(user)
    assert (first.status, first.text, allowed_origin(first)) == (204, "", PAGE)
    assert first.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert "Authorization" in first.headers["Access-Control-Allow-Headers"]
    assert (first.headers["Access-Control-Max-Age"], first.headers["Vary"]) == ("7200", "Origin")
    then = ask(user, "GET", "/api/toys", {"Origin": PAGE})
    assert (then.status, allowed_origin(then), then.headers["Vary"]) == (200, PAGE, "Origin")
    assert "Retry-After" in then.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in {**first.headers, **then.headers}


@pytest.mark.usefixtures("aws_stage")
@pytest.mark.parametrize(
    "origin", [EVIL, "null", PAGE.upper(), PAGE + ":444", "http://app.example.com", "http://localhost"]
)
def test_no_other_page_may(user: Client, origin: str) -> None:
    first = preflight(user, origin)
    assert (first.status, allowed_origin(first), first.headers["Vary"]) == (403, None, "Origin")
    assert origin in first.json["details"]
    then = ask(user, "GET", "/api/toys", {"Origin": origin})
    assert (then.status, allowed_origin(then), then.headers["Vary"]) == (200, None, "Origin")


@pytest.mark.usefixtures("aws_stage")
def test_a_page_may_read_errors_too(user: Client, stranger: Client) -> None:
    for answer in (
        ask(stranger, "GET", "/api/toys", {"Origin": PAGE}),
        ask(user, "GET", "/api/toys/x", {"Origin": PAGE}),
        ask(user, "DELETE", "/api/toys", {"Origin": PAGE}),
        ask(user, "GET", "/nowhere", {"Origin": PAGE}),
    ):
        assert answer.status in {400, 401, 404, 405} and allowed_origin(answer) == PAGE


@pytest.mark.usefixtures("aws_stage")
def test_what_asks_for_nothing_is_no_preflight(user: Client) -> None:
    for headers in ({}, {"Origin": PAGE}, {"Access-Control-Request-Method": "POST"}):
        answer = ask(user, "OPTIONS", "/api/toys", headers)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
    assert preflight(user, path="/nowhere").status == 404


def test_it_is_off_while_no_origin_is_listed(user: Client) -> None:
    before = config.replace(stage="production")
    answer, preflight_answer = ask(user, "GET", "/api/toys", {"Origin": PAGE, "Host": "evil.example"}), preflight(user)
    config.restore(before)
    assert (answer.status, preflight_answer.status) == (200, 405)
    assert not {"Vary", "Access-Control-Allow-Origin"} & {*answer.headers, *preflight_answer.headers}


@pytest.mark.parametrize("origin", LOCAL_PAGES)
def test_the_local_stage_lets_pages_of_its_machine_call(user: Client, origin: str) -> None:
    assert preflight(user, origin).status == 204
    answer = ask(user, "GET", "/api/toys", {"Origin": origin, "Host": "localhost:8003"})
    assert (answer.status, allowed_origin(answer)) == (200, origin)


@pytest.mark.parametrize("path", ["/api/toys", "/api/admin/health", "/docs"])
@pytest.mark.parametrize("origin", FOREIGN_PAGES)
def test_the_local_stage_is_shut_to_every_other_page(user: Client, origin: str, path: str) -> None:
    answer = ask(user, "GET", path, {"Origin": origin, "Host": "localhost:8003"})
    assert (answer.status, allowed_origin(answer)) == (403, None)
    assert "CORS_ORIGINS" in answer.json["details"]
    assert preflight(user, origin).status == 403


@pytest.mark.parametrize("host", LOCAL_HOSTS)
def test_the_local_stage_is_called_by_its_machine_s_names(user: Client, host: str) -> None:
    assert ask(user, "GET", "/api/toys", {"Host": host}).status == 200


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_and_by_no_other_name(user: Client, host: str) -> None:
    for headers in (
        {"Host": host},
        {"Host": host, "Origin": f"http://{host}"},
        {"Host": host, "Origin": "http://localhost"},
    ):
        answer = ask(user, "GET", "/api/toys", headers)
        assert answer.status == 403
        assert preflight(user, "http://localhost", Host=host).status == 403
    assert "ALLOWED_HOSTS" in ask(user, "GET", "/api/toys", {"Host": host}).json["details"]


@pytest.mark.usefixtures("local_stage")
def test_pages_and_names_that_are_listed_may_call_the_local_stage(user: Client) -> None:
    assert ask(user, "GET", "/api/toys", {"Host": "yard.internal:8003", "Origin": PAGE}).status == 200
    assert ask(user, "GET", "/api/toys", {"Host": "yard.internal"}).status == 403
    assert ask(user, "GET", "/api/toys", {"Host": "yard.internal:8003", "Origin": EVIL}).status == 403


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)]
)
def test_a_page_that_hides_its_origin_may_call_its_own_server(user: Client, site: str, status: int) -> None:
    headers = {"Host": "localhost:8003", "Origin": "null", "Sec-Fetch-Site": site}
    assert ask(user, "GET", "/api/toys", headers).status == status


def test_a_foreign_page_learns_nothing_and_changes_nothing(user: Client) -> None:
    answer = user("POST", "/api/toys", {"kind": "car", "priority": 1}, headers={"Origin": EVIL})
    assert (answer.status, "X-RateLimit-Limit" in answer.headers) == (403, False)


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_every_header_that_an_endpoint_reads_may_be_sent_by_pages(face: Any) -> None:
    read = {
        one.key for route in routes_of(face.api) for one in read_signature(route).parameters if one.source == "header"
    }
    assert read <= {*origins.ALLOWED_HEADERS}


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
@pytest.mark.usefixtures("aws_stage")
def test_a_preflight_needs_no_credential_on_any_path_of_any_api(face: Any) -> None:
    app, api = mount(face.api), face.api
    for path in {one.path for one in routes_of(api)}:
        answer = send_preflight(app, api, path)
        assert answer.status == 204, path
        methods = {one.method for one in routes_of(api) if one.path == path}
        assert {*answer.headers["Access-Control-Allow-Methods"].split(", ")} == methods


def send_preflight(app: Any, api: Api, path: str) -> Answer:
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
    values = dict.fromkeys(("id",), "x")
    return read_answer(app(gateway_event("OPTIONS", path, path, values, headers), None))


@pytest.mark.parametrize(
    "said", ["https://a.example/", "a.example", "*", "https://A.example", "ftp://a.example", "null"]
)
def test_what_is_no_origin_cannot_be_listed(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"https://b.example:8443, {said}")
    config.reset()
    with pytest.raises(Misconfigured, match="no origin"):
        config.settings()
    monkeypatch.delenv("CORS_ORIGINS")
    config.reset()
