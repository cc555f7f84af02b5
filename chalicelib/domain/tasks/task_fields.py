"""The content of a task in a managed pool, and the fields of the task that are derived from it.

The content is a JSON object, the task's payload: `title`, `description`, `requirements`, `acceptanceCriteria`, `tags`,
`projectId`, `estimatedHours`, `dueDate` (ISO 8601 in UTC). The agent or person who does the task gets it unchanged.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.search import query as queries
from chalicelib.domain.tasks.task import Task

TaskContent = Mapping[str, Any]


def derived_fields(content: TaskContent, creator: str | None) -> dict[str, Any]:
    """The fields of a task that are derived from its content and its creator."""
    due = content.get("dueDate")
    return {
        "name": content["title"],
        "terms": _terms(content, creator),
        "due_at": None if due is None else round(datetime.fromisoformat(due).timestamp() * 1000),
        "payload": dict(content),
    }


def _terms(content: TaskContent, creator: str | None) -> tuple[str, ...]:
    terms = [f"project={content['projectId']}"] if content.get("projectId") else []
    terms += [f"creator={creator}"] if creator else []
    terms += [f"tag={tag.casefold()}" for tag in content.get("tags") or ()]
    text = f"{content['title']}\n{content.get('description') or ''}"
    terms += [f"word={word}" for word in queries.distinct_words(text)]
    return tuple(terms)


def content_of(task: Task) -> TaskContent:
    """The task's content. A task without one has its name as its title."""
    return task.payload if isinstance(task.payload, dict) else {"title": task.name or ""}


def task_project(task: Task) -> str | None:
    """The id of the project that the task belongs to."""
    return next((term.removeprefix("project=") for term in task.terms if term.startswith("project=")), None)
