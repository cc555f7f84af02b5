"""What the system endpoints of the projects API answer (coordinaitor.md, "System Endpoints")."""

from collections import Counter
from typing import Any, Literal, Self

from pydantic import Field

from chalicelib.apis.projects.agents.schemas import agent_status
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.statistics.activity_log import Level, Line, Service
from chalicelib.engine.statistics.recent import Recent

Standing = Literal["healthy", "degraded", "unhealthy"]


class Database(CamelSchema):
    """DynamoDB: one read, just now."""

    status: Standing
    latency: float = Field(description="Milliseconds.", examples=[12.3])
    connections: int = Field(description="That this process has opened.", examples=[15])


class Queue(CamelSchema):
    """The queues, asked once, just now. The document calls it redis; here it is SQS."""

    status: Standing
    latency: float = Field(description="Milliseconds.", examples=[2.1])
    memory: str = Field(description="What this process has filled at most.", examples=["45MB"])


class Agents(CamelSchema):
    """The org's agents. degraded: they hold tasks, and none of them is there."""

    status: Standing
    total: int
    available: int
    busy: int

    @classmethod
    def of(cls, crew: list[Worker]) -> Self:
        count = Counter(agent_status(worker) for worker in crew)
        there = count["available"] + count["busy"]
        deserted = not there and any(worker.leases for worker in crew)
        return cls(
            status="degraded" if deserted else "healthy",
            total=len(crew),
            available=count["available"],
            busy=count["busy"],
        )


class Services(CamelSchema):
    """What the service is made of."""

    database: Database
    redis: Queue
    agents: Agents


class Figures(CamelSchema):
    """activeTasks: held now; completedToday: since midnight UTC; the others of the API's requests lately (an hour or
    two)."""

    active_tasks: int
    completed_today: int
    average_response_time: float = Field(description="Milliseconds.")
    error_rate: float = Field(description="Share (0-1) of requests that were answered with 5xx.")

    @classmethod
    def of(cls, figures: Recent, today: Counts) -> Self:
        asked = figures.api_requests
        requests = max(1, asked["requests"])
        return cls(
            active_tasks=figures.gauges["active"],
            completed_today=today["completed"],
            average_response_time=round(asked["time_ms"] / requests, 1),
            error_rate=round(asked["errors"] / requests, 4),
        )


class Health(CamelSchema):
    """How the service is: as the worst of its services."""

    status: Standing
    timestamp: Instant
    uptime: int = Field(description="Seconds since the process that answers began.")
    version: str
    environment: str
    services: Services
    metrics: Figures


class TaskFigures(CamelSchema):
    """Now, and since midnight UTC; times in seconds."""

    pending: int
    active: int
    created_today: int
    completed_today: int
    failed_today: int
    cancelled_today: int
    success_rate: float = Field(description="Share (0-1) of those that ended today otherwise than by being cancelled.")
    average_completion_time: float = Field(description="From submission to end, of those completed today.")


class Percentiles(CamelSchema):
    """Milliseconds."""

    p50: int
    p95: int
    p99: int


class RequestFigures(CamelSchema):
    """Of the API's requests in the last hour or two."""

    total: int
    per_second: float = Field(description="In the last five to ten minutes.")
    average_response_time: float = Field(description="Milliseconds.")
    response_times: Percentiles
    invalid: int
    errors: int
    error_rate: float


class Metrics(CamelSchema):
    """The org's figures."""

    timestamp: Instant
    tasks: TaskFigures
    agents: dict[str, int] = Field(description="How many there are of each status.")
    requests: RequestFigures
    cpu: float = Field(description="Share (0-1) of its processors that this process has used lately.")
    memory: float = Field(description="Share (0-1) of its memory that this process has filled at most.")


class Component(CamelSchema):
    """One part of the service; `latency` in milliseconds where it was asked just now."""

    name: str
    status: Standing
    latency: float | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class Status(CamelSchema):
    """The service, part by part."""

    status: Standing
    timestamp: Instant
    version: str
    environment: str
    region: str
    uptime: int
    components: list[Component]
    limits: dict[str, int] = Field(description="What this deployment accepts.")


class LogLine(CamelSchema):
    """One thing that happened."""

    timestamp: Instant
    level: Level
    service: Service
    message: str
    details: dict[str, Any]

    @classmethod
    def of(cls, line: Line) -> Self:
        return cls(
            timestamp=line.at, level=line.level, service=line.service, message=line.message, details=line.details
        )
