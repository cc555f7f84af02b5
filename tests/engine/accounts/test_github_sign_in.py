"""Who may sign in with GitHub: its rules, against a fake that answers as GitHub's documentation says."""

import pytest

from chalicelib import config
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import github_sign_in, sessions, users
from chalicelib.engine.accounts.users import Profile
from chalicelib.errors import Forbidden, NotConfigured, Unauthenticated, YardmasterError
from chalicelib.storage.access import logins
from chalicelib.storage.aws import ssm
from tests.engine.helpers import run_together
from tests.support import aws, people
from tests.support.github import AVATAR_URL, CLIENT_ID, SECRET, FakeGitHub, email, github
from tests.support.world import ORG, World

ADDRESS = "ada@acme.example"


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world)


@pytest.fixture
def fake(world: World, ada: Document) -> FakeGitHub:
    return github(world, ADDRESS, "ada@elsewhere.example")


def sign_in(code: str) -> github_sign_in.SignedIn:
    return github_sign_in.sign_in(code, "192.0.2.1")


def test_the_primary_address_decides_who_signs_in_and_it_costs_four_calls(fake: FakeGitHub, ada: Document) -> None:
    with aws.counting() as counted:
        signed_in = sign_in(fake.allow())
    assert counted.total() == 4
    assert (signed_in.user.id, signed_in.user.body["avatar_url"]) == (ada.id, AVATAR_URL)
    assert signed_in.tokens.expires_in == github_sign_in.SESSION_SECONDS
    assert sessions.authenticate(signed_in.tokens.access_token).subject == ada.id
    assert fake.requests == ["POST /login/oauth/access_token", "GET /user", "GET /user/emails"]


def test_the_session_ends_with_its_token_and_when_it_is_ended(world: World, fake: FakeGitHub) -> None:
    first, second = (sign_in(fake.allow()).tokens.access_token for _ in range(2))
    session = sessions.authenticate(first).session
    assert session is not None
    sessions.end(session)
    with pytest.raises(Unauthenticated):
        sessions.authenticate(first)
    world.clock.advance(github_sign_in.SESSION_SECONDS - 1)
    principal = sessions.authenticate(second)
    assert principal.session is not None
    world.clock.advance(1)
    with pytest.raises(Unauthenticated):
        sessions.authenticate(second)
    world.clock.advance(30)  # no process remembers it
    assert sessions.current_principal(ORG, principal.subject, principal.session) is None


def test_a_code_is_good_for_one_of_many_requests_and_for_ten_minutes(world: World, fake: FakeGitHub) -> None:
    code = fake.allow()

    def attempt(code: str = code) -> bool:
        try:
            return bool(sign_in(code))
        except Unauthenticated:
            return False

    assert sorted(run_together([attempt] * 4)) == [False, False, False, True]
    late = fake.allow()
    world.clock.advance(600)
    assert not attempt(late) and not attempt("never-given")


def test_an_invited_user_becomes_active_and_an_admin_is_counted(world: World) -> None:
    invited = users.invite(ORG, Profile(ADDRESS, "Ada", "admin", "free"), "user_boss")
    signed_in = sign_in(github(world, ADDRESS).allow())
    assert (signed_in.user.id, signed_in.user.body["status"]) == (invited.user.id, users.ACTIVE)
    assert logins.count_admins(ORG) == 1
    assert users.accept_invitation(invited.token, people.PASSWORD).id == invited.user.id


@pytest.mark.parametrize(
    "emails",
    [
        [email("somebody@acme.example")],
        [email(ADDRESS, verified=False)],
        [email("ada@elsewhere.example"), email(ADDRESS, primary=False)],
        [email("\uff41da@acme.example")],  # a wide letter
        [email("ada@\u200bacme.example")],
        [email("ada@ac\u212ae.example")],  # the sign of kelvin
        [],
    ],
    ids=["unknown", "not verified", "not primary", "wide", "invisible", "kelvin", "none"],
)
def test_no_other_address_signs_anybody_in(fake: FakeGitHub, ada: Document, emails: list[dict[str, object]]) -> None:
    fake.emails = emails
    with pytest.raises(Forbidden):
        sign_in(fake.allow())
    assert users.get(ORG, ada.id) == ada


def test_a_deleted_user_does_not_come_back(fake: FakeGitHub, ada: Document, world: World) -> None:
    token = sign_in(fake.allow()).tokens.access_token
    users.delete(ORG, ada.id, "user_boss")
    world.clock.advance(30)
    for attempt in (lambda: sessions.authenticate(token), lambda: sign_in(fake.allow())):
        with pytest.raises((Unauthenticated, Forbidden)):
            attempt()


def test_the_secret_comes_from_ssm_and_is_read_once_a_minute(
    world: World, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def find_parameter(name: str) -> str:
        read.append(name)
        return f"{SECRET}\n"

    monkeypatch.setattr(ssm, "find_parameter", find_parameter)
    config.replace(github_client_secret="", secrets_parameter="/yardmaster/keys")
    for _ in range(2):
        assert github_sign_in.get_app() == (CLIENT_ID, SECRET)
    world.clock.advance(60)
    assert github_sign_in.get_app().client_secret == SECRET
    assert read == ["/yardmaster/keys/github"] * 2


@pytest.mark.parametrize("missing", ["github_client_id", "github_client_secret"])
def test_without_an_app_or_its_secret_the_setting_is_named(fake: FakeGitHub, missing: str) -> None:
    config.replace(**{missing: ""})
    with pytest.raises(NotConfigured, match="set GITHUB_CLIENT_ID"):
        sign_in(fake.allow())
    assert fake.requests == []


@pytest.mark.parametrize("wrong", ["github_client_id", "github_client_secret"])
def test_an_app_that_github_refuses_is_an_error_for_the_operator(
    fake: FakeGitHub, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config.replace(**{wrong: "wrong-0123456789"})
    with pytest.raises(NotConfigured, match="GitHub refuses GITHUB_CLIENT_ID") as refused:
        sign_in(fake.allow("code-0123456789"))
    _require_secrets_hidden(refused.value, capsys)


def test_after_twenty_wrong_codes_an_address_waits(world: World, fake: FakeGitHub) -> None:
    errors = []
    for _ in range(22):
        with pytest.raises(YardmasterError) as refused:
            sign_in("wrong")
        errors.append(refused.value.status)
    assert errors == [401] * 20 + [429] * 2
    assert len(fake.requests) == 21
    assert github_sign_in.sign_in(fake.allow(), "192.0.2.2")


def _require_secrets_hidden(error: YardmasterError, capsys: pytest.CaptureFixture[str]) -> None:
    written = "".join(capsys.readouterr()) + error.message
    assert not [secret for secret in (SECRET, "code-0123456789", "gho_") if secret in written]
