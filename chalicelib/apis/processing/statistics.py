"""Statistics of days in UTC (task-processing.md, "Statistics"). Durations are in milliseconds."""

import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.processing.access import NAME
from chalicelib.apis.processing.servers import KIND, ServerId
from chalicelib.domain.statistics import counters as rules
from chalicelib.edge import Caller, CamelSchema, Routes
from chalicelib.engine.statistics import daily
from chalicelib.engine.workers import registry

routes = Routes("/api/stats", tag="Statistics")

TOP_SERVERS = 10
_EPOCH = datetime.date(1970, 1, 1)


def _real_day(text: str) -> str:
    datetime.date.fromisoformat(text)
    return text


Day = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"),
    AfterValidator(_real_day),
    Field(description="YYYY-MM-DD, in UTC; today by default.", examples=["2024-01-06"]),
]


class TopServer(CamelSchema):
    """One of the servers with the most tasks of the day."""

    server_id: str
    tasks_processed: int
    success_rate: float


class TrendRow(CamelSchema):
    """Tasks created in an hour of the day."""

    hour: int
    tasks: int


class TaskStatistics(CamelSchema):
    """A day's statistics: tasks created, ended and retried on it, and those that wait now, or waited at its end."""

    total_tasks: int = Field(examples=[500])
    pending_tasks: int = Field(examples=[10])
    successful_tasks: int = Field(examples=[450])
    failed_tasks: int = Field(description="Failed or timed out for good.", examples=[30])
    retried_tasks: int = Field(examples=[10])
    average_processing_time: int = Field(examples=[45000])
    server_count: int = Field(examples=[5])
    top_servers: list[TopServer]
    hourly_trend: list[TrendRow]


class HourRow(CamelSchema):
    """One hour of the day."""

    hour: int
    created: int
    completed: int
    failed: int
    average_time: int


class HourlyReport(CamelSchema):
    """A day, hour by hour: always 24 rows."""

    date: str = Field(examples=["2024-01-06"])
    hours: list[HourRow]


class ServerStatistics(CamelSchema):
    """A server's statistics of a day. `uptime` is the share of the day so far that it was online."""

    server_id: str
    tasks_processed: int
    success_count: int
    failure_count: int
    success_rate: float
    average_processing_time: int
    uptime: float = Field(examples=[0.995])


@routes.get("/tasks")
def task_statistics(caller: Caller, date: Day | None = None) -> TaskStatistics:
    """Get a day's task statistics."""
    day = daily.read_day(caller.org, NAME, _number(date))
    return TaskStatistics(
        total_tasks=day.total["created"],
        pending_tasks=day.pending,
        successful_tasks=day.total["completed"],
        failed_tasks=day.total.failures,
        retried_tasks=day.total["retried"],
        average_processing_time=day.total.average_ms,
        server_count=len(registry.list_workers(caller.org, NAME)),
        top_servers=_top(day.workers),
        hourly_trend=[TrendRow(hour=hour, tasks=row["created"]) for hour, row in enumerate(day.hours)],
    )


def _top(servers: dict[str, rules.Counts]) -> list[TopServer]:
    ranked = sorted(servers.items(), key=lambda item: (-item[1].processed, item[0]))
    return [
        TopServer(server_id=name, tasks_processed=row.processed, success_rate=row.success_rate)
        for name, row in ranked[:TOP_SERVERS]
    ]


@routes.get("/hourly")
def hourly_report(caller: Caller, date: Day | None = None) -> HourlyReport:
    """Get a day's statistics, hour by hour."""
    number = _number(date)
    rows = [
        HourRow(
            hour=hour,
            created=row["created"],
            completed=row["completed"],
            failed=row.failures,
            average_time=row.average_ms,
        )
        for hour, row in enumerate(daily.read_day(caller.org, NAME, number).hours)
    ]
    return HourlyReport(date=clock.utc(number * clock.DAY).date().isoformat(), hours=rows)


@routes.get("/servers/{id}")
def server_statistics(caller: Caller, id: ServerId, date: Day | None = None) -> ServerStatistics:
    """Get a server's statistics of a day."""
    day = daily.read_worker_day(caller.org, NAME, id, _number(date), KIND)
    return ServerStatistics(
        server_id=id,
        tasks_processed=day.counts.processed,
        success_count=day.counts["completed"],
        failure_count=day.counts.failures,
        success_rate=day.counts.success_rate,
        average_processing_time=day.counts.average_ms,
        uptime=day.uptime,
    )


def _number(date: str | None) -> int:
    """The day as the number of days since the epoch; today by default."""
    return rules.day_of(clock.now()) if date is None else (datetime.date.fromisoformat(date) - _EPOCH).days
