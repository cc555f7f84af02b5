"""Members of a project: list, add, remove (coordinaitor.md, "Project Endpoints")."""

from chalicelib.apis.projects import access
from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.apis.projects.projects.routes import grantor
from chalicelib.apis.projects.projects.schemas import MemberIn, MemberOut
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.edge import Caller, Created, Paged, Request, Routes
from chalicelib.engine.projects import members, projects

routes = Routes("/api/v1/projects/{projectId}/members", tag="Projects")


@routes.get()
def list_members(
    request: Request, caller: Caller, project_id: Identifier, page: PageNumber = 1, limit: PageSize = 100
) -> Paged[MemberOut]:
    """List the members of a project, in the order in which they joined."""
    access.require(caller, "projects:read", project_id)
    team = members.team_of(projects.get(caller.org, project_id))
    rows = [MemberOut.from_member(user_id, member) for user_id, member in team.items()]
    return slice_page(request, rows, page=page, limit=limit)


@routes.post(status=201, errors=[409])
def add_member(caller: Caller, project_id: Identifier, body: MemberIn) -> Created[MemberOut]:
    """Add a user of the organization as a member, or change a member."""
    access.require(caller, "projects:write", project_id)
    by = grantor(caller, project_id)
    member = members.add(caller.org, project_id, body.user_id, body.role, body.effective_permissions, by)
    return Created(
        MemberOut.from_member(body.user_id, member), location=f"/api/v1/projects/{project_id}/members/{body.user_id}"
    )


@routes.delete("/{userId}")
def remove_member(caller: Caller, project_id: Identifier, user_id: Identifier) -> Deleted:
    """Remove a member from a project."""
    access.require(caller, "projects:write", project_id)
    members.remove(caller.org, project_id, user_id, caller.subject)
    return Deleted(id=user_id)
