"""The meaning of GitHub's answers, and of a missing answer."""

import pytest

from chalicelib.errors import Forbidden, TimedOut, Unavailable, YardmasterError
from chalicelib.providers.http.outbound import Response, Unreachable
from chalicelib.providers.identity import github
from chalicelib.providers.identity.github import App, AppRefused
from tests.support.github import CLIENT_ID, SECRET, FakeGitHub, reply
from tests.support.github import github as fake_github
from tests.support.world import World

TOKEN, USER, EMAILS = "/login/oauth/access_token", "/user", "/user/emails"
LIMITED = Response(403, {"x-ratelimit-remaining": "0"}, b'{"message": "API rate limit exceeded"}')
HTML = Response(200, {"content-type": "text/html"}, b"<html>Unicorn!</html>")


@pytest.fixture
def fake(world: World) -> FakeGitHub:
    return fake_github(world, "ada@acme.example")


def identify(fake: FakeGitHub) -> github.Person:
    return github.identify(App(CLIENT_ID, SECRET), fake.allow())


@pytest.mark.parametrize("path", [TOKEN, USER, EMAILS])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Unreachable("timed out"), TimedOut),
        (Unreachable("refused"), Unavailable),
        (Unreachable("closed"), Unavailable),
        (reply(500, {"message": "Server Error"}), Unavailable),
        (reply(503, {}), Unavailable),
        (reply(429, {"message": "rate limited"}), Unavailable),
        (LIMITED, Unavailable),
        (HTML, Unavailable),
        (Response(200, {}, b"[" * 100_000), Unavailable),
        (Response(200, {}, b"\xff"), Unavailable),
    ],
)
def test_github_is_down_slow_or_something_else(
    fake: FakeGitHub, path: str, answer: Response | Unreachable, error: type[YardmasterError]
) -> None:
    fake.reply[path] = answer
    with pytest.raises(error) as raised:
        identify(fake)
    assert "GitHub" in raised.value.message and SECRET not in raised.value.message


@pytest.mark.parametrize(
    "body", [{}, [], None, "x", {"access_token": ""}, {"access_token": "a\r\nb"}, {"access_token": 7}, {"error": "new"}]
)
def test_an_exchange_without_a_token_is_no_sign_in(fake: FakeGitHub, body: object) -> None:
    fake.reply[TOKEN] = reply(200, body)
    with pytest.raises(Unavailable):
        identify(fake)


@pytest.mark.parametrize(
    "body", [{}, None, ["x"], [{"email": 7, "primary": True, "verified": True}], [{"email": "a@b.c", "primary": True}]]
)
def test_addresses_of_another_form_are_none(fake: FakeGitHub, body: object) -> None:
    fake.reply[EMAILS] = reply(200, body)
    with pytest.raises(Forbidden, match="no verified primary email"):
        identify(fake)


@pytest.mark.parametrize("body", [{}, [], {"avatar_url": 7}, {"avatar_url": "javascript:x"}, {"avatar_url": None}])
def test_a_profile_may_lack_a_picture(fake: FakeGitHub, body: object) -> None:
    fake.reply[USER] = reply(200, body)
    assert identify(fake).avatar_url is None


def test_without_the_scope_or_a_verified_address_it_says_what_to_do(fake: FakeGitHub) -> None:
    fake.scope = ""
    with pytest.raises(Forbidden, match="scope user:email"):
        identify(fake)
    fake.reply[TOKEN] = reply(200, {"error": "unverified_user_email"})
    with pytest.raises(Forbidden, match="verify it there"):
        identify(fake)


@pytest.mark.parametrize("error", ["incorrect_client_credentials", "redirect_uri_mismatch", "application_suspended"])
def test_a_refused_app_is_distinguished_from_a_refused_code(fake: FakeGitHub, error: str) -> None:
    fake.reply[TOKEN] = reply(200, {"error": error})
    with pytest.raises(AppRefused):
        identify(fake)
