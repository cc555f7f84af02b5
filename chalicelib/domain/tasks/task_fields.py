"""What a task of people's says, and the fields by which the engine knows, finds and orders it, which follow from that.

A sheet is a JSON object, the task's payload: `title`, `description`, `requirements`, `acceptanceCriteria`, `tags`,
`projectId`, `estimatedHours`, `dueDate` (ISO 8601 in UTC). Whoever does the task is handed it as it is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.search import query as queries
from chalicelib.domain.tasks.task import Task

TaskContent = Mapping[str, Any]


def derived_fields(sheet: TaskContent, creator: str | None) -> dict[str, Any]:
    """The fields of a task that follow from what it says and from who made it."""
    due = sheet.get("dueDate")
    return {
        "name": sheet["title"],
        "terms": _terms(sheet, creator),
        "due_at": None if due is None else round(datetime.fromisoformat(due).timestamp() * 1000),
        "payload": dict(sheet),
    }


def _terms(sheet: TaskContent, creator: str | None) -> tuple[str, ...]:
    said = [f"project={sheet['projectId']}"] if sheet.get("projectId") else []
    said += [f"creator={creator}"] if creator else []
    said += [f"tag={tag.casefold()}" for tag in sheet.get("tags") or ()]
    said += [f"word={word}" for word in queries.distinct_words(f"{sheet['title']}\n{sheet.get('description') or ''}")]
    return tuple(said)


def content_of(task: Task) -> TaskContent:
    """What the task says; of one without a sheet, its name."""
    return task.payload if isinstance(task.payload, dict) else {"title": task.name or ""}


def task_project(task: Task) -> str | None:
    """The id of the project that the task belongs to."""
    return next((term.removeprefix("project=") for term in task.terms if term.startswith("project=")), None)
