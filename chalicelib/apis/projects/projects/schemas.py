"""Projects and members as the projects API takes and shows them (coordinaitor.md, "Project Endpoints")."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from chalicelib import clock
from chalicelib.apis.projects.permissions import IN_PROJECT, OF_ROLE
from chalicelib.apis.projects.states import Priority
from chalicelib.apis.projects.tasks.inputs import Due, Identifier, Tags
from chalicelib.apis.projects.tasks.schemas import neat
from chalicelib.domain.document import Document
from chalicelib.domain.tasks.task import Phase
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.projects.members import MAX_CHANGES, Member
from chalicelib.engine.projects.projects import Tally

ProjectStatus = Literal["active", "completed", "archived", "on-hold"]
MemberRole = Literal["project-manager", "developer", "viewer"]
MemberPermission = Literal["tasks:read", "tasks:write", "tasks:delete", "projects:read", "projects:write"]

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=10_000)]
When = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-02-01T00:00:00Z"]})]
Amount = Annotated[float, Field(ge=0, le=10**12, strict=True), AfterValidator(neat)]


def permissions_of(role: MemberRole) -> list[str]:
    """What a member of this role may do in the project, unless permissions are named."""
    return sorted(OF_ROLE[role] & IN_PROJECT)


class Budget(CamelSchema):
    """What a project may take; the currency is the organization's own matter."""

    hours: Amount | None = Field(default=None, examples=[500])
    cost: Amount | None = Field(default=None, examples=[75000])


class MemberIn(CamelSchema):
    """A user to be made a member, or what a member is from now on."""

    user_id: Identifier = Field(examples=["user_abc123"])
    role: MemberRole
    permissions: Annotated[list[MemberPermission], Field(max_length=len(IN_PROJECT))] | None = Field(
        default=None,
        description="What the member may do in this project, besides what the user may do everywhere; by default what "
        "the role may. Nobody can give what they may not do here themselves.",
    )

    @property
    def allowed(self) -> list[str]:
        """The permissions that are meant."""
        return permissions_of(self.role) if self.permissions is None else sorted({*self.permissions})

    @property
    def member(self) -> Member:
        """The member from now on."""
        return Member(role=self.role, permissions=self.allowed, since=clock.now())


def _each_once(team: list[MemberIn]) -> list[MemberIn]:
    if len({one.user_id for one in team}) < len(team):
        raise ValueError("must name each user once")
    return team


def _distinct(agents: list[str]) -> list[str]:
    return list(dict.fromkeys(agents))


class ProjectIn(CamelSchema):
    """A project to be created. Whoever creates it becomes a member of it, as its project-manager."""

    name: Name = Field(examples=["Mobile Application"])
    description: Description = ""
    status: ProjectStatus = "active"
    priority: Priority = "medium"
    start_date: Due | None = Field(default=None, examples=["2026-02-01T00:00:00Z"])
    end_date: Due | None = Field(default=None, examples=["2026-06-30T23:59:59Z"], description="Not before startDate.")
    budget: Budget | None = None
    team_members: Annotated[list[MemberIn], Field(max_length=MAX_CHANGES), AfterValidator(_each_once)] = Field(
        default=[], description="More members can be added one by one, up to 200."
    )
    agents: Annotated[list[Identifier], Field(max_length=90), AfterValidator(_distinct)] = Field(
        default=[], description="Ids of agents that are meant for the project's tasks."
    )
    tags: Tags = Field(default=[], examples=[["mobile", "react-native"]])

    @property
    def said(self) -> dict[str, Any]:
        """What the engine keeps of it (engine.projects.Said)."""
        return self._kept(BODY)

    @property
    def team(self) -> dict[str, Member] | None:
        """The members, where they are named."""
        return {one.user_id: one.member for one in self.team_members} if self._names_team else None

    @property
    def _names_team(self) -> bool:
        return "team_members" in self.model_fields_set

    def _kept(self, names: Iterable[str]) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in names}
        if kept.get("budget") is not None:
            kept["budget"] = kept["budget"].model_dump()
        return kept


BODY = ("name", "description", "status", "priority", "start_date", "end_date", "budget", "agents", "tags")


class ProjectUpdate(ProjectIn):
    """What changes of a project. What is left out stays; null clears a date and the budget. `teamMembers` takes the
    place of all members, the same who are named stay members since when they were."""

    name: Name = Field(default_factory=str, examples=["Mobile Application"])

    @property
    def said(self) -> dict[str, Any]:
        return self._kept(name for name in BODY if name in self.model_fields_set)


class TaskCount(CamelSchema):
    """A project's tasks by status."""

    total: int
    completed: int
    active: int
    pending: int
    failed: int
    cancelled: int


class ProjectRow(CamelSchema):
    """A project as a list shows it."""

    id: str = Field(examples=["proj_abc123"])
    name: str
    description: str
    status: ProjectStatus
    priority: Priority
    start_date: When | None
    end_date: When | None
    progress: int | float = Field(description="The share of its tasks that is completed, cancelled ones apart: 0 to 1.")
    task_count: TaskCount
    team_size: int
    assigned_agents: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, project: Document, tally: Tally) -> Self:
        return cls(**_shown(project, tally))


class MemberOut(CamelSchema):
    """A member of a project."""

    user_id: str = Field(examples=["user_abc123"])
    role: MemberRole
    permissions: list[MemberPermission]
    joined_at: Instant

    @classmethod
    def of(cls, user_id: str, member: Member) -> Self:
        return cls(user_id=user_id, role=member["role"], permissions=member["permissions"], joined_at=member["since"])


class ProjectOut(ProjectRow):
    """A project as it is now."""

    budget: Budget | None
    team_members: list[MemberOut]
    agents: list[str]
    tags: list[str]
    created_by: str

    @classmethod
    def of(cls, project: Document, tally: Tally) -> Self:
        body = project.body
        return cls(
            **_shown(project, tally),
            budget=body["budget"],
            team_members=[MemberOut.of(user, member) for user, member in body["members"].items()],
            agents=body["agents"],
            tags=body["tags"],
            created_by=body["created_by"],
        )


def _shown(project: Document, tally: Tally) -> dict[str, Any]:
    body, counts = project.body, tally.counts
    shown = {name: body[name] for name in ("name", "description", "status", "priority", "start_date", "end_date")}
    task_count = TaskCount(
        total=tally.total,
        completed=counts[Phase.COMPLETED],
        active=counts[Phase.HELD],
        pending=counts[Phase.PENDING],
        failed=counts[Phase.FAILED],
        cancelled=counts[Phase.CANCELLED],
    )
    return shown | {
        "id": project.id,
        "progress": neat(tally.progress),
        "task_count": task_count,
        "team_size": len(body["members"]),
        "assigned_agents": len(body["agents"]),
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }
