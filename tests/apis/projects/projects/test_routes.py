from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.tasks.task import Status
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.projects import projects
from chalicelib.engine.tasks import lifecycle
from tests.apis.projects.projects_api import (
    DEVELOPER,
    DOCUMENTED,
    MANAGER,
    PROJECTS,
    ProjectsApi,
    agent,
    create_documented_project,
    memberships,
    task,
    user,
)
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.client import token
from tests.support.world import ORG

ROW = {
    "id",
    "name",
    "description",
    "status",
    "priority",
    "startDate",
    "endDate",
    "progress",
    "taskCount",
    "teamSize",
    "assignedAgents",
    "createdAt",
    "updatedAt",
}


def test_the_documents_project_is_created_and_shown_as_the_document_shows_it(projects_api: ProjectsApi) -> None:
    project = create_documented_project(projects_api)
    assert DOCUMENTED.items() <= project.items()
    assert [(one["userId"], one["role"], one["permissions"]) for one in project["teamMembers"]] == [
        ("user_ada", "project-manager", MANAGER),
        ("user_bob", "developer", DEVELOPER),
    ]
    assert (project["status"], project["teamSize"], project["assignedAgents"], project["createdBy"]) == (
        "active",
        2,
        2,
        "dev",
    )
    assert project["progress"] == 0
    assert projects_api.call("GET", f"/{project['id']}") == project
    [row] = projects_api.call("GET")
    assert row == {name: project[name] for name in ROW}


def test_what_is_created_can_be_found_where_its_location_says(projects_api: ProjectsApi) -> None:
    reply = projects_api.request("POST", body={"name": "plain"})
    assert reply.headers["location"] == f"{PROJECTS}/{reply.json['data']['id']}"
    assert reply.json["data"]["description"] == ""
    assert reply.json["data"]["budget"] is None


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": ""}, "name", "of 1 to 200"),
        ({"name": "x" * 201}, "name", "of 1 to 200"),
        ({"description": "x" * 10_001}, "description", "at most 10000"),
        ({"status": "done"}, "status", "active, completed, archived, on-hold"),
        ({"startDate": "2024-02-02", "endDate": "2024-02-01T23:59:59Z"}, "endDate", "startDate"),
        ({"startDate": "tomorrow"}, "startDate", "ISO 8601"),
        ({"startDate": 17}, "startDate", "string"),
        ({"budget": {"hours": -1}}, "budget.hours", "between 0"),
        ({"agents": ["agent_nobody"]}, "agents", "agent_nobody"),
        ({"teamMembers": [{"userId": "user_nobody", "role": "viewer"}]}, "teamMembers", "user_nobody"),
        ({"teamMembers": [{"userId": "user_ada", "role": "boss"}]}, "teamMembers.0.role", "one of"),
        ({"teamMembers": 2 * [{"userId": "user_ada", "role": "viewer"}]}, "teamMembers", "once"),
        ({"tags": ["x"] * 21}, "tags", "at most 20"),
        ({"status": None}, "status", "one of"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    projects_api: ProjectsApi, fields: dict[str, Any], field: str, words: str
) -> None:
    user("ada")
    project = projects_api.create()
    for method, path in (("POST", ""), ("PUT", f"/{project}")):
        error = projects_api.expect_error(422, method, path, {"name": "x"} | fields)
        assert error["code"] == "VALIDATION_ERROR"
        assert words in error["details"][field][0], error
    assert "name" in projects_api.expect_error(422, "POST", body={})["details"]
    assert projects_api.call("GET", f"/{project}")["name"] == "one"


def test_an_update_leaves_what_it_does_not_say(projects_api: ProjectsApi) -> None:
    project = create_documented_project(projects_api)
    path = f"/{project['id']}"
    projects_api.world.clock.advance(60)
    changed = projects_api.call("PUT", path, {"name": "Renamed", "status": "on-hold", "budget": None, "endDate": None})
    new = {"name": "Renamed", "status": "on-hold", "budget": None, "endDate": None, "updatedAt": changed["updatedAt"]}
    assert changed == project | new
    assert changed["updatedAt"] > project["updatedAt"]
    assert projects_api.call("PUT", path, {}) == changed
    assert projects_api.expect_error(422, "PUT", path, {"endDate": "2024-01-01"})["details"]["endDate"]


def test_projects_are_found_by_status_words_and_member(projects_api: ProjectsApi) -> None:
    user("ada")
    team = [{"userId": "user_ada", "role": "viewer"}]
    projects_api.create("Shop", description="sells THINGS online", status="completed")
    projects_api.world.clock.advance(1)
    projects_api.create("Online bank", teamMembers=team)
    projects_api.world.clock.advance(1)
    projects_api.create("Game", teamMembers=team)
    assert projects_api.names() == ["Game", "Online bank", "Shop"]
    assert projects_api.names("?search=online") == ["Online bank", "Shop"]
    assert projects_api.names("?search=ONLINE%20things") == ["Shop"]
    assert projects_api.names("?memberId=user_ada") == ["Game", "Online bank"]
    assert projects_api.names("?memberId=user_ada&search=bank&status=active") == ["Online bank"]
    assert projects_api.names("?memberId=nobody") == []
    assert projects_api.names("?status=completed") == ["Shop"]
    projects_api.expect_error(422, "GET", "?status=gone")


def test_a_list_comes_in_pages_with_links(projects_api: ProjectsApi) -> None:
    for number in range(5):
        projects_api.create(str(number))
        projects_api.world.clock.advance(1)
    reply = projects_api.request("GET", "?page=2&limit=2&status=active").json
    assert [row["name"] for row in reply["data"]] == ["2", "1"]
    assert reply["pagination"] == {
        "page": 2,
        "limit": 2,
        "total": 5,
        "pages": 3,
        "hasNext": True,
        "hasPrev": True,
    }
    assert reply["links"]["next"] == f"{PROJECTS}?page=3&limit=2&status=active"
    for page, before in (("3", "2"), ("4", "3"), ("900", "3")):
        links = projects_api.request("GET", f"?page={page}&limit=2&status=active").json["links"]
        assert (links["prev"], links["next"]) == (f"{PROJECTS}?page={before}&limit=2&status=active", None)


def test_another_organizations_projects_are_not_there(projects_api: ProjectsApi) -> None:
    project, other = projects_api.create(), token("admin", org="other")
    for method, path, body in (
        ("GET", f"/{project}", None),
        ("PUT", f"/{project}", {"name": "mine"}),
        ("DELETE", f"/{project}", None),
        ("GET", f"/{project}/members", None),
        ("POST", f"/{project}/members", {"userId": "user_ada", "role": "viewer"}),
        ("DELETE", f"/{project}/members/user_ada", None),
    ):
        assert projects_api.expect_error(404, method, path, body, token=other)["code"] == "NOT_FOUND"
    assert projects_api.call("GET", token=other) == []


def test_who_may_not_write_projects_does_not(projects_api: ProjectsApi) -> None:
    project, developer = projects_api.create(), token("user")
    assert projects_api.call("GET", f"/{project}", token=developer)["name"] == "one"
    for method, path, body in (
        ("POST", "", {"name": "x"}),
        ("PUT", f"/{project}", {"name": "x"}),
        ("DELETE", f"/{project}", None),
        ("POST", f"/{project}/members", {"userId": "user_ada", "role": "viewer"}),
        ("DELETE", f"/{project}/members/user_ada", None),
    ):
        assert projects_api.expect_error(403, method, path, body, token=developer)["code"] == "AUTHORIZATION_ERROR"


def test_its_tasks_are_counted_as_a_recount_would(projects_api: ProjectsApi) -> None:
    project, other = projects_api.create(), projects_api.create("other")
    task_ids = [task(project) for _ in range(7)] + [task(other), task(None)]
    for task_id in task_ids[:2]:
        lifecycle.change(ORG, task_id, lambda one: _with(one, Status.COMPLETED))
    lifecycle.change(ORG, task_ids[2], lambda one: _with(one, Status.FAILED))
    lifecycle.cancel(ORG, task_ids[3])
    projects_api.world.settle()
    shown = projects_api.call("GET", f"/{project}")
    assert shown["taskCount"] == {
        "total": 7,
        "completed": 2,
        "active": 0,
        "pending": 3,
        "failed": 1,
        "cancelled": 1,
    }
    assert shown["progress"] == 0.33
    listed = projects_api.call("GET", f"/{project}/tasks")
    assert {row["id"] for row in listed} == set(task_ids[:7])
    assert [row["id"] for row in projects_api.call("GET", f"/{project}/tasks?status=failed")] == [task_ids[2]]
    projects_api.expect_error(404, "GET", "/proj_none/tasks")
    assert {row["name"]: row["taskCount"]["total"] for row in projects_api.call("GET")} == {"one": 7, "other": 1}


def _with(found: Any, status: Status) -> Any:
    return replace(found, status=status, finished_at=found.updated_at, ready_at=None, version=found.version + 1)


def test_whoever_creates_several_at_once_gets_them_all(projects_api: ProjectsApi) -> None:
    user("ada")
    own = token("admin", subject="user_ada")
    tried = run_together([lambda: projects_api.request("POST", body={"name": "x"}, token=own).status for _ in range(4)])
    assert tried == [201] * 4
    assert set(memberships("ada")) == {row["id"] for row in projects_api.call("GET", "?memberId=user_ada")}
    assert len(memberships("ada")) == 4


def test_the_limit_of_projects_holds_for_those_who_create_at_once(
    projects_api: ProjectsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "MAX_PROJECTS", 3)
    tried = run_together([lambda: projects_api.request("POST", body={"name": "x"}).status for _ in range(5)])
    assert sorted(tried) == [201, 201, 201, 409, 409]
    [first, *_] = projects_api.call("GET")
    projects_api.call("DELETE", f"/{first['id']}")
    projects_api.create()
    assert "at most 3 projects" in projects_api.expect_error(409, "POST", body={"name": "x"})["message"]


def test_a_completed_project_is_announced_once(projects_api: ProjectsApi) -> None:
    project = projects_api.create()
    projects_api.world.settle()
    projects_api.call("PUT", f"/{project}", {"status": "completed"})
    projects_api.call("PUT", f"/{project}", {"status": "completed"})
    records = aws.stream_records("yardmaster-documents")
    assert [record["dynamodb"]["NewImage"]["body"]["S"].count('"completed"') for record in records] == [0, 1]


def test_each_request_keeps_to_its_budget_whatever_there_is(projects_api: ProjectsApi) -> None:
    user("ada")
    agents = [agent("a")]
    projects = [projects_api.create(str(number), agents=agents) for number in range(25)]
    projects_api.call("GET")
    member = {"userId": "user_ada", "role": "viewer"}

    def count_calls(*request: Any) -> int:
        with aws.counting() as counted:
            projects_api.call(*request)
        return counted.total()

    assert count_calls("GET", "?limit=20") == 3  # limiter, projects, counters
    assert count_calls("GET", "?search=1&memberId=x") == 2
    assert count_calls("GET", f"/{projects[0]}") == 3
    assert count_calls("POST", "", {"name": "x", "agents": agents, "teamMembers": [member]}) == 3
    assert count_calls("PUT", f"/{projects[0]}", {"name": "x"}) == 4
    assert count_calls("PUT", f"/{projects[0]}", {"agents": agents, "teamMembers": [member]}) == 6
    assert count_calls("POST", f"/{projects[1]}/members", member) == 4
    assert count_calls("GET", f"/{projects[1]}/members") == 2
    assert count_calls("DELETE", f"/{projects[1]}/members/user_ada") == 4
    assert count_calls("DELETE", f"/{projects[0]}") == 3
    assert background_jobs.RUN_SECONDS * 10 < 60
