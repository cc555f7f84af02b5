from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.engine.accounts import users
from chalicelib.errors import Conflict
from tests.apis.projects.plan import DEVELOPER, MANAGER, PROJECTS, Plan, documented, memberships, user
from tests.engine.helpers import together
from tests.support import people
from tests.support.client import token
from tests.support.world import ORG


def test_members_are_added_changed_listed_and_removed_here_and_on_their_users(plan: Plan) -> None:
    user("ada"), user("bob")
    project = plan.create()
    path = f"/{project}/members"
    body = {"userId": "user_ada", "role": "developer", "permissions": ["tasks:read", "tasks:write"]}
    added = plan.ask("POST", path, body)
    assert (added.status, added.headers["location"]) == (201, f"{PROJECTS}{path}/user_ada")
    plan.world.clock.advance(5)
    plan.told("POST", path, {"userId": "user_bob", "role": "viewer"})
    assert memberships("ada") == {project: ["tasks:read", "tasks:write"]}
    again = plan.told("POST", path, {"userId": "user_ada", "role": "project-manager"})
    assert again == added.json["data"] | {"role": "project-manager", "permissions": MANAGER}
    assert [one["userId"] for one in plan.told("GET", path)] == ["user_ada", "user_bob"]
    assert memberships("ada") == {project: MANAGER}
    assert plan.told("DELETE", f"{path}/user_ada") == {"id": "user_ada", "deleted": True}
    plan.refused(404, "DELETE", f"{path}/user_ada")
    assert (memberships("ada"), memberships("bob")) == ({}, {project: ["projects:read", "tasks:read"]})
    assert plan.told("GET", f"/{project}")["teamSize"] == 1
    assert "user_nobody" in plan.refused(422, "POST", path, {"userId": "user_nobody", "role": "viewer"})["message"]


def test_whoever_creates_a_project_manages_it(plan: Plan) -> None:
    user("ada"), user("bob")
    mine = plan.told("POST", body={"name": "x"}, token=token("admin", subject="user_ada"))
    assert [(one["userId"], one["permissions"]) for one in mine["teamMembers"]] == [("user_ada", MANAGER)]
    team = [{"userId": "user_ada", "role": "viewer"}, {"userId": "user_bob", "role": "developer"}]
    other = plan.told("POST", body={"name": "y", "teamMembers": team}, token=token("admin", subject="user_ada"))
    assert [one["role"] for one in other["teamMembers"]] == ["viewer", "developer"]
    assert memberships("ada") == {mine["id"]: MANAGER, other["id"]: ["projects:read", "tasks:read"]}


def test_a_new_team_takes_the_old_ones_place(plan: Plan) -> None:
    made = documented(plan)
    user("eve")
    plan.world.clock.advance(60)
    team = [{"userId": "user_bob", "role": "viewer"}, {"userId": "user_eve", "role": "developer"}]
    changed = plan.told("PUT", f"/{made['id']}", {"teamMembers": team})
    assert [(one["userId"], one["role"]) for one in changed["teamMembers"]] == [
        ("user_bob", "viewer"),
        ("user_eve", "developer"),
    ]
    assert changed["teamMembers"][0]["joinedAt"] == made["createdAt"] < changed["teamMembers"][1]["joinedAt"]
    assert (memberships("ada"), memberships("eve")) == ({}, {made["id"]: DEVELOPER})
    assert plan.told("PUT", f"/{made['id']}", {"teamMembers": []})["teamSize"] == 0
    assert memberships("eve") == {}


def test_members_who_come_at_the_same_time_all_come(plan: Plan) -> None:
    project = plan.create()
    everybody = [user(str(number)).id for number in range(4)]
    body = {"role": "viewer"}
    tried = together(
        [lambda one=one: plan.ask("POST", f"/{project}/members", body | {"userId": one}).status for one in everybody]
    )
    assert tried == [201] * 4
    assert {one["userId"] for one in plan.told("GET", f"/{project}/members")} == set(everybody)
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
def test_the_project_and_its_users_always_say_the_same(plan: Plan, rounds: list[list[tuple[str, str, Any]]]) -> None:
    """Whatever is asked at the same time, and whatever of it is refused."""
    for name in ("ada", "bob", "eve"):
        with suppress(Conflict):
            user(name)
    plan.world.clock.advance(3600)  # the rate limit is another test's matter
    project = f"/{plan.create()}"
    for asked in rounds:
        tried = together([partial(plan.ask, method, project + path, body) for method, path, body in asked])
        assert {reply.status for reply in tried} <= {200, 201, 404}, [reply.text for reply in tried]
    shown = {one["userId"]: one["permissions"] for one in plan.told("GET", f"{project}/members")}
    held = {f"user_{name}": memberships(name).get(project[1:]) for name in ("ada", "bob", "eve")}
    assert {user_id: permissions for user_id, permissions in held.items() if permissions is not None} == shown


def test_a_project_has_room_for_so_many_members(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.engine.projects.members.MAX_MEMBERS", 2)
    monkeypatch.setattr("chalicelib.engine.projects.members.MAX_MEMBERSHIPS", 1)
    project = plan.create()
    for name in ("ada", "bob", "eve"):
        user(name)
    for name in ("ada", "bob"):
        plan.told("POST", f"/{project}/members", {"userId": f"user_{name}", "role": "viewer"})
    full = {"userId": "user_eve", "role": "viewer"}
    assert "at most 2 members" in plan.refused(409, "POST", f"/{project}/members", full)["message"]
    other = plan.create("other")
    twice = {"userId": "user_ada", "role": "viewer"}
    assert "1 projects" in plan.refused(409, "POST", f"/{other}/members", twice)["message"]


def test_a_member_may_do_in_that_project_alone_what_the_membership_allows(plan: Plan) -> None:
    viewer, other = people.user(plan.world, "viewer", name="Vera"), plan.create("other")
    project = plan.create(teamMembers=[{"userId": viewer.id, "role": "developer"}])
    own = people.token(viewer)

    def create(project_id: str | None) -> int:
        return plan.client.post("/api/v1/tasks", {"title": "x", "projectId": project_id}, token=own).status

    assert [create(one) for one in (project, other, None)] == [201, 403, 403]
    plan.refused(403, "PUT", f"/{project}", {"name": "mine"}, token=own)
    plan.told("POST", f"/{project}/members", {"userId": viewer.id, "role": "project-manager"})
    plan.world.advance(60)  # what a membership allows is believed for half a minute
    assert plan.told("PUT", f"/{project}", {"name": "mine"}, token=own)["name"] == "mine"
    plan.refused(403, "PUT", f"/{other}", {"name": "mine"}, token=own)
    plan.refused(403, "POST", "", {"name": "a third"}, token=own)


def test_nobody_gives_what_they_may_not_do_themselves(plan: Plan) -> None:
    giver, taker = people.user(plan.world, "viewer", name="Vera"), user("ada")
    manager = {"userId": giver.id, "role": "project-manager"}
    project = plan.create(teamMembers=[manager | {"permissions": ["projects:write", "tasks:write"]}])
    path, own = f"/{project}/members", people.token(giver)
    for role in ("project-manager", "viewer"):
        more = {"userId": taker.id, "role": role, "permissions": ["tasks:write", "tasks:delete"]}
        error = plan.refused(422, "POST", path, more, token=own)
        assert "tasks:delete" in error["details"]["permissions"][0]
    plan.refused(422, "POST", path, manager, token=own)  # not to themselves, either
    plan.refused(422, "PUT", f"/{project}", {"teamMembers": [manager]}, token=own)
    plan.told("POST", path, {"userId": taker.id, "role": "developer"}, token=own)
    plan.told("POST", path, manager)
    rest = {"teamMembers": [manager, {"userId": taker.id, "role": "viewer"}]}
    plan.told("PUT", f"/{project}", rest, token=own)  # what others have already is not the giver's to give
    assert memberships("ada") == {project: ["projects:read", "tasks:read"]}


def test_who_leaves_the_organization_leaves_its_projects(plan: Plan) -> None:
    gone = people.user(plan.world, name="Gone")
    project = plan.create(teamMembers=[{"userId": gone.id, "role": "viewer"}])
    assert plan.told("GET", f"/{project}")["teamSize"] == 1
    users.delete(ORG, gone.id, "dev")
    plan.world.settle()
    assert plan.told("GET", f"/{project}")["teamMembers"] == []
