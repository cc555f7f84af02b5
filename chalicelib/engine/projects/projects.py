"""Projects: groups of tasks with members and agents. A project is a document; its tasks have its id as a term."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from chalicelib.domain.document import PROJECTS_POOL, Document
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.domain.tasks.task_fields import task_project
from chalicelib.engine.documents import background_jobs, documents, optimistic
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.projects import members, task_edits
from chalicelib.engine.projects.members import PROJECT, USER, Grantor, Member, Team
from chalicelib.engine.search import search
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.access import quotas
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import display_names
from chalicelib.storage.documents import documents as storage
from chalicelib.storage.tasks import tasks as task_storage

MAX_PROJECTS = 5_000
"""Projects that an org can have: a filtered list reads them all, with a call for each megabyte."""
BATCH_SIZE = 25
SECOND_PASS_DELAY_S = 900
"""The index lags behind the tasks. After so long it has the tasks that were added while the project was deleted."""

ProjectFields = Mapping[str, Any]
"""Fields of a project's body: name, description, status, priority, start_date and end_date (ISO 8601 in UTC),
budget, agents (ids), tags."""


class ProjectFilter(NamedTuple):
    """A filter for projects; None does not filter."""

    status: str | None = None
    search: str | None = None  # words; each must be in the name or the description
    member: str | None = None  # a user's id


class Tally(NamedTuple):
    """The number of a project's tasks in each phase."""

    counts: Mapping[Phase, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def progress(self) -> float:
        """The completed share of the tasks that are not cancelled: 0 to 1, in hundredths."""
        counted = self.total - self.counts[Phase.CANCELLED]
        return round(self.counts[Phase.COMPLETED] / counted, 2) if counted else 0


NO_TASKS = Tally(dict.fromkeys(Phase, 0))


def create(
    org: str, fields: ProjectFields, team: Team, founder: Member, by: Grantor, id: str | None = None
) -> Document:
    """Create a project, with a new id unless there is one. The creator becomes a member as `founder`, unless the team
    has the creator otherwise. Two calls.

    Raises InvalidRequest when a member or an agent does not exist, for permissions that the grantor does not have, and
    for dates in the wrong order; Conflict when the org has MAX_PROJECTS.
    """
    _require_order(fields)

    def attempt() -> Document:
        project, user_writes = _new_project(org, fields, team, founder, by, id)
        try:
            return documents.create(project, [*user_writes, quotas.take_write(org, PROJECT, MAX_PROJECTS)])
        except ConditionFailed as refused:
            if refused.failed[-1]:
                raise Conflict(f"An organization has at most {MAX_PROJECTS} projects") from None
            raise StaleRead from None

    return optimistic.retry(attempt)


def _new_project(
    org: str, fields: ProjectFields, team: Team, founder: Member, by: Grantor, id: str | None
) -> tuple[Document, list[Write]]:
    """The project to be stored, and the writes to its members' users."""
    existing = display_names.find(org, PROJECTS_POOL, fields["agents"], USER, list({*team, by.subject}))
    _require_agents(fields["agents"], existing.workers)
    # The subject of a service token is not a user, so it cannot be a member.
    whole = {by.subject: founder, **team} if by.subject in existing.documents else team
    empty = documents.new(org, PROJECT, {**fields, "members": {}, "created_by": by.subject}, id=id, by=by.subject)
    project = members.with_team(empty, whole, by)
    return project, members.user_writes(project, members.changed_members({}, whole), existing.documents)


def _require_order(fields: ProjectFields) -> None:
    start, end = fields.get("start_date"), fields.get("end_date")
    if start is not None and end is not None and end < start:
        what = "must not lie before startDate"
        raise InvalidRequest(f"endDate: {what}", fields={"endDate": what})


def _require_agents(agent_ids: Collection[str], existing: Collection[str]) -> None:
    missing = [agent_id for agent_id in agent_ids if agent_id not in existing]
    if missing:
        what = f"must name agents of this organization; {missing[0]} is not one"
        raise InvalidRequest(f"agents: {what}", fields={"agents": what})


def get(org: str, project_id: str) -> Document:
    """The project as of now. Raises NotFound."""
    return documents.get(org, PROJECT, project_id)


def update(org: str, project_id: str, fields: ProjectFields, team: Team | None, by: Grantor) -> Document:
    """Set these fields of a project, and its members unless the team is None.

    Two calls, one more for members and one for agents. Raises as `create` does, and NotFound.
    """
    agents = fields.get("agents") or []
    if agents:
        _require_agents(agents, display_names.find(org, PROJECTS_POOL, agents, USER, []).workers)

    def decide(project: Document) -> Document:
        body = {**project.body, **fields}
        _require_order(body)
        changed = project if body == project.body else replace(project, body=body)
        return (
            changed
            if team is None
            else members.with_team(changed, _keep_join_dates(team, members.team_of(project)), by)
        )

    return documents.change(org, PROJECT, project_id, decide, by=by.subject, also=members.membership_writes)


def _keep_join_dates(team: Team, before: Team) -> Team:
    """The new team. Members who were in the team before keep the date since when they are."""
    return {user: Member(**(new | {"since": before.get(user, new)["since"]})) for user, new in team.items()}


def find(org: str, project_filter: ProjectFilter) -> list[Document]:
    """The projects that match, newest first; one call for each megabyte of all projects."""
    return [project for project in storage.iter_all(org, PROJECT) if _matches(project, project_filter)]


def _matches(project: Document, project_filter: ProjectFilter) -> bool:
    body = project.body
    if project_filter.status is not None and body["status"] != project_filter.status:
        return False
    if project_filter.member is not None and project_filter.member not in body["members"]:
        return False
    if project_filter.search is None:
        return True
    text = f"{body['name']}\n{body['description']}".casefold()
    return all(word in text for word in project_filter.search.casefold().split())


def count_tasks(org: str, projects: Collection[Document]) -> dict[str, Tally]:
    """The number of tasks of each project by phase, by project id; one call for each hundred."""
    if not projects:
        return {}
    counts = search.count_by_phase(org, PROJECTS_POOL, "project", [project.id for project in projects])
    return {project_id: Tally(by_phase) for project_id, by_phase in counts.items()}


def delete(org: str, project_id: str, by: str) -> None:
    """Delete a project. Background jobs delete its tasks and its members' permissions.

    Two calls. Raises NotFound.
    """

    def also(project: Document) -> list[Write]:
        team = sorted(members.team_of(project))
        return [
            quotas.give_back_write(org, PROJECT),
            background_jobs.create_write(org, PROJECT, project_id, members=team, by=by),
            background_jobs.create_write(org, PROJECT, project_id, wait_seconds=SECOND_PASS_DELAY_S, members=[], by=by),
        ]

    documents.delete(org, PROJECT, project_id, also=also)


def clear_project(job: Job) -> bool:
    """Run the job of a deleted project: delete some of its tasks and memberships. Returns whether none is left.

    Tasks that have not ended are cancelled first, so that their workers are told to stop.
    """
    org, project_id, facts = job.org, job.subject, job.facts
    return _remove_tasks(org, project_id, facts["by"]) and members.remove_memberships(org, project_id, facts["members"])


def _remove_tasks(org: str, project_id: str, by: str) -> bool:
    task_ids = search.iterate_task_ids(org, PROJECTS_POOL, "project", project_id)
    # The index may lag: tasks that were deleted, or moved to another project, are skipped.
    while page := list(islice(task_ids, task_storage.PAGE)):
        remaining = [task.id for task in task_storage.find_many(page).values() if _belongs_to(task, org, project_id)]
        for task_id in remaining[:BATCH_SIZE]:
            _remove_task(org, project_id, task_id, by)
        if remaining:
            return False
    return True


def _belongs_to(task: Task, org: str, project_id: str) -> bool:
    return task.org == org and task_project(task) == project_id


def _remove_task(org: str, project_id: str, task_id: str, by: str) -> None:
    def guard(current_project_id: str | None) -> None:
        if current_project_id != project_id:
            raise NotFound("Task", task_id)  # moved to another project since the index was read

    with suppress(NotFound):
        task_edits.delete(org, PROJECTS_POOL, task_id, by, guard, reason="Its project was deleted")


def remove_agent(org: str, agent_id: str) -> bool:
    """Remove a deleted agent from some of its projects; returns whether none is left.

    One call for each megabyte of projects, and two for each project of the agent.
    """
    with_agent = [project.id for project in storage.iter_all(org, PROJECT) if agent_id in project.body["agents"]]
    for project_id in with_agent[:BATCH_SIZE]:
        with suppress(NotFound):
            documents.change(org, PROJECT, project_id, lambda project: _without_agent(project, agent_id))
    return len(with_agent) <= BATCH_SIZE


def _without_agent(project: Document, agent_id: str) -> Document:
    others = [other for other in project.body["agents"] if other != agent_id]
    return project if others == project.body["agents"] else replace(project, body={**project.body, "agents": others})
