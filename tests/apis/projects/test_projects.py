from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.projects import api
from chalicelib.domain.documents import Document
from chalicelib.domain.tasks import Status
from chalicelib.engine import chores, documents, editing, projects, tasks
from chalicelib.engine.editing import Draft
from chalicelib.engine.workers import Registration, register
from chalicelib.storage.documents import DocumentItem
from tests.engine.helpers import together
from tests.support import aws
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import ORG, World

PROJECTS = "/api/v1/projects"
POOL = "projects"
DOCUMENTED = {
    "name": "Mobile Application",
    "description": "Cross-platform mobile app for iOS and Android",
    "startDate": "2024-02-01T00:00:00Z",
    "endDate": "2024-06-30T23:59:59Z",
    "priority": "medium",
    "budget": {"hours": 500, "cost": 75000},
    "tags": ["mobile", "react-native", "ios", "android"],
}
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
MANAGER = ["projects:read", "projects:write", "tasks:delete", "tasks:read", "tasks:write"]
DEVELOPER = ["projects:read", "tasks:read", "tasks:write"]


@dataclass
class Desk:
    """The API as an administrator sees it; users, agents and tasks come from the engine."""

    house: World
    client: Client
    token: str

    def ask(self, method: str, path: str = "", body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, PROJECTS + path, body, **({"token": self.token} | more))

    def told(self, method: str, path: str = "", body: Any = None, **more: Any) -> Any:
        """The data of the answer to a request that must succeed."""
        reply = self.ask(method, path, body, **more)
        assert reply.status in (200, 201), reply.text
        return reply.json["data"]

    def refused(self, status: int, method: str, path: str = "", body: Any = None, **more: Any) -> Any:
        """The error of the refusal of this status that a request must get."""
        reply = self.ask(method, path, body, **more)
        assert reply.status == status, reply.text
        return reply.json["error"]

    def create(self, name: str = "one", **said: Any) -> str:
        return str(self.told("POST", body={"name": name} | said)["id"])

    def names(self, query: str = "") -> list[str]:
        return [row["name"] for row in self.told("GET", query)]


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(api, conformance(api))


@pytest.fixture
def desk(house: World, client: Client) -> Desk:
    return Desk(house, client, token("admin"))


def user(name: str, **body: Any) -> Document:
    """A user called `user_<name>`."""
    said = {"name": name, "email": f"{name}@acme.example", "status": "active", "role": "developer"} | body
    return documents.create(documents.new(ORG, "user", said, id=f"user_{name}"))


def memberships(name: str) -> Any:
    return documents.get(ORG, "user", f"user_{name}").body.get("memberships", {})


def agent(name: str, room: int = 1) -> str:
    said = Registration(pool=POOL, kind="agent", name=name, max_concurrent=room)
    return register(ORG, said).id


def task(project: str | None, agent: str | None = None, title: str = "do") -> str:
    """A task of a project."""
    sheet = {"title": title} | ({"projectId": project} if project else {})
    return editing.create(ORG, POOL, "dev", Draft(sheet, "task", 4, agent)).id


def documented(desk: Desk) -> dict[str, Any]:
    """The document's own project."""
    team = [
        {"userId": user("ada").id, "role": "project-manager"},
        {"userId": user("bob").id, "role": "developer"},
    ]
    body = DOCUMENTED | {"teamMembers": team, "agents": [agent("a"), agent("b")]}
    return dict(desk.told("POST", body=body))


def test_the_documents_project_is_created_and_shown_as_the_document_shows_it(desk: Desk) -> None:
    made = documented(desk)
    assert DOCUMENTED.items() <= made.items()
    assert [(one["userId"], one["role"], one["permissions"]) for one in made["teamMembers"]] == [
        ("user_ada", "project-manager", MANAGER),
        ("user_bob", "developer", DEVELOPER),
    ]
    assert (made["status"], made["teamSize"], made["assignedAgents"], made["createdBy"]) == ("active", 2, 2, "dev")
    assert made["progress"] == 0
    assert desk.told("GET", f"/{made['id']}") == made
    [row] = desk.told("GET")
    assert row == {name: made[name] for name in ROW}


def test_what_is_created_can_be_found_where_its_location_says(desk: Desk) -> None:
    reply = desk.ask("POST", body={"name": "plain"})
    assert reply.headers["location"] == f"{PROJECTS}/{reply.json['data']['id']}"
    assert reply.json["data"]["description"] == ""
    assert reply.json["data"]["budget"] is None


@pytest.mark.parametrize(
    ("said", "field", "words"),
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
        ({"teamMembers": [{"userId": "user_nobody", "role": "viewer"}]}, "userId", "user_nobody"),
        ({"teamMembers": [{"userId": "user_ada", "role": "boss"}]}, "teamMembers.0.role", "one of"),
        ({"teamMembers": 2 * [{"userId": "user_ada", "role": "viewer"}]}, "teamMembers", "once"),
        ({"tags": ["x"] * 21}, "tags", "at most 20"),
        ({"status": None}, "status", "one of"),
    ],
)
def test_what_cannot_be_is_refused_by_name(desk: Desk, said: dict[str, Any], field: str, words: str) -> None:
    user("ada")
    project = desk.create()
    for method, path in (("POST", ""), ("PUT", f"/{project}")):
        error = desk.refused(422, method, path, {"name": "x"} | said)
        assert error["code"] == "VALIDATION_ERROR"
        assert words in error["details"][field][0], error
    assert "name" in desk.refused(422, "POST", body={})["details"]
    assert desk.told("GET", f"/{project}")["name"] == "one"


def test_an_update_leaves_what_it_does_not_say(desk: Desk) -> None:
    made = documented(desk)
    path = f"/{made['id']}"
    desk.house.clock.advance(60)
    changed = desk.told("PUT", path, {"name": "Renamed", "status": "on-hold", "budget": None, "endDate": None})
    new = {"name": "Renamed", "status": "on-hold", "budget": None, "endDate": None, "updatedAt": changed["updatedAt"]}
    assert changed == made | new
    assert changed["updatedAt"] > made["updatedAt"]
    assert desk.told("PUT", path, {}) == changed
    assert desk.refused(422, "PUT", path, {"endDate": "2024-01-01"})["details"]["endDate"]


def test_projects_are_found_by_status_words_and_member(desk: Desk) -> None:
    user("ada")
    team = [{"userId": "user_ada", "role": "viewer"}]
    desk.create("Shop", description="sells THINGS online", status="completed")
    desk.house.clock.advance(1)
    desk.create("Online bank", teamMembers=team)
    desk.house.clock.advance(1)
    desk.create("Game", teamMembers=team)
    assert desk.names() == ["Game", "Online bank", "Shop"]
    assert desk.names("?search=online") == ["Online bank", "Shop"]
    assert desk.names("?search=ONLINE%20things") == ["Shop"]
    assert desk.names("?memberId=user_ada") == ["Game", "Online bank"]
    assert desk.names("?memberId=user_ada&search=bank&status=active") == ["Online bank"]
    assert desk.names("?memberId=nobody") == []
    assert desk.names("?status=completed") == ["Shop"]
    desk.refused(422, "GET", "?status=gone")


def test_a_list_comes_in_pages_with_links(desk: Desk) -> None:
    for number in range(5):
        desk.create(str(number))
        desk.house.clock.advance(1)
    reply = desk.ask("GET", "?page=2&limit=2&status=active").json
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


def test_another_organizations_projects_are_not_there(desk: Desk) -> None:
    project, other = desk.create(), token("admin", org="other")
    for method, path, body in (
        ("GET", f"/{project}", None),
        ("PUT", f"/{project}", {"name": "mine"}),
        ("DELETE", f"/{project}", None),
        ("GET", f"/{project}/members", None),
        ("POST", f"/{project}/members", {"userId": "user_ada", "role": "viewer"}),
        ("DELETE", f"/{project}/members/user_ada", None),
    ):
        assert desk.refused(404, method, path, body, token=other)["code"] == "NOT_FOUND"
    assert desk.told("GET", token=other) == []


def test_who_may_not_write_projects_does_not(desk: Desk) -> None:
    project, developer = desk.create(), token("user")
    assert desk.told("GET", f"/{project}", token=developer)["name"] == "one"
    for method, path, body in (
        ("POST", "", {"name": "x"}),
        ("PUT", f"/{project}", {"name": "x"}),
        ("DELETE", f"/{project}", None),
        ("POST", f"/{project}/members", {"userId": "user_ada", "role": "viewer"}),
        ("DELETE", f"/{project}/members/user_ada", None),
    ):
        assert desk.refused(403, method, path, body, token=developer)["code"] == "AUTHORIZATION_ERROR"


def test_its_tasks_are_counted_as_a_recount_would(desk: Desk) -> None:
    project, other = desk.create(), desk.create("other")
    found = [task(project) for _ in range(7)] + [task(other), task(None)]
    for task_id in found[:2]:
        tasks.change(ORG, task_id, lambda one: _with(one, Status.COMPLETED))
    tasks.change(ORG, found[2], lambda one: _with(one, Status.FAILED))
    tasks.cancel(ORG, found[3])
    desk.house.settle()
    shown = desk.told("GET", f"/{project}")
    assert shown["taskCount"] == {
        "total": 7,
        "completed": 2,
        "active": 0,
        "pending": 3,
        "failed": 1,
        "cancelled": 1,
    }
    assert shown["progress"] == 0.33
    listed = desk.told("GET", f"/{project}/tasks")
    assert {row["id"] for row in listed} == set(found[:7])
    assert [row["id"] for row in desk.told("GET", f"/{project}/tasks?status=failed")] == [found[2]]
    desk.refused(404, "GET", "/proj_none/tasks")
    assert {row["name"]: row["taskCount"]["total"] for row in desk.told("GET")} == {"one": 7, "other": 1}


def _with(found: Any, status: Status) -> Any:
    from dataclasses import replace

    return replace(found, status=status, finished_at=found.updated_at, ready_at=None, version=found.version + 1)


def test_the_limit_of_projects_holds_for_those_who_create_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "MOST", 3)
    tried = together([lambda: desk.ask("POST", body={"name": "x"}).status for _ in range(5)])
    assert sorted(tried) == [201, 201, 201, 409, 409]
    [first, *_] = desk.told("GET")
    desk.told("DELETE", f"/{first['id']}")
    desk.create()
    assert "at most 3 projects" in desk.refused(409, "POST", body={"name": "x"})["message"]


def test_a_completed_project_is_announced_once(desk: Desk) -> None:
    project = desk.create()
    desk.house.settle()
    desk.told("PUT", f"/{project}", {"status": "completed"})
    desk.told("PUT", f"/{project}", {"status": "completed"})
    records = aws.stream("yardmaster-documents")
    assert [record["dynamodb"]["NewImage"]["body"]["S"].count('"completed"') for record in records] == [0, 1]


# Members


def test_members_are_added_changed_listed_and_removed_here_and_on_their_users(desk: Desk) -> None:
    user("ada"), user("bob")
    project = desk.create()
    path = f"/{project}/members"
    body = {"userId": "user_ada", "role": "developer", "permissions": ["tasks:read", "tasks:write"]}
    added = desk.ask("POST", path, body)
    assert (added.status, added.headers["location"]) == (201, f"{PROJECTS}{path}/user_ada")
    desk.house.clock.advance(5)
    desk.told("POST", path, {"userId": "user_bob", "role": "viewer"})
    assert memberships("ada") == {project: ["tasks:read", "tasks:write"]}
    again = desk.told("POST", path, {"userId": "user_ada", "role": "project-manager"})
    assert again == added.json["data"] | {"role": "project-manager", "permissions": MANAGER}
    assert [one["userId"] for one in desk.told("GET", path)] == ["user_ada", "user_bob"]
    assert memberships("ada") == {project: MANAGER}
    assert desk.told("DELETE", f"{path}/user_ada") == {"id": "user_ada", "deleted": True}
    desk.refused(404, "DELETE", f"{path}/user_ada")
    assert (memberships("ada"), memberships("bob")) == ({}, {project: ["projects:read", "tasks:read"]})
    assert desk.told("GET", f"/{project}")["teamSize"] == 1
    assert "user_nobody" in desk.refused(422, "POST", path, {"userId": "user_nobody", "role": "viewer"})["message"]


def test_whoever_creates_a_project_manages_it(desk: Desk) -> None:
    user("ada"), user("bob")
    mine = desk.told("POST", body={"name": "x"}, token=token("admin", subject="user_ada"))
    assert [(one["userId"], one["permissions"]) for one in mine["teamMembers"]] == [("user_ada", MANAGER)]
    team = [{"userId": "user_ada", "role": "viewer"}, {"userId": "user_bob", "role": "developer"}]
    other = desk.told("POST", body={"name": "y", "teamMembers": team}, token=token("admin", subject="user_ada"))
    assert [one["role"] for one in other["teamMembers"]] == ["viewer", "developer"]
    assert memberships("ada") == {mine["id"]: MANAGER, other["id"]: ["projects:read", "tasks:read"]}


def test_a_new_team_takes_the_old_ones_place(desk: Desk) -> None:
    made = documented(desk)
    user("eve")
    desk.house.clock.advance(60)
    team = [{"userId": "user_bob", "role": "viewer"}, {"userId": "user_eve", "role": "developer"}]
    changed = desk.told("PUT", f"/{made['id']}", {"teamMembers": team})
    assert [(one["userId"], one["role"]) for one in changed["teamMembers"]] == [
        ("user_bob", "viewer"),
        ("user_eve", "developer"),
    ]
    assert changed["teamMembers"][0]["joinedAt"] == made["createdAt"] < changed["teamMembers"][1]["joinedAt"]
    assert (memberships("ada"), memberships("eve")) == ({}, {made["id"]: DEVELOPER})
    assert desk.told("PUT", f"/{made['id']}", {"teamMembers": []})["teamSize"] == 0
    assert memberships("eve") == {}


def test_members_who_come_at_the_same_time_all_come(desk: Desk) -> None:
    project = desk.create()
    everybody = [user(str(number)).id for number in range(4)]
    body = {"role": "viewer"}
    tried = together(
        [lambda one=one: desk.ask("POST", f"/{project}/members", body | {"userId": one}).status for one in everybody]
    )
    assert tried == [201] * 4
    assert {one["userId"] for one in desk.told("GET", f"/{project}/members")} == set(everybody)
    assert all(memberships(str(number)) for number in range(4))


def test_a_project_has_room_for_so_many_members(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.engine.members.MOST", 2)
    monkeypatch.setattr("chalicelib.engine.members.MOST_MEMBERSHIPS", 1)
    project = desk.create()
    for name in ("ada", "bob", "eve"):
        user(name)
    for name in ("ada", "bob"):
        desk.told("POST", f"/{project}/members", {"userId": f"user_{name}", "role": "viewer"})
    full = {"userId": "user_eve", "role": "viewer"}
    assert "at most 2 members" in desk.refused(409, "POST", f"/{project}/members", full)["message"]
    other = desk.create("other")
    twice = {"userId": "user_ada", "role": "viewer"}
    assert "1 projects" in desk.refused(409, "POST", f"/{other}/members", twice)["message"]


# Deletion


def test_a_deleted_project_is_gone_at_once_and_everything_of_it_soon(desk: Desk) -> None:
    made = documented(desk)
    project, other = made["id"], desk.create("other")
    [first, second] = made["agents"]
    running = [task(project, first), task(project, second)]
    desk.house.settle()
    assert {tasks.get(ORG, one).status for one in running} == {Status.LEASED}
    tasks.cancel(ORG, task(project))
    kept = [task(other), task(None)]
    waiting = [task(project) for _ in range(4)]
    assert desk.told("DELETE", f"/{project}") == {"id": project, "deleted": True}
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "", {"name": "x"}),
        ("POST", "/members", {"userId": "user_ada", "role": "viewer"}),
    ):
        desk.refused(404, method, f"/{project}{path}", body)
    assert desk.names() == ["other"]
    desk.house.settle()
    assert {one.id for one in desk.house.tasks()} == set(kept)
    assert (memberships("ada"), memberships("bob")) == ({}, {})
    told = [found.commands for found in desk.house.workers()]
    assert sorted(name.partition(":")[0] for commands in told for name in commands) == sorted(running)
    assert not any(found.leases for found in desk.house.workers())
    desk.house.advance(projects.SECOND_LOOK_SECONDS + 60)
    assert _chores() == []
    assert waiting


def _chores() -> list[Any]:
    return [item.body for item in aws.items(DocumentItem) if item.kind == "chore"]


def test_what_lists_show_late_of_a_deleted_project_goes_too(desk: Desk) -> None:
    project = desk.create()
    late = task(project)  # its change was not relayed yet
    desk.told("DELETE", f"/{project}")
    for _ in range(3):
        desk.house.relay("documents")
        desk.house.handle("wakeups")
    assert [one.id for one in desk.house.tasks()] == [late]
    desk.house.settle()
    desk.house.advance(projects.SECOND_LOOK_SECONDS + 60)
    assert desk.house.tasks() == []
    assert _chores() == []


def test_a_task_that_was_moved_elsewhere_is_spared(desk: Desk) -> None:
    project, other = desk.create(), desk.create("other")
    moved = task(project)
    desk.house.settle()
    tasks.change(ORG, moved, lambda found: _in(found, other))
    desk.told("DELETE", f"/{project}")
    desk.house.settle()
    assert [one.id for one in desk.house.tasks()] == [moved]


def _in(found: Any, project: str) -> Any:
    from dataclasses import replace

    terms = tuple(term for term in found.terms if not term.startswith("project="))
    return replace(found, terms=(*terms, f"project={project}"), version=found.version + 1, edits=found.edits + 1)


class Died(BaseException):
    """The process is gone."""


def dying_at(number: int) -> aws.Interference:
    """Ends the process behind the call of this number, counted from 0: the call itself was carried out."""
    calls = iter(range(10**6))

    def interfere(call: aws.Call, send: Any) -> Any:
        answer = send()
        if next(calls) == number:
            raise Died
        return answer

    return interfere


def test_clearing_up_survives_a_death_behind_every_call(desk: Desk) -> None:
    """Whichever call is the last of its process, the next turn finishes."""
    user("ada")
    deaths = 0
    while True:
        project = desk.create(teamMembers=[{"userId": "user_ada", "role": "viewer"}])
        found = [task(project) for _ in range(2)]
        desk.house.settle()
        projects.delete(ORG, project, "dev")
        desk.house.relay("documents")
        try:
            with aws.interfering(dying_at(deaths)):
                desk.house.handle("wakeups")
        except Died:
            desk.house.died("wakeups")
            deaths += 1
        else:
            break
        desk.house.advance(60)
        assert not {one.id for one in desk.house.tasks()} & set(found)
        assert memberships("ada") == {}
    assert deaths > 10


def test_an_agent_that_is_gone_leaves_its_projects(desk: Desk) -> None:
    gone, stays = agent("gone"), agent("stays")
    project = desk.create(agents=[gone, stays])
    assert Client(api).delete(f"/api/v1/agents/{gone}", token=desk.token).status == 200
    desk.house.settle()
    assert desk.told("GET", f"/{project}")["agents"] == [stays]


# Costs


def test_each_request_keeps_to_its_budget_whatever_there_is(desk: Desk) -> None:
    user("ada")
    agents = [agent("a")]
    found = [desk.create(str(number), agents=agents) for number in range(25)]
    desk.told("GET")
    member = {"userId": "user_ada", "role": "viewer"}

    def calls(*request: Any) -> int:
        with aws.counting() as counted:
            desk.told(*request)
        return counted.total()

    assert calls("GET", "?limit=20") == 3  # limiter, projects, counters
    assert calls("GET", "?search=1&memberId=x") == 2
    assert calls("GET", f"/{found[0]}") == 3
    assert calls("POST", "", {"name": "x", "agents": agents, "teamMembers": [member]}) == 3
    assert calls("PUT", f"/{found[0]}", {"name": "x"}) == 4
    assert calls("PUT", f"/{found[0]}", {"agents": agents, "teamMembers": [member]}) == 6
    assert calls("POST", f"/{found[1]}/members", member) == 4
    assert calls("GET", f"/{found[1]}/members") == 2
    assert calls("DELETE", f"/{found[1]}/members/user_ada") == 4
    assert calls("DELETE", f"/{found[0]}") == 3
    assert chores.TURN_SECONDS * 10 < 60
