"""Schemas of projects and members (coordinaitor.md, "Project Endpoints")."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from chalicelib import clock
from chalicelib.apis.projects.permissions import PROJECT_PERMISSIONS, ROLE_PERMISSIONS
from chalicelib.apis.projects.states import Priority
from chalicelib.apis.projects.tasks.inputs import Identifier, Tags, UtcInstant
from chalicelib.apis.projects.tasks.schemas import round_number
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
IsoInstant = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-02-01T00:00:00Z"]})
]
Amount = Annotated[float, Field(ge=0, le=10**12, strict=True), AfterValidator(round_number)]


def permissions_of(role: MemberRole) -> list[str]:
    """The permissions of a member of this role in the project, by default."""
    return sorted(ROLE_PERMISSIONS[role] & PROJECT_PERMISSIONS)


class Budget(CamelSchema):
    """The budget of a project. The currency is up to the organization."""

    hours: Amount | None = Field(default=None, examples=[500])
    cost: Amount | None = Field(default=None, examples=[75000])


class MemberIn(CamelSchema):
    """A user to be added as a member, or the new state of a member."""

    user_id: Identifier = Field(examples=["user_abc123"])
    role: MemberRole
    permissions: Annotated[list[MemberPermission], Field(max_length=len(PROJECT_PERMISSIONS))] | None = Field(
        default=None,
        description="Permissions in this project, in addition to those that the user has in the organization; by "
        "default those of the role. A caller can grant only permissions that the caller has in this project.",
    )

    @property
    def effective_permissions(self) -> list[str]:
        """The permissions sent, by default those of the role."""
        return permissions_of(self.role) if self.permissions is None else sorted({*self.permissions})

    @property
    def member(self) -> Member:
        """The member with these values, joined now."""
        return Member(role=self.role, permissions=self.effective_permissions, since=clock.now())


def _each_once(team: list[MemberIn]) -> list[MemberIn]:
    if len({member.user_id for member in team}) < len(team):
        raise ValueError("must name each user once")
    return team


def _distinct(agents: list[str]) -> list[str]:
    return list(dict.fromkeys(agents))


class ProjectIn(CamelSchema):
    """A project to be created. Its creator becomes a member with the role project-manager."""

    name: Name = Field(examples=["Mobile Application"])
    description: Description = ""
    status: ProjectStatus = "active"
    priority: Priority = "medium"
    start_date: UtcInstant | None = Field(default=None, examples=["2026-02-01T00:00:00Z"])
    end_date: UtcInstant | None = Field(
        default=None, examples=["2026-06-30T23:59:59Z"], description="Not before startDate."
    )
    budget: Budget | None = None
    team_members: Annotated[list[MemberIn], Field(max_length=MAX_CHANGES), AfterValidator(_each_once)] = Field(
        default=[], description="More members can be added one by one, up to 200."
    )
    agents: Annotated[list[Identifier], Field(max_length=90), AfterValidator(_distinct)] = Field(
        default=[], description="Ids of agents for the project's tasks."
    )
    tags: Tags = Field(default=[], examples=[["mobile", "react-native"]])

    @property
    def stored_fields(self) -> dict[str, Any]:
        """The fields that the engine stores (engine/projects/projects.py, ProjectFields)."""
        return self._values_of(FIELDS)

    @property
    def team(self) -> dict[str, Member] | None:
        """The members by user id; None when they are not sent."""
        return {member.user_id: member.member for member in self.team_members} if self._names_team else None

    @property
    def _names_team(self) -> bool:
        return "team_members" in self.model_fields_set

    def _values_of(self, names: Iterable[str]) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in names}
        if values.get("budget") is not None:
            values["budget"] = values["budget"].model_dump()
        return values


FIELDS = ("name", "description", "status", "priority", "start_date", "end_date", "budget", "agents", "tags")


class ProjectUpdate(ProjectIn):
    """Changes of a project. Fields that are not sent stay as they are; null clears a date or the budget.

    `teamMembers` replaces all members; who is already a member keeps the date of joining.
    """

    name: Name = Field(default_factory=str, examples=["Mobile Application"])

    @property
    def stored_fields(self) -> dict[str, Any]:
        return self._values_of(name for name in FIELDS if name in self.model_fields_set)


class TaskCount(CamelSchema):
    """The number of a project's tasks by status."""

    total: int
    completed: int
    active: int
    pending: int
    failed: int
    cancelled: int


class ProjectRow(CamelSchema):
    """A project in a list."""

    id: str = Field(examples=["proj_abc123"])
    name: str
    description: str
    status: ProjectStatus
    priority: Priority
    start_date: IsoInstant | None
    end_date: IsoInstant | None
    progress: int | float = Field(description="Completed share of its tasks, without cancelled ones: 0 to 1.")
    task_count: TaskCount
    team_size: int
    assigned_agents: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def from_project(cls, project: Document, tally: Tally) -> Self:
        return cls(**_row_fields(project, tally))


class MemberOut(CamelSchema):
    """A member of a project."""

    user_id: str = Field(examples=["user_abc123"])
    role: MemberRole
    permissions: list[MemberPermission]
    joined_at: Instant

    @classmethod
    def from_member(cls, user_id: str, member: Member) -> Self:
        return cls(user_id=user_id, role=member["role"], permissions=member["permissions"], joined_at=member["since"])


class ProjectOut(ProjectRow):
    """A project."""

    budget: Budget | None
    team_members: list[MemberOut]
    agents: list[str]
    tags: list[str]
    created_by: str

    @classmethod
    def from_project(cls, project: Document, tally: Tally) -> Self:
        body = project.body
        return cls(
            **_row_fields(project, tally),
            budget=body["budget"],
            team_members=[MemberOut.from_member(user, member) for user, member in body["members"].items()],
            agents=body["agents"],
            tags=body["tags"],
            created_by=body["created_by"],
        )


def _row_fields(project: Document, tally: Tally) -> dict[str, Any]:
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
        "progress": round_number(tally.progress),
        "task_count": task_count,
        "team_size": len(body["members"]),
        "assigned_agents": len(body["agents"]),
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }
