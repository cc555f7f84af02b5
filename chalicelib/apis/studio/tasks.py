"""Content tasks (glad-labs.md, "Task Management")."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints

from chalicelib.domain.search.query import Sort
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.edge import Caller, Created, Header, Instant, Routes, Schema
from chalicelib.engine import content_tasks
from chalicelib.engine.content_tasks import FIELDS, METADATA, POOL, STATUS_WORDS, Brief, Edit
from chalicelib.engine.tasks import lifecycle

routes = Routes("/api/tasks", tag="Task management")

TaskStatus = Literal["pending", "in_progress", "completed", "failed", "cancelled"]
SortField = Literal["created_at", "updated_at", "status"]
Order = Literal["asc", "desc"]
SORTS: dict[SortField, Sort | None] = {"created_at": "created", "updated_at": "updated", "status": None}
PHASES: dict[str, Phase] = {word: phase for phase, word in STATUS_WORDS.items()}
TaskId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
Limit = Annotated[int, Field(ge=1, le=100, description="The most tasks in the answer.")]
Offset = Annotated[int, Field(ge=0, le=10**9, description="How many tasks of the list come before the answer's first.")]


def _strip(text: Any) -> Any:
    return text.strip() if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_strip), StringConstraints(min_length=1, max_length=500)]
TaskName = Annotated[str, BeforeValidator(_strip), StringConstraints(min_length=1, max_length=256)]


class _Brief(Schema):
    """What is to be written, and for whom."""

    topic: Text | None = Field(default=None, examples=["artificial intelligence"])
    primary_keyword: Text | None = Field(default=None, examples=["AI trends 2025"])
    target_audience: Text | None = Field(default=None, examples=["Tech professionals"])
    category: Text | None = Field(default=None, examples=["Technology"])
    assigned_to: Text | None = Field(default=None, description="Who writes it, in your own words.")
    task_metadata: dict[str, Any] = Field(
        default_factory=dict,
        description="Your own fields. All fields of a task together have at most 90,000 bytes as JSON.",
        examples=[{"style": "professional", "tone": "informative"}],
    )


class TaskIn(_Brief):
    """A task to create."""

    task_name: TaskName = Field(examples=["Blog Post: AI Trends"])

    @property
    def brief(self) -> Brief:
        """The engine's brief."""
        return self.model_dump(include={*FIELDS, METADATA}, exclude_none=True)


class TaskChange(_Brief):
    """Changes of a task. What is left out stays; null removes a field, and a key of task_metadata."""

    task_name: TaskName = Field(default_factory=str)
    status: TaskStatus | None = Field(
        default=None,
        description="in_progress starts it; pending takes it back, also from failed. A workflow that does it is "
        "cancelled when you end the task.",
    )

    @property
    def edit(self) -> Edit:
        """The engine's edit."""
        return Edit(
            phase=None if self.status is None else PHASES[self.status],
            name=self.task_name or None,
            fields=self.model_dump(include=self.model_fields_set.intersection(FIELDS)),
            metadata=self.task_metadata,
        )


class TaskRow(Schema):
    """A task in a list."""

    id: str
    task_name: str
    status: str = Field(description="As in the filter.", examples=["pending"])
    created_at: Instant
    updated_at: Instant
    started_at: Instant | None
    completed_at: Instant | None = Field(description="When it ended, in whichever status.")
    topic: str | None
    primary_keyword: str | None
    target_audience: str | None
    category: str | None
    assigned_to: str | None

    @classmethod
    def from_task(cls, task: Task, **more: Any) -> Self:
        brief = content_tasks.brief_of(task)
        return cls(
            id=task.id,
            task_name=task.name or "",
            status=STATUS_WORDS[task.phase],
            created_at=task.created_at,
            updated_at=task.updated_at,
            started_at=task.started_at if task.phase is not Phase.PENDING else None,
            completed_at=task.finished_at if task.is_terminal else None,
            **{name: brief.get(name) for name in FIELDS},
            **more,
        )


class TaskOut(TaskRow):
    """A task with its metadata, and how it ended."""

    task_metadata: dict[str, Any]
    result: Any = Field(description="What a webhook event reported as its result; null without one.")
    error: str | None = Field(description="Why it failed, where that is known.")

    @classmethod
    def whole(cls, task: Task) -> Self:
        return cls.from_task(
            task,
            task_metadata=content_tasks.brief_of(task).get(METADATA, {}),
            result=lifecycle.load_result(task),
            error=(task.error or {}).get("message") if task.phase is Phase.FAILED else None,
        )


class TaskList(Schema):
    """One page of tasks, without their metadata."""

    tasks: list[TaskRow]
    total: int = Field(description="The number of tasks on all pages.")
    offset: int
    limit: int


class TaskSummary(Schema):
    """The tasks by status. Rates are null where there is nothing to divide by."""

    total_tasks: int = Field(description="Cancelled tasks, too.")
    completed: int
    in_progress: int
    failed: int
    pending: int
    completion_rate: float | None = Field(description="Completed tasks as a share of all.")
    avg_completion_time: int | None = Field(
        description="Mean seconds from creation to completion, of the last 100 days; null without any."
    )
    success_rate: float | None = Field(description="Completed tasks as a share of those completed or failed.")


@routes.post(status=201, errors=[409])
def create_task(caller: Caller, body: TaskIn, idempotency_key: IdempotencyKey = None) -> Created[TaskOut]:
    """Create a task. The same Idempotency-Key with the same body returns the same task, with another body 409."""
    task = content_tasks.create(caller.org, caller.subject, body.task_name, body.brief, idempotency_key=idempotency_key)
    return Created(TaskOut.whole(task), location=f"/api/tasks/{task.id}")


@routes.get()
def list_tasks(
    caller: Caller,
    limit: Limit = 100,
    offset: Offset = 0,
    status: TaskStatus | None = None,
    sort_by: SortField = "created_at",
    order: Order | None = None,
) -> TaskList:
    """List tasks, newest first; by status in the order pending, in_progress, completed, failed, cancelled.

    `order` reverses it: `asc` puts the oldest first, and `desc` of `sort_by=status` the cancelled ones. The list
    follows the tasks within about a second.
    """
    phase, sort = (None if status is None else PHASES[status]), SORTS[sort_by]
    usual: Order = "asc" if sort is None else "desc"
    page = content_tasks.find_page(caller.org, phase, sort, limit, offset, is_reversed=order not in (None, usual))
    rows = [TaskRow.from_task(task) for task in page.tasks]
    return TaskList(tasks=rows, total=page.total, offset=offset, limit=limit)


@routes.get("/metrics/summary")
def get_task_summary(caller: Caller) -> TaskSummary:
    """Count the tasks by status."""
    summary = content_tasks.summarize(caller.org)
    return TaskSummary(
        total_tasks=summary.total,
        completion_rate=summary.share(),
        avg_completion_time=summary.average_seconds,
        success_rate=summary.share(Phase.COMPLETED, Phase.FAILED),
        **{word: summary.by_phase[PHASES[word]] for word in PHASES if word in TaskSummary.model_fields},
    )


@routes.get("/{task_id}")
def get_task(caller: Caller, task_id: TaskId) -> TaskOut:
    """Get a task with its metadata."""
    return TaskOut.whole(lifecycle.get(caller.org, task_id, POOL))


@routes.patch("/{task_id}", errors=[409])
def change_task(caller: Caller, task_id: TaskId, body: TaskChange) -> TaskOut:
    """Move a task to another status, and change its fields. A completed task stays completed."""
    return TaskOut.whole(content_tasks.change(caller.org, task_id, body.edit, caller.subject))
