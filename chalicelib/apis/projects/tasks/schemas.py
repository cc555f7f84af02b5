"""Schemas of tasks (coordinaitor.md, "Task Endpoints")."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field

from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.states import PRIORITY_WORD, TASK_STATUS, Priority, TaskStatus
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.task_fields import content_of, task_project
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.projects import display_names
from chalicelib.engine.projects.display_names import Names
from chalicelib.engine.tasks import lifecycle

MAX_DESCRIPTION = 5_000
"""Characters of a description in a list; a hundred complete ones would exceed the size limit of a response."""


def round_number(number: float) -> int | float:
    """The number as an int if it is whole, otherwise with five decimals."""
    return int(number) if float(number).is_integer() else round(number, 5)


class AgentName(CamelSchema):
    """The agent of a task."""

    id: str = Field(examples=["agent_abc123"])
    name: str = Field(examples=["Senior Developer Bot"])
    type: str | None = Field(examples=["coding"])


class ProjectName(CamelSchema):
    """The project of a task."""

    id: str = Field(examples=["proj_abc123"])
    name: str = Field(examples=["E-commerce Platform"])


class TaskRow(CamelSchema):
    """A task in a list. A long description is cut and ends in an ellipsis."""

    id: str = Field(examples=["task_abc123"])
    title: str
    description: str
    status: TaskStatus
    priority: Priority
    project_id: str | None
    agent_id: str | None = Field(
        description="The agent that the task is assigned to, that works on it, or that ended it."
    )
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
    worked_by: str | None = Field(description="The user who works on the task, or did last; null for an agent.")
    overdue: bool = Field(description="true: its dueDate is over and it has not ended.")
    started_at: Instant | None
    completed_at: Instant | None = Field(description="When it was completed.")

    @classmethod
    def from_task(cls, task: Task, names: Names) -> Self:
        """The task, with the names of its agent and project if they exist."""
        return cls(**_row_fields(task, names) | {"description": _truncate(content_of(task).get("description") or "")})


class TaskOut(TaskRow):
    """A task."""

    requirements: list[str]
    acceptance_criteria: list[str]
    result: Any = Field(description="The result with which it was completed.")
    error: str | None = Field(description="Why the task, or its latest attempt, failed.")

    @classmethod
    def from_task(cls, task: Task, names: Names) -> Self:
        fields = content_of(task)
        return cls(
            **_row_fields(task, names),
            requirements=fields.get("requirements") or [],
            acceptance_criteria=fields.get("acceptanceCriteria") or [],
            result=lifecycle.load_result(task) if task.status is Status.COMPLETED else None,
            error=task.error["message"] if task.error is not None else None,
        )


def _row_fields(task: Task, names: Names) -> dict[str, Any]:
    fields, metadata, project_id = content_of(task), task.metadata or {}, task_project(task)
    agent, project = names.agents.get(task.assignee or ""), names.projects.get(project_id or "")
    return {
        "id": task.id,
        "title": task.name or "",
        "description": fields.get("description") or "",
        "status": TASK_STATUS[task.phase],
        "priority": PRIORITY_WORD[task.priority],
        "project_id": project_id,
        "agent_id": task.assignee,
        "tags": fields.get("tags") or [],
        "estimated_hours": fields.get("estimatedHours"),
        "actual_hours": metadata.get("actualHours") or 0,
        "progress": round_number((task.progress or 0) / 100),
        "due_date": task.due_at,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "created_by": task.submitted_by,
        "assigned_agent": AgentName(**agent._asdict()) if agent is not None else None,
        "project": ProjectName(id=project.id, name=project.name) if project is not None else None,
        "type": task.type,
        "worked_by": task.person,
        "overdue": task.overdue and not task.is_terminal,
        "started_at": task.started_at,
        "completed_at": task.finished_at if task.status is Status.COMPLETED else None,
    }


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 1] + "…"


def task_rows(org: str, tasks: Sequence[Task]) -> list[TaskRow]:
    """The rows of a list of tasks; one call for each hundred names that are not cached."""
    names = display_names.find_names(org, NAME, tasks)
    return [TaskRow.from_task(task, names) for task in tasks]


def tasks_out(org: str, tasks: Sequence[Task]) -> list[TaskOut]:
    """The tasks in full; one call for each hundred names that are not cached, and one for each result in S3."""
    names = display_names.find_names(org, NAME, tasks)
    return [TaskOut.from_task(task, names) for task in tasks]
