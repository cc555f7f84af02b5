"""Tasks as the projects API takes and shows them (coordinaitor.md, "Task Endpoints")."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field

from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.states import PRIORITY, TASK_STATUS, Priority, TaskStatus
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.task_fields import project_of, sheet_of
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.projects import display_names
from chalicelib.engine.projects.display_names import Names
from chalicelib.engine.tasks import lifecycle

LONGEST_SHOWN = 5_000
"""Characters of a description in a list; a hundred whole ones would be more than an answer may carry."""


def neat(number: float) -> int | float:
    """12 rather than 12.0, and no more digits than mean something."""
    return int(number) if float(number).is_integer() else round(number, 5)


class AgentName(CamelSchema):
    """An agent, as tasks name it."""

    id: str = Field(examples=["agent_abc123"])
    name: str = Field(examples=["Senior Developer Bot"])
    type: str | None = Field(examples=["coding"])


class ProjectName(CamelSchema):
    """A project, as tasks name it."""

    id: str = Field(examples=["proj_abc123"])
    name: str = Field(examples=["E-commerce Platform"])


class TaskRow(CamelSchema):
    """A task as a list shows it; a long description is cut, ending in an ellipsis."""

    id: str = Field(examples=["task_abc123"])
    title: str
    description: str
    status: TaskStatus
    priority: Priority
    project_id: str | None
    agent_id: str | None = Field(description="The agent it is assigned to, that works on it, or that ended it.")
    tags: list[str]
    estimated_hours: int | float | None
    actual_hours: int | float
    progress: int | float = Field(description="0 to 1.")
    due_date: Instant | None
    created_at: Instant
    updated_at: Instant
    created_by: str | None = Field(description="A user's id.")
    assigned_agent: AgentName | None
    project: ProjectName | None
    type: str = Field(examples=["task"])
    worked_by: str | None = Field(description="The user who works on it, or did last; null when it was an agent.")
    overdue: bool = Field(description="Not ended, and past its dueDate.")
    started_at: Instant | None
    completed_at: Instant | None = Field(description="When it was completed.")

    @classmethod
    def of(cls, task: Task, known: Names) -> Self:
        """The task, with the names of its agent and project where they are known."""
        return cls(**_shown(task, known) | {"description": _cut(sheet_of(task).get("description") or "")})


class TaskOut(TaskRow):
    """A task as it is now."""

    requirements: list[str]
    acceptance_criteria: list[str]
    result: Any = Field(description="What whoever completed it gave.")
    error: str | None = Field(description="Why it failed, or why its latest attempt did.")

    @classmethod
    def of(cls, task: Task, known: Names) -> Self:
        sheet = sheet_of(task)
        return cls(
            **_shown(task, known),
            requirements=sheet.get("requirements") or [],
            acceptance_criteria=sheet.get("acceptanceCriteria") or [],
            result=lifecycle.load_result(task) if task.status is Status.COMPLETED else None,
            error=task.error["message"] if task.error is not None else None,
        )


def _shown(task: Task, known: Names) -> dict[str, Any]:
    sheet, said, project_id = sheet_of(task), task.metadata or {}, project_of(task)
    agent, project = known.agents.get(task.assignee or ""), known.projects.get(project_id or "")
    return {
        "id": task.id,
        "title": task.name or "",
        "description": sheet.get("description") or "",
        "status": TASK_STATUS[task.phase],
        "priority": PRIORITY[task.priority],
        "project_id": project_id,
        "agent_id": task.assignee,
        "tags": sheet.get("tags") or [],
        "estimated_hours": sheet.get("estimatedHours"),
        "actual_hours": said.get("actualHours") or 0,
        "progress": neat((task.progress or 0) / 100),
        "due_date": task.due_at,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "created_by": task.submitted_by,
        "assigned_agent": AgentName(**agent._asdict()) if agent is not None else None,
        "project": ProjectName(id=project.id, name=project.name) if project is not None else None,
        "type": task.type,
        "worked_by": task.person,
        "overdue": task.overdue and not task.terminal,
        "started_at": task.started_at,
        "completed_at": task.finished_at if task.status is Status.COMPLETED else None,
    }


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def rows(org: str, found: Sequence[Task]) -> list[TaskRow]:
    """The tasks as a list shows them; one call for each hundred names that are not known here yet."""
    known = display_names.find_names(org, NAME, found)
    return [TaskRow.of(task, known) for task in found]


def shown(org: str, found: Sequence[Task]) -> list[TaskOut]:
    """The tasks in full; one call for each hundred names that are not known here yet, and one for a long result."""
    known = display_names.find_names(org, NAME, found)
    return [TaskOut.of(task, known) for task in found]
