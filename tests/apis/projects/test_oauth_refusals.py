"""Refusals of OAuth. All tests share one world, in which one user has agreed to one application."""

import re
from base64 import b64encode
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.apis.projects import api
from chalicelib.domain.document import Document
from chalicelib.engine.oauth import authorization
from chalicelib.engine.oauth.clients import Client as Application
from chalicelib.engine.oauth.types import Question
from chalicelib.engine.security import passwords
from chalicelib.engine.security.passwords import Cost
from chalicelib.errors import Unavailable
from tests.apis.projects.browser import (
    BACK,
    FORM,
    PKCE,
    VERIFIER,
    Browser,
    application,
    authorization_query,
    basic_authorization,
    exchange,
    exchange_code,
    read_redirect,
)
from tests.support import aws, people
from tests.support.client import Client
from tests.support.conformance import conformance
from tests.support.world import World, new_world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    before = passwords.use_cost(Cost(1, 8, 1))
    with new_world() as made:
        yield made
    passwords.use_cost(before)


@pytest.fixture(scope="module")
def client(world: World) -> Client:
    return Client(api, conformance(api))


@pytest.fixture(scope="module")
def ada(world: World) -> Document:
    return people.user(world)


@pytest.fixture(scope="module")
def registration(world: World) -> tuple[Application, str]:
    return application()


@pytest.fixture(scope="module")
def browser(client: Client, ada: Document, registration: tuple[Application, str]) -> Browser:
    """The browser of a user who has agreed to the registered application."""
    signed_in = Browser(client)
    signed_in.grant(ada, **authorization_query(registration[0]))
    return signed_in


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"client_id": "client_none"}, "not registered"),
        ({"client_id": ""}, "not registered"),
        ({"client_id": "x" * 3000}, "not registered"),
        ({"client_id": "ü"}, "does not allow"),
        ({"redirect_uri": "https://evil.example/callback"}, "an address that it has not registered"),
        ({"redirect_uri": BACK + "/"}, "an address that it has not registered"),
        ({"redirect_uri": BACK + "?x=1"}, "an address that it has not registered"),
        ({"redirect_uri": BACK + "#x"}, "an address that it has not registered"),
        ({"redirect_uri": BACK.upper()}, "an address that it has not registered"),
        ({"redirect_uri": BACK.replace("https", "http")}, "an address that it has not registered"),
        ({"redirect_uri": "//app.example/callback"}, "an address that it has not registered"),
        ({"redirect_uri": BACK.replace("app.example", "app.example@evil.example")}, "an address that it has"),
        ({"redirect_uri": BACK.replace("app.example", "app.example.evil.example")}, "an address that it has"),
        ({"redirect_uri": BACK.replace("app.example", "app.example:444")}, "an address that it has not registered"),
        ({"redirect_uri": BACK + "/../x"}, "an address that it has not registered"),
        ({"redirect_uri": "javascript:alert(1)"}, "an address that it has not registered"),
        ({"redirect_uri": 'https://app.example/"'}, "does not allow"),
        ({"redirect_uri": "https://evil.example", "response_type": 'to"ken'}, "does not allow"),
        ({"redirect_uri": "https://evil.example", "response_type": "token"}, "an address that it has not registered"),
    ],
)
def test_nobody_is_sent_where_the_application_is_not(
    browser: Browser, registration, more: dict[str, str], words: str
) -> None:
    page = browser.get("/oauth/authorize", **(authorization_query(registration[0]) | more))
    assert page.status == 400 and words in page.text
    assert "location" not in page.headers


def test_an_application_with_several_addresses_must_name_one(browser: Browser) -> None:
    app, _ = application(to=(BACK, "https://app.example/other"))
    assert browser.get("/oauth/authorize", **authorization_query(app)).status == 400
    assert (
        browser.get("/oauth/authorize", **authorization_query(app, redirect_uri="https://app.example/other")).status
        == 200
    )


def test_a_parameter_given_twice_is_refused(client: Client, registration) -> None:
    page = client.get(
        f"/oauth/authorize?client_id={registration[0].id}&response_type=code&scope=tasks:read&scope=tasks:write"
    )
    assert page.status == 400 and "more than once" in page.text


@pytest.mark.parametrize(
    ("public", "more", "error"),
    [
        (False, {"response_type": "token"}, "unsupported_response_type"),
        (False, {"response_type": "code token"}, "unsupported_response_type"),
        (False, {"response_type": ""}, "unsupported_response_type"),
        (False, {"scope": "webhooks:write"}, "invalid_scope"),
        (False, {"scope": "tasks:read everything"}, "invalid_scope"),
        (False, PKCE | {"code_challenge_method": "plain"}, "invalid_request"),
        (False, {"code_challenge": PKCE["code_challenge"]}, "invalid_request"),
        (False, PKCE | {"code_challenge": "short"}, "invalid_request"),
        (False, {"code_challenge_method": "S256"}, "invalid_request"),
        (True, {}, "invalid_request"),
        (True, PKCE | {"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_other_errors_go_to_the_application(
    browser: Browser, world: World, public: bool, more: dict[str, str], error: str
) -> None:
    app, _ = application(public=public)
    said = read_redirect(browser.get("/oauth/authorize", **(authorization_query(app) | more)))
    assert (said["error"], said["state"]) == (error, "xyz") and said["iss"]


@pytest.mark.parametrize(
    ("challenged", "fields", "error"),
    [
        (False, {"code": "code_guessed"}, "invalid_grant"),
        (False, {"code": ""}, "invalid_grant"),
        (False, {"code": "é"}, "invalid_request"),
        (False, {"client_secret": "cs_wrong"}, "invalid_client"),
        (False, {"client_secret": ""}, "invalid_client"),
        (False, {"client_id": "client_none"}, "invalid_client"),
        (False, {"code_verifier": VERIFIER}, "invalid_request"),
        (True, {}, "invalid_request"),
        (True, {"code_verifier": VERIFIER[:-1] + "x"}, "invalid_grant"),
        (True, {"code_verifier": PKCE["code_challenge"]}, "invalid_grant"),
        (True, {"code_verifier": "short"}, "invalid_request"),
        (False, {"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        (False, {"grant_type": "client_credentials"}, "unsupported_grant_type"),
        (False, {"grant_type": "implicit"}, "unsupported_grant_type"),
        (False, {"grant_type": 'co"de'}, "invalid_request"),
        (False, {"grant_type": "refresh_token"}, "invalid_request"),
        (False, {"grant_type": ""}, "invalid_request"),
    ],
)
def test_a_code_is_not_given_for_less(
    browser: Browser, registration, challenged: bool, fields: dict[str, str], error: str
) -> None:
    app, secret = registration
    redirect_query = browser.grant_again(**authorization_query(app, **(PKCE if challenged else {})))
    reply = exchange_code(browser.client, app, secret, redirect_query["code"], **fields)
    assert (reply.status, reply.json["error"]) == (401 if error == "invalid_client" else 400, error), reply.text
    assert ("www-authenticate" in reply.headers) == (reply.status == 401)
    assert set(reply.json) == {"error", "error_description"}
    assert reply.json["error_description"]
    right = {"code_verifier": VERIFIER} if challenged else {}
    assert exchange_code(browser.client, app, secret, redirect_query["code"], **right).status == 200


SPOILED: dict[str, tuple[str | None, str | None]] = {
    "a field twice": ("grant_type=authorization_code&code=a&code=b", FORM["Content-Type"]),
    "JSON": ('{"grant_type": "authorization_code", "code": "code_secret"}', "application/json"),
    "JSON that says it is a form": ('{"grant_type": "authorization_code"}', FORM["Content-Type"]),
    "several parts": ("--x--", "multipart/form-data; boundary=x"),
    "no type": ("grant_type=authorization_code", ""),
    "too large": ("grant_type=authorization_code&code=" + "x" * 5_000_000, FORM["Content-Type"]),
    "too many fields": ("&".join(f"f{number}=1" for number in range(200)), FORM["Content-Type"]),
    "not UTF-8": ("grant_type=%ff", FORM["Content-Type"]),
    "nothing": ("", FORM["Content-Type"]),
    "no body": (None, FORM["Content-Type"]),
    "compressed": ("grant_type=authorization_code", FORM["Content-Type"]),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_cannot_be_read_is_an_invalid_request_in_oauth_s_own_words(client: Client, name: str) -> None:
    body, kind = SPOILED[name]
    coding = {"Content-Encoding": "gzip"} if name == "compressed" else {}
    reply = client.post("/oauth/token", body, headers={"Content-Type": kind or "", **coding})
    assert (reply.status, reply.json["error"]) == (400, "invalid_request"), reply.text
    assert set(reply.json) == {"error", "error_description"}
    assert re.fullmatch(r"[ !#-\[\]-~]+", reply.json["error_description"])
    assert "code_secret" not in reply.text
    assert (reply.headers["content-type"], reply.headers["cache-control"]) == ("application/json", "no-store")


def test_what_is_not_the_application_s_fault_is_said_in_oauth_s_words_too(client: Client, registration) -> None:
    app, secret = registration
    with aws.interfering(lambda call, send: 1 / 0):
        reply = exchange_code(client, app, secret, "code_x")
    assert (reply.status, reply.json["error"]) == (500, "server_error")

    def raise_unavailable(*_: object) -> None:
        raise Unavailable("The service is busy; try again")

    with aws.interfering(raise_unavailable):
        reply = exchange_code(client, app, secret, "code_x")
    assert (reply.status, reply.json["error"]) == (503, "temporarily_unavailable")


def test_the_refusal_of_an_unknown_application_says_how_to_authenticate(client: Client, registration) -> None:
    for headers in ({}, basic_authorization("client_none", "x"), basic_authorization(registration[0].id, "wrong")):
        reply = exchange(client, headers, grant_type="authorization_code", code="x")
        assert (reply.status, reply.json["error"]) == (401, "invalid_client")
        assert reply.headers["www-authenticate"] == 'Basic realm="oauth", charset="UTF-8"'


@pytest.mark.parametrize("redirect", ["https://app.example/other", BACK + "/", ""])
def test_a_code_is_bound_to_where_it_was_sent(browser: Browser, redirect: str) -> None:
    app, secret = application(to=(BACK, "https://app.example/other"))
    redirect_query = browser.grant_again(**authorization_query(app, redirect_uri=BACK))
    reply = exchange_code(browser.client, app, secret, redirect_query["code"], redirect_uri=redirect)
    assert reply.json["error"] == "invalid_grant"
    assert exchange_code(browser.client, app, secret, redirect_query["code"], redirect_uri=BACK).status == 200


def test_a_code_is_bound_to_its_application(browser: Browser, registration) -> None:
    app, secret = registration
    other, others = application()
    redirect_query = browser.grant_again(**authorization_query(app))
    assert exchange_code(browser.client, other, others, redirect_query["code"]).json["error"] == "invalid_grant"
    assert exchange_code(browser.client, app, secret, redirect_query["code"]).status == 200
    assert exchange_code(browser.client, other, others, redirect_query["code"]).json["error"] == "invalid_grant"


def test_a_public_application_gets_nothing_without_a_verifier(browser: Browser) -> None:
    app, _ = application(public=True)
    said = browser.grant_again(**authorization_query(app, **PKCE))
    fields = {"grant_type": "authorization_code", "code": said["code"], "client_id": app.id}
    assert exchange(browser.client, **fields).json["error"] == "invalid_request"
    assert exchange(browser.client, **fields, client_secret="x").json["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("header", "status", "error"),
    [
        ("Basic", 400, "invalid_request"),
        ("Basic ", 400, "invalid_request"),
        ("Basic !!!", 400, "invalid_request"),
        ("Basic /w==", 400, "invalid_request"),
        ("Basic YQ==", 400, "invalid_request"),
        ("Bearer abc", 400, "invalid_request"),
        (basic_authorization("client_none", "x")["Authorization"], 401, "invalid_client"),
        (basic_authorization("", "")["Authorization"], 401, "invalid_client"),
        (basic_authorization("%ff", "%ff")["Authorization"], 401, "invalid_client"),
    ],
)
def test_an_odd_credential_is_refused(client: Client, header: str, status: int, error: str) -> None:
    reply = exchange(client, {"Authorization": header}, grant_type="authorization_code", code="x")
    assert (reply.status, reply.json["error"]) == (status, error), reply.text


def test_an_application_proves_itself_in_one_way(client: Client, registration) -> None:
    app, secret = registration
    fields = {"grant_type": "authorization_code", "code": "x", "client_secret": secret}
    assert exchange(client, basic_authorization(app.id, secret), **fields).json["error"] == "invalid_request"


ODD = st.text(max_size=30) | st.sampled_from(
    ["code", "S256", BACK, "tasks:read", "authorization_code", "refresh_token"]
)
NAMES = ["response_type", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"]
FIELDS = ["grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_secret"]
BASIC = st.binary(max_size=20).map(lambda raw: f"Basic {b64encode(raw).decode()}")
SOME = settings(max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))


@SOME
@given(parameters=st.dictionaries(st.sampled_from(NAMES), ODD), named=st.booleans())
def test_no_request_breaks_the_judging(
    registration: tuple[Application, str], parameters: dict[str, str], named: bool
) -> None:
    said = parameters | {"client_id": registration[0].id if named else parameters.get("state", "")}
    found = authorization.read_question(said, "https://api.example")
    location = found.answer(None) if isinstance(found, Question) else found.location
    assert location is None or location.startswith(BACK + "?error=")


@SOME
@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), ODD),
    header=st.none()
    | st.text(max_size=30)
    | st.binary(max_size=20).map(lambda raw: f"Basic {b64encode(raw).decode()}"),
)
def test_no_form_breaks_the_token_endpoint(
    registration: tuple[Application, str], fields: dict[str, str], header: str | None
) -> None:
    for proof in ({}, {"client_id": registration[0].id, "client_secret": registration[1]}):
        answer = authorization.exchange(fields | proof, header)
        assert answer.status in (400, 401) and answer.body["error"]


def test_an_application_s_secret_is_not_found_by_trying(client: Client, world: World) -> None:
    app, secret = application()
    fields = {"grant_type": "authorization_code", "code": "x"}

    def try_secret(guess: str, number: int) -> int:
        if number % 2:
            return exchange(client, basic_authorization(app.id, guess), **fields).status
        return exchange(client, **fields, client_id=app.id, client_secret=guess).status

    assert [try_secret("cs_wrong", number) for number in range(30)] == [401] * 20 + [429] * 10
    assert try_secret(secret, 0) == 429
    world.clock.advance(60)
    assert try_secret(secret, 0) == 400, "it has proved itself, and the code is none"
