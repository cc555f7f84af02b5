"""Health, metrics and channels (customer-service.md, "System Monitoring", "Channel Management"). Every figure is
measured; docs/reference/support-api.md says what each one is and over which time."""

from typing import Literal

from pydantic import Field

from chalicelib import clock
from chalicelib.apis.support.access import NAME
from chalicelib.apis.support.figures import duration, number, per_second, percent
from chalicelib.apis.support.states import worker_status
from chalicelib.config import settings
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.task import Needs
from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine.dispatch import waiting_reason
from chalicelib.engine.statistics import process_usage, recent
from chalicelib.engine.statistics.recent import Label, Recent
from chalicelib.engine.workers import pools

routes = Routes("", tag="Monitoring")

CHANNELS = ("chat", "voice", "email")
"""The channels of the document. Others are added once a task names them."""


class Store(Schema):
    """The database. The document calls it redis; here it is a DynamoDB table."""

    status: Literal["up"] = "up"
    latency: str = Field(description="Of one read during this request.", examples=["2ms"])


class WorkerCounts(Schema):
    """How many of the registered workers are connected."""

    active: int = Field(examples=[3])
    total: int = Field(examples=[3])


class Queue(Schema):
    """The current length, and the recent throughput."""

    length: int = Field(examples=[10])
    processing_rate: str = Field(examples=["50/sec"])


class Queues(Schema):
    """tasks: the waiting tasks, and how fast workers get them. results: the held tasks, and how fast they complete."""

    tasks: Queue
    results: Queue


class Components(Schema):
    """The parts of the service."""

    redis: Store
    workers: WorkerCounts
    queues: Queues


class InstanceMetrics(Schema):
    """Of the function instance that answers. The response time is that of the API's requests in the last one to two
    hours."""

    cpu_usage: str = Field(examples=["45%"])
    memory_usage: str = Field(examples=["60%"])
    average_response_time: str = Field(examples=["100ms"])


class Health(Schema):
    """The state of the service. degraded: the queue is full, or tasks wait while no registered worker is connected, or
    tasks wait whose type no connected worker performs."""

    status: Literal["healthy", "degraded"]
    reasons: list[str] = Field(
        description="Why it is degraded.",
        examples=[["Tasks of type translation wait: no connected worker performs them"]],
    )
    components: Components
    metrics: InstanceMetrics


class Percentiles(Schema):
    """In milliseconds."""

    p50: int = Field(examples=[100])
    p95: int = Field(examples=[200])
    p99: int = Field(examples=[300])

    @classmethod
    def from_counts(cls, counts: Counts) -> "Percentiles":
        p50, p95, p99 = map(round, recent.percentiles(counts))
        return cls(p50=p50, p95=p95, p99=p99)


class Throughput(Schema):
    """Requests and tasks."""

    requests_per_second: int | float = Field(examples=[50])
    tasks_processed: int = Field(examples=[1000])


class ErrorShares(Schema):
    """Shares (0-1) of all requests for a task."""

    timeout: float = Field(examples=[0.005])
    processing: float = Field(examples=[0.003])
    validation: float = Field(examples=[0.002])


class ErrorRates(Schema):
    """`total` is the sum of its types."""

    total: float = Field(examples=[0.01])
    by_type: ErrorShares

    @classmethod
    def from_recent(cls, figures: Recent) -> "ErrorRates":
        tasks, invalid = figures.tasks, figures.api_requests["invalid"]
        total = max(1, tasks.processed + invalid)
        timeout, processing, validation = (
            round(count / total, 4) for count in (tasks["timed_out"], tasks["failed"], invalid)
        )
        return cls(
            total=round(timeout + processing + validation, 4),
            by_type=ErrorShares(timeout=timeout, processing=processing, validation=validation),
        )


class Metrics(Schema):
    """The last one to two hours: the current hour (UTC) and the one before."""

    response_times: Percentiles = Field(description="Of the API's own requests.")
    task_times: Percentiles = Field(description="Of completed tasks, from submission to end.")
    throughput: Throughput
    error_rates: ErrorRates


class Channel(Schema):
    """One channel: its unfinished tasks, and the mean time, from submission to end, of those completed today (UTC)."""

    status: Literal["active", "idle"] = Field(description="active: has unfinished tasks, or had some today.")
    current_load: int = Field(examples=[45])
    response_time: str = Field(examples=["2s"])

    @classmethod
    def from_label(cls, label: Label) -> "Channel":
        load = label.gauges["pending"] + label.gauges["active"]
        return cls(
            status="active" if load or label.today.values else "idle",
            current_load=load,
            response_time=duration(label.today.whole_average_ms),
        )


class Channels(Schema):
    """The channels by name."""

    channels: dict[str, Channel]


@routes.get("/health")
def health(caller: Caller) -> Health:
    """Get the system's health."""
    started = clock.stopwatch()
    figures = recent.read_recent(caller.org, NAME)
    latency = (clock.stopwatch() - started) * clock.SECOND
    pool, workers = pools.find_with_workers(caller.org, NAME)
    counts = WorkerCounts(active=sum(worker_status(worker) != "offline" for worker in workers), total=len(workers))
    reasons = _reasons(
        figures, counts, waiting_reason.unserved_needs(pool, workers) if figures.gauges["pending"] else []
    )
    return Health(
        status="degraded" if reasons else "healthy",
        reasons=reasons,
        components=Components(redis=Store(latency=duration(latency)), workers=counts, queues=_queues(figures)),
        metrics=InstanceMetrics(
            cpu_usage=percent(process_usage.cpu_share()),
            memory_usage=percent(process_usage.memory_share()),
            average_response_time=duration(figures.api_requests["time_ms"] / max(1, figures.api_requests["requests"])),
        ),
    )


def _reasons(figures: Recent, counts: WorkerCounts, unserved: list[Needs]) -> list[str]:
    reasons = ["The queue is full: no more tasks are accepted"] if _is_queue_full(figures) else []
    reasons += ["Tasks wait while no known worker is connected"] if _has_no_active_worker(figures, counts) else []
    types = sorted(kind for needs in unserved for kind in needs.capabilities)
    return reasons + [f"Tasks of type {kind} wait: no connected worker performs them" for kind in types]


def _is_queue_full(figures: Recent) -> bool:
    limit = settings().queue_limits.get(NAME, 0)
    return bool(limit) and figures.gauges["pending"] >= limit


def _has_no_active_worker(figures: Recent, counts: WorkerCounts) -> bool:
    return bool(figures.gauges["pending"] and counts.total and not counts.active)


def _queues(figures: Recent) -> Queues:
    return Queues(
        tasks=Queue(length=figures.gauges["pending"], processing_rate=per_second(figures.leases_per_second)),
        results=Queue(length=figures.gauges["active"], processing_rate=per_second(figures.completions_per_second)),
    )


@routes.get("/metrics")
def metrics(caller: Caller) -> Metrics:
    """Get performance metrics."""
    figures = recent.read_recent(caller.org, NAME)
    return Metrics(
        response_times=Percentiles.from_counts(figures.api_requests),
        task_times=Percentiles.from_counts(figures.tasks),
        throughput=Throughput(
            requests_per_second=number(figures.requests_per_second), tasks_processed=figures.tasks.processed
        ),
        error_rates=ErrorRates.from_recent(figures),
    )


@routes.get("/channels")
def channels(caller: Caller) -> Channels:
    """Get the status of the channels."""
    labels = recent.read_labels(caller.org, NAME)
    empty = Label(Counts(), Counts())
    return Channels(channels={name: Channel.from_label(labels.get(name, empty)) for name in (*CHANNELS, *labels)})
