"""Executions of workflows (glad-labs.md, "Workflow History")."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from chalicelib.apis.studio.orchestrator import Cursor, Size
from chalicelib.apis.studio.workflow_states import OUTCOMES, STEP_STATUSES, StepStatus
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.edge import Caller, Instant, Routes, Schema
from chalicelib.engine.orchestration import figures
from chalicelib.engine.search import search
from chalicelib.engine.search.search import Query
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workflows import executions

routes = Routes("/api/workflow", tag="Workflows")

WorkflowId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    Field(description="Of /details the id of an execution, of /history the name of a workflow."),
]
ExecutionStatus = Literal["success", "failure", "running"]


class WorkflowExecutionOut(Schema):
    """An execution. `completed_at` is when it ended, in whichever way; null until then."""

    id: str
    workflow_name: str
    status: ExecutionStatus
    started_at: Instant
    completed_at: Instant | None

    @classmethod
    def from_task(cls, task: Task) -> "WorkflowExecutionOut":
        return cls(
            id=task.id,
            workflow_name=task.type,
            status=OUTCOMES.get(task.status, "running"),
            started_at=task.created_at,
            completed_at=task.finished_at if task.is_terminal else None,
        )


class WorkflowExecutionList(Schema):
    """One page of executions, newest first."""

    executions: list[WorkflowExecutionOut]
    total: int = Field(description="The number of executions on all pages.")
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class WorkflowExecutions(Schema):
    """One page of the executions of a workflow, newest first."""

    workflow_id: str
    executions: list[WorkflowExecutionOut]
    total: int = Field(description="The number of executions on all pages.")
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class StepOut(Schema):
    """A step of an execution."""

    step_name: str
    status: StepStatus
    duration_ms: int | None = Field(description="From its latest begin to its end; null until then.")
    output: Any = Field(description="What it returned; null until it is completed.")
    error: str | None = Field(description="Why it failed, or its latest attempt.")

    @classmethod
    def from_task(cls, name: str, step: Task | None) -> "StepOut":
        if step is None:
            return cls(step_name=name, status="pending", duration_ms=None, output=None, error=None)
        has_run = step.is_terminal and step.leased_at is not None and step.finished_at is not None
        return cls(
            step_name=name,
            status="awaiting_approval" if step.awaits_approval else STEP_STATUSES[step.status],
            duration_ms=max(0, (step.finished_at or 0) - (step.leased_at or 0)) if has_run else None,
            output=lifecycle.load_result(step) if step.status is Status.COMPLETED else None,
            error=str(step.error.get("message")) if step.error else None,
        )


class ExecutionDetails(Schema):
    """An execution and its steps, in order."""

    id: str
    workflow_name: str
    status: ExecutionStatus
    steps: list[StepOut]


class WorkflowFigures(Schema):
    """The executions of a workflow that ended in the last 30 days."""

    workflow_name: str
    total_executions: int
    success_rate: float | None
    avg_duration_ms: int | None


class WorkflowStatistics(Schema):
    """The executions that ended in the last 30 days. Rates and means are null without any."""

    total_executions: int
    success_rate: float | None = Field(ge=0, le=1, description="The share that was completed.")
    avg_duration_ms: int | None = Field(description="From start to end, approval included, of those completed.")
    workflows: list[WorkflowFigures]


class PerformanceOut(Schema):
    """How fast steps are, in the last seven days. Null without any attempt."""

    throughput: int = Field(description="How many executions were completed today (UTC).")
    avg_latency_ms: int | None = Field(description="The mean of all attempts of steps.")
    peak_latency_ms: int | None = Field(description="The mean of the slowest step on its slowest day.")
    bottleneck: str | None = Field(description="The step that takes longest in the mean.")


def _figures(counts: Counts) -> dict[str, Any]:
    ended = counts.processed + counts["cancelled"]
    return {
        "total_executions": ended,
        "success_rate": round(counts["completed"] / ended, 2) if ended else None,
        "avg_duration_ms": round(counts.whole_average_ms) if counts["wholes"] else None,
    }


@routes.get("/history")
def list_executions(caller: Caller, limit: Size = 50, cursor: Cursor | None = None) -> WorkflowExecutionList:
    """List the executions of all workflows, newest first."""
    page = search.find_page(caller.org, EXECUTIONS_POOL, Query(), limit=limit, cursor=cursor)
    rows = [WorkflowExecutionOut.from_task(task) for task in page.tasks]
    return WorkflowExecutionList(executions=rows, total=page.total, next_cursor=page.cursor)


@routes.get("/statistics")
def get_workflow_statistics(caller: Caller) -> WorkflowStatistics:
    """Count the executions of the last 30 days."""
    by_workflow = figures.read_executions(caller.org)
    return WorkflowStatistics(
        **_figures(counters.total(by_workflow.values())),
        workflows=[
            WorkflowFigures(workflow_name=name, **_figures(counts))
            for name, counts in by_workflow.items()
            if any(counts.values.values())
        ],
    )


@routes.get("/performance-metrics")
def get_performance_metrics(caller: Caller) -> PerformanceOut:
    """Tell how fast steps are, and which is the slowest."""
    steps = figures.read_steps(caller.org)
    return PerformanceOut(
        throughput=steps.completed_executions,
        avg_latency_ms=steps.average_ms,
        peak_latency_ms=steps.peak_ms,
        bottleneck=steps.slowest_step,
    )


@routes.get("/{workflow_id}/details")
def get_execution_details(caller: Caller, workflow_id: WorkflowId) -> ExecutionDetails:
    """Get an execution with its steps and what they returned."""
    progress = executions.get(caller.org, workflow_id, EXECUTIONS_POOL, whole=True)
    steps = zip(progress.execution.steps, progress.steps, strict=True)
    return ExecutionDetails(
        id=progress.execution.id,
        workflow_name=progress.execution.type,
        status=OUTCOMES.get(progress.execution.status, "running"),
        steps=[StepOut.from_task(name, step) for name, step in steps],
    )


@routes.get("/{workflow_id}/history")
def list_workflow_executions(
    caller: Caller, workflow_id: WorkflowId, limit: Size = 50, cursor: Cursor | None = None
) -> WorkflowExecutions:
    """List the executions of a workflow, newest first; of which this is the name, or the id of an execution."""
    name = executions.find_workflow(caller.org, workflow_id, EXECUTIONS_POOL)
    page = search.find_page(caller.org, EXECUTIONS_POOL, Query(label=name), limit=limit, cursor=cursor)
    rows = [WorkflowExecutionOut.from_task(task) for task in page.tasks]
    return WorkflowExecutions(workflow_id=workflow_id, executions=rows, total=page.total, next_cursor=page.cursor)
