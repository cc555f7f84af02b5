"""What the projects API shows of an agent besides itself: its figures, tasks and log (coordinaitor.md, "GET
/api/v1/agents/{agentId}" and "/metrics")."""

from typing import Self

from pydantic import Field

from chalicelib import clock
from chalicelib.apis.projects.agents.schemas import AgentOut, response_time, success_rate
from chalicelib.apis.projects.system.schemas import LogLine
from chalicelib.apis.projects.tasks.schemas import TaskRow
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.projects.agents import AgentReport


class Period(CamelSchema):
    """Whole UTC days, the last up to now if it is today."""

    start: Instant
    end: Instant


class TaskMetrics(CamelSchema):
    """Attempts that ended in the agent's hands, and tasks that people ended while these named it.

    What it did not finish and another did counts as failed here.
    """

    total_tasks: int
    completed_tasks: int
    failed_tasks: int
    cancelled_tasks: int = Field(description="Cancelled while it held them or they named it.")
    success_rate: float | None = Field(description="Share (0-1) of the total that it completed.")
    average_completion_time: float | None = Field(description="Hours from a task's creation to its completion.")


class PerformanceMetrics(CamelSchema):
    """How well it works. null: nobody has reported it."""

    average_response_time: float | None = Field(description="Seconds from being given a task to its result.")
    quality_score: float | None = Field(description="Mean of the qualityScores noted when tasks were completed.")
    customer_satisfaction: float | None = None
    code_quality_score: float | None = None


class UtilizationMetrics(CamelSchema):
    """How much it works. Several tasks at once count an hour each."""

    total_hours: float = Field(description="That it was online.")
    active_hours: float = Field(description="On tasks that have ended.")
    utilization_rate: float | None = Field(
        description="Share (0-1) of its slots that tasks filled while it was online."
    )
    peak_hours: list[str] = Field(
        description="UTC: when it completed at least half as many as in its best hour.", examples=[["10:00-12:00"]]
    )


class AgentMetrics(CamelSchema):
    """An agent's figures of a period."""

    agent_id: str
    period: Period
    task_metrics: TaskMetrics
    performance_metrics: PerformanceMetrics
    utilization_metrics: UtilizationMetrics

    @classmethod
    def of(cls, found: AgentReport) -> Self:
        figures = found.counts
        return cls(
            agent_id=found.worker.id,
            period=Period(start=found.start, end=found.end),
            task_metrics=TaskMetrics(
                total_tasks=figures.processed + figures["cancelled"],
                completed_tasks=figures["completed"],
                failed_tasks=figures.failures,
                cancelled_tasks=figures["cancelled"],
                success_rate=success_rate(figures),
                average_completion_time=_hours(figures.whole_average_ms) if figures["wholes"] else None,
            ),
            performance_metrics=PerformanceMetrics(
                average_response_time=response_time(figures),
                quality_score=round(figures["quality"] / figures["graded"] / 1000, 3) if figures["graded"] else None,
            ),
            utilization_metrics=_utilization(found),
        )


def _utilization(found: AgentReport) -> UtilizationMetrics:
    slots_ms = found.online_ms * found.worker.max_concurrent
    active_ms = found.counts["worked_ms"]
    return UtilizationMetrics(
        total_hours=_hours(found.online_ms),
        active_hours=_hours(active_ms),
        utilization_rate=round(min(1.0, active_ms / slots_ms), 4) if slots_ms else None,
        peak_hours=[f"{start:02}:00-{end:02}:00" for start, end in found.peaks],
    )


def _hours(milliseconds: float) -> float:
    return round(milliseconds / clock.HOUR, 2)


def _unasked(value: object) -> bool:
    return value is None


class AgentDetail(AgentOut):
    """An agent as it is now, with what was asked for besides."""

    tasks: list[TaskRow] | None = Field(
        default=None, exclude_if=_unasked, description="The latest 20 that are assigned to it or were."
    )
    metrics: AgentMetrics | None = Field(default=None, exclude_if=_unasked, description="Of the last 30 days.")
    logs: list[LogLine] | None = Field(
        default=None,
        exclude_if=_unasked,
        description="What it and its tasks did in the last six hours, latest first, 50 lines at most.",
    )
