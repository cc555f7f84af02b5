"""Schemas of the system endpoints (coordinaitor.md, "System Endpoints")."""

from collections import Counter
from typing import Any, Literal, Self

from pydantic import Field

from chalicelib.apis.projects.agents.schemas import agent_status
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.statistics.recent import Recent

HealthStatus = Literal["healthy", "degraded", "unhealthy"]


class Database(CamelSchema):
    """The state of DynamoDB, from one read."""

    status: HealthStatus
    latency: float = Field(description="Milliseconds.", examples=[12.3])
    connections: int = Field(description="Connections opened by this process.", examples=[15])


class Queue(CamelSchema):
    """The state of the queues, from one request. The document calls them redis; they are SQS."""

    status: HealthStatus
    latency: float = Field(description="Milliseconds.", examples=[2.1])
    memory: str = Field(description="Peak memory of this process.", examples=["45MB"])


class Agents(CamelSchema):
    """The agents of the organization. degraded: agents hold tasks, and no agent is available or busy."""

    status: HealthStatus
    total: int
    available: int
    busy: int

    @classmethod
    def from_workers(cls, workers: list[Worker]) -> Self:
        count = Counter(agent_status(worker) for worker in workers)
        present = count["available"] + count["busy"]
        deserted = not present and any(worker.leases for worker in workers)
        return cls(
            status="degraded" if deserted else "healthy",
            total=len(workers),
            available=count["available"],
            busy=count["busy"],
        )


class Services(CamelSchema):
    """The services that the API depends on."""

    database: Database
    redis: Queue
    agents: Agents


class Figures(CamelSchema):
    """activeTasks: held now; completedToday: since midnight UTC; the others: of the API's requests in the last one to
    two hours."""

    active_tasks: int
    completed_today: int
    average_response_time: float = Field(description="Milliseconds.")
    error_rate: float = Field(description="Share (0-1) of requests answered with 5xx.")

    @classmethod
    def from_counts(cls, figures: Recent, today: Counts) -> Self:
        counts = figures.api_requests
        requests = max(1, counts["requests"])
        return cls(
            active_tasks=figures.gauges["active"],
            completed_today=today["completed"],
            average_response_time=round(counts["time_ms"] / requests, 1),
            error_rate=round(counts["errors"] / requests, 4),
        )


class Health(CamelSchema):
    """The health of the API: that of its worst service."""

    status: HealthStatus
    timestamp: Instant
    uptime: int = Field(description="Seconds since this process started.")
    version: str
    environment: str
    services: Services
    metrics: Figures


class TaskFigures(CamelSchema):
    """Tasks now, and since midnight UTC; times in seconds."""

    pending: int
    active: int
    created_today: int
    completed_today: int
    failed_today: int
    cancelled_today: int
    success_rate: float = Field(description="Completed share (0-1) of the tasks ended today, without cancelled ones.")
    average_completion_time: float = Field(description="Mean time from submission to end of the tasks completed today.")


class Percentiles(CamelSchema):
    """Percentiles in milliseconds."""

    p50: int
    p95: int
    p99: int


class RequestFigures(CamelSchema):
    """The API's requests in the last one to two hours."""

    total: int
    per_second: float = Field(description="In the last five to ten minutes.")
    average_response_time: float = Field(description="Milliseconds.")
    response_times: Percentiles
    invalid: int
    errors: int
    error_rate: float


class Metrics(CamelSchema):
    """The metrics of the organization."""

    timestamp: Instant
    tasks: TaskFigures
    agents: dict[str, int] = Field(description="Number of agents by status.")
    requests: RequestFigures
    cpu: float = Field(description="Share (0-1) of its CPUs that this process uses.")
    memory: float = Field(description="Peak share (0-1) of its memory that this process has used.")


class Component(CamelSchema):
    """One component; `latency` in milliseconds if it was checked for this response."""

    name: str
    status: HealthStatus
    latency: float | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class Status(CamelSchema):
    """The status of each component."""

    status: HealthStatus
    timestamp: Instant
    version: str
    environment: str
    region: str
    uptime: int
    components: list[Component]
    limits: dict[str, int] = Field(description="Limits of this deployment.")
