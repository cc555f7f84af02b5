"""Sign-in with GitHub, the caller and the end of a session over HTTP."""

from typing import Any

import pytest

from chalicelib import config
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import avatars, sessions
from chalicelib.engine.documents import documents
from chalicelib.engine.oauth import clients
from chalicelib.providers.http.outbound import Unreachable
from chalicelib.storage.aws import dynamodb
from tests.apis.studio.conftest import StudioApi
from tests.domain.files.test_image_size import png
from tests.support import people
from tests.support.github import AVATAR_URL, SECRET, FakeGitHub, github
from tests.support.world import ORG

CALLBACK, LOGOUT, ME, COMMANDS = "/api/auth/github/callback", "/api/auth/logout", "/api/auth/me", "/api/commands"
ADDRESS = "ada@acme.example"


@pytest.fixture
def ada(studio_api: StudioApi) -> Document:
    return people.user(studio_api.world)


@pytest.fixture
def fake(studio_api: StudioApi, ada: Document) -> FakeGitHub:
    return github(studio_api.world, ADDRESS)


def sign_in(api: StudioApi, fake: FakeGitHub) -> Any:
    return api.call("POST", CALLBACK, {"code": fake.allow()}, token=None)


def test_from_the_code_to_the_end_of_the_session(studio_api: StudioApi, fake: FakeGitHub, ada: Document) -> None:
    signed_in = sign_in(studio_api, fake)
    who = {"user_id": ada.id, "email": ADDRESS, "name": "Ada", "avatar_url": AVATAR_URL}
    assert {name: signed_in[name] for name in ("expires_in", "user")} == {"expires_in": 900, "user": who}
    token = signed_in["access_token"]
    assert studio_api.call("GET", ME, token=token) == who
    queued = studio_api.call("POST", COMMANDS, {"command": "x"}, token=token)
    assert studio_api.call("GET", f"{COMMANDS}/{queued['command_id']}")["command"] == "x"  # of the same org
    assert studio_api.call("POST", LOGOUT, token=token) == {"message": "Logged out successfully"}
    for method, path in (("GET", ME), ("POST", LOGOUT), ("GET", COMMANDS)):
        assert studio_api.expect_error(401, method, path, token=token) == "Invalid or expired token"


def test_a_session_lasts_fifteen_minutes(studio_api: StudioApi, fake: FakeGitHub) -> None:
    token = sign_in(studio_api, fake)["access_token"]
    studio_api.world.clock.advance(899)
    assert studio_api.request("GET", ME, token=token).status == 200
    studio_api.world.clock.advance(1)
    assert studio_api.request("GET", ME, token=token).status == 401


def test_a_token_without_a_session_says_what_it_knows(studio_api: StudioApi) -> None:
    nobody = {"user_id": "dev", "email": None, "name": None, "avatar_url": None}
    assert studio_api.call("GET", ME) == nobody
    message = studio_api.call("POST", LOGOUT)["message"]
    assert message == "This token belongs to no session: it is valid until it expires"
    assert studio_api.call("GET", ME) == nobody


def test_a_picture_that_was_uploaded_comes_before_github_s(
    studio_api: StudioApi, fake: FakeGitHub, ada: Document
) -> None:
    avatars.replace_avatar(ORG, ada.id, png(20, 30))
    assert f"avatars/{ORG}/{ada.id}" in sign_in(studio_api, fake)["user"]["avatar_url"]


def test_a_code_is_used_once_and_never_repeated(studio_api: StudioApi, fake: FakeGitHub) -> None:
    code = fake.allow()
    studio_api.call("POST", CALLBACK, {"code": code}, token=None)
    for again in (code, "0123456789wrong"):
        detail = studio_api.expect_error(401, "POST", CALLBACK, {"code": again}, token=None)
        assert detail == "GitHub refuses the code: it is wrong, expired or was used before. Sign in again"
    assert "hunter 2" not in studio_api.expect_error(400, "POST", CALLBACK, {"code": "hunter 2"}, token=None)


@pytest.mark.parametrize(("reason", "status"), [("timed out", 504), ("refused", 503)])
def test_without_github_nobody_is_signed_in(studio_api: StudioApi, fake: FakeGitHub, reason: Any, status: int) -> None:
    for path in ("/login/oauth/access_token", "/user", "/user/emails"):
        fake.reply = {path: Unreachable(reason)}
        detail = studio_api.expect_error(status, "POST", CALLBACK, {"code": fake.allow()}, token=None)
        assert "GitHub" in detail and SECRET not in detail


def test_who_has_no_account_and_who_has_no_app_is_told(studio_api: StudioApi, fake: FakeGitHub) -> None:
    fake.emails = [fake.emails[0] | {"email": "eve@acme.example"}]
    detail = studio_api.expect_error(403, "POST", CALLBACK, {"code": fake.allow()}, token=None)
    assert detail == "No user has your email address: ask an admin of your organization for an invitation"
    config.replace(github_client_id="")
    reply = studio_api.request("POST", CALLBACK, {"code": "x"}, token=None)
    assert (reply.status, reply.json["type"]) == (503, "not_configured")
    assert "GITHUB_CLIENT_ID" in reply.json["detail"]


def test_sessions_of_the_projects_api_count_and_so_do_their_limits(studio_api: StudioApi, ada: Document) -> None:
    assert studio_api.call("GET", ME, token=people.token(ada))["user_id"] == ada.id
    viewer = people.token(people.user(studio_api.world, "viewer", name="Vic"))
    assert studio_api.call("GET", COMMANDS, token=viewer)["commands"] == []
    assert "only read" in studio_api.expect_error(403, "POST", COMMANDS, {"command": "x"}, token=viewer)
    assert studio_api.request("POST", LOGOUT, token=viewer).status == 200
    app = clients.Registration("App", ("https://app.example/done",), ("tasks:read",), False)
    client = clients.register(ORG, ada.id, app)[0]
    tokens, opened = sessions.new_session(documents.get(ORG, "user", ada.id), client_id=client.id, scope="tasks:read")
    dynamodb.commit(opened)
    assert "sign in" in studio_api.expect_error(403, "GET", COMMANDS, token=tokens.access_token)
