import pytest

from chalicelib.domain.document import Document
from chalicelib.engine.accounts import sessions
from chalicelib.engine.documents import documents
from chalicelib.engine.tasks import lifecycle
from tests.apis.projects.accounts_api import AUTH, USERS, AccountsApi
from tests.support import aws, people
from tests.support.client import Client, token
from tests.support.people import PASSWORD
from tests.support.world import ORG, World

pytestmark = pytest.mark.usefixtures("cheap_hashes")


@pytest.fixture
def accounts_api(world: World, checking_client: Client) -> AccountsApi:
    return AccountsApi(world, checking_client)


@pytest.fixture
def admin(world: World) -> Document:
    return people.admin(world)


@pytest.fixture
def ada(world: World, admin: Document) -> Document:
    world.clock.advance(1)
    return people.user(world)


@pytest.fixture
def boss(admin: Document) -> str:
    return people.token(admin)


def test_one_s_own_account_is_shown_as_documented(accounts_api: AccountsApi, ada: Document) -> None:
    found = accounts_api.call("GET", f"{USERS}/me", token=accounts_api.login(people.email("Ada"))["accessToken"])
    assert found == {
        "id": ada.id,
        "email": "ada@acme.example",
        "name": "Ada",
        "role": "developer",
        "plan": "enterprise",
        "status": "active",
        "organizationId": ORG,
        "avatar": None,
        "preferences": {
            "theme": "system",
            "language": "en",
            "timezone": "UTC",
            "notifications": {"email": True, "push": True, "desktop": False},
        },
        "stats": {"tasksCreated": 0, "tasksCompleted": 0, "projectsActive": 0},
        "createdAt": "2026-01-01T12:00:01Z",
        "lastLoginAt": "2026-01-01T12:00:01Z",
    }


def test_stats_are_what_was_done(accounts_api: AccountsApi, ada: Document) -> None:
    mine = people.token(ada)
    made = [accounts_api.call("POST", "/api/v1/tasks", {"title": "x"}, token=mine)["id"] for _ in range(3)]
    accounts_api.call("POST", "/api/v1/tasks", {"title": "x"}, token=token("user"))
    accounts_api.call("PATCH", f"/api/v1/tasks/{made[0]}", {"status": "completed"}, token=token("user"))
    for identifier, status in (("proj_a", "active"), ("proj_b", "archived")):
        documents.create(documents.new(ORG, "project", {"name": "x", "status": status}, id=identifier))
    documents.merge(ORG, "user", ada.id, {"memberships": {"proj_a": [], "proj_b": [], "proj_gone": []}})
    accounts_api.world.settle()
    with aws.counting() as counted:
        stats = accounts_api.call("GET", f"{USERS}/me", token=mine)["stats"]
    assert stats == {"tasksCreated": 3, "tasksCompleted": 1, "projectsActive": 1}
    assert counted.total() <= 5


def test_one_changes_one_s_own_name_and_preferences_and_nothing_else(accounts_api: AccountsApi, ada: Document) -> None:
    mine = people.token(ada)
    said = {"name": "Ada L.", "preferences": {"theme": "dark", "timezone": "America/New_York"}}
    read_only = {"role": "admin", "plan": "pro", "email": "x@y.z", "id": "user_x", "organizationId": "globex"}
    user = accounts_api.call("PUT", f"{USERS}/me", said | read_only, token=mine)
    assert (user["name"], user["preferences"]["theme"]) == ("Ada L.", "dark")
    unchanged = ("id", "email", "role", "plan", "organizationId", "status")
    before = {"id": ada.id, "email": "ada@acme.example", "role": "developer", "plan": "enterprise"}
    assert {name: user[name] for name in unchanged} == before | {"organizationId": ORG, "status": "active"}
    again = accounts_api.call("PUT", f"{USERS}/me", {"preferences": {"notifications": {"desktop": True}}}, token=mine)
    assert again["preferences"]["timezone"] == "America/New_York"
    assert again["preferences"]["notifications"] == {"email": True, "push": True, "desktop": True}
    assert accounts_api.call("PUT", f"{USERS}/me", {}, token=mine) == again


@pytest.mark.parametrize(
    "said",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": None},
        {"preferences": {"theme": "pink"}},
        {"preferences": {"timezone": "Mars/Olympus"}},
        {"preferences": {"language": "klingon!"}},
        {"preferences": {"notifications": {"email": "maybe"}}},
    ],
)
def test_what_cannot_be_is_refused(accounts_api: AccountsApi, ada: Document, said: object) -> None:
    assert (
        accounts_api.expect_error(422, "PUT", f"{USERS}/me", said, token=people.token(ada))["code"]
        == "VALIDATION_ERROR"
    )


def test_an_admin_lists_filters_and_searches_users(accounts_api: AccountsApi, ada: Document, boss: str) -> None:
    accounts_api.world.clock.advance(1)
    people.user(accounts_api.world, "viewer", name="Zoë")
    people.user(accounts_api.world, org="globex", name="Stranger")
    names = [user["name"] for user in accounts_api.call("GET", USERS, token=boss)]
    assert names == ["Zoë", "Ada", "Administrator"]
    for query, expected_names in (
        ("role=viewer", ["Zoë"]),
        ("search=ADA", ["Ada"]),
        ("search=acme.example&role=admin", ["Administrator"]),
        ("limit=1&page=2", ["Ada"]),
        ("search=nobody", []),
    ):
        assert [user["name"] for user in accounts_api.call("GET", f"{USERS}?{query}", token=boss)] == expected_names
    accounts_api.expect_error(422, "GET", f"{USERS}?role=king", token=boss)
    accounts_api.expect_error(403, "GET", USERS, token=people.token(ada))


def test_an_admin_changes_a_user_s_role_plan_and_name(accounts_api: AccountsApi, ada: Document, boss: str) -> None:
    mine = people.token(ada)
    assert accounts_api.request("POST", "/api/v1/tasks", {"title": "x"}, token=mine).status == 201
    said = {"role": "viewer", "plan": "free", "name": "A.", "email": "new@acme.example"}
    changed = accounts_api.call("PUT", f"{USERS}/{ada.id}", said, token=boss)
    assert (changed["role"], changed["plan"], changed["name"], changed["email"]) == (
        "viewer",
        "free",
        "A.",
        "ada@acme.example",
    )
    accounts_api.world.clock.advance(30)
    reply = accounts_api.request("POST", "/api/v1/tasks", {"title": "x"}, token=mine)
    assert (reply.status, reply.headers["x-ratelimit-limit"]) == (403, "1000")
    assert accounts_api.call("GET", f"{USERS}/{ada.id}", token=boss) == changed
    for method, path, body in (("GET", USERS, None), ("PUT", f"{USERS}/{ada.id}", {"role": "admin"})):
        accounts_api.expect_error(403, method, path, body, token=mine)


def test_the_last_admin_stays_and_nobody_deletes_themselves(
    accounts_api: AccountsApi, admin: Document, boss: str
) -> None:
    for method, body in (("DELETE", None), ("PUT", {"role": "viewer"})):
        assert (
            accounts_api.expect_error(409, method, f"{USERS}/{admin.id}", body, token=boss)["code"] == "CONFLICT_ERROR"
        )
    accounts_api.expect_error(409, "DELETE", f"{USERS}/{admin.id}", token=token("admin"))


def test_a_deleted_user_is_out_and_their_tasks_wait_again(accounts_api: AccountsApi, ada: Document, boss: str) -> None:
    mine = people.token(ada)
    task = accounts_api.call("POST", "/api/v1/tasks", {"title": "x"}, token=mine)["id"]
    accounts_api.call("PATCH", f"/api/v1/tasks/{task}", {"status": "active"}, token=mine)
    accounts_api.world.settle()
    assert accounts_api.call("DELETE", f"{USERS}/{ada.id}", token=boss) == {"id": ada.id, "deleted": True}
    accounts_api.world.settle()
    accounts_api.world.advance(30)
    accounts_api.expect_error(401, "GET", f"{USERS}/me", token=mine)
    accounts_api.expect_error(401, "POST", f"{AUTH}/login", {"email": ada.body["email"], "password": PASSWORD})
    for method in ("GET", "DELETE"):
        accounts_api.expect_error(404, method, f"{USERS}/{ada.id}", token=boss)
    found = accounts_api.call("GET", f"/api/v1/tasks/{task}", token=boss)
    assert (found["status"], found["createdBy"]) == ("pending", ada.id)
    assert lifecycle.get(ORG, task).person is None


def test_users_of_another_organization_are_not_there(accounts_api: AccountsApi, boss: str) -> None:
    stranger = people.user(accounts_api.world, org="globex")
    for method, path, body in (
        ("GET", f"{USERS}/{stranger.id}", None),
        ("PUT", f"{USERS}/{stranger.id}", {"role": "admin"}),
        ("DELETE", f"{USERS}/{stranger.id}", None),
        ("POST", f"{USERS}/{stranger.id}/invitation", None),
    ):
        accounts_api.expect_error(404, method, path, body, token=boss)


def test_an_email_address_is_invited_once_and_again_on_demand(accounts_api: AccountsApi, boss: str) -> None:
    body = {"email": "eve@acme.example", "name": "Eve"}
    first = accounts_api.request("POST", USERS, body, token=boss)
    assert (first.status, first.headers["location"]) == (201, f"{USERS}/{first.json['data']['id']}")
    accounts_api.expect_error(409, "POST", USERS, body | {"email": "EVE@ACME.example"}, token=boss)
    second = accounts_api.call("POST", f"{first.headers['location']}/invitation", token=boss)
    for invitation, status in ((first.json["data"], 401), (second, 200), (second, 401)):
        said = {"token": invitation["invitationToken"], "password": PASSWORD}
        assert accounts_api.request("POST", f"{AUTH}/accept-invitation", said).status == status
    accounts_api.expect_error(409, "POST", f"{first.headers['location']}/invitation", token=boss)


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "eve"},
        {"email": "eve@acme"},
        {"email": "eve@@acme.example"},
        {"email": "e ve@acme.example"},
        {"email": "eve\u0000@acme.example"},
        {"email": "e" * 250 + "@x.yz"},
        {"name": ""},
        {"role": "root"},
        {"plan": "standard"},
        {"email": None},
    ],
)
def test_who_cannot_be_invited_is_not(accounts_api: AccountsApi, boss: str, fields: dict[str, object]) -> None:
    error = accounts_api.expect_error(
        422, "POST", USERS, {"email": "eve@acme.example", "name": "Eve"} | fields, token=boss
    )
    assert [*error["details"]] == [*fields]


def test_the_refusal_of_a_wrong_email_address_says_what_one_is(accounts_api: AccountsApi, boss: str) -> None:
    error = accounts_api.expect_error(422, "POST", USERS, {"email": "eve", "name": "Eve"}, token=boss)
    assert error["details"] == {"email": ["Email must be an email address, such as jane.doe@example.com"]}


def test_one_changes_one_s_own_password(accounts_api: AccountsApi, ada: Document) -> None:
    mine, other = people.token(ada), sessions.open_session(ada).access_token
    path, passwords = f"{USERS}/me/password", {"currentPassword": PASSWORD, "newPassword": "another one"}
    error = accounts_api.expect_error(422, "PUT", path, passwords | {"currentPassword": "wrong"}, token=mine)
    assert list(error["details"]) == ["currentPassword"]
    accounts_api.expect_error(422, "PUT", path, passwords | {"newPassword": "short"}, token=mine)
    assert accounts_api.call("PUT", path, passwords, token=mine) == {"changed": True}
    accounts_api.world.clock.advance(30)
    assert accounts_api.request("GET", f"{USERS}/me", token=mine).status == 200
    assert accounts_api.request("GET", f"{USERS}/me", token=other).status == 401
    assert accounts_api.login(ada.body["email"], "another one")


def test_operator_tokens_have_no_account(accounts_api: AccountsApi) -> None:
    for method, path, body in (
        ("GET", "/me", None),
        ("PUT", "/me", {"name": "x"}),
        ("PUT", "/me/password", {"currentPassword": "x", "newPassword": "x" * 8}),
    ):
        accounts_api.expect_error(404, method, USERS + path, body, token=token("admin"))


def test_the_first_person_of_a_deployment_is_invited_with_an_operators_token(accounts_api: AccountsApi) -> None:
    """The steps of docs/how-to/deploy.md in an organization without users or seeded data."""
    operator = token("admin", org="young")
    said = {"email": "first@young.example", "name": "First", "role": "admin"}
    invited = accounts_api.call("POST", USERS, said, token=operator)
    accepted = {"token": invited["invitationToken"], "password": PASSWORD}
    accounts_api.call("POST", f"{AUTH}/accept-invitation", accepted)
    mine = accounts_api.login("first@young.example")["accessToken"]
    me = accounts_api.call("GET", f"{USERS}/me", token=mine)
    assert (me["organizationId"], me["role"]) == ("young", "admin")
    next_one = {"email": "second@young.example", "name": "Second", "role": "developer"}
    assert accounts_api.call("POST", USERS, next_one, token=mine)["status"] == "invited"
