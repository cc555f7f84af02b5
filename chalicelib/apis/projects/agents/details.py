"""Schemas of an agent's metrics, and of an agent with its tasks and log (coordinaitor.md, "GET
/api/v1/agents/{agentId}" and "/metrics")."""

from typing import Self

from pydantic import Field

from chalicelib import clock
from chalicelib.apis.projects.agents.schemas import AgentOut, response_time, success_rate
from chalicelib.apis.projects.log_schemas import LogLine
from chalicelib.apis.projects.tasks.schemas import TaskRow
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.projects.agents import AgentReport


class Period(CamelSchema):
    """Whole UTC days; if the last is today, it ends now."""

    start: Instant
    end: Instant


class AgentTaskMetrics(CamelSchema):
    """Attempts of the agent that ended, and tasks assigned to it that people ended.

    An attempt that failed counts as failed here, even when another agent completed the task later.
    """

    total_tasks: int
    completed_tasks: int
    failed_tasks: int
    cancelled_tasks: int = Field(description="Cancelled while the agent held them or they were assigned to it.")
    success_rate: float | None = Field(description="Completed share (0-1) of the total.")
    average_completion_time: float | None = Field(description="Hours from a task's creation to its completion.")


class PerformanceMetrics(CamelSchema):
    """How well the agent works. null: no value was reported."""

    average_response_time: float | None = Field(description="Mean seconds from the handover of a task to its result.")
    quality_score: float | None = Field(description="Mean qualityScore of the completed tasks that have one.")
    customer_satisfaction: float | None = None
    code_quality_score: float | None = None


class UtilizationMetrics(CamelSchema):
    """How much the agent works. Tasks that it does at the same time are added up."""

    total_hours: float = Field(description="Hours online.")
    active_hours: float = Field(description="Hours on tasks that have ended.")
    utilization_rate: float | None = Field(description="Share (0-1) of its slots that were in use while it was online.")
    peak_hours: list[str] = Field(
        description="UTC hours with at least half as many completed tasks as its best hour.",
        examples=[["10:00-12:00"]],
    )


class AgentMetrics(CamelSchema):
    """The metrics of an agent for a period."""

    agent_id: str
    period: Period
    task_metrics: AgentTaskMetrics
    performance_metrics: PerformanceMetrics
    utilization_metrics: UtilizationMetrics

    @classmethod
    def from_report(cls, report: AgentReport) -> Self:
        counts = report.counts
        return cls(
            agent_id=report.worker.id,
            period=Period(start=report.start, end=report.end),
            task_metrics=AgentTaskMetrics(
                total_tasks=counts.processed + counts["cancelled"],
                completed_tasks=counts["completed"],
                failed_tasks=counts.failures,
                cancelled_tasks=counts["cancelled"],
                success_rate=success_rate(counts),
                average_completion_time=_hours(counts.whole_average_ms) if counts["wholes"] else None,
            ),
            performance_metrics=PerformanceMetrics(
                average_response_time=response_time(counts),
                quality_score=round(counts["quality"] / counts["graded"] / 1000, 3) if counts["graded"] else None,
            ),
            utilization_metrics=_utilization(report),
        )


def _utilization(report: AgentReport) -> UtilizationMetrics:
    slots_ms = report.online_ms * report.worker.max_concurrent
    active_ms = report.counts["worked_ms"]
    return UtilizationMetrics(
        total_hours=_hours(report.online_ms),
        active_hours=_hours(active_ms),
        utilization_rate=round(min(1.0, active_ms / slots_ms), 4) if slots_ms else None,
        peak_hours=[f"{start:02}:00-{end:02}:00" for start, end in report.peaks],
    )


def _hours(milliseconds: float) -> float:
    return round(milliseconds / clock.HOUR, 2)


def _is_absent(value: object) -> bool:
    return value is None


class AgentDetail(AgentOut):
    """An agent, with the parts named in `include`."""

    tasks: list[TaskRow] | None = Field(
        default=None, exclude_if=_is_absent, description="The latest 20 that are or were assigned to it."
    )
    metrics: AgentMetrics | None = Field(default=None, exclude_if=_is_absent, description="Of the last 30 days.")
    logs: list[LogLine] | None = Field(
        default=None,
        exclude_if=_is_absent,
        description="Log lines of the agent and its tasks in the last six hours, latest first, at most 50.",
    )
