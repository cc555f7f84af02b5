from typing import Any, get_args

import pytest

from chalicelib.apis.projects.permissions import Permission
from chalicelib.domain.document import Document
from tests.apis.projects.accounts_api import KEYS, USERS, AccountsApi
from tests.support import people
from tests.support.client import Client, token
from tests.support.world import World

WANTED = {"name": "My Integration", "permissions": ["tasks:read", "tasks:write", "agents:read"]}


@pytest.fixture
def accounts_api(world: World, checking_client: Client) -> AccountsApi:
    return AccountsApi(world, checking_client)


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world, plan="pro")


@pytest.fixture
def session(ada: Document) -> str:
    return people.token(ada)


def test_a_key_is_created_as_documented_and_shown_once(accounts_api: AccountsApi, session: str) -> None:
    reply = accounts_api.request("POST", "/api/auth/api-keys", WANTED, token=session)
    key = reply.json["data"]
    assert (reply.status, reply.headers["location"]) == (201, f"{KEYS}/{key['id']}")
    assert key["key"].startswith(f"ak_{key['id']}") and key["key"].endswith(key["last4"])
    for path in (KEYS, "/api/auth/api-keys"):
        [listed] = accounts_api.call("GET", path, token=session)
        assert listed == {name: value for name, value in key.items() if name != "key"}
        assert key["key"][10:] not in str(listed)


def test_a_key_is_taken_in_either_header(accounts_api: AccountsApi, session: str) -> None:
    key = accounts_api.call("POST", KEYS, WANTED, token=session)["key"]
    assert accounts_api.request("GET", "/api/tasks", key=key).status == 200
    assert accounts_api.request("GET", "/api/tasks", token=key).status == 200
    for wrong in ({"token": key[:-1]}, {"key": key[:-1]}, {"key": session}, {"headers": {"Authorization": key}}, {}):
        accounts_api.expect_error(401, "GET", "/api/tasks", **wrong)
    accounts_api.expect_error(401, "GET", "/api/tasks", key=key, headers={"Authorization": "Basic eDp5"})


def test_a_key_may_what_it_was_given_and_no_more(accounts_api: AccountsApi, session: str) -> None:
    key = accounts_api.call("POST", KEYS, WANTED | {"permissions": ["agents:read"]}, token=session)["key"]
    assert accounts_api.request("GET", "/api/v1/agents", key=key).status == 200
    error = accounts_api.expect_error(403, "GET", "/api/v1/tasks", key=key)
    assert error["code"] == "AUTHORIZATION_ERROR" and "tasks:read" in error["message"]


def test_a_key_loses_what_its_owner_loses(accounts_api: AccountsApi, ada: Document, session: str) -> None:
    key = accounts_api.call("POST", KEYS, WANTED, token=session)["key"]
    assert accounts_api.request("POST", "/api/v1/tasks", {"title": "x"}, key=key).status == 201
    admin = people.token(people.admin(accounts_api.world))
    accounts_api.call("PUT", f"{USERS}/{ada.id}", {"role": "viewer"}, token=admin)
    accounts_api.world.clock.advance(10)
    accounts_api.expect_error(403, "POST", "/api/v1/tasks", {"title": "x"}, key=key)
    assert accounts_api.request("GET", "/api/v1/tasks", key=key).status == 200


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"permissions": ["users:read"]}, "permissions"),
    ({"permissions": ["tasks:read", "agents:write"]}, "permissions"),
    ({"permissions": ["everything"]}, "permissions.0"),
    ({"permissions": []}, "permissions"),
    ({"name": " "}, "name"),
    ({"expiresAt": "2026-01-01T11:59:59Z"}, "expiresAt"),
    ({"expiresAt": "soon"}, "expiresAt"),
    ({"rateLimit": {"requestsPerHour": 10_001}}, "rateLimit.requestsPerHour"),
    ({"rateLimit": {"burst": 201}}, "rateLimit.burst"),
    ({"rateLimit": {"requestsPerHour": 0}}, "rateLimit.requestsPerHour"),
]


@pytest.mark.parametrize(("said", "field"), REFUSED)
def test_a_key_beyond_its_owner_is_refused(
    accounts_api: AccountsApi, session: str, said: dict[str, Any], field: str
) -> None:
    error = accounts_api.expect_error(422, "POST", KEYS, WANTED | said, token=session)
    assert field in error["details"], error
    assert accounts_api.call("GET", KEYS, token=session) == []


def test_a_key_has_a_rate_of_its_own(accounts_api: AccountsApi, session: str) -> None:
    limit = {"requestsPerHour": 100, "burst": 2}
    key = accounts_api.call("POST", KEYS, WANTED | {"rateLimit": limit}, token=session)["key"]
    replies = [accounts_api.request("GET", "/api/tasks", key=key) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert (replies[0].headers["x-ratelimit-limit"], replies[0].headers["x-ratelimit-remaining"]) == ("100", "1")
    assert accounts_api.request("GET", "/api/tasks", token=session).headers["x-ratelimit-limit"] == "10000"


def test_a_key_is_revoked_by_its_owner(accounts_api: AccountsApi, session: str) -> None:
    key = accounts_api.call("POST", KEYS, WANTED, token=session)
    eve = people.token(people.user(accounts_api.world, name="Eve"))
    accounts_api.expect_error(404, "DELETE", f"{KEYS}/{key['id']}", token=eve)
    assert accounts_api.call("DELETE", f"{KEYS}/{key['id']}", token=session) == {"id": key["id"], "deleted": True}
    accounts_api.expect_error(401, "GET", "/api/tasks", key=key["key"])
    accounts_api.expect_error(404, "DELETE", f"/api/auth/api-keys/{key['id']}", token=session)


def test_a_key_expires(accounts_api: AccountsApi, session: str) -> None:
    key = accounts_api.call("POST", KEYS, WANTED | {"expiresAt": "2026-01-01T14:00:00.9+01:00"}, token=session)
    assert key["expiresAt"] == "2026-01-01T13:00:00Z"
    accounts_api.world.clock.advance(3600)
    accounts_api.expect_error(401, "GET", "/api/tasks", key=key["key"])


def test_a_key_changes_nothing_of_its_owner_s_own_and_hands_on_nothing(accounts_api: AccountsApi, session: str) -> None:
    key = accounts_api.call("POST", KEYS, WANTED, token=session)
    accounts_api.expect_error(403, "POST", KEYS, WANTED | {"permissions": ["tasks:read"]}, key=key["key"])
    accounts_api.expect_error(403, "DELETE", f"{KEYS}/{key['id']}", key=key["key"])
    accounts_api.expect_error(403, "PUT", f"{USERS}/me", {"name": "x"}, key=key["key"])
    assert accounts_api.call("GET", f"{USERS}/me", key=key["key"])["name"] == "Ada"


def test_operator_tokens_are_nobody_s_and_have_no_keys(accounts_api: AccountsApi) -> None:
    accounts_api.expect_error(404, "POST", KEYS, WANTED, token=token("admin"))
    accounts_api.expect_error(404, "GET", KEYS, token=token("admin"))


def test_a_key_makes_nobody_more_than_it_is_itself(accounts_api: AccountsApi) -> None:
    boss = people.token(people.admin(accounts_api.world))
    clerk = accounts_api.call("POST", KEYS, WANTED | {"permissions": ["users:read", "users:write"]}, token=boss)["key"]
    invited = accounts_api.call(
        "POST", USERS, {"email": "eve@acme.example", "name": "Eve", "role": "admin"}, token=boss
    )
    eve = f"{USERS}/{invited['id']}"
    for method, path, body in (
        ("POST", USERS, {"email": "mallory@acme.example", "name": "Mallory", "role": "admin"}),
        ("POST", USERS, {"email": "mallory@acme.example", "name": "Mallory"}),
        ("PUT", eve, {"role": "admin"}),
        ("POST", f"{eve}/invitation", None),
    ):
        assert accounts_api.expect_error(403, method, path, body, key=clerk)["code"] == "AUTHORIZATION_ERROR"
    assert accounts_api.call("PUT", eve, {"name": "Eve L."}, key=clerk)["role"] == "admin"
    everything = sorted(get_args(Permission))
    whole = accounts_api.call("POST", KEYS, WANTED | {"permissions": everything}, token=boss)["key"]
    assert accounts_api.call("PUT", eve, {"role": "viewer"}, key=whole)["role"] == "viewer"
    assert accounts_api.call("POST", f"{eve}/invitation", key=whole)["invitationToken"]


def test_a_key_learns_by_no_other_way_what_it_may_not_read(accounts_api: AccountsApi) -> None:
    boss = people.token(people.admin(accounts_api.world))

    def create_key(*permissions: str) -> str:
        return str(accounts_api.call("POST", KEYS, WANTED | {"permissions": permissions}, token=boss)["key"])

    agents, webhooks, hook = (
        create_key("agents:read"),
        create_key("webhooks:write"),
        {"url": "https://a.example/", "events": []},
    )
    worker = accounts_api.world.register("bot", pool="projects", id_prefix="agent", type="qa", endpoints={})
    assert accounts_api.request("GET", f"/api/v1/agents/{worker.id}?include=metrics", key=agents).status == 200
    assert (
        "tasks:read"
        in accounts_api.expect_error(403, "GET", f"/api/v1/agents/{worker.id}?include=tasks", key=agents)["message"]
    )
    for event in ("task.created", "comment.added", "agent.created", "project.member_added", "user.registered"):
        accounts_api.expect_error(403, "POST", "/api/v1/webhooks", hook | {"events": [event]}, key=webhooks)
    kept = accounts_api.call("POST", "/api/v1/webhooks", hook | {"events": ["user.registered"]}, token=boss)["id"]
    for key in (webhooks, people.token(people.user(accounts_api.world, "project-manager", name="Pam"))):
        accounts_api.expect_error(403, "PUT", f"/api/v1/webhooks/{kept}", {"url": "https://b.example/"}, token=key)
    tasks = create_key("webhooks:write", "tasks:read")
    own = accounts_api.call("POST", "/api/v1/webhooks", hook | {"events": ["task.created"]}, key=tasks)["id"]
    assert accounts_api.call("PUT", f"/api/v1/webhooks/{own}", {"active": False}, key=tasks)["active"] is False
    accounts_api.expect_error(403, "PUT", f"/api/v1/webhooks/{own}", {"events": ["agent.created"]}, key=tasks)


def test_a_key_reaches_no_further_in_a_project_that_its_owner_manages(accounts_api: AccountsApi) -> None:
    boss = people.token(people.admin(accounts_api.world))
    vera = people.user(accounts_api.world, "viewer", name="Vera")
    project = accounts_api.call("POST", "/api/v1/projects", {"name": "x"}, token=boss)["id"]
    member = {"userId": vera.id, "role": "project-manager"}
    accounts_api.call("POST", f"/api/v1/projects/{project}/members", member, token=boss)
    task, key = {"title": "x", "projectId": project}, WANTED | {"permissions": ["tasks:read", "projects:read"]}
    mine = people.token(vera)
    task_id = accounts_api.call("POST", "/api/v1/tasks", task, token=mine)["id"]
    text = accounts_api.call("POST", KEYS, key, token=mine)["key"]
    assert accounts_api.request("GET", f"/api/v1/tasks/{task_id}", key=text).status == 200
    accounts_api.expect_error(403, "POST", "/api/v1/tasks", task, key=text)
    accounts_api.expect_error(403, "DELETE", f"/api/v1/tasks/{task_id}", key=text)
    accounts_api.expect_error(403, "DELETE", f"/api/v1/projects/{project}", key=text)
