"""Tokens without a session: which account they belong to, and what an agent's token may do."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import config
from chalicelib.apis.projects import api
from chalicelib.apis.projects.permissions import AGENT_ENDPOINTS, REQUIRED_PERMISSIONS
from chalicelib.edge import routes_of
from chalicelib.engine.accounts import token_accounts, users
from chalicelib.errors import Unauthenticated
from tests.apis.projects.tasks_api import TasksApi, tasks_api_of
from tests.apis.projects.test_permissions import request_for
from tests.engine.helpers import run_together
from tests.support import people
from tests.support.aws import counting
from tests.support.client import token
from tests.support.world import ORG, World

ME, KEYS = "/api/v1/users/me", "/api/v1/auth/api-keys"
WRITES: list[tuple[str, str, Any]] = [
    ("GET", ME, None),
    ("PUT", ME, {"name": "x"}),
    ("GET", KEYS, None),
    ("POST", KEYS, {"name": "k", "permissions": ["tasks:read"]}),
    ("POST", "/api/auth/api-keys", {"name": "k", "permissions": ["tasks:read"]}),
    ("GET", "/api/v1/users/me/notifications", None),
    ("POST", "/api/v1/tasks", {"title": "t"}),
    ("POST", "/api/v1/projects", {"name": "p"}),
    ("POST", "/api/v1/agents", {"name": "a", "type": "coding"}),
    ("DELETE", "/api/v1/tasks/none", None),
]
"""Requests that write something which belongs to a user."""
READS = ("/api/v1/tasks", "/api/v1/projects", "/api/v1/agents", "/api/v1/users", "/api/v1/system/status")


@pytest.fixture
def tasks_api(world: World) -> TasksApi:
    """The API with the look-up of accounts switched on; most tests switch it off."""
    token_accounts.use_account_check(None)
    return tasks_api_of(world)


@pytest.fixture
def local_api(tasks_api: TasksApi) -> Iterator[TasksApi]:
    """The API on the local stage."""
    before = config.replace(token_accounts=True)
    yield tasks_api
    config.restore(before)


def test_elsewhere_a_token_without_an_account_reads_and_invites_and_a_refusal_says_what_to_do(
    tasks_api: TasksApi,
) -> None:
    for method, path, body in WRITES:
        error = tasks_api.expect_error(403, method, path, body, token=token("admin"))
        assert "no account" in error["message"] and "/api/v1/auth/login" in error["message"]
    for path in READS:
        tasks_api.call("GET", path, token=token("admin"))
    invited = {"email": "first@acme.example", "name": "First", "role": "admin"}
    made = tasks_api.call("POST", "/api/v1/users", invited, token=token("admin"))
    tasks_api.call("POST", f"/api/v1/users/{made['id']}/invitation", token=token("admin"))
    assert tasks_api.world.tasks() == []
    assert len(users.list_users(ORG)) == 1


def test_one_whose_subject_has_an_account_is_good_for_it_until_it_is_gone(tasks_api: TasksApi) -> None:
    user = people.user(tasks_api.world, "developer")
    mine = token("user", subject=user.id)
    assert tasks_api.call("GET", ME, token=mine)["id"] == user.id
    with counting() as calls:
        tasks_api.call("POST", "/api/v1/tasks", {"title": "t"}, token=mine)
        again = calls.total()
        tasks_api.call("POST", "/api/v1/tasks", {"title": "t"}, token=mine)
    assert calls.total() == 2 * again, "an account is remembered for half a minute"
    people.admin(tasks_api.world)
    users.delete(ORG, user.id, "ann")
    tasks_api.world.clock.advance(30)
    tasks_api.expect_error(403, "POST", "/api/v1/tasks", {"title": "t"}, token=mine)
    tasks_api.expect_error(403, "GET", ME, token=token("user", subject=user.id, org="other"))


def test_an_invited_user_has_no_account_yet(tasks_api: TasksApi) -> None:
    invitation = tasks_api.call(
        "POST", "/api/v1/users", {"email": "b@acme.example", "name": "B", "role": "viewer"}, token=token("admin")
    )
    tasks_api.expect_error(403, "GET", ME, token=token("user", subject=invitation["id"]))


def test_on_the_local_stack_a_token_gets_its_account_and_all_that_a_signed_in_admin_can_do_works(
    local_api: TasksApi,
) -> None:
    admin = token("admin")
    project = local_api.call("POST", "/api/v1/projects", {"name": "p"}, token=admin)
    shown = local_api.call("GET", f"/api/v1/projects/{project['id']}/members", token=admin)
    assert [one["userId"] for one in shown] == ["dev"]
    task = local_api.call("POST", "/api/v1/tasks", {"title": "t", "projectId": project["id"]}, token=admin)
    assert task["createdBy"] == "dev"
    me = local_api.call("GET", ME, token=admin)
    assert (me["id"], me["name"], me["role"]) == ("dev", "dev", "admin")
    made = local_api.call("POST", "/api/auth/api-keys", {"name": "k", "permissions": ["projects:write"]}, token=admin)
    reply = local_api.client.get(ME, headers={"X-API-Key": made["key"]})
    assert reply.json["data"]["id"] == "dev"
    assert local_api.call("GET", "/api/v1/users/me/notifications", token=admin) == []
    assert [one["id"] for one in local_api.call("GET", "/api/v1/users", token=admin)] == ["dev"]


def test_each_subject_of_each_org_has_one_account_however_often_and_at_once_it_is_named(local_api: TasksApi) -> None:
    names = ["dev", "Dev", "dev@acme", "a b/c", "x" * 250, "ä"]
    for org in (ORG, "Umbra GmbH"):
        for name in names:
            run_together(
                [lambda org=org, name=name: local_api.request("GET", ME, token=token("user", org=org, subject=name))]
                * 3
            )
            assert local_api.call("GET", ME, token=token("user", org=org, subject=name))["id"] == name
        assert sorted(one.id for one in users.list_users(org)) == sorted(names)


def test_an_account_made_for_a_token_becomes_an_admin_s_and_stays_one_and_others_stay_as_they_are(
    local_api: TasksApi,
) -> None:
    def read_role(said: str, subject: str = "dev") -> str:
        return str(local_api.call("GET", ME, token=token(said, subject=subject))["role"])

    assert [read_role("user"), read_role("admin"), read_role("user")] == ["developer", "admin", "admin"]
    ada = people.user(local_api.world, "viewer")
    assert read_role("admin", ada.id) == "viewer"


def test_nobody_signs_in_to_an_account_made_for_a_token(local_api: TasksApi) -> None:
    local_api.call("GET", ME, token=token("admin"))
    [account] = users.list_users(ORG)
    for guess in ("dev", "", "nobody"):
        with pytest.raises(Unauthenticated):
            users.sign_in(account.body["email"], guess, "")


# Agents'


def test_a_server_s_token_reads_and_reports_and_makes_nothing(local_api: TasksApi) -> None:
    server = token("server", subject=local_api.agent())
    for endpoint in routes_of(api):
        own = endpoint.name in REQUIRED_PERMISSIONS and REQUIRED_PERMISSIONS[endpoint.name] is None
        if endpoint.public or endpoint.name in AGENT_ENDPOINTS or (endpoint.method == "GET" and not own):
            continue
        local_api.expect_error(403, *request_for(endpoint), {}, token=server)
    assert (local_api.world.tasks(), users.list_users(ORG)) == ([], [])


def test_a_server_s_token_reports_in_its_agents_name_alone(local_api: TasksApi) -> None:
    admin, agent, other = token("admin"), local_api.agent(), local_api.agent("two")
    task = local_api.call("POST", "/api/v1/tasks", {"title": "t", "agentId": agent}, token=admin)["id"]
    local_api.world.settle()
    server, stranger = token("server", subject=agent), token("server", subject=other)
    path = f"/api/v1/tasks/{task}"
    for method in ("PUT", "PATCH"):
        assert "agentId" in local_api.expect_error(403, method, path, {"status": "completed"}, token=server)["message"]
        assert "agentId" in local_api.expect_error(403, method, path, {"title": "mine"}, token=stranger)["message"]
    local_api.expect_error(403, "PATCH", f"{path}?agentId={agent}", {"status": "completed"}, token=stranger)
    local_api.expect_error(403, "POST", f"/api/v1/agents/{agent}/heartbeat", {}, token=stranger)
    local_api.call("POST", f"/api/v1/agents/{agent}/heartbeat", {}, token=server)
    done = local_api.call("PATCH", f"{path}?agentId={agent}", {"status": "completed"}, token=server)
    assert done["status"] == "completed"
