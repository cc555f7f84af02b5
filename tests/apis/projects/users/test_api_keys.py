from typing import Any, get_args

import pytest

from chalicelib.apis.projects.permissions import Permission
from chalicelib.domain.document import Document
from tests.apis.projects.accounts import KEYS, USERS, Accounts
from tests.support import people
from tests.support.client import Client, token
from tests.support.world import World

WANTED = {"name": "My Integration", "permissions": ["tasks:read", "tasks:write", "agents:read"]}


@pytest.fixture
def accounts(world: World, conforming: Client) -> Accounts:
    return Accounts(world, conforming)


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world, plan="pro")


@pytest.fixture
def session(ada: Document) -> str:
    return people.token(ada)


def test_a_key_is_created_as_documented_and_shown_once(accounts: Accounts, session: str) -> None:
    reply = accounts.ask("POST", "/api/auth/api-keys", WANTED, token=session)
    made = reply.json["data"]
    assert (reply.status, reply.headers["location"]) == (201, f"{KEYS}/{made['id']}")
    assert made["key"].startswith(f"ak_{made['id']}") and made["key"].endswith(made["last4"])
    for path in (KEYS, "/api/auth/api-keys"):
        [listed] = accounts.told("GET", path, token=session)
        assert listed == {name: value for name, value in made.items() if name != "key"}
        assert made["key"][10:] not in str(listed)


def test_a_key_is_taken_in_either_header(accounts: Accounts, session: str) -> None:
    key = accounts.told("POST", KEYS, WANTED, token=session)["key"]
    assert accounts.ask("GET", "/api/tasks", key=key).status == 200
    assert accounts.ask("GET", "/api/tasks", token=key).status == 200
    for wrong in ({"token": key[:-1]}, {"key": key[:-1]}, {"key": session}, {"headers": {"Authorization": key}}, {}):
        accounts.refused(401, "GET", "/api/tasks", **wrong)
    accounts.refused(401, "GET", "/api/tasks", key=key, headers={"Authorization": "Basic eDp5"})


def test_a_key_may_what_it_was_given_and_no_more(accounts: Accounts, session: str) -> None:
    key = accounts.told("POST", KEYS, WANTED | {"permissions": ["agents:read"]}, token=session)["key"]
    assert accounts.ask("GET", "/api/v1/agents", key=key).status == 200
    error = accounts.refused(403, "GET", "/api/v1/tasks", key=key)
    assert error["code"] == "AUTHORIZATION_ERROR" and "tasks:read" in error["message"]


def test_a_key_loses_what_its_owner_loses(accounts: Accounts, ada: Document, session: str) -> None:
    key = accounts.told("POST", KEYS, WANTED, token=session)["key"]
    assert accounts.ask("POST", "/api/v1/tasks", {"title": "x"}, key=key).status == 201
    admin = people.token(people.admin(accounts.world))
    accounts.told("PUT", f"{USERS}/{ada.id}", {"role": "viewer"}, token=admin)
    accounts.world.clock.advance(10)
    accounts.refused(403, "POST", "/api/v1/tasks", {"title": "x"}, key=key)
    assert accounts.ask("GET", "/api/v1/tasks", key=key).status == 200


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
def test_a_key_beyond_its_owner_is_refused(accounts: Accounts, session: str, said: dict[str, Any], field: str) -> None:
    error = accounts.refused(422, "POST", KEYS, WANTED | said, token=session)
    assert field in error["details"], error
    assert accounts.told("GET", KEYS, token=session) == []


def test_a_key_has_a_rate_of_its_own(accounts: Accounts, session: str) -> None:
    limit = {"requestsPerHour": 100, "burst": 2}
    key = accounts.told("POST", KEYS, WANTED | {"rateLimit": limit}, token=session)["key"]
    replies = [accounts.ask("GET", "/api/tasks", key=key) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert (replies[0].headers["x-ratelimit-limit"], replies[0].headers["x-ratelimit-remaining"]) == ("100", "1")
    assert accounts.ask("GET", "/api/tasks", token=session).headers["x-ratelimit-limit"] == "10000"


def test_a_key_is_revoked_by_its_owner(accounts: Accounts, session: str) -> None:
    made = accounts.told("POST", KEYS, WANTED, token=session)
    eve = people.token(people.user(accounts.world, name="Eve"))
    accounts.refused(404, "DELETE", f"{KEYS}/{made['id']}", token=eve)
    assert accounts.told("DELETE", f"{KEYS}/{made['id']}", token=session) == {"id": made["id"], "deleted": True}
    accounts.refused(401, "GET", "/api/tasks", key=made["key"])
    accounts.refused(404, "DELETE", f"/api/auth/api-keys/{made['id']}", token=session)


def test_a_key_expires(accounts: Accounts, session: str) -> None:
    made = accounts.told("POST", KEYS, WANTED | {"expiresAt": "2026-01-01T14:00:00.9+01:00"}, token=session)
    assert made["expiresAt"] == "2026-01-01T13:00:00Z"
    accounts.world.clock.advance(3600)
    accounts.refused(401, "GET", "/api/tasks", key=made["key"])


def test_a_key_changes_nothing_of_its_owner_s_own_and_hands_on_nothing(accounts: Accounts, session: str) -> None:
    made = accounts.told("POST", KEYS, WANTED, token=session)
    accounts.refused(403, "POST", KEYS, WANTED | {"permissions": ["tasks:read"]}, key=made["key"])
    accounts.refused(403, "DELETE", f"{KEYS}/{made['id']}", key=made["key"])
    accounts.refused(403, "PUT", f"{USERS}/me", {"name": "x"}, key=made["key"])
    assert accounts.told("GET", f"{USERS}/me", key=made["key"])["name"] == "Ada"


def test_operator_tokens_are_nobody_s_and_have_no_keys(accounts: Accounts) -> None:
    accounts.refused(404, "POST", KEYS, WANTED, token=token("admin"))
    accounts.refused(404, "GET", KEYS, token=token("admin"))


def test_a_key_makes_nobody_more_than_it_is_itself(accounts: Accounts) -> None:
    boss = people.token(people.admin(accounts.world))
    clerk = accounts.told("POST", KEYS, WANTED | {"permissions": ["users:read", "users:write"]}, token=boss)["key"]
    invited = accounts.told("POST", USERS, {"email": "eve@acme.example", "name": "Eve", "role": "admin"}, token=boss)
    eve = f"{USERS}/{invited['id']}"
    for method, path, body in (
        ("POST", USERS, {"email": "mallory@acme.example", "name": "Mallory", "role": "admin"}),
        ("POST", USERS, {"email": "mallory@acme.example", "name": "Mallory"}),
        ("PUT", eve, {"role": "admin"}),
        ("POST", f"{eve}/invitation", None),
    ):
        assert accounts.refused(403, method, path, body, key=clerk)["code"] == "AUTHORIZATION_ERROR"
    assert accounts.told("PUT", eve, {"name": "Eve L."}, key=clerk)["role"] == "admin"
    everything = sorted(get_args(Permission))
    whole = accounts.told("POST", KEYS, WANTED | {"permissions": everything}, token=boss)["key"]
    assert accounts.told("PUT", eve, {"role": "viewer"}, key=whole)["role"] == "viewer"
    assert accounts.told("POST", f"{eve}/invitation", key=whole)["invitationToken"]


def test_a_key_learns_by_no_other_way_what_it_may_not_read(accounts: Accounts) -> None:
    boss = people.token(people.admin(accounts.world))

    def allowed(*permissions: str) -> str:
        return str(accounts.told("POST", KEYS, WANTED | {"permissions": permissions}, token=boss)["key"])

    agents, webhooks, hook = (
        allowed("agents:read"),
        allowed("webhooks:write"),
        {"url": "https://a.example/", "events": []},
    )
    made = accounts.world.register("bot", pool="projects", id_prefix="agent", type="qa", endpoints={})
    assert accounts.ask("GET", f"/api/v1/agents/{made.id}?include=metrics", key=agents).status == 200
    assert (
        "tasks:read" in accounts.refused(403, "GET", f"/api/v1/agents/{made.id}?include=tasks", key=agents)["message"]
    )
    for event in ("task.created", "comment.added", "agent.created", "project.member_added", "user.registered"):
        accounts.refused(403, "POST", "/api/v1/webhooks", hook | {"events": [event]}, key=webhooks)
    kept = accounts.told("POST", "/api/v1/webhooks", hook | {"events": ["user.registered"]}, token=boss)["id"]
    for key in (webhooks, people.token(people.user(accounts.world, "project-manager", name="Pam"))):
        accounts.refused(403, "PUT", f"/api/v1/webhooks/{kept}", {"url": "https://b.example/"}, token=key)
    tasks = allowed("webhooks:write", "tasks:read")
    own = accounts.told("POST", "/api/v1/webhooks", hook | {"events": ["task.created"]}, key=tasks)["id"]
    assert accounts.told("PUT", f"/api/v1/webhooks/{own}", {"active": False}, key=tasks)["active"] is False
    accounts.refused(403, "PUT", f"/api/v1/webhooks/{own}", {"events": ["agent.created"]}, key=tasks)


def test_a_key_reaches_no_further_in_a_project_that_its_owner_manages(accounts: Accounts) -> None:
    boss = people.token(people.admin(accounts.world))
    vera = people.user(accounts.world, "viewer", name="Vera")
    project = accounts.told("POST", "/api/v1/projects", {"name": "x"}, token=boss)["id"]
    member = {"userId": vera.id, "role": "project-manager"}
    accounts.told("POST", f"/api/v1/projects/{project}/members", member, token=boss)
    task, key = {"title": "x", "projectId": project}, WANTED | {"permissions": ["tasks:read", "projects:read"]}
    mine = people.token(vera)
    made = accounts.told("POST", "/api/v1/tasks", task, token=mine)["id"]
    text = accounts.told("POST", KEYS, key, token=mine)["key"]
    assert accounts.ask("GET", f"/api/v1/tasks/{made}", key=text).status == 200
    accounts.refused(403, "POST", "/api/v1/tasks", task, key=text)
    accounts.refused(403, "DELETE", f"/api/v1/tasks/{made}", key=text)
    accounts.refused(403, "DELETE", f"/api/v1/projects/{project}", key=text)
