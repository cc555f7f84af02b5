"""The orchestrator (glad-labs.md, "Intelligent Orchestrator"): a workflow does a task, people approve it."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from chalicelib.apis.studio.workflow_states import OUTCOMES, PROCESS_STATUSES, Outcome, ProcessStatus
from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.tasks.task import ApprovalState, Status, Task
from chalicelib.domain.workflows.definitions import TOOLS
from chalicelib.edge import Caller, Instant, Routes, Schema
from chalicelib.engine.orchestration import figures, orchestrations
from chalicelib.engine.search import search
from chalicelib.engine.search.search import Query
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workflows.executions import Progress

routes = Routes("/api/orchestrator", tag="Orchestrator")

TaskId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Size = Annotated[int, Field(ge=1, le=100, description="The most executions in the answer.")]
Cursor = Annotated[str, Field(max_length=512, description="The next_cursor of this very list.")]
WorkflowType = Literal["content_creation", "analysis", "optimization"]


class ProcessIn(Schema):
    """A task that a workflow shall do."""

    task_id: TaskId
    workflow_type: WorkflowType
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Added to the task's own fields; a parameter of the same name wins."
    )


class ProcessOut(Schema):
    """The execution of a workflow that does a task. `result` is null until it is completed."""

    execution_id: str
    task_id: str
    status: ProcessStatus
    result: Any

    @classmethod
    def from_execution(cls, task_id: str, execution: Task) -> "ProcessOut":
        is_done = execution.status is Status.COMPLETED
        return cls(
            execution_id=execution.id,
            task_id=task_id,
            status=PROCESS_STATUSES[execution.status],
            result=lifecycle.load_result(execution) if is_done else None,
        )


class StatusOut(Schema):
    """How far the workflow of a task is. `approved` is what a person has approved and is not completed yet."""

    task_id: str
    status: Literal["processing", "approved", "rejected", "completed", "failed"]
    progress: int = Field(ge=0, le=100, description="Percent of its steps.")
    current_step: str = Field(description="The step under way, or the one with which it ended.")

    @classmethod
    def from_progress(cls, task_id: str, progress: Progress) -> "StatusOut":
        execution, current = progress.execution, progress.current
        names = execution.steps
        return cls(
            task_id=task_id,
            status=_approval_word(progress) or PROCESS_STATUSES[execution.status],
            progress=int(execution.progress or 0),
            current_step=str(current.name) if current is not None else names[-1 if execution.is_terminal else 0],
        )


def _approval_word(progress: Progress) -> Literal["approved", "rejected"] | None:
    """What a person has decided, where the execution has not ended in another way since."""
    step = orchestrations.find_approval_step(progress)
    if step is None or step.approval is None:
        return None
    if step.approval.state is ApprovalState.REJECTED:
        return "rejected"
    is_open = step.approval.state is ApprovalState.APPROVED and not progress.execution.is_terminal
    return "approved" if is_open else None


class ApprovalOut(Schema):
    """What a person has decided, or shall decide, on the result of a task's workflow."""

    task_id: str
    requires_approval: bool
    approval_status: ApprovalState | None = Field(
        description="Null until there is a result to decide on, and where the workflow ended before a decision."
    )
    feedback: str | None

    @classmethod
    def from_progress(cls, task_id: str, progress: Progress) -> "ApprovalOut":
        step = orchestrations.find_approval_step(progress)
        is_left = step is not None and orchestrations.is_undecided(step) and progress.execution.is_terminal
        approval = None if step is None or is_left else step.approval
        return cls(
            task_id=task_id,
            requires_approval=orchestrations.needs_approval(progress.execution),
            approval_status=approval.state if approval is not None else None,
            feedback=approval.feedback if approval is not None else None,
        )


class DecisionIn(Schema):
    """A person's decision."""

    approved: bool = Field(strict=True)
    feedback: Text | None = None
    notes: Text | None = Field(default=None, description="Kept with the decision.")


class DecisionOut(Schema):
    """A decision that was made."""

    task_id: str
    execution_id: str
    approval_status: ApprovalState
    feedback: str | None
    notes: str | None
    decided_by: str
    decided_at: Instant

    @classmethod
    def from_step(cls, task_id: str, step: Task) -> "DecisionOut":
        approval = step.approval
        assert approval is not None and approval.decided_at is not None
        return cls(
            task_id=task_id,
            execution_id=str(step.parent),
            approval_status=approval.state,
            feedback=approval.feedback,
            notes=approval.notes,
            decided_by=str(approval.decided_by),
            decided_at=approval.decided_at,
        )


class OrchestrationOut(Schema):
    """An execution. `result`, `completed_at` and `duration_ms` are null until it ends."""

    id: str
    task_id: str
    completed_at: Instant | None = Field(description="When it ended, in whichever way.")
    result: Outcome | None
    duration_ms: int | None

    @classmethod
    def from_task(cls, task: Task) -> "OrchestrationOut":
        return cls(
            id=task.id,
            task_id=str((task.metadata or {}).get("task_id")),
            completed_at=task.finished_at if task.is_terminal else None,
            result=OUTCOMES.get(task.status),
            duration_ms=task.finished_at - task.created_at if task.is_terminal and task.finished_at else None,
        )


class OrchestrationList(Schema):
    """One page of executions, newest first."""

    executions: list[OrchestrationOut]
    total: int = Field(description="The number of executions on all pages.")
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class BusinessOut(Schema):
    """What published content cost and earned in the last 30 days. Null is what was not measured."""

    roi: float | None = Field(
        description="(revenue - cost) / cost; null until a metric `revenue` is tracked, and for a cost of 0."
    )
    cost_per_output: float | None = Field(
        description="Dollars of language models for each published content; null while a model has no price."
    )
    throughput: int = Field(description="How many contents were published.")
    quality_score: float | None = Field(ge=0, le=1, description="The mean of what was approved.")


class ToolOut(Schema):
    """What a step of a workflow can do."""

    name: str
    description: str
    inputs: list[str]
    outputs: list[str]


class ToolList(Schema):
    """All tools."""

    tools: list[ToolOut]


@routes.post("/process", errors=[404, 409])
def process_task(caller: Caller, body: ProcessIn) -> ProcessOut:
    """Have a workflow do a task. The same request again gets the same execution."""
    execution = orchestrations.process(caller.org, caller.subject, body.task_id, body.workflow_type, body.parameters)
    return ProcessOut.from_execution(body.task_id, execution)


@routes.get("/status/{task_id}")
def get_status(caller: Caller, task_id: TaskId) -> StatusOut:
    """Tell how far the workflow of a task is."""
    return StatusOut.from_progress(task_id, orchestrations.get_progress(caller.org, task_id))


@routes.get("/approval/{task_id}")
def get_approval(caller: Caller, task_id: TaskId) -> ApprovalOut:
    """Tell whether the result of a task's workflow is approved."""
    return ApprovalOut.from_progress(task_id, orchestrations.get_progress(caller.org, task_id))


@routes.post("/approve/{task_id}", errors=[409])
def decide_on_task(caller: Caller, task_id: TaskId, body: DecisionIn) -> DecisionOut:
    """Approve or reject the result of a task's workflow. The same decision again changes nothing."""
    step = orchestrations.decide(
        caller.org, task_id, caller.subject, is_approved=body.approved, feedback=body.feedback, notes=body.notes
    )
    return DecisionOut.from_step(task_id, step)


@routes.get("/history")
def list_history(caller: Caller, limit: Size = 50, cursor: Cursor | None = None) -> OrchestrationList:
    """List the executions of workflows, newest first."""
    page = search.find_page(caller.org, EXECUTIONS_POOL, Query(), limit=limit, cursor=cursor)
    executions = [OrchestrationOut.from_task(task) for task in page.tasks]
    return OrchestrationList(executions=executions, total=page.total, next_cursor=page.cursor)


@routes.get("/business-metrics-analysis")
def analyse_business_metrics(caller: Caller) -> BusinessOut:
    """Tell what published content cost and earned."""
    business = figures.read_business(caller.org)
    return BusinessOut(
        roi=business.return_on_investment,
        cost_per_output=business.cost_per_output,
        throughput=business.outputs,
        quality_score=business.quality_score,
    )


@routes.get("/tools")
def list_tools() -> ToolList:
    """List what the steps of workflows can do."""
    return ToolList(tools=[ToolOut.model_validate(tool._asdict()) for tool in TOOLS])
