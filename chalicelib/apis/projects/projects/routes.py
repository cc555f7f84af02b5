"""Projects: create, list, change, delete (coordinaitor.md, "Project Endpoints")."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.projects import access
from chalicelib.apis.projects.paging import Cursor, PageNumber, PageSize, build_page
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
from chalicelib.apis.projects.tasks.routes import list_matching, phases
from chalicelib.apis.projects.tasks.schemas import TaskRow
from chalicelib.domain.document import Document
from chalicelib.edge import Caller, Created, Paged, Query, Request, Routes
from chalicelib.engine.projects import projects
from chalicelib.engine.projects.members import Grantor, Member
from chalicelib.engine.projects.projects import NO_TASKS, ProjectFilter
from chalicelib.engine.search import search as task_search

routes = Routes("/api/v1/projects", tag="Projects")

Search = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(description="Words; each must be in the name or the description."),
]
MemberId = Annotated[
    Identifier | None, Query("memberId"), Field(description="Only projects that this user is a member of.")
]


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
    """List the projects, newest first. Filters are combined."""
    matching = projects.find(caller.org, ProjectFilter(status, search, member_id))
    rows = _rows(caller.org, matching[(page - 1) * limit : page * limit])
    return build_page(request, rows, page=page, limit=limit, total=len(matching))


def _rows(org: str, documents: Sequence[Document]) -> list[ProjectRow]:
    tallies = projects.count_tasks(org, documents)
    return [ProjectRow.from_project(project, tallies[project.id]) for project in documents]


@routes.post(status=201, errors=[409])
def create_project(caller: Caller, body: ProjectIn) -> Created[ProjectOut]:
    """Create a project. Its members must be users of the organization, and its agents must exist."""
    project = projects.create(caller.org, body.stored_fields, body.team or {}, _founder(caller), grantor(caller))
    return Created(ProjectOut.from_project(project, NO_TASKS), location=f"/api/v1/projects/{project.id}")


def _founder(caller: Caller) -> Member:
    """The creator as a manager of the project, with permissions limited to the credential's."""
    own = access.effective_permissions(caller)
    permissions = [permission for permission in permissions_of("project-manager") if permission in own]
    return Member(role="project-manager", permissions=permissions, since=clock.now())


def grantor(caller: Caller, project_id: str | None = None) -> Grantor:
    """The caller as the one who grants permissions in this project."""
    return Grantor(caller.subject, access.effective_permissions(caller, project_id))


@routes.get("/{projectId}")
def get_project(caller: Caller, project_id: Identifier) -> ProjectOut:
    """Get a project with its members and the number of its tasks."""
    access.require(caller, "projects:read", project_id)
    return _project_out(projects.get(caller.org, project_id))


def _project_out(project: Document) -> ProjectOut:
    return ProjectOut.from_project(project, projects.count_tasks(project.org, [project])[project.id])


@routes.put("/{projectId}", errors=[409])
def update_project(caller: Caller, project_id: Identifier, body: ProjectUpdate) -> ProjectOut:
    """Change a project. Fields that are not sent stay as they are."""
    access.require(caller, "projects:write", project_id)
    return _project_out(
        projects.update(caller.org, project_id, body.stored_fields, body.team, grantor(caller, project_id))
    )


@routes.delete("/{projectId}")
def delete_project(caller: Caller, project_id: Identifier) -> Deleted:
    """Delete a project with all its tasks.

    The project is deleted at once, its tasks within the next minutes. Tasks that have not ended are cancelled first, so
    that their agents are told to stop.
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
    query = task_search.Query(project=projects.get(caller.org, project_id).id, phases=phases(status))
    return list_matching(caller, request, query, page, limit, cursor)
