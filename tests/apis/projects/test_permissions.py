"""Who may call which endpoint: derived from the route table and the table of permissions, and tested over HTTP."""

from contextlib import suppress
from typing import Any, get_args

import pytest

from chalicelib.apis.projects import access, api
from chalicelib.apis.projects.permissions import REQUIRED_PERMISSIONS, ROLE_PERMISSIONS, InProject, Permission, Role
from chalicelib.edge import Endpoint, routes_of
from chalicelib.edge.api import VARIABLE
from chalicelib.engine.accounts import api_keys, sessions
from chalicelib.engine.accounts.api_keys import KeyRequest
from chalicelib.engine.documents import documents
from chalicelib.engine.projects import task_edits
from chalicelib.engine.projects.task_edits import Draft
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Forbidden
from tests.support import people
from tests.support.client import Client, token
from tests.support.parts import MULTIPART, body, file
from tests.support.world import ORG, World

GUARDED = [endpoint for endpoint in routes_of(api) if not endpoint.public]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(api)


def needed_permission(endpoint: Endpoint) -> Permission | None:
    found = REQUIRED_PERMISSIONS[endpoint.name]
    return found.permission if isinstance(found, InProject) else found


def request_for(endpoint: Endpoint, **ids: str) -> tuple[str, str]:
    """Method and URL, with the given ids and `none` for the others."""
    return endpoint.method, VARIABLE.sub(lambda match: ids.get(match[1], "none"), endpoint.path)


def test_the_table_has_a_line_for_every_endpoint_that_is_not_public_and_no_other() -> None:
    assert {endpoint.name for endpoint in GUARDED} == set(REQUIRED_PERMISSIONS)


def test_every_permission_is_somebody_s_and_an_admin_has_all() -> None:
    assert ROLE_PERMISSIONS["admin"] == set(PERMISSIONS)
    assert (
        ROLE_PERMISSIONS["viewer"]
        < ROLE_PERMISSIONS["developer"]
        < ROLE_PERMISSIONS["project-manager"]
        < ROLE_PERMISSIONS["admin"]
    )
    assert {needed_permission(endpoint) for endpoint in GUARDED} - {None} <= set(PERMISSIONS)


@pytest.mark.parametrize("role", ["viewer", "project-manager"])
def test_what_a_role_may_not_is_refused_over_http_and_nothing_else(world: World, client: Client, role: Role) -> None:
    mine = people.token(people.user(world, role))
    replies = {endpoint.name: client.request(*request_for(endpoint), {}, token=mine).status for endpoint in GUARDED}
    assert {name for name, status in replies.items() if status != 403} == names_for(ROLE_PERMISSIONS[role])
    assert not {401, 429} & set(replies.values())


def callable_endpoints(caller: Principal) -> set[str]:
    """The endpoints that a caller may use, by the function that decides it."""
    endpoint_names = set()
    for endpoint in GUARDED:
        with suppress(Forbidden):
            access.authorize(access.with_permissions(caller), endpoint)
            endpoint_names.add(endpoint.name)
    return endpoint_names


def names_for(permissions: frozenset[Permission]) -> set[str]:
    """The endpoints for which these permissions are sufficient."""
    return {endpoint.name for endpoint in GUARDED if needed_permission(endpoint) in (None, *permissions)}


@pytest.mark.parametrize("role", get_args(Role))
def test_each_role_may_call_what_its_permissions_say(world: World, role: Role) -> None:
    assert callable_endpoints(sessions.authenticate(people.token(people.user(world, role)))) == names_for(
        ROLE_PERMISSIONS[role]
    )


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_an_admin_s_key_with_one_permission_may_that_alone(world: World, permission: Permission) -> None:
    _, key = api_keys.create(ORG, people.admin(world).id, KeyRequest("x", [permission]))
    own = {endpoint.name for endpoint in GUARDED if needed_permission(endpoint) is None and endpoint.method != "GET"}
    assert callable_endpoints(api_keys.authenticate(key)) == names_for(frozenset({permission})) - own


@pytest.mark.parametrize(("role", "means"), [("user", "developer"), ("admin", "admin")])
def test_operator_tokens_have_a_role_here(world: World, role: str, means: Role) -> None:
    assert callable_endpoints(sessions.authenticate(token(role))) == names_for(ROLE_PERMISSIONS[means])


def test_without_a_credential_nothing_that_is_guarded_is_served(world: World, client: Client) -> None:
    for endpoint in GUARDED:
        for who in ({}, {"token": "garbage"}, {"key": "ak_garbage"}, {"key": token("admin")}):
            reply = client.request(*request_for(endpoint), {}, **who)
            assert (reply.status, reply.json["error"]["code"]) == (401, "AUTHENTICATION_ERROR"), endpoint.name


WORKS: dict[str, Any] = {
    "create_task": {"title": "x"},
    "add_comment": {"content": "x"},
    "add_member": {"userId": "user_x", "role": "viewer"},
    "assign_task": {"agentId": None},
}
"""Bodies of endpoints that read the body before anything else is checked."""
MEMBERS = [endpoint for endpoint in GUARDED if isinstance(REQUIRED_PERMISSIONS[endpoint.name], InProject)]


def create_project(name: str) -> dict[str, str]:
    """Create a project with a task, a comment and a file, and return their ids."""
    project = documents.create(documents.new(ORG, "project", PROJECT | {"name": name})).id
    task = task_edits.create(
        ORG, "projects", "user_x", Draft({"title": "x", "projectId": project}, "task", 4, None, None)
    )
    comment = documents.create(documents.new(ORG, "comment", {"content": "x", "author": "user_x"}, parent=task.id))
    kept = {"name": "x", "size": 1, "mime_type": "text/plain", "uploaded_by": "user_x", "object": "x"}
    upload = documents.create(documents.new(ORG, "file", kept, parent=task.id))
    return {"projectId": project, "taskId": task.id, "commentId": comment.id, "fileId": upload.id}


PROJECT: dict[str, Any] = {
    "description": "",
    "status": "active",
    "priority": "low",
    "members": {},
    "agents": [],
    "tags": [],
    "created_by": "user_x",
    **dict.fromkeys(("start_date", "end_date", "budget")),
}


@pytest.mark.parametrize("endpoint", MEMBERS, ids=lambda endpoint: endpoint.name)
def test_a_member_may_in_that_project_alone_what_the_membership_says(
    world: World, client: Client, endpoint: Endpoint
) -> None:
    permission = needed_permission(endpoint)
    mine, others = create_project("mine"), create_project("others")
    viewer = people.user(world, "viewer")
    documents.merge(ORG, "user", viewer.id, {"memberships": {mine["projectId"]: [permission]}})
    session = people.token(viewer)

    def status(where: dict[str, str]) -> int:
        json_body: Any = WORKS.get(endpoint.name, {})
        if endpoint.name == "create_task":
            json_body = json_body | {"projectId": where["projectId"]}
        if endpoint.name == "upload_file":
            headers = {"Content-Type": MULTIPART}
            return client.request(
                *request_for(endpoint, **where), body(file("x")), token=session, headers=headers
            ).status
        return client.request(*request_for(endpoint, **where), json_body, token=session).status

    assert (status(others) == 403) == (permission not in ROLE_PERMISSIONS["viewer"])
    if endpoint.name != "delete_comment":  # which is its author's
        assert status(mine) != 403
    documents.merge(ORG, "user", viewer.id, {"memberships": {}})
    world.clock.advance(30)
    assert (status(mine) == 403) == (permission not in ROLE_PERMISSIONS["viewer"])
