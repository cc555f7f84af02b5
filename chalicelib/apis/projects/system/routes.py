"""Health, metrics, status and logs (coordinaitor.md, "System Endpoints"). Every figure is measured, and is the org's
own; which is which is in docs/reference/projects-api.md."""

from collections import Counter
from typing import Annotated

from pydantic import Field

from chalicelib import __version__, clock
from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.agents.schemas import agent_status
from chalicelib.apis.projects.system.schemas import (
    Agents,
    Component,
    Database,
    Figures,
    Health,
    LogLine,
    Metrics,
    Percentiles,
    Queue,
    RequestFigures,
    Services,
    Standing,
    Status,
    TaskFigures,
)
from chalicelib.apis.projects.tasks.inputs import Moment
from chalicelib.config import settings
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import Caller, Routes
from chalicelib.engine.statistics import activity_log, daily, dependency_checks, process_usage, recent
from chalicelib.engine.statistics import request_counts as requests
from chalicelib.engine.statistics.activity_log import RETENTION_MS, Level, Service
from chalicelib.engine.statistics.dependency_checks import CheckResult
from chalicelib.engine.statistics.recent import Recent
from chalicelib.engine.statistics.request_counts import AnsweredRequest
from chalicelib.engine.workers import registry
from chalicelib.errors import InvalidRequest

routes = Routes("/api/v1/system", tag="System")

_count = requests.request_counter(NAME)


def measure(answered: AnsweredRequest) -> None:
    """Count a request, and remember one that was refused."""
    _count(answered)
    activity_log.record_request(answered)


LogCount = Annotated[int, Field(ge=1, le=1000, description="Number of log entries.")]


@routes.get("/health")
def system_health(caller: Caller) -> Health:
    """Get the system's health."""
    checks, crew = dependency_checks.check_dependencies(), registry.list_workers(caller.org, NAME)
    figures = recent.read_recent(caller.org, NAME)
    services = _services(checks, crew)
    return Health(
        status=_worst(services.database.status, services.redis.status, services.agents.status),
        timestamp=clock.now(),
        uptime=process_usage.uptime_s(),
        version=__version__,
        environment=_environment(),
        services=services,
        metrics=Figures.of(figures, _today(caller)),
    )


def _services(seen: dict[str, CheckResult], crew: list[Worker]) -> Services:
    database, queue = seen["database"], seen["queue"]
    return Services(
        database=Database(
            status=_standing(database), latency=database.milliseconds, connections=dependency_checks.connection_count()
        ),
        redis=Queue(
            status=_standing(queue), latency=queue.milliseconds, memory=f"{process_usage.memory_megabytes()}MB"
        ),
        agents=Agents.of(crew),
    )


def _standing(answer: CheckResult) -> Standing:
    return "healthy" if answer.healthy else "unhealthy"


def _worst(*standings: Standing) -> Standing:
    order: tuple[Standing, ...] = ("unhealthy", "degraded", "healthy")
    return next(standing for standing in order if standing in standings or standing == "healthy")


def _environment() -> str:
    return "development" if settings().local else settings().stage


def _today(caller: Caller) -> Counts:
    return daily.read_today(caller.org, NAME)


@routes.get("/metrics")
def system_metrics(caller: Caller) -> Metrics:
    """Get system metrics."""
    figures, today = recent.read_recent(caller.org, NAME), _today(caller)
    crew = Counter(agent_status(worker) for worker in registry.list_workers(caller.org, NAME))
    return Metrics(
        timestamp=clock.now(),
        tasks=_task_figures(figures, today),
        agents={word: crew[word] for word in ("available", "busy", "offline", "error")},
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
    asked = figures.api_requests
    p50, p95, p99 = map(round, recent.percentiles(asked))
    requests = max(1, asked["requests"])
    return RequestFigures(
        total=asked["requests"],
        per_second=round(figures.requests_per_second, 2),
        average_response_time=round(asked["time_ms"] / requests, 1),
        response_times=Percentiles(p50=p50, p95=p95, p99=p99),
        invalid=asked["invalid"],
        errors=asked["errors"],
        error_rate=round(asked["errors"] / requests, 4),
    )


@routes.get("/status")
def system_status(caller: Caller) -> Status:
    """Get the status of the system part by part."""
    checks, crew = dependency_checks.check_dependencies(), registry.list_workers(caller.org, NAME)
    figures = recent.read_recent(caller.org, NAME)
    agents = Agents.of(crew)
    components = [
        *(Component(name=name, status=_standing(one), latency=one.milliseconds) for name, one in checks.items()),
        Component(name="agents", status=agents.status, details=agents.model_dump(exclude={"status"})),
        Component(
            name="tasks", status="healthy", details={name: figures.gauges[name] for name in ("pending", "active")}
        ),
    ]
    return Status(
        status=_worst(*(one.status for one in components)),
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
    since: Moment | None = None,
    limit: LogCount = 100,
) -> list[LogLine]:
    """Get the org's logs, latest first: its refused requests, and what its tasks and agents did.

    They are kept for seven days.
    """
    start = clock.now() - clock.DAY if since is None else _kept(since)
    lines = activity_log.read_lines(caller.org, NAME, since=start, level=level, service=service, limit=limit)
    return [LogLine.of(line) for line in lines]


def _kept(since: int) -> int:
    if since < clock.now() - RETENTION_MS:
        what = f"must lie in the last {RETENTION_MS // clock.DAY} days: older lines are not kept"
        raise InvalidRequest(f"since: {what}", fields={"since": what})
    return since
