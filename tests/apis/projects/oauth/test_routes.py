"""OAuth over HTTP: the flow, its pages, and refusals."""

import json
import re
from collections.abc import Callable

import boto3
import pytest

from chalicelib import config
from chalicelib.apis.projects import api
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.oauth.clients import Client as Application
from chalicelib.engine.security import passwords
from chalicelib.engine.security.passwords import Cost
from chalicelib.errors import Unauthenticated
from tests.apis.projects.browser import (
    BACK,
    PKCE,
    TITLE,
    VERIFIER,
    Browser,
    application,
    authorization_query,
    basic_authorization,
    exchange,
    exchange_code,
    hidden_fields,
    read_redirect,
)
from tests.support import aws, people
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import World

ME = "/api/v1/oauth/clients"


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes():
    before = passwords.use_cost(Cost(1, 8, 1))
    yield
    passwords.use_cost(before)


@pytest.fixture(scope="module")
def mounted_client() -> Client:
    return Client(api, conformance(api))


@pytest.fixture
def client(world: World, mounted_client: Client) -> Client:
    return mounted_client


@pytest.fixture
def browser(client: Client) -> Browser:
    return Browser(client)


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world)


@pytest.fixture
def registration(world: World) -> tuple[Application, str]:
    return application()


def test_the_documents_flow_gives_tokens(
    browser: Browser, ada: Document, registration: tuple[Application, str]
) -> None:
    app, secret = registration
    consent = browser.sign_in(ada, **authorization_query(app, scope="tasks:read agents:read"))
    assert "Allow Roadmap?" in consent.text and "See tasks" in consent.text and "See agents" in consent.text
    assert "Create and change tasks" not in consent.text
    said = read_redirect(browser.submit(consent, "/oauth/authorize", decision="approve"))
    assert said["state"] == "xyz" and said["iss"]
    reply = exchange_code(browser.client, app, secret, said["code"])
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    tokens = reply.json
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] == 3600
    assert tokens["scope"] == "tasks:read agents:read"
    assert browser.client.get("/api/v1/tasks", token=tokens["access_token"]).status == 200
    assert browser.client.post("/api/v1/tasks", {"title": "x"}, token=tokens["access_token"]).status == 403


def test_a_public_application_proves_itself_by_pkce(browser: Browser, ada: Document) -> None:
    app, _ = application(public=True)
    said = browser.grant(ada, **authorization_query(app, redirect_uri=BACK, **PKCE))
    fields = {"client_id": app.id, "code": said["code"], "redirect_uri": BACK, "code_verifier": VERIFIER}
    reply = exchange(browser.client, grant_type="authorization_code", **fields)
    assert reply.status == 200 and reply.json["scope"] == "tasks:read agents:read tasks:write"


def test_a_token_does_no_more_than_its_user_may_now(
    browser: Browser, ada: Document, world: World, registration
) -> None:
    app, secret = registration
    said = browser.grant(ada, **authorization_query(app))
    tokens = exchange_code(browser.client, app, secret, said["code"]).json
    assert browser.client.post("/api/v1/tasks", {"title": "x"}, token=tokens["access_token"]).status == 201
    users.change(ada.org, ada.id, {"role": "viewer"}, "user_admin")
    world.clock.advance(31)
    assert browser.client.post("/api/v1/tasks", {"title": "x"}, token=tokens["access_token"]).status == 403


def test_a_user_who_has_agreed_is_not_asked_again_for_the_same(browser: Browser, ada: Document, registration) -> None:
    app, _ = registration
    browser.grant(ada, **authorization_query(app, scope="tasks:read agents:read"))
    assert "code" in read_redirect(browser.get("/oauth/authorize", **authorization_query(app, scope="agents:read")))
    assert "Allow Roadmap?" in browser.get("/oauth/authorize", **authorization_query(app, scope="tasks:write")).text


def test_a_public_application_on_loopback_asks_each_time(browser: Browser, ada: Document) -> None:
    app, _ = application(public=True, to=("http://127.0.0.1/done",))
    request = authorization_query(app, redirect_uri="http://127.0.0.1:51004/done", **PKCE)
    browser.grant(ada, **request)
    assert "Allow Roadmap?" in browser.get("/oauth/authorize", **request).text


def test_a_caller_with_a_session_is_signed_in(client: Client, ada: Document, registration) -> None:
    app, _ = registration
    url = f"/oauth/authorize?client_id={app.id}&response_type=code&scope=tasks:read+agents:read"
    page = client.get(url, token=people.token(ada))
    assert "Allow Roadmap?" in page.text
    cookie = page.cookies[0].partition(";")[0]
    browser = Browser(client, dict([cookie.split("=", 1)]))
    assert "code" in read_redirect(browser.submit(page, "/oauth/authorize", decision="approve"))
    assert "code" in read_redirect(client.get(url, token=people.token(ada)))


def test_a_credential_of_limited_scope_signs_nobody_in(
    client: Client, browser: Browser, ada: Document, registration
) -> None:
    app, secret = registration
    said = browser.grant(ada, **authorization_query(app, scope="tasks:read"))
    limited = exchange_code(client, app, secret, said["code"]).json["access_token"]
    page = client.get(f"/oauth/authorize?client_id={app.id}&response_type=code", token=limited)
    assert TITLE in page.text


def test_a_denial_goes_to_the_application(browser: Browser, ada: Document, registration) -> None:
    app, _ = registration
    query = read_redirect(
        browser.submit(browser.sign_in(ada, **authorization_query(app)), "/oauth/authorize", decision="deny")
    )
    assert (query["error"], query["state"]) == ("access_denied", "xyz")
    assert "code" not in query


def test_somebody_else_may_sign_in(browser: Browser, ada: Document, registration) -> None:
    app, _ = registration
    switched = browser.submit(browser.sign_in(ada, **authorization_query(app)), "/oauth/authorize", decision="switch")
    assert TITLE in browser.follow(switched).text


def test_a_wrong_password_keeps_the_email_and_says_so(browser: Browser, ada: Document, registration) -> None:
    page = browser.sign_in(ada, "wrong password", **authorization_query(registration[0]))
    assert page.status == 403 and 'role="alert">Wrong email or password' in page.text
    assert ada.body["email"] in page.text and "wrong password" not in page.text
    stranger = browser.submit(page, "/oauth/login", email="nobody@acme.example", password="x")
    assert "Wrong email or password" in stranger.text


def test_what_no_account_can_have_is_not_looked_for(browser: Browser, registration: tuple[Application, str]) -> None:
    page = browser.get("/oauth/authorize", **authorization_query(registration[0]))
    assert browser.submit(page, "/oauth/login", email="x" * 3000, password="x").status == 422
    assert browser.submit(page, "/oauth/login", email="x", password="x" * 129).status == 422


def test_an_account_that_is_tried_too_often_is_locked(browser: Browser, ada: Document, registration) -> None:
    page = browser.sign_in(ada, "wrong", **authorization_query(registration[0]))
    for _ in range(5):
        page = browser.submit(page, "/oauth/login", email=ada.body["email"], password="wrong")
    assert page.status == 429 and int(page.headers["retry-after"]) >= 1


def test_a_user_of_another_org_is_not_let_in(browser: Browser, world: World, registration) -> None:
    page = browser.sign_in(people.user(world, org="other"), **authorization_query(registration[0]))
    assert page.status == 403 and "another organization" in page.text


@pytest.mark.parametrize("left_out", ["word", "cookie"])
@pytest.mark.parametrize("path", ["/oauth/login", "/oauth/authorize"])
def test_a_form_that_is_not_this_browsers_does_nothing(
    browser: Browser, ada: Document, registration, path: str, left_out: str
) -> None:
    page = (
        browser.get("/oauth/authorize", **authorization_query(registration[0]))
        if path.endswith("login")
        else browser.sign_in(ada, **authorization_query(registration[0]))
    )
    fields = hidden_fields(page) | {"email": ada.body["email"], "password": people.PASSWORD, "decision": "approve"}
    if left_out == "word":
        del fields["word"]
    else:
        browser.cookies.clear()
    refused = browser.post(path, **fields)
    assert refused.status == 403 and "location" not in refused.headers
    other = Browser(browser.client)
    other.get("/oauth/authorize", **authorization_query(registration[0]))
    assert other.post(path, **fields).status == 403


def test_a_browser_session_ends_with_the_password(browser: Browser, ada: Document, registration) -> None:
    app, _ = registration
    assert "Allow" in browser.sign_in(ada, **authorization_query(app)).text
    users.change_password(users.get(ada.org, ada.id), people.PASSWORD, "another password", "192.0.2.9", None)
    assert TITLE in browser.get("/oauth/authorize", **authorization_query(app)).text


def test_the_cookie_is_for_these_pages_alone(browser: Browser, registration) -> None:
    cookie = browser.get("/oauth/authorize", **authorization_query(registration[0])).cookies[0]
    assert {"Path=/oauth", "HttpOnly", "SameSite=Lax", "Max-Age=900"} <= set(cookie.split("; "))
    assert "Secure" not in cookie.split("; ")


def test_outside_the_local_stage_the_cookie_is_for_https_alone(browser: Browser, registration, world: World) -> None:
    kept = json.dumps({"jwt": {"k": "s" * 32}, "seal": {"k": "c" * 43 + "="}})
    boto3.client("ssm", "us-east-1").put_parameter(Name="/here", Value=kept, Type="SecureString")
    before = config.replace(stage="prod", secrets_parameter="/here")
    try:
        assert "Secure" in browser.get("/oauth/authorize", **authorization_query(registration[0])).cookies[0].split(
            "; "
        )
    finally:
        config.restore(before)


def test_each_page_keeps_to_its_budget(browser: Browser, ada: Document, registration: tuple[Application, str]) -> None:
    counts, seen = [], authorization_query(registration[0])

    def count(work: Callable[[], Reply]) -> Reply:
        with aws.counting() as counted:
            reply = work()
        counts.append(counted.total())
        return reply

    page = count(lambda: browser.get("/oauth/authorize", **seen))
    signed_in = {"email": ada.body["email"], "password": people.PASSWORD}
    count(lambda: browser.submit(page, "/oauth/login", **signed_in))
    consent = count(lambda: browser.get("/oauth/authorize", **seen))
    count(lambda: browser.submit(consent, "/oauth/authorize", decision="approve"))
    count(lambda: browser.get("/oauth/authorize", **seen))
    count(lambda: browser.get("/oauth/authorize", **(seen | {"client_id": "ü"})))
    assert counts == [2, 7, 3, 6, 4, 0]


def test_pages_are_held_to_themselves(browser: Browser, ada: Document, registration) -> None:
    for page in (browser.get("/oauth/authorize"), browser.sign_in(ada, **authorization_query(registration[0]))):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script" not in policy
        assert page.headers["x-frame-options"] == "DENY" and page.headers["referrer-policy"] == "same-origin"
        assert "<script" not in page.text and "http" not in re.sub(r"<code>.*?</code>|https%3A", "", page.text)
    assert "form-action 'self' https://app.example;" in policy


def test_every_text_of_a_page_is_escaped(browser: Browser, world: World) -> None:
    nasty = '"><script>alert(1)</script>'
    ada = people.user(world, name=nasty.replace(" ", ""))
    app, _ = application()
    page = browser.sign_in(ada, "wrong", **authorization_query(app, state="<b>"))
    for reply in (
        page,
        browser.submit(page, "/oauth/login", email=nasty, password="x"),
        browser.get("/oauth/done", code=nasty),
    ):
        assert "<script" not in reply.text and "<b>" not in reply.text


def test_the_server_describes_itself(client: Client) -> None:
    config.replace(allowed_hosts=frozenset({"api.example"}))
    metadata = client.get("/.well-known/oauth-authorization-server", headers={"Host": "api.example"}).json
    assert metadata["issuer"] == "https://api.example"
    assert metadata["token_endpoint"] == "https://api.example/oauth/token"
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert "tasks:read" in metadata["scopes_supported"]


def test_answers_are_shown_on_the_local_stage_only(browser: Browser, world: World) -> None:
    assert '<code id="code">abc</code>' in browser.get("/oauth/done", code="abc").text
    before = config.replace(stage="prod")
    try:
        assert browser.get("/oauth/done", code="abc").status == 404
    finally:
        config.restore(before)


def test_a_code_is_good_once_and_coming_again_it_ends_what_it_opened(
    browser: Browser, ada: Document, registration
) -> None:
    app, secret = registration
    said = browser.grant(ada, **authorization_query(app))
    tokens = exchange_code(browser.client, app, secret, said["code"]).json
    again = exchange_code(browser.client, app, secret, said["code"])
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert browser.client.get("/api/v1/tasks", token=tokens["access_token"]).status == 401
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert exchange(browser.client, basic_authorization(app.id, secret), **fields).json["error"] == "invalid_grant"


def test_a_code_is_good_for_a_minute(browser: Browser, ada: Document, registration, world: World) -> None:
    app, secret = registration
    said = browser.grant(ada, **authorization_query(app))
    world.clock.advance(60)
    assert exchange_code(browser.client, app, secret, said["code"]).json["error"] == "invalid_grant"


def test_a_refresh_gives_new_tokens_for_as_much_or_less(
    browser: Browser, ada: Document, registration, world: World
) -> None:
    app, secret = registration
    said = browser.grant(ada, **authorization_query(app, scope="tasks:read tasks:write"))
    tokens = exchange_code(browser.client, app, secret, said["code"]).json
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    narrow = exchange(browser.client, basic_authorization(app.id, secret), **fields, scope="tasks:read").json
    assert narrow["scope"] == "tasks:read"
    assert browser.client.post("/api/v1/tasks", {"title": "x"}, token=narrow["access_token"]).status == 403
    fields["refresh_token"] = narrow["refresh_token"]
    assert (
        exchange(browser.client, basic_authorization(app.id, secret), **fields, scope="agents:read").json["error"]
        == "invalid_scope"
    )
    assert (
        exchange(browser.client, basic_authorization(app.id, secret), **fields).json["scope"]
        == "tasks:read tasks:write"
    )
    world.clock.advance(sessions.GRACE_MS // 1000 + 1)
    assert exchange(browser.client, basic_authorization(app.id, secret), **fields).json["error"] == "invalid_grant"


def test_a_refresh_token_is_its_applications_alone(browser: Browser, ada: Document, registration) -> None:
    app, secret = registration
    other, others = application()
    said = browser.grant(ada, **authorization_query(app))
    refresh = exchange_code(browser.client, app, secret, said["code"]).json["refresh_token"]
    fields = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert exchange(browser.client, basic_authorization(other.id, others), **fields).json["error"] == "invalid_grant"
    assert exchange(browser.client, **fields, client_id=app.id).json["error"] == "invalid_client"
    with pytest.raises(Unauthenticated):
        sessions.refresh(refresh)
    assert browser.client.get("/api/v1/tasks", token=refresh).status == 401
    assert exchange(browser.client, basic_authorization(app.id, secret), **fields).status == 200


def test_with_the_application_its_tokens_end(browser: Browser, ada: Document, registration, world: World) -> None:
    app, secret = registration
    said = browser.grant(ada, **authorization_query(app))
    tokens = exchange_code(browser.client, app, secret, said["code"]).json
    assert browser.client.get("/api/v1/tasks", token=tokens["access_token"]).status == 200
    assert browser.client.delete(f"{ME}/{app.id}", token=token()).json["data"] == {"id": app.id, "deleted": True}
    world.clock.advance(31)
    assert browser.client.get("/api/v1/tasks", token=tokens["access_token"]).status == 401
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert exchange(browser.client, basic_authorization(app.id, secret), **fields).json["error"] == "invalid_client"
    assert browser.get("/oauth/authorize", **authorization_query(app)).status == 400


def test_a_token_of_a_user_that_is_gone_ends(browser: Browser, world: World, registration) -> None:
    people.admin(world)
    ada = people.user(world)
    app, secret = registration
    said = browser.grant(ada, **authorization_query(app))
    users.delete(ada.org, ada.id, "user_admin")
    assert exchange_code(browser.client, app, secret, said["code"]).json["error"] == "invalid_grant"
