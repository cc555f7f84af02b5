import pytest

from chalicelib.domain.document import Document
from chalicelib.engine.accounts import users
from tests.apis.projects.accounts_api import AUTH, USERS, AccountsApi
from tests.support import aws, people
from tests.support.client import Client, token
from tests.support.people import PASSWORD
from tests.support.world import ORG, World

pytestmark = pytest.mark.usefixtures("cheap_hashes")
EMAIL = people.email("Ada")


@pytest.fixture
def accounts_api(world: World, checking_client: Client) -> AccountsApi:
    return AccountsApi(world, checking_client)


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world)


def test_signing_in_is_answered_as_documented(accounts_api: AccountsApi, ada: Document) -> None:
    session = accounts_api.login(EMAIL)
    assert set(session) == {"accessToken", "refreshToken", "expiresIn", "user"}
    assert session["expiresIn"] == 3600
    assert session["user"] == {"id": ada.id, "email": EMAIL, "name": "Ada", "organizationId": ORG}
    assert accounts_api.call("GET", f"{USERS}/me", token=session["accessToken"])["id"] == ada.id


def test_without_a_version_the_answers_are_bare_as_the_examples_show(accounts_api: AccountsApi, ada: Document) -> None:
    session = accounts_api.request("POST", "/api/auth/login", {"email": EMAIL, "password": PASSWORD}).json
    assert set(session) == {"accessToken", "refreshToken", "expiresIn", "user"}
    assert session["user"] == {"id": ada.id, "email": EMAIL, "name": "Ada"}
    later = accounts_api.request("POST", "/api/auth/refresh", {"refreshToken": session["refreshToken"]}).json
    assert set(later) == {"accessToken", "refreshToken", "expiresIn"}
    assert accounts_api.request("GET", "/api/tasks", token=later["accessToken"]).status == 200


def test_a_wrong_password_and_an_unknown_email_are_refused_alike(accounts_api: AccountsApi, ada: Document) -> None:
    errors = [
        accounts_api.expect_error(401, "POST", f"{AUTH}/login", {"email": email, "password": "wrong"})
        for email in (EMAIL, "nobody@acme.example", "no address")
    ]
    assert errors == [{"code": "AUTHENTICATION_ERROR", "message": "Wrong email or password"}] * 3


def test_too_many_tries_are_refused_with_when_to_try_again(accounts_api: AccountsApi, ada: Document) -> None:
    for _ in range(5):
        accounts_api.expect_error(401, "POST", f"{AUTH}/login", {"email": EMAIL, "password": "wrong"})
    reply = accounts_api.request("POST", f"{AUTH}/login", {"email": EMAIL, "password": PASSWORD})
    assert (reply.status, reply.headers["retry-after"], reply.json["error"]["retryAfter"]) == (429, "1", 1)
    accounts_api.world.clock.advance(1)
    assert accounts_api.login(EMAIL)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email", "password"}),
        ({"email": EMAIL}, {"password"}),
        ({"email": 5, "password": PASSWORD}, {"email"}),
        ({"email": "x" * 255, "password": PASSWORD}, {"email"}),
        ({"email": EMAIL, "password": ""}, {"password"}),
        ({"email": EMAIL, "password": "x" * 1025}, {"password"}),
    ],
)
def test_what_no_login_can_be_is_invalid(accounts_api: AccountsApi, body: object, fields: set[str]) -> None:
    error = accounts_api.expect_error(422, "POST", f"{AUTH}/login", body)
    assert (error["code"], set(error["details"])) == ("VALIDATION_ERROR", fields)


def test_a_session_is_refreshed_and_ended(accounts_api: AccountsApi, ada: Document) -> None:
    first = accounts_api.login(EMAIL)
    second = accounts_api.call("POST", f"{AUTH}/refresh", {"refreshToken": first["refreshToken"]})
    assert set(second) == {"accessToken", "refreshToken", "expiresIn"}
    told = accounts_api.call("POST", f"{AUTH}/logout", {"refreshToken": second["refreshToken"]})
    assert told == {"loggedOut": True}
    for refresh_token in (first["refreshToken"], second["refreshToken"], "x", first["accessToken"]):
        error = accounts_api.expect_error(401, "POST", f"{AUTH}/refresh", {"refreshToken": refresh_token})
        assert error["code"] == "AUTHENTICATION_ERROR"
    for access_token in (first["accessToken"], second["accessToken"]):
        accounts_api.expect_error(401, "GET", f"{USERS}/me", token=access_token)


def test_logging_out_takes_a_bearer_token_of_the_same_user_or_none(accounts_api: AccountsApi, ada: Document) -> None:
    session = accounts_api.login(EMAIL)
    body = {"refreshToken": session["refreshToken"]}
    accounts_api.expect_error(401, "POST", f"{AUTH}/logout", body, token="garbage")
    accounts_api.expect_error(403, "POST", f"{AUTH}/logout", body, token=token("admin"))
    accounts_api.expect_error(401, "POST", f"{AUTH}/logout", {"refreshToken": "x"})
    assert accounts_api.call("POST", f"{AUTH}/logout", body, token=session["accessToken"])
    assert accounts_api.call("POST", f"{AUTH}/logout", body), "again, without one"


def test_an_invitation_is_accepted_and_signs_in(accounts_api: AccountsApi) -> None:
    admin = people.admin(accounts_api.world)
    body = {"email": "eve@acme.example", "name": "Eve", "role": "viewer", "plan": "pro"}
    invited = accounts_api.call("POST", USERS, body, token=people.token(admin))
    assert (invited["status"], invited["role"], invited["plan"]) == ("invited", "viewer", "pro")
    acceptance = {"token": invited["invitationToken"], "password": "hedge row"}
    found = accounts_api.call("POST", f"{AUTH}/accept-invitation", acceptance | {"name": "Eve E."})
    assert found["user"]["name"] == "Eve E."
    me = accounts_api.call("GET", f"{USERS}/me", token=found["accessToken"])
    assert (me["status"], me["id"]) == ("active", invited["id"])
    accounts_api.expect_error(401, "POST", f"{AUTH}/accept-invitation", acceptance)
    assert accounts_api.login("eve@acme.example", "hedge row")


@pytest.mark.parametrize(
    ("password", "status"), [("hedgero", 422), ("hedgerow", 200), ("hedgerow" * 16, 200), ("hedgerow" * 16 + "s", 422)]
)
def test_a_password_has_8_to_128_characters(accounts_api: AccountsApi, password: str, status: int) -> None:
    admin = people.admin(accounts_api.world)
    invited = users.invite(ORG, users.Profile("eve@acme.example", "Eve", "viewer", "free"), admin.id)
    reply = accounts_api.request("POST", f"{AUTH}/accept-invitation", {"token": invited.token, "password": password})
    assert reply.status == status


def test_what_signing_in_costs(accounts_api: AccountsApi, ada: Document) -> None:
    with aws.counting() as counted:
        accounts_api.login(EMAIL)
    assert counted.total() == 6, "from an address that was never seen"
    with aws.counting() as counted:
        session = accounts_api.login(EMAIL)
    assert counted.total() == 5
    with aws.counting() as counted:
        accounts_api.call("POST", f"{AUTH}/refresh", {"refreshToken": session["refreshToken"]})
    assert counted.total() == 2
    with aws.counting() as counted:
        accounts_api.call("GET", "/api/v1/tasks", token=session["accessToken"])
        accounts_api.call("GET", "/api/v1/tasks", token=session["accessToken"])
    assert counted[("DynamoDB", "BatchGetItem")] == 1


def test_plans_have_their_limits_and_bursts(accounts_api: AccountsApi) -> None:
    seen = {}
    for plan in ("free", "pro", "enterprise"):
        user = people.user(accounts_api.world, name=plan, plan=plan)
        headers = accounts_api.request("GET", "/api/v1/tasks", token=people.token(user)).headers
        names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-window")
        seen[plan] = tuple(headers[name] for name in names)
    assert seen == {
        "free": ("1000", "49", "3600"),
        "pro": ("10000", "199", "3600"),
        "enterprise": ("100000", "999", "3600"),
    }


def test_a_session_beyond_its_rate_limit_is_refused_with_when_to_try_again(accounts_api: AccountsApi) -> None:
    mine = people.token(people.user(accounts_api.world, plan="free"))
    statuses = [accounts_api.request("GET", f"{USERS}/me", token=mine).status for _ in range(51)]
    assert statuses == [200] * 50 + [429]
    error = accounts_api.expect_error(429, "GET", f"{USERS}/me", token=mine)
    assert (error["code"], error["retryAfter"]) == ("RATE_LIMIT_ERROR", 4)
    other = people.token(people.user(accounts_api.world, name="Eve", plan="free"))
    assert accounts_api.request("GET", f"{USERS}/me", token=other).status == 200


@pytest.mark.parametrize("password", ["password", "12345678", " " * 8, "PassWord1", "qwertyuiop", "eve@acme.example"])
def test_what_everybody_tries_first_is_no_password(accounts_api: AccountsApi, ada: Document, password: str) -> None:
    admin = people.admin(accounts_api.world)
    invited = users.invite(ORG, users.Profile("eve@acme.example", "Eve", "viewer", "free"), admin.id)
    body = {"token": invited.token, "password": password}
    error = accounts_api.expect_error(422, "POST", f"{AUTH}/accept-invitation", body)
    assert set(error["details"]) == {"password"}
    assert password == "password" or password not in error["message"]
    assert accounts_api.call("POST", f"{AUTH}/accept-invitation", body | {"password": PASSWORD}), "it is still good"
    change = {"currentPassword": PASSWORD, "newPassword": password}
    if password != "eve@acme.example":
        token = accounts_api.login(EMAIL)["accessToken"]
        assert set(accounts_api.expect_error(422, "PUT", f"{USERS}/me/password", change, token=token)["details"]) == {
            "newPassword"
        }


def test_one_address_tries_one_password_on_few_accounts(accounts_api: AccountsApi, ada: Document) -> None:
    def try_password(number: int) -> int:
        body = {"email": f"user-{number}@acme.example", "password": "Summer 2026"}
        return accounts_api.request("POST", f"{AUTH}/login", body).status

    assert [try_password(number) for number in range(200)] == [401] * 50 + [429] * 150


def test_an_email_address_is_kept_as_it_is_seen(accounts_api: AccountsApi) -> None:
    admin = people.token(people.admin(accounts_api.world))
    seen = {"email": "eve@acme.example", "name": "Eve", "role": "viewer"}
    invited = accounts_api.call("POST", USERS, seen | {"email": " e\u200bve@\uff41cme.ex\u00adample. "}, token=admin)
    assert invited["email"] == seen["email"]
    for email in (seen["email"], "EVE@acme.example", "eve\u2060@acme.example", "\uff45ve@acme.example"):
        accounts_api.expect_error(409, "POST", USERS, seen | {"email": email}, token=admin)
    accounts_api.expect_error(422, "POST", USERS, seen | {"email": "\u200b@acme.example"}, token=admin)
