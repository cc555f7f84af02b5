"""Health, metrics, status and logs (coordinaitor.md, "System Endpoints").

All figures are measured, and are those of the caller's org; docs/reference/projects-api.md defines each.
"""

from collections import Counter
from typing import Annotated

from pydantic import Field

from chalicelib import __version__, clock
from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.agents.schemas import agent_status
from chalicelib.apis.projects.log_schemas import LogLine
from chalicelib.apis.projects.system.schemas import (
    Agents,
    Component,
    Database,
    Figures,
    Health,
    HealthStatus,
    Metrics,
    Percentiles,
    Queue,
    RequestFigures,
    Services,
    Status,
    TaskFigures,
)
from chalicelib.config import settings
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import Caller, InstantMs, Routes
from chalicelib.engine.statistics import activity_log, daily, dependency_checks, process_usage, recent, request_counts
from chalicelib.engine.statistics.activity_log import RETENTION_MS, Level, Service
from chalicelib.engine.statistics.dependency_checks import CheckResult
from chalicelib.engine.statistics.recent import Recent
from chalicelib.engine.statistics.request_counts import AnsweredRequest
from chalicelib.engine.workers import registry
from chalicelib.errors import InvalidRequest

routes = Routes("/api/v1/system", tag="System")

_count = request_counts.request_counter(NAME)


def measure(answered: AnsweredRequest) -> None:
    """Count a request, and log one that was refused or failed."""
    _count(answered)
    activity_log.record_request(answered)


LogCount = Annotated[int, Field(ge=1, le=1000, description="Number of log entries.")]


@routes.get("/health")
def system_health(caller: Caller) -> Health:
    """Get the system's health."""
    checks, workers = dependency_checks.check_dependencies(), registry.list_workers(caller.org, NAME)
    figures = recent.read_recent(caller.org, NAME)
    services = _services(checks, workers)
    return Health(
        status=_worst(services.database.status, services.redis.status, services.agents.status),
        timestamp=clock.now(),
        uptime=process_usage.uptime_s(),
        version=__version__,
        environment=_environment(),
        services=services,
        metrics=Figures.from_counts(figures, _today(caller)),
    )


def _services(checks: dict[str, CheckResult], workers: list[Worker]) -> Services:
    database, queue = checks["database"], checks["queue"]
    return Services(
        database=Database(
            status=_status_of(database), latency=database.milliseconds, connections=dependency_checks.connection_count()
        ),
        redis=Queue(
            status=_status_of(queue), latency=queue.milliseconds, memory=f"{process_usage.memory_megabytes()}MB"
        ),
        agents=Agents.from_workers(workers),
    )


def _status_of(answer: CheckResult) -> HealthStatus:
    return "healthy" if answer.healthy else "unhealthy"


def _worst(*standings: HealthStatus) -> HealthStatus:
    order: tuple[HealthStatus, ...] = ("unhealthy", "degraded", "healthy")
    return next(standing for standing in order if standing in standings or standing == "healthy")


def _environment() -> str:
    return "development" if settings().local else settings().stage


def _today(caller: Caller) -> Counts:
    return daily.read_today(caller.org, NAME)


@routes.get("/metrics")
def system_metrics(caller: Caller) -> Metrics:
    """Get system metrics."""
    figures, today = recent.read_recent(caller.org, NAME), _today(caller)
    workers = Counter(agent_status(worker) for worker in registry.list_workers(caller.org, NAME))
    return Metrics(
        timestamp=clock.now(),
        tasks=_task_figures(figures, today),
        agents={word: workers[word] for word in ("available", "busy", "offline", "error")},
        requests=_request_figures(figures),
        cpu=round(process_usage.cpu_share(), 4),
        memory=round(process_usage.memory_share(), 4),
    )


def _task_figures(figures: Recent, today: Counts) -> TaskFigures:
    return TaskFigures(
        pending=figures.gauges["pending"],
        active=figures.gauges["active"],
        created_today=today["created"],
        completed_today=today["completed"],
        failed_today=today.failures,
        cancelled_today=today["cancelled"],
        success_rate=today.success_rate,
        average_completion_time=round(today.whole_average_ms / clock.SECOND, 1),
    )


def _request_figures(figures: Recent) -> RequestFigures:
    counts = figures.api_requests
    p50, p95, p99 = map(round, recent.percentiles(counts))
    requests = max(1, counts["requests"])
    return RequestFigures(
        total=counts["requests"],
        per_second=round(figures.requests_per_second, 2),
        average_response_time=round(counts["time_ms"] / requests, 1),
        response_times=Percentiles(p50=p50, p95=p95, p99=p99),
        invalid=counts["invalid"],
        errors=counts["errors"],
        error_rate=round(counts["errors"] / requests, 4),
    )


@routes.get("/status")
def system_status(caller: Caller) -> Status:
    """Get the status of each component of the system."""
    checks, workers = dependency_checks.check_dependencies(), registry.list_workers(caller.org, NAME)
    figures = recent.read_recent(caller.org, NAME)
    agents = Agents.from_workers(workers)
    components = [
        *(Component(name=name, status=_status_of(check), latency=check.milliseconds) for name, check in checks.items()),
        Component(name="agents", status=agents.status, details=agents.model_dump(exclude={"status"})),
        Component(
            name="tasks", status="healthy", details={name: figures.gauges[name] for name in ("pending", "active")}
        ),
    ]
    return Status(
        status=_worst(*(component.status for component in components)),
        timestamp=clock.now(),
        version=__version__,
        environment=_environment(),
        region=settings().region,
        uptime=process_usage.uptime_s(),
        components=components,
        limits={"bodyBytes": settings().body_limit_bytes, "pageSize": 100},
    )


@routes.get("/logs")
def system_logs(
    caller: Caller,
    level: Level | None = None,
    service: Service | None = None,
    since: InstantMs | None = None,
    limit: LogCount = 100,
) -> list[LogLine]:
    """Get the log of the organization, latest first: refused requests, and what its tasks and agents did.

    Lines are kept for seven days.
    """
    start = clock.now() - clock.DAY if since is None else _check_since(since)
    lines = activity_log.read_lines(caller.org, NAME, since=start, level=level, service=service, limit=limit)
    return [LogLine.from_line(line) for line in lines]


def _check_since(since: int) -> int:
    if since < clock.now() - RETENTION_MS:
        what = f"must be within the last {RETENTION_MS // clock.DAY} days; older lines are not kept"
        raise InvalidRequest(f"since: {what}", fields={"since": what})
    return since
