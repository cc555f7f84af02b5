"""Tasks: creating, finding, changing, assigning, reporting, deleting."""

from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib import config
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.documents import documents
from chalicelib.engine.projects import comments, task_edits
from chalicelib.storage.documents import documents as document_storage
from tests.apis.projects.tasks_api import DOCUMENTED, TASKS, TasksApi, tasks_api_of
from tests.engine.helpers import run_together
from tests.support import people
from tests.support.aws import counting
from tests.support.client import Reply, token
from tests.support.world import ORG, World

NOON = "2026-01-01T12:00:00Z"
STATUSES = ("pending", "active", "completed", "failed", "cancelled")


@pytest.fixture
def tasks_api(world: World) -> TasksApi:
    return tasks_api_of(world)


def workers(tasks_api: TasksApi) -> dict[str, Worker]:
    return {worker.id: worker for worker in tasks_api.world.workers()}


# Creating


def test_a_new_task_is_answered_as_documented(tasks_api: TasksApi) -> None:
    project, agent = tasks_api.project(), tasks_api.agent()
    reply = tasks_api.request("POST", "", DOCUMENTED | {"projectId": project.id, "agentId": agent})
    task = reply.json["data"]
    assert (reply.status, reply.headers["location"]) == (201, f"{TASKS}/{task['id']}")
    told = {name: task[name] for name in DOCUMENTED}
    assert told == DOCUMENTED
    said = {"status": "pending", "actualHours": 0, "progress": 0, "createdAt": NOON, "updatedAt": NOON}
    assert task | said == task
    assert (task["projectId"], task["agentId"], task["createdBy"]) == (project.id, agent, "user_ada")
    assert task["project"] == {"id": project.id, "name": "E-commerce Platform"}
    assert task["assignedAgent"] == {"id": agent, "name": "one", "type": "coding"}


def test_a_title_is_enough(tasks_api: TasksApi) -> None:
    task = tasks_api.call("POST", "", {"title": " one ", "description": None, "surprise": 1})
    assert (task["title"], task["description"], task["priority"], task["type"]) == ("one", "", "medium", "task")
    assert (task["tags"], task["requirements"], task["dueDate"], task["estimatedHours"]) == ([], [], None, None)
    assert (task["project"], task["assignedAgent"], task["agentId"]) == (None, None, None)


WRONG: list[tuple[Any, str, str]] = [
    ({"title": None}, "title", "Title must be a string"),
    ({"title": "  "}, "title", "Title must be a string of 1 to 256"),
    ({"title": "x" * 257}, "title", "Title must be"),
    ({"priority": "urgent"}, "priority", "Priority must be one of: low, medium, high"),
    ({"description": "x" * 20_001}, "description", "at most 20000"),
    ({"tags": ["x"] * 21}, "tags", "at most 20"),
    ({"tags": ["x" * 51]}, "tags.0", "1 to 50"),
    ({"tags": ["a,b"]}, "tags.0", "without commas"),
    ({"tags": "a,b"}, "tags", "a list"),
    ({"requirements": ["x"] * 101}, "requirements", "at most 100"),
    ({"acceptanceCriteria": ["x" * 1_001]}, "acceptanceCriteria.0", "1 to 1000"),
    ({"requirements": ["é" * 1_000] * 60}, "description", "100000 bytes"),
    ({"estimatedHours": -1}, "estimatedHours", "Estimated hours must be"),
    ({"estimatedHours": "8"}, "estimatedHours", "a number"),
    ({"estimatedHours": 100_001}, "estimatedHours", "100000"),
    ({"dueDate": "tomorrow"}, "dueDate", "a date"),
    ({"dueDate": "1969-12-31"}, "dueDate", "1970"),
    ({"dueDate": "0001-01-01T00:00:00+14:00"}, "dueDate", "a date"),
    ({"projectId": "proj_none"}, "projectId", "There is no project proj_none"),
    ({"agentId": "agent_none"}, "agentId", "There is no agent agent_none"),
    ({"agentId": "#pool"}, "agentId", "There is no agent"),
]


def test_what_is_wrong_is_named_and_nothing_is_kept(tasks_api: TasksApi) -> None:
    for wrong, field, words in WRONG:
        error = tasks_api.expect_error(422, "POST", "", DOCUMENTED | wrong)
        assert error["code"] == "VALIDATION_ERROR"
        assert words in error["details"][field][0], error
    assert tasks_api.world.tasks() == []


def test_a_title_is_required(tasks_api: TasksApi) -> None:
    assert tasks_api.expect_error(422, "POST", "", {})["details"] == {"title": ["Title is required"]}


def test_due_dates_are_kept_in_utc(tasks_api: TasksApi) -> None:
    cases = {
        "2026-02-20": "2026-02-20T00:00:00Z",
        "2026-02-20T10:30:00": "2026-02-20T10:30:00Z",
        "2026-02-20T10:30:00.999+02:00": "2026-02-20T08:30:00Z",
    }
    for said, kept in cases.items():
        task = tasks_api.call("POST", "", {"title": "one", "dueDate": said})
        assert task["dueDate"] == kept
        assert tasks_api.world.task(task["id"]).payload == {"title": "one", "dueDate": kept}


def test_one_idempotency_key_is_one_task(tasks_api: TasksApi) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (tasks_api.call("POST", "", DOCUMENTED, headers=key) for _ in range(2))
    assert first == again
    assert len(tasks_api.world.tasks()) == 1
    assert "Idempotency-Key" in tasks_api.expect_error(409, "POST", "", {"title": "another"}, headers=key)["message"]


def test_another_user_s_same_key_is_another_task(tasks_api: TasksApi) -> None:
    key = {"Idempotency-Key": "k"}
    ours = tasks_api.call("POST", "", DOCUMENTED, headers=key)
    theirs = tasks_api.call("POST", "", DOCUMENTED, headers=key, token=token("user", subject="user_bob"))
    assert theirs["id"] != ours["id"]
    assert theirs["createdBy"] == "user_bob"


def test_another_tenant_s_project_and_agent_are_not_there(tasks_api: TasksApi) -> None:
    theirs = tasks_api.project(org="other")
    agent = tasks_api.world.register(pool="projects", org="other", endpoints={}).id
    assert "projectId" in tasks_api.expect_error(422, "POST", "", {"title": "x", "projectId": theirs.id})["details"]
    assert "agentId" in tasks_api.expect_error(422, "POST", "", {"title": "x", "agentId": agent})["details"]


def test_another_tenant_s_task_is_not_there(tasks_api: TasksApi) -> None:
    task_id, theirs = tasks_api.create(), token(org="other")
    for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"title": "x"}), ("DELETE", "", None), ("POST", "/assign", {"agentId": None})
    ):  # fmt: skip
        tasks_api.expect_error(404, method, f"/{task_id}{path}", body, token=theirs)
    assert tasks_api.request("GET", token=theirs).json["pagination"]["total"] == 0
    assert tasks_api.task(task_id)["title"] == "one"


# Finding


def test_a_list_shows_rows_as_documented_and_both_addresses_show_the_same(tasks_api: TasksApi) -> None:
    project = tasks_api.project()
    first = tasks_api.create(title="JWT login", description="x" * 6_000, projectId=project.id, tags=["Auth"])
    tasks_api.world.clock.advance(1)
    second = tasks_api.create(title="Cart", priority="high")
    page = tasks_api.request("GET").json
    assert [row["id"] for row in page["data"]] == [second, first]
    assert (page["pagination"]["total"], page["links"]["next"]) == (2, None)
    row, whole = page["data"][1], tasks_api.task(first)
    assert (len(row["description"]), row["description"][-1]) == (5_000, "…")
    assert row == {name: whole[name] for name in row} | {"description": row["description"]}
    assert "requirements" not in row
    assert tasks_api.request("GET", "/api/tasks").json["data"] == page["data"]


def test_filters_combine(tasks_api: TasksApi) -> None:
    project, agent = tasks_api.project(), tasks_api.agent()
    wanted = tasks_api.create(title="JWT login", projectId=project.id, tags=["Auth"], priority="high", agentId=agent)
    for other in ({"priority": "low"}, {"tags": ["x"]}, {"projectId": tasks_api.project().id}):
        tasks_api.create(
            **{"title": "JWT login", "projectId": project.id, "tags": ["auth"], "priority": "high"} | other
        )
    query = f"?priority=high&tags=zzz,AUTH&projectId={project.id}&search=log&agentId={agent}&status=active"
    query += "&createdAfter=2026-01-01&createdBefore=2026-01-02T00:00:00%2B02:00&sortBy=dueDate&sortOrder=asc"
    assert [row["id"] for row in tasks_api.call("GET", query)] == [wanted]
    assert tasks_api.call("GET", "?createdBefore=2026-01-01T11:59:59") == []


def test_a_filter_that_none_can_mean_is_refused(tasks_api: TasksApi) -> None:
    wrong = [
        "status=done",
        "priority=urgent",
        "createdAfter=now",
        "sortBy=title",
        "sortOrder=up",
        "page=0",
        "limit=101",
    ]
    for query in [*wrong, "search=", f"tags={','.join(map(str, range(21)))}"]:
        assert list(tasks_api.expect_error(422, "GET", f"?{query}")["details"]) == [query.partition("=")[0]]


def test_a_task_comes_with_what_is_asked_for(tasks_api: TasksApi) -> None:
    task_id = tasks_api.create()
    comments.add(tasks_api.world.task(task_id), "hello", [], by="user_ada")
    tasks_api.world.clock.advance(3_600)
    tasks_api.patch(task_id, status="active")
    tasks_api.world.clock.advance(1_800)
    tasks_api.patch(task_id, status="pending")
    tasks_api.patch(task_id, status="active")
    tasks_api.world.clock.advance(5_400)
    tasks_api.patch(task_id, status="completed", qualityScore=0.85)
    whole = tasks_api.task(task_id, "comments,files,history,metrics")
    assert [comment["content"] for comment in whole["comments"]] == ["hello"]
    assert whole["files"] == []
    moves = [(entry["from"], entry["to"], entry["user"]) for entry in reversed(whole["history"])]
    ada = "user_ada"
    assert moves[1:] == [
        ("pending", "active", ada), ("active", "pending", ada), ("pending", "active", ada), ("active", "completed", ada)
    ]  # fmt: skip
    assert whole["metrics"] == {"timeSpent": 2, "completionRate": 1, "qualityScore": 0.85, "changeRequests": 1}
    tasks_api.patch(task_id, actualHours=7.5)
    assert tasks_api.task(task_id, "metrics")["metrics"]["timeSpent"] == 7.5
    bare = tasks_api.task(task_id)
    assert {bare[part] for part in ("comments", "files", "history", "metrics")} == {None}
    assert list(tasks_api.expect_error(422, "GET", f"/{task_id}?include=comments,secrets")["details"]) == ["include"]


# Changing


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_sent_is_changed_and_the_rest_stays(method: str, tasks_api: TasksApi) -> None:
    task_id = tasks_api.create(**DOCUMENTED)
    before = tasks_api.task(task_id)
    changes = {
        "title": "Updated task title", "description": "Updated description", "priority": "high", "status": "active",
        "dueDate": "2026-02-25T00:00:00Z", "tags": ["updated", "priority"],
    }  # fmt: skip
    changed = tasks_api.call(method, f"/{task_id}", changes)
    assert before["waitingFor"] == "somebody to start it, or an agent to be assigned"
    new = {"workedBy": "user_ada", "startedAt": NOON, "waitingFor": None}
    assert tasks_api.task(task_id) == before | changes | new
    assert changed == {name: value for name, value in tasks_api.task(task_id).items() if name in changed}
    tasks_api.world.settle()
    assert [row["id"] for row in tasks_api.call("GET", "?search=updated&tags=priority&status=active")] == [task_id]
    assert tasks_api.call("GET", "?search=dashboard") == []


def test_null_clears_and_what_is_sent_back_whole_changes_nothing(tasks_api: TasksApi) -> None:
    task_id = tasks_api.create(**DOCUMENTED, projectId=tasks_api.project().id)
    cleared = tasks_api.patch(
        task_id, **dict.fromkeys(("projectId", "dueDate", "tags", "estimatedHours", "description"))
    )
    assert [cleared[name] for name in ("projectId", "dueDate", "tags", "estimatedHours")] == [None, None, [], None]
    version = tasks_api.world.task(task_id).version
    assert tasks_api.patch(task_id, **cleared) == cleared
    assert tasks_api.world.task(task_id).version == version


def test_what_was_reported_is_kept(tasks_api: TasksApi) -> None:
    task_id = tasks_api.create()
    changed = tasks_api.patch(task_id, status="completed", actualHours=7.5, progress=1.0)
    assert (changed["status"], changed["actualHours"], changed["progress"]) == ("completed", 7.5, 1)
    assert (changed["completedAt"], changed["workedBy"]) == (NOON, "user_ada")
    failed = tasks_api.patch(tasks_api.reach("active"), status="failed", error="no luck", progress=0.25)
    assert (failed["status"], failed["error"], failed["progress"]) == ("failed", "no luck", 0.25)
    done = tasks_api.patch(tasks_api.create(), status="completed", result={"url": "https://x"})
    assert done["result"] == {"url": "https://x"}


@pytest.mark.parametrize("status", STATUSES)
def test_an_impossible_move_is_a_conflict_and_changes_nothing(status: str, tasks_api: TasksApi) -> None:
    ways = {"pending": STATUSES, "active": STATUSES, "failed": ("failed", "pending")}
    for to in STATUSES:
        task_id = tasks_api.reach(status)
        before = tasks_api.task(task_id)
        reply = tasks_api.request("PATCH", f"/{task_id}", {"status": to, "title": "new", "priority": "high"})
        if to in ways.get(status, (status,)):
            assert (reply.status, reply.json["data"]["status"]) == (200, to)
        else:
            assert (reply.status, reply.json["error"]["code"]) == (409, "CONFLICT_ERROR")
            assert tasks_api.task(task_id) == before


def test_of_two_who_begin_at_once_one_does(tasks_api: TasksApi) -> None:
    task_id = tasks_api.create()
    others = [tasks_api_of(tasks_api.world, f"user_{name}") for name in ("ada", "bob")]
    replies: list[Reply] = run_together(
        [lambda one=one: one.request("PATCH", f"/{task_id}", {"status": "active", "title": "mine"}) for one in others]
    )
    [begun, refused] = sorted(replies, key=lambda reply: reply.status)
    assert (begun.status, refused.status) == (200, 409)
    worker = begun.json["data"]["workedBy"]
    assert worker in refused.json["error"]["message"]
    for one in others:
        # A form that is sent back whole begins nothing.
        assert one.call("PUT", f"/{task_id}", {"title": "ours", "status": "active"})["workedBy"] == worker


def test_an_edit_and_the_agent_s_result_both_land(tasks_api: TasksApi) -> None:
    agent = tasks_api.agent()
    task_id = tasks_api.create(agentId=agent)
    replies: list[Reply] = run_together(
        [
            lambda: tasks_api.request("PATCH", f"/{task_id}", {"title": "new"}),
            lambda: tasks_api.request("PATCH", f"/{task_id}?agentId={agent}", {"status": "completed", "result": 7}),
            lambda: tasks_api.request("PATCH", f"/{task_id}", {"priority": "high"}),
        ]
    )
    assert [reply.status for reply in replies] == [200] * 3
    tasks_api.world.settle()
    task = tasks_api.task(task_id)
    assert (task["title"], task["priority"], task["status"], task["result"]) == ("new", "high", "completed", 7)
    assert (workers(tasks_api)[agent].leases, workers(tasks_api)[agent].completed) == ({}, 1)


def test_a_task_that_moves_to_a_project_must_find_it_there(tasks_api: TasksApi) -> None:
    task_id, project = tasks_api.create(), tasks_api.project()
    assert (
        "projectId"
        in tasks_api.expect_error(422, "PATCH", f"/{task_id}", {"projectId": "proj_none", "title": "x"})["details"]
    )
    assert tasks_api.task(task_id)["title"] == "one"
    assert tasks_api.patch(task_id, projectId=project.id)["project"]["name"] == "E-commerce Platform"


# Agents


def test_an_assigned_task_goes_to_its_agent_as_soon_as_it_has_a_free_slot(tasks_api: TasksApi) -> None:
    agent, other = tasks_api.agent(slots=2), tasks_api.agent("two", slots=5)
    ids = []
    for number in range(4):
        ids.append(tasks_api.create(title=str(number)))
        tasks_api.world.clock.advance(1)
    assert {tasks_api.task(one)["status"] for one in ids} == {"pending"}
    for one in ids:
        tasks_api.call(
            "POST", f"/{one}/assign", {"agentId": agent, "priority": "high", "dueDate": "2026-02-20T00:00:00Z"}
        )
        tasks_api.world.settle()
    assert [tasks_api.task(one)["status"] for one in ids] == ["active", "active", "pending", "pending"]
    assert {tasks_api.task(one)["agentId"] for one in ids} == {agent}
    assert (len(workers(tasks_api)[agent].leases), workers(tasks_api)[other].leases) == (2, {})
    tasks_api.patch(ids[0], f"?agentId={agent}", status="completed")
    assert [tasks_api.task(one)["status"] for one in ids] == ["completed", "active", "active", "pending"]
    task = tasks_api.task(ids[3])
    assert (task["priority"], task["dueDate"]) == ("high", "2026-02-20T00:00:00Z")


def test_an_assigned_task_leaves_whoever_has_it(tasks_api: TasksApi) -> None:
    agent, other = tasks_api.agent(), tasks_api.agent("two")
    task_id = tasks_api.create(agentId=agent)
    assert tasks_api.call("POST", f"/{task_id}/assign", {"agentId": other})["status"] == "pending"
    tasks_api.world.settle()
    assert (list(workers(tasks_api)[other].leases), workers(tasks_api)[agent].leases) == ([task_id], {})
    assert list(workers(tasks_api)[agent].commands) == [f"{task_id}:1"]
    tasks_api.call("POST", f"/{task_id}/assign", {"agentId": None})
    tasks_api.world.settle()
    assert (tasks_api.task(task_id)["status"], tasks_api.task(task_id)["agentId"]) == ("pending", None)
    tasks_api.patch(task_id, status="active")
    tasks_api.call("POST", f"/{task_id}/assign", {"agentId": agent})
    tasks_api.world.settle()
    assert list(workers(tasks_api)[agent].leases) == [task_id]
    assert "agentId" in tasks_api.expect_error(422, "POST", f"/{task_id}/assign", {"agentId": "agent_none"})["details"]
    tasks_api.patch(task_id, status="completed")
    tasks_api.expect_error(409, "POST", f"/{task_id}/assign", {"agentId": agent})


def test_an_agent_works_a_task_by_itself(tasks_api: TasksApi) -> None:
    agent = tasks_api.agent()
    task_id = tasks_api.create(agentId=agent)
    assert [row["id"] for row in tasks_api.call("GET", f"?agentId={agent}&status=active")] == [task_id]
    query = f"?agentId={agent}&lease={tasks_api.world.task(task_id).epoch}"
    begun = tasks_api.patch(task_id, query, status="active", progress=0.4)
    assert (begun["progress"], begun["startedAt"], begun["agentId"]) == (0.4, NOON, agent)
    done = tasks_api.patch(task_id, query, status="completed", actualHours=3.5, qualityScore=0.9, result={"ok": True})
    assert (done["status"], done["agentId"], done["actualHours"]) == ("completed", agent, 3.5)
    assert (
        tasks_api.patch(task_id, query, status="completed", actualHours=3.5, qualityScore=0.9, result={"ok": True})
        == done
    )
    assert (
        workers(tasks_api)[agent].leases,
        workers(tasks_api)[agent].completed,
        workers(tasks_api)[agent].commands,
    ) == (
        {},
        1,
        {},
    )
    assert tasks_api.task(task_id, "history")["history"][0]["user"] == agent


def test_an_agent_may_try_again_give_back_and_fail_for_good(tasks_api: TasksApi) -> None:
    agent = tasks_api.agent()
    task_id, query = tasks_api.create(agentId=agent), f"?agentId={agent}"
    tasks_api.patch(task_id, query, status="pending")
    assert tasks_api.world.task(task_id).attempts == 0
    again = tasks_api.patch(task_id, query, status="failed", error="flaky")
    assert (again["status"], again["error"]) == ("pending", "flaky")
    tasks_api.world.advance(10)
    assert tasks_api.task(task_id)["status"] == "active"
    failed = tasks_api.patch(task_id, query, status="failed", error="broken", retryable=False)
    assert (failed["status"], failed["error"]) == ("failed", "broken")
    assert tasks_api.patch(task_id, status="pending")["status"] in ("pending", "active")


def test_a_report_of_a_lease_that_has_ended_is_a_conflict(tasks_api: TasksApi) -> None:
    agent = tasks_api.agent()
    task_id = tasks_api.create(agentId=agent)
    old = f"?agentId={agent}&lease={tasks_api.world.task(task_id).epoch}"
    tasks_api.patch(task_id, status="pending")
    tasks_api.world.settle()
    now = tasks_api.task(task_id)
    for status in ("active", "completed", "failed", "pending"):
        error = tasks_api.expect_error(409, "PATCH", f"/{task_id}{old}", {"status": status, "progress": 0.5})
        assert error["code"] == "CONFLICT_ERROR"
    tasks_api.expect_error(409, "PATCH", f"/{task_id}?agentId=another", {"status": "completed"})
    assert tasks_api.task(task_id) == now
    tasks_api.expect_error(409, "PATCH", f"/{task_id}?agentId={agent}", {"status": "cancelled"})


def test_a_person_may_end_an_agent_s_task_and_the_agent_is_told_to_stop(tasks_api: TasksApi) -> None:
    agent = tasks_api.agent()
    for status in ("completed", "failed", "cancelled"):
        task_id = tasks_api.create(agentId=agent)
        ended = tasks_api.patch(task_id, status=status)
        assert (ended["status"], ended["agentId"]) == (status, agent)
        assert f"{task_id}:1" in workers(tasks_api)[agent].commands
        assert workers(tasks_api)[agent].leases == {}


def test_a_pool_that_assigns_by_itself_leaves_nothing_waiting(tasks_api: TasksApi) -> None:
    agent = tasks_api.agent()
    before = config.replace(auto_assign=frozenset({"projects"}))
    try:
        assert tasks_api.task(tasks_api.create())["assignedAgent"]["id"] == agent
    finally:
        config.restore(before)


# Deleting


def test_a_deleted_task_is_gone_with_all_that_belonged_to_it(tasks_api: TasksApi) -> None:
    agent = tasks_api.agent()
    task_id = tasks_api.create(agentId=agent, title="gone")
    comments.add(tasks_api.world.task(task_id), "hello", [], by="user_ada")
    assert tasks_api.call("DELETE", f"/{task_id}?reason=obsolete") == {"id": task_id, "deleted": True}
    tasks_api.world.advance(5)
    tasks_api.expect_error(404, "GET", f"/{task_id}")
    tasks_api.expect_error(404, "DELETE", f"/{task_id}")
    assert tasks_api.call("GET", "?search=gone") == []
    tasks_api.world.advance(task_edits.RELAY_LAG_S)
    assert comments.list_newest("acme", task_id) == []
    assert (workers(tasks_api)[agent].leases, list(workers(tasks_api)[agent].commands)) == ({}, [f"{task_id}:1"])


def test_a_deletion_that_was_cut_short_is_finished_by_the_next(tasks_api: TasksApi) -> None:
    task_id = tasks_api.reach("active")
    tasks_api.patch(task_id, status="cancelled")
    with counting() as calls:
        tasks_api.call("DELETE", f"/{task_id}")
    assert sum(calls.values()) == 3
    tasks_api.expect_error(404, "GET", f"/{task_id}")


# Being late


def test_an_overdue_task_is_announced_once_and_again_after_a_new_date(tasks_api: TasksApi) -> None:
    task_id = tasks_api.create(dueDate="2026-01-01T12:00:30Z")

    def count_overdue() -> int:
        return [entry["action"] for entry in tasks_api.task(task_id, "history")["history"]].count("overdue")

    tasks_api.world.advance(29)
    assert (count_overdue(), tasks_api.task(task_id)["overdue"]) == (0, False)
    tasks_api.world.advance(150)
    assert (count_overdue(), tasks_api.task(task_id)["overdue"]) == (1, True)
    assert tasks_api.patch(task_id, dueDate="2026-01-01T12:04:00Z")["overdue"] is False
    tasks_api.world.advance(90)
    assert count_overdue() == 2
    assert tasks_api.patch(task_id, status="completed")["overdue"] is False
    told = [found.body["type"] for found in document_storage.iter_all(ORG, "notification", "user_ada")]
    assert told.count("task.overdue") == 2


# What it costs, and who may

COSTS: dict[str, tuple[str, str, Any, int]] = {
    "create": ("POST", "", {"title": "x"}, 2),
    "create with a project and an agent": (
        "POST",
        "",
        {"title": "x", "projectId": "{project}", "agentId": "{agent}"},
        2,
    ),
    "get": ("GET", "/{task}", None, 2),
    "get all": ("GET", "/{task}?include=comments,files,history,metrics", None, 5),
    "list": ("GET", "", None, 3),
    "list a project's": ("GET", "?projectId={project}", None, 3),
    "edit": ("PATCH", "/{task}", {"title": "new", "tags": ["a"], "actualHours": 1}, 3),
    "begin": ("PATCH", "/{task}", {"status": "active"}, 3),
    "complete": ("PATCH", "/{task}", {"status": "completed", "progress": 1.0}, 3),
    "assign": ("POST", "/{task}/assign", {"agentId": "{agent}"}, 3),
    "delete": ("DELETE", "/{task}", None, 4),
}


def test_a_request_costs_no_more_than_its_budget(tasks_api: TasksApi) -> None:
    ids = {"project": tasks_api.project().id, "agent": tasks_api.agent(slots=9)}
    tasks_api.create(projectId=ids["project"], agentId=ids["agent"])
    for name, (method, path, body, budget) in COSTS.items():
        ids["task"] = tasks_api.create(projectId=ids["project"])
        tasks_api.request("GET", "?limit=1")  # the names are known for ten seconds
        sent = {key: value.format(**ids) if isinstance(value, str) else value for key, value in (body or {}).items()}
        with counting() as calls:
            reply = tasks_api.request(method, path.format(**ids), sent if body is not None else None)
        assert reply.status < 300, reply.text
        assert sum(calls.values()) == budget, (name, dict(calls))


def test_names_are_read_once_and_followed_within_ten_seconds(tasks_api: TasksApi) -> None:
    project = tasks_api.project()
    task_id = tasks_api.create(projectId=project.id)
    tasks_api.world.clock.advance(10)
    costs = []
    for _ in range(2):
        with counting() as calls:
            tasks_api.task(task_id)
        costs.append(calls["DynamoDB", "BatchGetItem"])
    assert costs == [1, 0]


def test_each_role_may_do_with_tasks_what_it_may(tasks_api: TasksApi) -> None:
    project = tasks_api.project()
    within, without = tasks_api.create(projectId=project.id), tasks_api.create()
    viewer, developer = (
        people.user(tasks_api.world, "viewer", name="Vic"),
        people.user(tasks_api.world, "developer", name="Dev"),
    )
    dev = people.token(developer)
    assert tasks_api.call("PATCH", f"/{without}", {"title": "x"}, token=dev)["title"] == "x"
    assert tasks_api.call("POST", "", {"title": "y"}, token=dev)["createdBy"] == developer.id
    assert tasks_api.expect_error(403, "DELETE", f"/{without}", token=dev)["code"] == "AUTHORIZATION_ERROR"
    for method, path in (("PATCH", f"/{within}"), ("POST", "")):
        tasks_api.expect_error(403, method, path, {"title": "x"}, token=people.token(viewer))
    documents.merge(ORG, "user", viewer.id, {"memberships": {project.id: ["tasks:read", "tasks:write"]}})
    member = people.token(viewer)
    assert tasks_api.call("PATCH", f"/{within}", {"title": "z"}, token=member)["title"] == "z"
    assert tasks_api.call("POST", "", {"title": "z", "projectId": project.id}, token=member)["title"] == "z"
    for refused in ({"projectId": None}, {"projectId": tasks_api.project("other").id}):
        tasks_api.expect_error(403, "PATCH", f"/{within}", refused, token=member)
    tasks_api.expect_error(403, "PATCH", f"/{without}", {"title": "x"}, token=member)
    tasks_api.expect_error(403, "DELETE", f"/{within}", token=member)
    tasks_api.expect_error(403, "POST", "", {"title": "x"}, token=member)


def test_an_agent_s_own_key_opens_its_own_tasks_only(tasks_api: TasksApi) -> None:
    agents = [
        tasks_api.world.register(name, pool="projects", id_prefix="agent", endpoints={}, api_key=f"secret-{name}").id
        for name in ("one", "two")
    ]
    task_id = tasks_api.create(agentId=agents[0])

    def report(agent: str, key: str, body: dict[str, Any]) -> Reply:
        return tasks_api.client.request("PATCH", f"{TASKS}/{task_id}?agentId={agent}", body, key=key)

    assert report(agents[0], "secret-two", {"progress": 0.5}).status == 401
    assert report(agents[1], "secret-two", {"progress": 0.5}).status == 409
    assert report(agents[0], "secret-one", {"title": "mine", "priority": "high"}).status == 422
    assert report(agents[0], "secret-one", {"progress": 0.5}).json["data"]["progress"] == 0.5
    assert tasks_api.client.request("PATCH", f"{TASKS}/{task_id}", {"title": "x"}, key="secret-one").status == 401


def test_tags_may_be_any_words(tasks_api: TasksApi) -> None:
    tags = ["#", "~", "a#b", "!", "ß", "tag=x", "c++ & more", "\U0001f600"]
    task_id = tasks_api.create(tags=tags)
    for tag in tags:
        assert [row["id"] for row in tasks_api.call("GET", f"?{urlencode({'tags': tag})}")] == [task_id], tag
    assert tasks_api.call("GET", "?tags=b") == []
