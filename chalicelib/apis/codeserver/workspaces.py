"""Workspaces (delqhi-platform.md, "Workspace Management"). One of an org's workspaces is the current one."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.domain.workspaces.values import Workspace
from chalicelib.edge import Caller, Created, NaiveInstant, Routes, Schema
from chalicelib.engine.workspaces import project_facts, workspaces

routes = Routes("/api", tag="Workspaces")

Status = Literal["active", "inactive"]


class WorkspaceIn(Schema):
    """A workspace to create."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)] = Field(
        description="Of one org's workspaces, each has a name of its own.", examples=["second-project"]
    )


class WorkspaceRow(Schema):
    """A workspace. `active` is the current one."""

    id: str = Field(examples=["ws_abc123"])
    name: str = Field(examples=["main-project"])
    path: str = Field(examples=["/workspaces/main-project"])
    status: Status
    created_at: NaiveInstant

    @classmethod
    def from_workspace(cls, workspace: Workspace, current_id: str | None) -> Self:
        return cls(
            id=workspace.id,
            name=workspace.name,
            path=workspace.path,
            status="active" if workspace.id == current_id else "inactive",
            created_at=workspace.created_at,
        )


class WorkspaceList(Schema):
    """The workspaces of the org, oldest first."""

    workspaces: list[WorkspaceRow]
    total: int


class CurrentWorkspace(Schema):
    """The current workspace, and what its own files say about it; null where they do not tell."""

    id: str
    name: str
    path: str
    status: Literal["active"] = "active"
    language: str | None = Field(description="The language of most of its files.", examples=["python"])
    framework: str | None = Field(description="By its dependencies.", examples=["FastAPI"])
    dependencies: list[str] = Field(description="By pyproject.toml, requirements.txt, package.json and others.")


class WorkspaceChoice(Schema):
    """The workspace to switch to."""

    workspace_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(examples=["ws_abc123"])


class SwitchedWorkspace(Schema):
    """The workspace that is the current one now."""

    id: str
    name: str
    path: str
    status: Literal["active"] = "active"
    switched_at: NaiveInstant


@routes.get("/workspaces")
def list_workspaces(caller: Caller) -> WorkspaceList:
    """List the workspaces."""
    found = workspaces.list_all(caller.org)
    rows = [WorkspaceRow.from_workspace(workspace, found.current.id) for workspace in found.workspaces]
    return WorkspaceList(workspaces=rows, total=len(rows))


@routes.post("/workspaces", status=201, errors=[409])
def create_workspace(caller: Caller, body: WorkspaceIn) -> Created[WorkspaceRow]:
    """Create an empty workspace. It does not become the current one. The document has no such endpoint."""
    workspace = workspaces.create(caller.org, body.name)
    return Created(WorkspaceRow.from_workspace(workspace, None), location="/api/workspaces")


@routes.get("/workspace/current")
def get_current_workspace(caller: Caller) -> CurrentWorkspace:
    """Get the current workspace, and what project it holds."""
    workspace, facts = project_facts.describe_current(caller.org)
    return CurrentWorkspace(
        id=workspace.id,
        name=workspace.name,
        path=workspace.path,
        language=facts.language,
        framework=facts.framework,
        dependencies=facts.dependencies,
    )


@routes.post("/workspace/switch", errors=[404])
def switch_workspace(caller: Caller, body: WorkspaceChoice) -> SwitchedWorkspace:
    """Make a workspace the current one."""
    workspace, switched_at = workspaces.switch(caller.org, body.workspace_id)
    return SwitchedWorkspace(id=workspace.id, name=workspace.name, path=workspace.path, switched_at=switched_at)
