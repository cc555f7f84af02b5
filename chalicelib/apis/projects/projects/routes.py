"""Projects: create, find, change, delete (coordinaitor.md, "Project Endpoints")."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.projects import access
from chalicelib.apis.projects.paging import Cursor, PageNumber, PageSize, paged
from chalicelib.apis.projects.projects.schemas import (
    ProjectIn,
    ProjectOut,
    ProjectRow,
    ProjectStatus,
    ProjectUpdate,
    permissions_of,
)
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.states import TaskStatus
from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.apis.projects.tasks.routes import listed, phases
from chalicelib.apis.projects.tasks.schemas import TaskRow
from chalicelib.domain.document import Document
from chalicelib.edge import Caller, Created, Paged, Query, Request, Routes
from chalicelib.engine.projects import projects
from chalicelib.engine.projects.members import Grantor, Member
from chalicelib.engine.projects.projects import NO_TASKS, ProjectFilter
from chalicelib.engine.search import search as catalogue

routes = Routes("/api/v1/projects", tag="Projects")

Search = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(description="Words, each of which is found in the name or the description."),
]
MemberId = Annotated[Identifier | None, Query("memberId"), Field(description="Only those that this user belongs to.")]


@routes.get()
def list_projects(
    request: Request,
    caller: Caller,
    status: ProjectStatus | None = None,
    search: Search | None = None,
    member_id: MemberId = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Paged[ProjectRow]:
    """List the projects, newest first; filters combine."""
    found = projects.find(caller.org, ProjectFilter(status, search, member_id))
    rows = _rows(caller.org, found[(page - 1) * limit : page * limit])
    return paged(request, rows, page=page, limit=limit, total=len(found))


def _rows(org: str, found: Sequence[Document]) -> list[ProjectRow]:
    tallies = projects.count_tasks(org, found)
    return [ProjectRow.of(project, tallies[project.id]) for project in found]


@routes.post(status=201, errors=[409])
def create_project(caller: Caller, body: ProjectIn) -> Created[ProjectOut]:
    """Create a project. Its members must be users of the organization, and its agents must exist."""
    project = projects.create(caller.org, body.said, body.team or {}, _founder(caller), giver(caller))
    return Created(ProjectOut.of(project, NO_TASKS), location=f"/api/v1/projects/{project.id}")


def _founder(caller: Caller) -> Member:
    """The creator as the project's manager, as far as the credential reaches."""
    own = access.effective(caller)
    permissions = [one for one in permissions_of("project-manager") if one in own]
    return Member(role="project-manager", permissions=permissions, since=clock.now())


def giver(caller: Caller, project_id: str | None = None) -> Grantor:
    """The caller as one who makes others members of this project."""
    return Grantor(caller.subject, access.effective(caller, project_id))


@routes.get("/{projectId}")
def get_project(caller: Caller, project_id: Identifier) -> ProjectOut:
    """Get a project with its members, and its tasks counted."""
    access.require(caller, "projects:read", project_id)
    return _shown(projects.get(caller.org, project_id))


def _shown(project: Document) -> ProjectOut:
    return ProjectOut.of(project, projects.count_tasks(project.org, [project])[project.id])


@routes.put("/{projectId}", errors=[409])
def update_project(caller: Caller, project_id: Identifier, body: ProjectUpdate) -> ProjectOut:
    """Change a project: what is left out stays."""
    access.require(caller, "projects:write", project_id)
    return _shown(projects.update(caller.org, project_id, body.said, body.team, giver(caller, project_id)))


@routes.delete("/{projectId}")
def delete_project(caller: Caller, project_id: Identifier) -> Deleted:
    """Delete a project with all its tasks.

    It is gone at once. Its tasks go within the next minutes: those that have not ended are cancelled first, so that
    whoever works on them is told to stop.
    """
    access.require(caller, "projects:write", project_id)
    projects.delete(caller.org, project_id, caller.subject)
    return Deleted(id=project_id)


@routes.get("/{projectId}/tasks")
def list_project_tasks(
    request: Request,
    caller: Caller,
    project_id: Identifier,
    page: PageNumber = 1,
    limit: PageSize = 20,
    status: TaskStatus | None = None,
    cursor: Cursor | None = None,
) -> Paged[TaskRow]:
    """List the tasks of a project, newest first."""
    access.require(caller, "tasks:read", project_id)
    wanted = catalogue.Query(project=projects.get(caller.org, project_id).id, phases=phases(status))
    return listed(caller, request, wanted, page, limit, cursor)
