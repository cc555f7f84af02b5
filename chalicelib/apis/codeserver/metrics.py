"""Metrics of this API's requests and of the code tasks (delqhi-platform.md, "Logs & Metrics").

Everything is measured; what was not measured is null.
"""

from typing import Literal, Self

from pydantic import Field

from chalicelib import clock
from chalicelib.apis.codeserver.access import NAME
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.statistics.histograms import percentile
from chalicelib.domain.statistics.periods import Period
from chalicelib.domain.usage import Usage
from chalicelib.edge import Caller, NaiveInstant, Routes, Schema
from chalicelib.engine.statistics import period_figures, request_counts
from chalicelib.engine.statistics.period_figures import TaskFigures
from chalicelib.engine.usage import ledger

routes = Routes("/api/metrics", tag="Metrics")

measure = request_counts.request_counter(NAME)
MetricType = Literal["performance", "usage", "errors"]
PeriodName = Literal["hour", "day", "week", "month"]


class PerformanceMetrics(Schema):
    """The org's requests to this API. Failed ones were answered 4xx or 5xx. The 99th percentile is off by at most a
    fifth."""

    total_requests: int
    successful_requests: int
    failed_requests: int
    avg_response_time_ms: int | None = Field(description="Null without a request.")
    p99_response_time_ms: int | None = Field(description="Null without a request.")

    @classmethod
    def from_counts(cls, counts: Counts) -> Self:
        requests, p99 = counts["requests"], percentile(counts.histogram, 0.99)
        return cls(
            total_requests=requests,
            successful_requests=requests - _failed(counts),
            failed_requests=_failed(counts),
            avg_response_time_ms=round(counts["time_ms"] / requests) if requests else None,
            p99_response_time_ms=round(p99) if p99 is not None else None,
        )


class UsageMetrics(Schema):
    """What the org has used."""

    total_requests: int
    tasks_created: int
    tasks_completed: int
    tasks_failed: int
    tasks_cancelled: int
    working_seconds: float = Field(description="The time that workers spent on the tasks they completed.")
    model_calls: int | None = Field(
        description="Calls of language models that succeeded. They are counted by day: null for the hour."
    )
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None = Field(
        description="At the prices that MODELS names; calls without one add nothing. Null where no call has one."
    )

    @classmethod
    def from_figures(cls, requests: Counts, tasks: Counts, models: Usage | None) -> Self:
        return cls(
            total_requests=requests["requests"],
            tasks_created=tasks["created"],
            tasks_completed=tasks["completed"],
            tasks_failed=tasks.failures,
            tasks_cancelled=tasks["cancelled"],
            working_seconds=round(tasks["took_ms"] / clock.SECOND, 1),
            model_calls=models.calls if models is not None else None,
            tokens_in=models.tokens_in if models is not None else None,
            tokens_out=models.tokens_out if models is not None else None,
            cost_usd=models.dollars if models is not None else None,
        )


class ErrorMetrics(Schema):
    """What went wrong: requests by who is at fault, and tasks."""

    failed_requests: int
    refused_requests: int = Field(description="Answered 4xx.")
    invalid_requests: int = Field(
        description="Of those, the ones that broke a rule of their schema: 400, 413, 415, 422."
    )
    server_errors: int = Field(description="Answered 5xx.")
    error_rate: float | None = Field(description="Failed requests as a share of all, 0 to 1; null without a request.")
    tasks_failed: int
    tasks_timed_out: int
    attempts_retried: int

    @classmethod
    def from_figures(cls, requests: Counts, tasks: Counts) -> Self:
        return cls(
            failed_requests=_failed(requests),
            refused_requests=requests["refused"],
            invalid_requests=requests["invalid"],
            server_errors=requests["errors"],
            error_rate=round(_failed(requests) / requests["requests"], 4) if requests["requests"] else None,
            tasks_failed=tasks["failed"],
            tasks_timed_out=tasks["timed_out"],
            attempts_retried=tasks["retried"],
        )


def _failed(counts: Counts) -> int:
    return counts["refused"] + counts["errors"]


AnyMetrics = PerformanceMetrics | UsageMetrics | ErrorMetrics


class MetricsOut(Schema):
    """The figures of one type since the period began, at `timestamp`."""

    period: PeriodName
    timestamp: NaiveInstant
    metrics: AnyMetrics


class LanguageCounts(Schema):
    """The tasks of one language."""

    total: int
    completed: int
    failed: int

    @classmethod
    def from_counts(cls, counts: Counts) -> Self:
        return cls(total=counts["created"], completed=counts["completed"], failed=counts.failures)


class TaskCounts(Schema):
    """The tasks of all languages. `total`: created in the period. `completed` and `failed`: ended in it. `pending`:
    waiting now."""

    total: int
    completed: int
    failed: int
    pending: int
    avg_duration_seconds: float | None = Field(
        description="From assignment to completion, of those completed; null without one."
    )
    success_rate: float | None = Field(description="Completed ones as a share of these and the failed; null without.")

    @classmethod
    def from_figures(cls, figures: TaskFigures) -> Self:
        counts = figures.total
        return cls(
            total=counts["created"],
            completed=counts["completed"],
            failed=counts.failures,
            pending=figures.pending,
            avg_duration_seconds=round(counts.average_ms / clock.SECOND, 3) if counts["taken"] else None,
            success_rate=round(counts.success_rate, 3) if counts.processed else None,
        )


class TaskMetrics(Schema):
    """The code tasks since the period began, in all and by language."""

    period: PeriodName
    tasks: TaskCounts
    by_language: dict[str, LanguageCounts]


@routes.get()
def get_metrics(caller: Caller, metric_type: MetricType = "performance", period: PeriodName = "hour") -> MetricsOut:
    """Get figures of the org's requests and tasks in the current hour, day, week (from Monday) or month, in UTC."""
    requests = period_figures.read_requests(caller.org, NAME, Period(period))
    metrics = _summarize(caller.org, metric_type, Period(period), requests.counts)
    return MetricsOut(period=period, timestamp=requests.start, metrics=metrics)


def _summarize(org: str, metric_type: MetricType, period: Period, requests: Counts) -> AnyMetrics:
    if metric_type == "performance":
        return PerformanceMetrics.from_counts(requests)
    tasks = period_figures.read_tasks(org, NAME, period).total
    if metric_type == "usage":
        return UsageMetrics.from_figures(requests, tasks, _read_model_usage(org, period))
    return ErrorMetrics.from_figures(requests, tasks)


def _read_model_usage(org: str, period: Period) -> Usage | None:
    return None if period is Period.HOUR else ledger.read_usage(org, period)


@routes.get("/tasks")
def get_task_metrics(caller: Caller, period: PeriodName = "hour") -> TaskMetrics:
    """Count the code tasks of the current hour, day, week (from Monday) or month, in UTC."""
    figures = period_figures.read_tasks(caller.org, NAME, Period(period))
    by_language = {label: LanguageCounts.from_counts(counts) for label, counts in figures.by_label.items() if label}
    return TaskMetrics(period=period, tasks=TaskCounts.from_figures(figures), by_language=by_language)
