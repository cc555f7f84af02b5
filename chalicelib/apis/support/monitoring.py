"""Health, metrics and channels (customer-service.md, "System Monitoring", "Channel Management"). Every figure is
measured; which is which, and over which window, is in docs/reference/support-api.md."""

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
"""Those of the document; others are shown once they are seen."""


class Store(Schema):
    """The database. The document calls it redis; here it is a DynamoDB table."""

    status: Literal["up"] = "up"
    latency: str = Field(description="Of one read, just now.", examples=["2ms"])


class WorkerCounts(Schema):
    """How many workers are connected, of those known."""

    active: int = Field(examples=[3])
    total: int = Field(examples=[3])


class Queue(Schema):
    """How much is in it now, and how much passed through it lately."""

    length: int = Field(examples=[10])
    processing_rate: str = Field(examples=["50/sec"])


class Queues(Schema):
    """tasks: those that wait, and how fast they are handed out; results: those awaited, and how fast they come."""

    tasks: Queue
    results: Queue


class Components(Schema):
    """What the service is made of."""

    redis: Store
    workers: WorkerCounts
    queues: Queues


class InstanceMetrics(Schema):
    """Of the function instance that answers; the response time is of the API's requests in the last hour or two."""

    cpu_usage: str = Field(examples=["45%"])
    memory_usage: str = Field(examples=["60%"])
    average_response_time: str = Field(examples=["100ms"])


class Health(Schema):
    """How the service is. degraded: the queue is full, tasks wait while no known worker is connected, or tasks of a
    type wait that no connected worker performs."""

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
    def of(cls, counts: Counts) -> "Percentiles":
        p50, p95, p99 = map(round, recent.percentiles(counts))
        return cls(p50=p50, p95=p95, p99=p99)


class Throughput(Schema):
    """What was done."""

    requests_per_second: int | float = Field(examples=[50])
    tasks_processed: int = Field(examples=[1000])


class ErrorShares(Schema):
    """Shares (0-1) of all that was asked for."""

    timeout: float = Field(examples=[0.005])
    processing: float = Field(examples=[0.003])
    validation: float = Field(examples=[0.002])


class ErrorRates(Schema):
    """`total` is the sum of its types."""

    total: float = Field(examples=[0.01])
    by_type: ErrorShares

    @classmethod
    def of(cls, figures: Recent) -> "ErrorRates":
        tasks, invalid = figures.tasks, figures.api_requests["invalid"]
        asked = max(1, tasks.processed + invalid)
        timeout, processing, validation = (
            round(count / asked, 4) for count in (tasks["timed_out"], tasks["failed"], invalid)
        )
        return cls(
            total=round(timeout + processing + validation, 4),
            by_type=ErrorShares(timeout=timeout, processing=processing, validation=validation),
        )


class Metrics(Schema):
    """The last hour or two: the hour that is running (UTC) and the one before."""

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
    def of(cls, label: Label) -> "Channel":
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
    pool, crew = pools.find_with_workers(caller.org, NAME)
    counts = WorkerCounts(active=sum(worker_status(worker) != "offline" for worker in crew), total=len(crew))
    reasons = _reasons(figures, counts, waiting_reason.unserved_needs(pool, crew) if figures.gauges["pending"] else [])
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
    found = ["The queue is full: no more tasks are accepted"] if _is_queue_full(figures) else []
    found += ["Tasks wait while no known worker is connected"] if _has_no_active_worker(figures, counts) else []
    types = sorted(kind for needs in unserved for kind in needs.capabilities)
    return found + [f"Tasks of type {kind} wait: no connected worker performs them" for kind in types]


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
        response_times=Percentiles.of(figures.api_requests),
        task_times=Percentiles.of(figures.tasks),
        throughput=Throughput(
            requests_per_second=number(figures.requests_per_second), tasks_processed=figures.tasks.processed
        ),
        error_rates=ErrorRates.of(figures),
    )


@routes.get("/channels")
def channels(caller: Caller) -> Channels:
    """Get the status of the channels."""
    seen = recent.read_labels(caller.org, NAME)
    unseen = Label(Counts(), Counts())
    return Channels(channels={name: Channel.of(seen.get(name, unseen)) for name in (*CHANNELS, *seen)})
