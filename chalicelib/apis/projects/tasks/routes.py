"""Tasks: create, list, change, assign, delete (coordinaitor.md, "Task Endpoints")."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.apis.projects import access
from chalicelib.apis.projects.access import AGENT_ROLE, NAME
from chalicelib.apis.projects.paging import Cursor, PageNumber, PageSize, build_page
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.states import PHASE_BY_STATUS, PRIORITY_NUMBERS, Priority, TaskStatus
from chalicelib.apis.projects.tasks.details import PARTS, TaskDetail, read_parts
from chalicelib.apis.projects.tasks.inputs import AssignIn, CommaSeparated, Identifier, TaskChange, TaskIn
from chalicelib.apis.projects.tasks.schemas import TaskOut, TaskRow, task_rows, tasks_out
from chalicelib.domain.search.query import Sort
from chalicelib.domain.tasks.task import Holder, Phase, Task
from chalicelib.edge import Caller, Created, Header, InstantMs, Paged, Query, Request, Routes
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.projects import task_edits
from chalicelib.engine.projects.task_edits import Guard
from chalicelib.engine.search import search as task_search
from chalicelib.engine.search.search import Query as TaskQuery
from chalicelib.engine.tasks import lifecycle, worker_presence
from chalicelib.errors import Forbidden

routes = Routes("/api/v1/tasks", tag="Tasks")
unversioned = Routes("/api/tasks", tag="Tasks")
"""The path that the examples of the document use."""

IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
Order = Literal["asc", "desc"]
SortField = Literal["createdAt", "updatedAt", "priority", "dueDate"]
SORTS: dict[SortField, Sort] = {
    "createdAt": "created",
    "updatedAt": "updated",
    "priority": "priority",
    "dueDate": "due",
}


def _check_parts(parts: tuple[str, ...]) -> tuple[str, ...]:
    if not PARTS.issuperset(parts):
        raise ValueError(f"must be some of: {', '.join(sorted(PARTS))}, separated by commas")
    return parts


Include = Annotated[
    CommaSeparated,
    Query(many=True),
    AfterValidator(_check_parts),
    Field(description="Comma-separated or repeated: comments, files, history, metrics."),
]
Tags = Annotated[
    CommaSeparated,
    Query(many=True),
    Field(description="Comma-separated or repeated: tasks that have any of these tags, ignoring case."),
]
Search = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(description="Words; each must be the beginning of a word of the title or description."),
]
Lease = Annotated[
    int, Field(ge=0, le=2**53, description="With agentId: the lease with which the task was handed to the agent.")
]


@unversioned.get(name="list_tasks_unversioned")
@routes.get()
def list_tasks(
    request: Request,
    caller: Caller,
    page: PageNumber = 1,
    limit: PageSize = 20,
    status: TaskStatus | None = None,
    priority: Priority | None = None,
    project_id: Annotated[Identifier | None, Query("projectId")] = None,
    agent_id: Annotated[Identifier | None, Query("agentId")] = None,
    search: Search | None = None,
    tags: Tags = (),
    created_after: Annotated[InstantMs | None, Query("createdAfter")] = None,
    created_before: Annotated[InstantMs | None, Query("createdBefore")] = None,
    sort_by: Annotated[SortField, Query("sortBy")] = "createdAt",
    sort_order: Annotated[Order, Query("sortOrder")] = "desc",
    cursor: Cursor | None = None,
) -> Paged[TaskRow]:
    """List tasks, by default newest first. Filters are combined."""
    query = TaskQuery(
        phases=phases(status),
        priorities=None if priority is None else PRIORITY_NUMBERS[priority],
        agent=agent_id,
        project=project_id,
        tags=tuple(tag.casefold() for tag in tags),
        search=search,
        created_after=created_after,
        created_before=created_before,
        sort=SORTS[sort_by],
        ascending=sort_order == "asc",
    )
    return list_matching(caller, request, query, page, limit, cursor)


def phases(status: TaskStatus | None) -> frozenset[Phase] | None:
    """The phases to filter by for this status; None for any."""
    return None if status is None else frozenset({PHASE_BY_STATUS[status]})


def list_matching(
    caller: Caller, request: Request, query: TaskQuery, page: int, limit: int, cursor: str | None
) -> Paged[TaskRow]:
    """The page of tasks that match a query, for all lists of tasks of this API."""
    found = task_search.find_page(caller.org, NAME, query, page=page, limit=limit, cursor=cursor)
    rows = task_rows(caller.org, found.tasks)
    return build_page(request, rows, page=page, limit=limit, total=found.total, cursor=found.cursor)


@routes.post(status=201, errors=[409])
def create_task(caller: Caller, body: TaskIn, idempotency_key: IdempotencyKey = None) -> Created[TaskOut]:
    """Create a task.

    With an agentId the agent gets the task as soon as it has a free slot; without, it waits until somebody starts or
    assigns it. The same Idempotency-Key with the same body returns the same task, with another body 409.
    """
    access.require(caller, "tasks:write", body.project_id)
    task = task_edits.create(caller.org, NAME, caller.subject, body.to_draft(idempotency_key))
    return Created(_task_out(task), location=f"/api/v1/tasks/{task.id}")


def _task_out(task: Task) -> TaskOut:
    [out] = tasks_out(task.org, [task])
    return out


@routes.get("/{taskId}")
def get_task(
    caller: Caller,
    task_id: Identifier,
    include: Include = (),
    agent_id: Annotated[Identifier | None, Query("agentId")] = None,  # noqa: ARG001 - `agent_keys` reads it
) -> TaskDetail:
    """Get a task, with the parts named in `include`. An agent that uses its own key sends its id as agentId."""
    task = lifecycle.get(caller.org, task_id, NAME)
    waits = waiting_for(task, "agent", by_hand="somebody to start it, or an agent to be assigned")
    return TaskDetail(**dict(_task_out(task)), waiting_for=waits, **read_parts(task, include))


@routes.put("/{taskId}", errors=[409])
@routes.patch("/{taskId}", name="patch_task", errors=[409])
def update_task(
    request: Request,
    caller: Caller,
    task_id: Identifier,
    body: TaskChange,
    agent_id: Annotated[Identifier | None, Query("agentId")] = None,
    lease: Lease | None = None,
) -> TaskOut:
    """Change the fields of a task that are sent: all of them or none.

    From a person, status active starts a pending task; completed, failed and cancelled end a task that has not ended;
    pending releases it from who works on it, or retries a failed task. Other changes of status are refused with 409.
    The current status changes nothing; but to start by PATCH a task that another person has started is refused with
    409.

    An agent reports on a task that it holds with `agentId` and the `lease` of its handover: active or a progress,
    completed with a result, failed with an error, or pending to release it. A report for a lease that has ended is
    refused with 409 and changes nothing.
    """
    holder, guard = _holder(caller, agent_id, lease), _guard(caller, "tasks:write")
    edit = body.to_edit()._replace(is_claim=request.method == "PATCH")
    if body.status == "completed":
        edit = task_edits.store_result(caller.org, NAME, task_id, edit, body.result)
    if holder is not None:
        with worker_presence.recording_report(caller.org, NAME, holder, proven=caller.role == AGENT_ROLE):
            return _task_out(task_edits.report(caller.org, NAME, task_id, edit, holder, guard))
    return _task_out(task_edits.change(caller.org, NAME, task_id, edit, caller.subject, guard))


def _guard(caller: Caller, permission: Permission) -> Guard:
    return lambda project_id: access.require(caller, permission, project_id)


def _holder(caller: Caller, agent_id: str | None, lease: int | None) -> Holder | None:
    """The agent that reports, None for a person. Raises Forbidden for an agent that reports for another."""
    if caller.role == AGENT_ROLE and agent_id is None:
        raise Forbidden(access.AGENT_REFUSAL)
    if caller.role == AGENT_ROLE and agent_id != caller.subject:
        raise Forbidden(f"Agent {caller.subject} may not report for agent {agent_id}")
    return None if agent_id is None else Holder(agent_id, lease)


@routes.delete("/{taskId}")
def delete_task(
    caller: Caller, task_id: Identifier, reason: Annotated[str, StringConstraints(max_length=1_000)] | None = None
) -> Deleted:
    """Delete a task with its comments, files and history. A task that has not ended is cancelled first."""
    task_edits.delete(caller.org, NAME, task_id, caller.subject, _guard(caller, "tasks:delete"), reason)
    return Deleted(id=task_id)


@routes.post("/{taskId}/assign", errors=[409])
def assign_task(caller: Caller, task_id: Identifier, body: AssignIn) -> TaskOut:
    """Assign a task to an agent. It gets the task as soon as it has a free slot; who works on it now is released.

    With null the task is taken from its agent, and waits until somebody starts or assigns it.
    """
    guard = _guard(caller, "tasks:write")
    return _task_out(task_edits.assign(caller.org, NAME, task_id, body.to_edit(), caller.subject, guard))
