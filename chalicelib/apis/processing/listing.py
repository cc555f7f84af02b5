"""The list of tasks, an extension of task-processing.md."""

from typing import Annotated

from pydantic import Field

from chalicelib.apis.processing.access import NAME
from chalicelib.apis.processing.states import ENGINE_STATUS, TaskStatus
from chalicelib.apis.processing.tasks import TaskRow
from chalicelib.edge import Caller, CamelSchema, Routes
from chalicelib.engine.tasks import listing_by_state
from chalicelib.engine.tasks.listing_by_state import StateFilter

routes = Routes("/api/tasks", tag="Tasks")

ServerId = Annotated[
    str, Field(min_length=1, max_length=128, description="The server that holds the task, or held it last.")
]
Type = Annotated[str, Field(min_length=1, max_length=128, description="The task's type.")]
Size = Annotated[int, Field(ge=1, le=100, description="The maximum number of tasks on the page.")]
Cursor = Annotated[str, Field(max_length=512, description="The nextCursor of the same list.")]


class TaskList(CamelSchema):
    """A page of tasks, newest first, without their results. It may be shorter than its limit if its tasks are large,
    and also empty if many had to be examined. `nextCursor` leads to the next page; the last page has none."""

    tasks: list[TaskRow]
    next_cursor: str | None = None


@routes.get("")
def list_tasks(
    caller: Caller,
    status: TaskStatus | None = None,
    server: ServerId | None = None,
    type: Type | None = None,
    limit: Size = 20,
    cursor: Cursor | None = None,
) -> TaskList:
    """List tasks, newest first. A task must match all filters."""
    wanted = StateFilter(ENGINE_STATUS[status] if status is not None else None, server, type)
    page = listing_by_state.read_page(caller.org, NAME, wanted, limit, cursor)
    return TaskList(tasks=[TaskRow.row_from_task(task) for task in page.tasks], next_cursor=page.cursor)
