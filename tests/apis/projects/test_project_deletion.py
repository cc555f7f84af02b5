"""A deleted project disappears at once, and its data soon, even if processes die in between."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.tasks.task import Status
from chalicelib.engine.projects import agents, projects, task_edits
from chalicelib.engine.tasks import lifecycle
from chalicelib.storage.documents.documents import DocumentItem
from tests.apis.projects.projects_api import ProjectsApi, agent, create_documented_project, memberships, task, user
from tests.support import aws
from tests.support.world import ORG


def test_a_deleted_project_is_gone_at_once_and_everything_of_it_soon(
    projects_api: ProjectsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "BATCH_SIZE", 2)  # several steps
    made = create_documented_project(projects_api)
    project, other = made["id"], projects_api.create("other")
    [first, second] = made["agents"]
    running = [task(project, first), task(project, second)]
    projects_api.world.settle()
    assert {lifecycle.get(ORG, one).status for one in running} == {Status.LEASED}
    lifecycle.cancel(ORG, task(project))
    kept = [task(other), task(None)]
    waiting = [task(project) for _ in range(4)]
    assert projects_api.call("DELETE", f"/{project}") == {"id": project, "deleted": True}
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "", {"name": "x"}),
        ("POST", "/members", {"userId": "user_ada", "role": "viewer"}),
    ):
        projects_api.expect_error(404, method, f"/{project}{path}", body)
    assert projects_api.names() == ["other"]
    late = projects_api.client.post("/api/v1/tasks", {"title": "x", "projectId": project}, token=projects_api.token)
    assert (late.status, list(late.json["error"]["details"])) == (422, ["projectId"])
    projects_api.world.settle()
    assert {one.id for one in projects_api.world.tasks()} == set(kept)
    assert (memberships("ada"), memberships("bob")) == ({}, {})
    told = [found.commands for found in projects_api.world.workers()]
    assert sorted(name.partition(":")[0] for commands in told for name in commands) == sorted(running)
    assert not any(found.leases for found in projects_api.world.workers())
    projects_api.world.advance(projects.SECOND_PASS_DELAY_S + 60)
    assert _jobs() == []
    assert waiting


def _jobs() -> list[Any]:
    return [item.body for item in aws.items(DocumentItem) if item.kind == "chore"]


def test_what_lists_show_late_of_a_deleted_project_goes_too(projects_api: ProjectsApi) -> None:
    project = projects_api.create()
    late = task(project)  # its change was not relayed yet
    projects_api.call("DELETE", f"/{project}")
    for _ in range(3):
        projects_api.world.relay("documents")
        projects_api.world.handle("wakeups")
    assert [one.id for one in projects_api.world.tasks()] == [late]
    projects_api.world.settle()
    projects_api.world.advance(projects.SECOND_PASS_DELAY_S + 60)
    assert projects_api.world.tasks() == []
    projects_api.world.advance(task_edits.RELAY_LAG_S)
    assert _jobs() == []


def test_a_task_that_was_moved_elsewhere_is_spared(projects_api: ProjectsApi) -> None:
    project, other = projects_api.create(), projects_api.create("other")
    moved = task(project)
    projects_api.world.settle()
    lifecycle.change(ORG, moved, lambda found: _with_project(found, other))
    projects_api.call("DELETE", f"/{project}")
    projects_api.world.settle()
    assert [one.id for one in projects_api.world.tasks()] == [moved]


def _with_project(found: Any, project: str) -> Any:
    terms = tuple(term for term in found.terms if not term.startswith("project="))
    return replace(found, terms=(*terms, f"project={project}"), version=found.version + 1, edits=found.edits + 1)


class Died(BaseException):
    """The process has died."""


def dying_at(number: int) -> aws.Interference:
    """Let the process die after the call with this number, counted from 0. The call itself has an effect."""
    calls = iter(range(10**6))

    def interfere(call: aws.Call, send: Any) -> Any:
        answer = send()
        if next(calls) == number:
            raise Died
        return answer

    return interfere


def test_clearing_up_survives_a_death_behind_every_call(projects_api: ProjectsApi) -> None:
    """For each call: if it is the last of its process, the next run finishes the work."""
    user("ada")
    deaths = 0
    while True:
        project = projects_api.create(teamMembers=[{"userId": "user_ada", "role": "viewer"}])
        task_id = task(project)
        projects_api.world.settle()
        projects.delete(ORG, project, "dev")
        projects_api.world.relay("documents")
        try:
            with aws.interfering(dying_at(deaths)):
                projects_api.world.handle("wakeups")
        except Died:
            projects_api.world.return_messages("wakeups")
            deaths += 1
        else:
            break
        projects_api.world.advance(60)
        assert task_id not in {one.id for one in projects_api.world.tasks()}
        assert memberships("ada") == {}
    assert deaths > 10


def test_an_agent_that_is_gone_leaves_its_projects(projects_api: ProjectsApi) -> None:
    gone, stays = agent("gone"), agent("stays")
    project = projects_api.create(agents=[gone, stays])
    agents.remove_agent(ORG, "projects", gone, "dev")
    projects_api.world.settle()
    assert projects_api.call("GET", f"/{project}")["agents"] == [stays]
