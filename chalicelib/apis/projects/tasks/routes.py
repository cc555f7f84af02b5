"""Tasks: create, find, change, assign, delete (coordinaitor.md, "Task Endpoints")."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.apis.projects import access
from chalicelib.apis.projects.access import AGENT, NAME
from chalicelib.apis.projects.paging import Cursor, PageNumber, PageSize, paged
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.states import PHASE, URGENCIES, Priority, TaskStatus
from chalicelib.apis.projects.tasks.details import PARTS, TaskDetail, parts
from chalicelib.apis.projects.tasks.inputs import AssignIn, Identifier, Moment, TaskChange, TaskIn, Words
from chalicelib.apis.projects.tasks.schemas import TaskOut, TaskRow, rows, shown
from chalicelib.domain.search.query import Sort
from chalicelib.domain.tasks.task import Holder, Phase, Task
from chalicelib.edge import Caller, Created, Header, Paged, Query, Request, Routes
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.projects import task_edits
from chalicelib.engine.projects.task_edits import Guard
from chalicelib.engine.search import search as catalogue
from chalicelib.engine.search.search import Query as Wanted
from chalicelib.engine.tasks import lifecycle, worker_presence
from chalicelib.errors import Forbidden

routes = Routes("/api/v1/tasks", tag="Tasks")
unversioned = Routes("/api/tasks", tag="Tasks")
"""As the document's own examples call it."""

IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
Order = Literal["asc", "desc"]
SortField = Literal["createdAt", "updatedAt", "priority", "dueDate"]
SORTS: dict[SortField, Sort] = {
    "createdAt": "created",
    "updatedAt": "updated",
    "priority": "priority",
    "dueDate": "due",
}


def _known(parts: tuple[str, ...]) -> tuple[str, ...]:
    if not PARTS.issuperset(parts):
        raise ValueError(f"must be some of: {', '.join(sorted(PARTS))}, with commas between them")
    return parts


Include = Annotated[
    Words,
    Query(many=True),
    AfterValidator(_known),
    Field(description="Comma-separated or repeated: comments, files, history, metrics."),
]
Tags = Annotated[
    Words,
    Query(many=True),
    Field(description="Comma-separated or repeated: tasks that have any of these tags, in any case."),
]
Search = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(description="Each word begins one of the title's or description's."),
]
Lease = Annotated[int, Field(ge=0, le=2**53, description="With agentId: the lease under which it was handed the task.")]


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
    created_after: Annotated[Moment | None, Query("createdAfter")] = None,
    created_before: Annotated[Moment | None, Query("createdBefore")] = None,
    sort_by: Annotated[SortField, Query("sortBy")] = "createdAt",
    sort_order: Annotated[Order, Query("sortOrder")] = "desc",
    cursor: Cursor | None = None,
) -> Paged[TaskRow]:
    """List tasks, newest first unless asked otherwise. Filters combine."""
    wanted = Wanted(
        phases=phases(status),
        priorities=None if priority is None else URGENCIES[priority],
        agent=agent_id,
        project=project_id,
        tags=tuple(tag.casefold() for tag in tags),
        search=search,
        created_after=created_after,
        created_before=created_before,
        sort=SORTS[sort_by],
        ascending=sort_order == "asc",
    )
    return listed(caller, request, wanted, page, limit, cursor)


def phases(status: TaskStatus | None) -> frozenset[Phase] | None:
    """The engine's word for tasks of this status, or of any."""
    return None if status is None else frozenset({PHASE[status]})


def listed(
    caller: Caller, request: Request, wanted: Wanted, page: int, limit: int, cursor: str | None
) -> Paged[TaskRow]:
    """The page of tasks that are wanted, for every list of tasks of this API."""
    found = catalogue.find_page(caller.org, NAME, wanted, page=page, limit=limit, cursor=cursor)
    shown = rows(caller.org, found.tasks)
    return paged(request, shown, page=page, limit=limit, total=found.total, cursor=found.cursor)


@routes.post(status=201, errors=[409])
def create_task(caller: Caller, body: TaskIn, idempotency_key: IdempotencyKey = None) -> Created[TaskOut]:
    """Create a task.

    With an agentId that agent gets it, as soon as it has room; without, it waits until somebody begins or assigns it.
    The same Idempotency-Key with the same body gives the same task, with another body 409.
    """
    access.require(caller, "tasks:write", body.project_id)
    task = task_edits.create(caller.org, NAME, caller.subject, body.draft(idempotency_key))
    return Created(_out(task), location=f"/api/v1/tasks/{task.id}")


def _out(task: Task) -> TaskOut:
    [out] = shown(task.org, [task])
    return out


@routes.get("/{taskId}")
def get_task(
    caller: Caller,
    task_id: Identifier,
    include: Include = (),
    agent_id: Annotated[Identifier | None, Query("agentId")] = None,  # noqa: ARG001 - `agent_keys` reads it
) -> TaskDetail:
    """Get a task, with what is asked for besides. An agent that calls with its own key names itself as agentId."""
    task = lifecycle.get(caller.org, task_id, NAME)
    waits = waiting_for(task, "agent", by_hand="somebody to begin it, or an agent to be assigned")
    return TaskDetail(**dict(_out(task)), waiting_for=waits, **parts(task, include))


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
    """Change what is sent of a task, all of it or nothing.

    A person's status of active begins a pending task; completed, failed and cancelled end one that has not ended;
    pending takes it back from whoever works on it, or tries a failed one again. Any other move is a 409. The same
    status again changes nothing; but to begin by PATCH what another person has begun is a 409.

    An agent reports on a task that it holds with `agentId`, and the `lease` that it was handed: active or a progress,
    completed with a result, failed with an error, or pending to give it back. A report of a lease that has ended is a
    409 and changes nothing.
    """
    holder, guard = _holder(caller, agent_id, lease), _guard(caller, "tasks:write")
    edit = body.edit()._replace(is_claim=request.method == "PATCH")
    if body.status == "completed":
        edit = task_edits.store_result(caller.org, NAME, task_id, edit, body.result)
    if holder is not None:
        with worker_presence.recording_report(caller.org, NAME, holder, proven=caller.role == AGENT):
            return _out(task_edits.report(caller.org, NAME, task_id, edit, holder, guard))
    return _out(task_edits.change(caller.org, NAME, task_id, edit, caller.subject, guard))


def _guard(caller: Caller, permission: Permission) -> Guard:
    return lambda project_id: access.require(caller, permission, project_id)


def _holder(caller: Caller, agent_id: str | None, lease: int | None) -> Holder | None:
    """The agent in whose name it is, if it is in one's: an agent's own key speaks for nobody else."""
    if caller.role == AGENT and agent_id is None:
        raise Forbidden(access.AGENTS)
    if caller.role == AGENT and agent_id != caller.subject:
        raise Forbidden(f"Agent {caller.subject} may not report for agent {agent_id}")
    return None if agent_id is None else Holder(agent_id, lease)


@routes.delete("/{taskId}")
def delete_task(
    caller: Caller, task_id: Identifier, reason: Annotated[str, StringConstraints(max_length=1_000)] | None = None
) -> Deleted:
    """Delete a task with all that belongs to it; one that has not ended is cancelled first."""
    task_edits.delete(caller.org, NAME, task_id, caller.subject, _guard(caller, "tasks:delete"), reason)
    return Deleted(id=task_id)


@routes.post("/{taskId}/assign", errors=[409])
def assign_task(caller: Caller, task_id: Identifier, body: AssignIn) -> TaskOut:
    """Assign a task to an agent, which gets it as soon as it has room; whoever works on it lets go.

    With null it is taken from its agent, and waits until somebody begins or assigns it.
    """
    guard = _guard(caller, "tasks:write")
    return _out(task_edits.assign(caller.org, NAME, task_id, body.edit(), caller.subject, guard))
