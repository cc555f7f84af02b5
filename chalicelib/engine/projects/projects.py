"""Projects: what tasks are done for, and by whom. Each is a document; its tasks carry its id as a term."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from chalicelib.domain.document import PROJECTS_POOL, Document
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.domain.tasks.task_fields import project_of
from chalicelib.engine.documents import background_jobs, documents, optimistic
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.projects import members, task_edits
from chalicelib.engine.projects.members import PROJECT, USER, Giver, Member, Team
from chalicelib.engine.search import search as catalogue
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.access import quotas
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import display_names
from chalicelib.storage.documents import documents as storage
from chalicelib.storage.tasks import tasks as task_storage

MOST = 5_000
"""Projects of an org: a list that is filtered reads them all, a call for each megabyte."""
CHANGED_AT_ONCE = 25
SECOND_LOOK_SECONDS = 900
"""What tasks are found by may lag behind them: whatever came into a project as it was deleted is found by then."""

Said = Mapping[str, Any]
"""Fields of a project's body: name, description, status, priority, start_date and end_date (ISO 8601 in UTC),
budget, agents (ids), tags."""


class Wanted(NamedTuple):
    """Which projects; None takes all."""

    status: str | None = None
    search: str | None = None  # words, each of which must be found in the name or the description
    member: str | None = None  # a user's id


class Tally(NamedTuple):
    """A project's tasks by phase."""

    counts: Mapping[Phase, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def progress(self) -> float:
        """The share of its tasks that is completed, without those cancelled: 0 to 1, in hundredths."""
        meant = self.total - self.counts[Phase.CANCELLED]
        return round(self.counts[Phase.COMPLETED] / meant, 2) if meant else 0


NO_TASKS = Tally(dict.fromkeys(Phase, 0))


def create(org: str, said: Said, team: Team, founder: Member, by: Giver, id: str | None = None) -> Document:
    """A new project, under a fresh id unless one is named. Whoever creates it becomes a member as its `founder`, unless
    the team says otherwise. Two calls.

    Raises InvalidRequest when a member or an agent does not exist, for permissions that are not the giver's to give,
    or for dates in the wrong order; Conflict when the org has MOST projects.
    """
    _require_order(said)

    def attempt() -> Document:
        project, told = _begun(org, said, team, founder, by, id)
        try:
            return documents.create(project, [*told, quotas.taken(org, PROJECT, MOST)])
        except ConditionFailed as refused:
            if refused.failed[-1]:
                raise Conflict(f"An organization has at most {MOST} projects") from None
            raise StaleRead from None

    return optimistic.retry(attempt)


def _begun(
    org: str, said: Said, team: Team, founder: Member, by: Giver, id: str | None
) -> tuple[Document, list[Write]]:
    """The project to be stored, and the writes to its members' users as they are now."""
    found = display_names.find(org, PROJECTS_POOL, said["agents"], USER, list({*team, by.subject}))
    _require_agents(said["agents"], found.workers)
    # The house's own tokens name nobody who could be a member.
    whole = {by.subject: founder, **team} if by.subject in found.documents else team
    empty = documents.new(org, PROJECT, {**said, "members": {}, "created_by": by.subject}, id=id, by=by.subject)
    project = members.with_team(empty, whole, by)
    return project, members.told(project, members.moved_between({}, whole), found.documents)


def _require_order(said: Said) -> None:
    start, end = said.get("start_date"), said.get("end_date")
    if start is not None and end is not None and end < start:
        what = "must not lie before startDate"
        raise InvalidRequest(f"endDate: {what}", fields={"endDate": what})


def _require_agents(asked: Collection[str], known: Collection[str]) -> None:
    strangers = [agent for agent in asked if agent not in known]
    if strangers:
        what = f"must name agents of this organization, which {strangers[0]} is not"
        raise InvalidRequest(f"agents: {what}", fields={"agents": what})


def get(org: str, project_id: str) -> Document:
    """The project as of now. Raises NotFound."""
    return documents.get(org, PROJECT, project_id)


def update(org: str, project_id: str, said: Said, team: Team | None, by: Giver) -> Document:
    """Set the fields that are said, and the members if there are any given. Two calls, one more for members and for
    agents. Raises as `create` does, and NotFound."""
    agents = said.get("agents") or []
    if agents:
        _require_agents(agents, display_names.find(org, PROJECTS_POOL, agents, USER, []).workers)

    def decide(project: Document) -> Document:
        body = {**project.body, **said}
        _require_order(body)
        changed = project if body == project.body else replace(project, body=body)
        return changed if team is None else members.with_team(changed, _joined(team, members.team_of(project)), by)

    return documents.change(org, PROJECT, project_id, decide, by=by.subject, also=members.follow)


def _joined(team: Team, before: Team) -> Team:
    """The team, with those who were in it before members since then."""
    return {user: Member(**(one | {"since": before.get(user, one)["since"]})) for user, one in team.items()}


def find(org: str, wanted: Wanted) -> list[Document]:
    """The projects that fit, newest first; one call for each megabyte of all there are."""
    return [project for project in storage.iter_all(org, PROJECT) if _fits(project, wanted)]


def _fits(project: Document, wanted: Wanted) -> bool:
    body = project.body
    if wanted.status is not None and body["status"] != wanted.status:
        return False
    if wanted.member is not None and wanted.member not in body["members"]:
        return False
    if wanted.search is None:
        return True
    text = f"{body['name']}\n{body['description']}".casefold()
    return all(word in text for word in wanted.search.casefold().split())


def tallies(org: str, projects: Collection[Document]) -> dict[str, Tally]:
    """How many tasks each has, by its id; one call for up to a hundred."""
    if not projects:
        return {}
    counted = catalogue.count_by_phase(org, PROJECTS_POOL, "project", [project.id for project in projects])
    return {project_id: Tally(counts) for project_id, counts in counted.items()}


def delete(org: str, project_id: str, by: str) -> None:
    """Remove a project: it is gone at once, and in the background its tasks are, and what its members might do.

    Two calls. Raises NotFound.
    """

    def also(found: Document) -> list[Write]:
        team = sorted(members.team_of(found))
        return [
            quotas.given_back(org, PROJECT),
            background_jobs.create_write(org, PROJECT, project_id, members=team, by=by),
            background_jobs.create_write(org, PROJECT, project_id, wait_seconds=SECOND_LOOK_SECONDS, members=[], by=by),
        ]

    documents.delete(org, PROJECT, project_id, also=also)


def clear(chore: Job) -> bool:
    """Do away with a part of what a deleted project has left; whether nothing more is to be found (engine.chores).

    Tasks that have not ended are cancelled first, so that whoever works on them is told to stop.
    """
    org, project_id, facts = chore.org, chore.subject, chore.facts
    return _tasks_removed(org, project_id, facts["by"]) and members.dismissed(org, project_id, facts["members"])


def _tasks_removed(org: str, project_id: str, by: str) -> bool:
    listed = catalogue.iterate_task_ids(org, PROJECTS_POOL, "project", project_id)
    # What is found by may lag: those that are gone, or moved elsewhere, are passed over.
    while some := list(islice(listed, task_storage.PAGE)):
        found = [task.id for task in task_storage.find_many(some).values() if _belongs(task, org, project_id)]
        for task_id in found[:CHANGED_AT_ONCE]:
            _remove_task(org, project_id, task_id, by)
        if found:
            return False
    return True


def _belongs(task: Task, org: str, project_id: str) -> bool:
    return task.org == org and project_of(task) == project_id


def _remove_task(org: str, project_id: str, task_id: str, by: str) -> None:
    def guard(found: str | None) -> None:
        if found != project_id:
            raise NotFound("Task", task_id)  # moved elsewhere just now

    with suppress(NotFound):
        task_edits.delete(org, PROJECTS_POOL, task_id, by, guard, reason="Its project was deleted")


def forget_agent(org: str, agent_id: str) -> bool:
    """Take an agent that is gone out of some of its projects; whether it is in none any more. One call for each
    megabyte of projects, two for each that it is in."""
    naming = [project.id for project in storage.iter_all(org, PROJECT) if agent_id in project.body["agents"]]
    for project_id in naming[:CHANGED_AT_ONCE]:
        with suppress(NotFound):
            documents.change(org, PROJECT, project_id, lambda found: _without_agent(found, agent_id))
    return len(naming) <= CHANGED_AT_ONCE


def _without_agent(project: Document, agent_id: str) -> Document:
    left = [one for one in project.body["agents"] if one != agent_id]
    return project if left == project.body["agents"] else replace(project, body={**project.body, "agents": left})
