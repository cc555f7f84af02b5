from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.engine.accounts import users
from chalicelib.errors import Conflict
from tests.apis.projects.projects_api import (
    DEVELOPER,
    MANAGER,
    PROJECTS,
    ProjectsApi,
    create_documented_project,
    memberships,
    user,
)
from tests.engine.helpers import run_together
from tests.support import people
from tests.support.client import token
from tests.support.world import ORG


def test_members_are_added_changed_listed_and_removed_here_and_on_their_users(projects_api: ProjectsApi) -> None:
    user("ada"), user("bob")
    project = projects_api.create()
    path = f"/{project}/members"
    body = {"userId": "user_ada", "role": "developer", "permissions": ["tasks:read", "tasks:write"]}
    added = projects_api.request("POST", path, body)
    assert (added.status, added.headers["location"]) == (201, f"{PROJECTS}{path}/user_ada")
    projects_api.world.clock.advance(5)
    projects_api.call("POST", path, {"userId": "user_bob", "role": "viewer"})
    assert memberships("ada") == {project: ["tasks:read", "tasks:write"]}
    again = projects_api.call("POST", path, {"userId": "user_ada", "role": "project-manager"})
    assert again == added.json["data"] | {"role": "project-manager", "permissions": MANAGER}
    assert [one["userId"] for one in projects_api.call("GET", path)] == ["user_ada", "user_bob"]
    assert memberships("ada") == {project: MANAGER}
    assert projects_api.call("DELETE", f"{path}/user_ada") == {"id": "user_ada", "deleted": True}
    projects_api.expect_error(404, "DELETE", f"{path}/user_ada")
    assert (memberships("ada"), memberships("bob")) == ({}, {project: ["projects:read", "tasks:read"]})
    assert projects_api.call("GET", f"/{project}")["teamSize"] == 1
    assert (
        "user_nobody"
        in projects_api.expect_error(422, "POST", path, {"userId": "user_nobody", "role": "viewer"})["message"]
    )


def test_whoever_creates_a_project_manages_it(projects_api: ProjectsApi) -> None:
    user("ada"), user("bob")
    mine = projects_api.call("POST", body={"name": "x"}, token=token("admin", subject="user_ada"))
    assert [(one["userId"], one["permissions"]) for one in mine["teamMembers"]] == [("user_ada", MANAGER)]
    team = [{"userId": "user_ada", "role": "viewer"}, {"userId": "user_bob", "role": "developer"}]
    other = projects_api.call("POST", body={"name": "y", "teamMembers": team}, token=token("admin", subject="user_ada"))
    assert [one["role"] for one in other["teamMembers"]] == ["viewer", "developer"]
    assert memberships("ada") == {mine["id"]: MANAGER, other["id"]: ["projects:read", "tasks:read"]}


def test_a_new_team_takes_the_old_ones_place(projects_api: ProjectsApi) -> None:
    project = create_documented_project(projects_api)
    user("eve")
    projects_api.world.clock.advance(60)
    team = [{"userId": "user_bob", "role": "viewer"}, {"userId": "user_eve", "role": "developer"}]
    changed = projects_api.call("PUT", f"/{project['id']}", {"teamMembers": team})
    assert [(one["userId"], one["role"]) for one in changed["teamMembers"]] == [
        ("user_bob", "viewer"),
        ("user_eve", "developer"),
    ]
    assert changed["teamMembers"][0]["joinedAt"] == project["createdAt"] < changed["teamMembers"][1]["joinedAt"]
    assert (memberships("ada"), memberships("eve")) == ({}, {project["id"]: DEVELOPER})
    assert projects_api.call("PUT", f"/{project['id']}", {"teamMembers": []})["teamSize"] == 0
    assert memberships("eve") == {}


def test_members_who_come_at_the_same_time_all_come(projects_api: ProjectsApi) -> None:
    project = projects_api.create()
    everybody = [user(str(number)).id for number in range(4)]
    body = {"role": "viewer"}
    tried = run_together(
        [
            lambda one=one: projects_api.request("POST", f"/{project}/members", body | {"userId": one}).status
            for one in everybody
        ]
    )
    assert tried == [201] * 4
    assert {one["userId"] for one in projects_api.call("GET", f"/{project}/members")} == set(everybody)
    assert all(memberships(str(number)) for number in range(4))


SOMEONE = st.sampled_from(["user_ada", "user_bob", "user_eve"])
MEMBER = st.fixed_dictionaries({"userId": SOMEONE, "role": st.sampled_from(["viewer", "developer"])})
TEAM = st.fixed_dictionaries({"teamMembers": st.lists(MEMBER, max_size=3, unique_by=lambda one: one["userId"])})
REQUEST = st.one_of(
    st.tuples(st.just("POST"), st.just("/members"), MEMBER),
    st.tuples(st.just("DELETE"), SOMEONE.map(lambda user: f"/members/{user}"), st.none()),
    st.tuples(st.just("PUT"), st.just(""), TEAM),
)


@given(rounds=st.lists(st.lists(REQUEST, min_size=1, max_size=3), max_size=3))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_project_and_its_users_always_say_the_same(
    projects_api: ProjectsApi, rounds: list[list[tuple[str, str, Any]]]
) -> None:
    """Requests run at the same time, and some of them are refused."""
    for name in ("ada", "bob", "eve"):
        with suppress(Conflict):
            user(name)
    projects_api.world.clock.advance(3600)  # the rate limit is another test's matter
    project = f"/{projects_api.create()}"
    for asked in rounds:
        tried = run_together(
            [partial(projects_api.request, method, project + path, body) for method, path, body in asked]
        )
        assert {reply.status for reply in tried} <= {200, 201, 404}, [reply.text for reply in tried]
    shown = {one["userId"]: one["permissions"] for one in projects_api.call("GET", f"{project}/members")}
    held = {f"user_{name}": memberships(name).get(project[1:]) for name in ("ada", "bob", "eve")}
    assert {user_id: permissions for user_id, permissions in held.items() if permissions is not None} == shown


def test_a_project_has_a_limit_of_members(projects_api: ProjectsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.engine.projects.members.MAX_MEMBERS", 2)
    monkeypatch.setattr("chalicelib.engine.projects.members.MAX_MEMBERSHIPS", 1)
    project = projects_api.create()
    for name in ("ada", "bob", "eve"):
        user(name)
    for name in ("ada", "bob"):
        projects_api.call("POST", f"/{project}/members", {"userId": f"user_{name}", "role": "viewer"})
    full = {"userId": "user_eve", "role": "viewer"}
    assert "at most 2 members" in projects_api.expect_error(409, "POST", f"/{project}/members", full)["message"]
    other = projects_api.create("other")
    twice = {"userId": "user_ada", "role": "viewer"}
    assert "1 projects" in projects_api.expect_error(409, "POST", f"/{other}/members", twice)["message"]


def test_a_member_may_do_in_that_project_alone_what_the_membership_allows(projects_api: ProjectsApi) -> None:
    viewer, other = people.user(projects_api.world, "viewer", name="Vera"), projects_api.create("other")
    project = projects_api.create(teamMembers=[{"userId": viewer.id, "role": "developer"}])
    own = people.token(viewer)

    def create(project_id: str | None) -> int:
        return projects_api.client.post("/api/v1/tasks", {"title": "x", "projectId": project_id}, token=own).status

    assert [create(one) for one in (project, other, None)] == [201, 403, 403]
    projects_api.expect_error(403, "PUT", f"/{project}", {"name": "mine"}, token=own)
    projects_api.call("POST", f"/{project}/members", {"userId": viewer.id, "role": "project-manager"})
    projects_api.world.advance(60)  # what a membership allows is believed for half a minute
    assert projects_api.call("PUT", f"/{project}", {"name": "mine"}, token=own)["name"] == "mine"
    projects_api.expect_error(403, "PUT", f"/{other}", {"name": "mine"}, token=own)
    projects_api.expect_error(403, "POST", "", {"name": "a third"}, token=own)


def test_nobody_gives_what_they_may_not_do_themselves(projects_api: ProjectsApi) -> None:
    giver, taker = people.user(projects_api.world, "viewer", name="Vera"), user("ada")
    manager = {"userId": giver.id, "role": "project-manager"}
    project = projects_api.create(teamMembers=[manager | {"permissions": ["projects:write", "tasks:write"]}])
    path, own = f"/{project}/members", people.token(giver)
    for role in ("project-manager", "viewer"):
        more = {"userId": taker.id, "role": role, "permissions": ["tasks:write", "tasks:delete"]}
        error = projects_api.expect_error(422, "POST", path, more, token=own)
        assert "tasks:delete" in error["details"]["permissions"][0]
    projects_api.expect_error(422, "POST", path, manager, token=own)  # not to themselves, either
    projects_api.expect_error(422, "PUT", f"/{project}", {"teamMembers": [manager]}, token=own)
    projects_api.call("POST", path, {"userId": taker.id, "role": "developer"}, token=own)
    projects_api.call("POST", path, manager)
    rest = {"teamMembers": [manager, {"userId": taker.id, "role": "viewer"}]}
    projects_api.call("PUT", f"/{project}", rest, token=own)  # what others have already is not the giver's to give
    assert memberships("ada") == {project: ["projects:read", "tasks:read"]}


def test_who_leaves_the_organization_leaves_its_projects(projects_api: ProjectsApi) -> None:
    gone = people.user(projects_api.world, name="Gone")
    project = projects_api.create(teamMembers=[{"userId": gone.id, "role": "viewer"}])
    assert projects_api.call("GET", f"/{project}")["teamSize"] == 1
    users.delete(ORG, gone.id, "dev")
    projects_api.world.settle()
    assert projects_api.call("GET", f"/{project}")["teamMembers"] == []
