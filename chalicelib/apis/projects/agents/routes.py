"""Agents: create, list, change, enable, disable, and their metrics (coordinaitor.md, "Agent Endpoints")."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.projects import access
from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.agents.details import AgentDetail, AgentMetrics
from chalicelib.apis.projects.agents.schemas import (
    AgentDeleted,
    AgentIn,
    AgentOut,
    AgentStatus,
    AgentType,
    AgentUpdate,
    Command,
    DisableIn,
    HeartbeatIn,
    HeartbeatOut,
    agent_status,
)
from chalicelib.apis.projects.log_schemas import LogLine
from chalicelib.apis.projects.paging import Cursor, PageNumber, PageSize, build_page
from chalicelib.apis.projects.states import TaskStatus
from chalicelib.apis.projects.tasks.inputs import CommaSeparated
from chalicelib.apis.projects.tasks.routes import list_matching, phases
from chalicelib.apis.projects.tasks.schemas import TaskRow, task_rows
from chalicelib.domain.statistics.counters import Counts, day_of
from chalicelib.domain.tasks.rotation import Rotation
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import Caller, Created, Paged, Query, Request, Routes
from chalicelib.engine.projects import agents
from chalicelib.engine.projects.agents import KIND
from chalicelib.engine.search import search
from chalicelib.engine.search.search import Query as TaskQuery
from chalicelib.engine.statistics import activity_log
from chalicelib.engine.tasks import worker_presence
from chalicelib.engine.workers import commands, registration, registry
from chalicelib.engine.workers.registry import WorkerChange
from chalicelib.errors import Forbidden, InvalidRequest

routes = Routes("/api/v1/agents", tag="Agents")

AgentId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
PARTS = frozenset({"tasks", "metrics", "logs"})


def _check_parts(parts: tuple[str, ...]) -> tuple[str, ...]:
    if not PARTS.issuperset(parts):
        raise ValueError(f"must be some of: {', '.join(sorted(PARTS))}, separated by commas")
    return parts


def _check_day(day: date) -> date:
    if day.year < 1970:
        raise ValueError("must be 1970 or later")
    return day


Day = Annotated[date, AfterValidator(_check_day)]
Include = Annotated[
    CommaSeparated,
    Query(many=True),
    AfterValidator(_check_parts),
    Field(description="Comma-separated or repeated: tasks, metrics, logs."),
]
RequiredCapabilities = Annotated[
    CommaSeparated, Query(many=True), Field(description="Comma-separated or repeated; the agent must have all of them.")
]
From = Annotated[Day | None, Query("from"), Field(description="First UTC day.")]
To = Annotated[Day | None, Query("to"), Field(description="Last UTC day; today by default.")]
DEFAULT_DAYS = 30
MAX_DAYS = 366
MAX_TASKS = 20
LOG_HOURS, MAX_LOG_LINES = 6, 50


@routes.get()
def list_agents(
    request: Request,
    caller: Caller,
    type: AgentType | None = None,
    status: AgentStatus | None = None,
    capabilities: RequiredCapabilities = (),
    available: Annotated[bool, Field(description="true: only agents with status available.")] = False,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Paged[AgentOut]:
    """List the agents, oldest first. Filters are combined."""
    agents_of_type = _agents_of_type(caller, type)
    capable = [agent for agent in agents_of_type if {*agent.capabilities}.issuperset(capabilities)]
    statuses = {status, "available" if available else status} - {None}
    matching = [agent for agent in capable if statuses <= {agent_status(agent)}]
    rows = _rows(caller.org, matching[(page - 1) * limit : page * limit])
    return build_page(request, rows, page=page, limit=limit, total=len(matching))


def _agents_of_type(caller: Caller, type: AgentType | None) -> list[Worker]:
    return [one for one in registry.list_workers(caller.org, NAME) if type in (None, one.type)]


def _rows(org: str, workers: Sequence[Worker]) -> list[AgentOut]:
    counts = agents.read_lifetime_counts(org, NAME, [worker.id for worker in workers])
    return [AgentOut.from_worker(worker, counts[worker.id]) for worker in workers]


def _agent_out(worker: Worker) -> AgentOut:
    [row] = _rows(worker.org, [worker])
    return row


@routes.post(status=201, errors=[409])
def create_agent(caller: Caller, body: AgentIn) -> Created[AgentOut]:
    """Create an agent. It is available at once; from then on it must send a heartbeat every 90 s.

    Two agents cannot have the same `endpoint`: the second is refused, and the error names the first.
    """
    with _naming_endpoint():
        worker = registration.register(
            caller.org, body.to_registration(NAME, caller.plan), by=caller.subject, kind=KIND
        )
    return Created(AgentOut.from_worker(worker, Counts()), location=f"/api/v1/agents/{worker.id}")


@contextmanager
def _naming_endpoint() -> Iterator[None]:
    """Name the field `endpoint` in errors about the worker's URLs: an agent has only this one."""
    try:
        yield
    except InvalidRequest as error:
        problem = next((what for field, what in error.fields.items() if field.startswith("endpoints.")), None)
        if problem is None:
            raise
        raise InvalidRequest(f"endpoint: {problem}", fields={"endpoint": problem}) from None


@routes.get("/{agentId}")
def get_agent(caller: Caller, agent_id: AgentId, include: Include = ()) -> AgentDetail:
    """Get an agent, with the parts named in `include`."""
    if "tasks" in include:
        access.require(caller, "tasks:read")
    worker = _get(caller, agent_id)
    return AgentDetail.from_worker(
        worker,
        agents.read_lifetime_counts(caller.org, NAME, [agent_id])[agent_id],
        tasks=_latest_tasks(caller.org, agent_id) if "tasks" in include else None,
        metrics=AgentMetrics.from_report(agents.build_report(worker, _days(None, None)))
        if "metrics" in include
        else None,
        logs=_log(caller.org, agent_id) if "logs" in include else None,
    )


def _get(caller: Caller, agent_id: str) -> Worker:
    return registry.get(caller.org, NAME, agent_id, KIND)


def _latest_tasks(org: str, agent_id: str) -> list[TaskRow]:
    return task_rows(org, search.find_page(org, NAME, TaskQuery(agent=agent_id), limit=MAX_TASKS).tasks)


def _log(org: str, agent_id: str) -> list[LogLine]:
    since = clock.now() - LOG_HOURS * clock.HOUR
    return [
        LogLine.from_line(line)
        for line in activity_log.read_lines(org, NAME, since=since, agent=agent_id, limit=MAX_LOG_LINES)
    ]


@routes.put("/{agentId}", errors=[409])
def update_agent(caller: Caller, agent_id: AgentId, body: AgentUpdate) -> AgentOut:
    """Change an agent. Fields that are not sent stay as they are."""
    with _naming_endpoint():
        return _agent_out(registry.update(caller.org, NAME, agent_id, body.to_change(), KIND, by=caller.subject))


@routes.delete("/{agentId}")
def delete_agent(caller: Caller, agent_id: AgentId) -> AgentDeleted:
    """Delete an agent. Tasks that it works on are queued again; tasks assigned to it wait for another assignment."""
    agents.remove_agent(caller.org, NAME, agent_id, caller.subject)
    return AgentDeleted(id=agent_id)


@routes.post("/{agentId}/enable")
def enable_agent(caller: Caller, agent_id: AgentId) -> AgentOut:
    """Enable an agent: it gets tasks again. This counts as a heartbeat."""
    change = WorkerChange(rotation=Rotation.OPEN)
    return _agent_out(registry.update(caller.org, NAME, agent_id, change, KIND, by=caller.subject))


@routes.post("/{agentId}/disable")
def disable_agent(caller: Caller, agent_id: AgentId, body: DisableIn | None = None) -> AgentOut:
    """Disable an agent.

    It gets no new tasks and is told to drain. It finishes the tasks that it has, unless `release` is true.
    """
    options = body or DisableIn()
    change = WorkerChange(rotation=Rotation.DRAINED if options.release else Rotation.CLOSED, reason=options.reason)
    return _agent_out(registry.update(caller.org, NAME, agent_id, change, KIND, by=caller.subject))


@routes.post("/{agentId}/heartbeat")
def agent_heartbeat(caller: Caller, agent_id: AgentId, body: HeartbeatIn | None = None) -> HeartbeatOut:
    """Record a heartbeat of an agent. The response has commands for it."""
    if caller.role == access.AGENT_ROLE and agent_id != caller.subject:
        raise Forbidden(f"Agent {caller.subject} may not send agent {agent_id}'s heartbeats")
    worker = registry.record_heartbeat(caller.org, NAME, agent_id, (body or HeartbeatIn()).beat, KIND)
    pending = [Command(**command) for command in commands.pending_commands(worker)]
    return HeartbeatOut(id=agent_id, status=agent_status(worker), commands=pending)


@routes.get("/{agentId}/tasks")
def list_agent_tasks(
    request: Request,
    caller: Caller,
    agent_id: AgentId,
    page: PageNumber = 1,
    limit: PageSize = 20,
    status: TaskStatus | None = None,
    cursor: Cursor | None = None,
) -> Paged[TaskRow]:
    """List the tasks that are or were assigned to an agent, newest first.

    A request of the agent itself, with its own key, counts as a heartbeat.
    """
    worker = _get(caller, agent_id)
    if (caller.role, caller.subject) == (access.AGENT_ROLE, agent_id):
        worker_presence.record(caller.org, NAME, agent_id, known=worker)
    return list_matching(caller, request, TaskQuery(agent=agent_id, phases=phases(status)), page, limit, cursor)


@routes.get("/{agentId}/metrics")
def get_agent_metrics(caller: Caller, agent_id: AgentId, since: From = None, until: To = None) -> AgentMetrics:
    """Get the metrics of an agent for a period, by default the last 30 days."""
    return AgentMetrics.from_report(agents.build_report(_get(caller, agent_id), _days(since, until)))


def _days(first: date | None, last: date | None) -> range:
    """The days from first to last, counted from the epoch. By default the last is today, and there are 30 of them."""
    today = day_of(clock.now())
    stop = min(today, _day_number(last)) if last is not None else today
    start = _day_number(first) if first is not None else stop - DEFAULT_DAYS + 1
    if not stop - MAX_DAYS < start <= stop:
        what = f"must be one of the {MAX_DAYS} days up to `to`, and not in the future"
        raise InvalidRequest(f"from: {what}", fields={"from": what})
    return range(start, stop + 1)


def _day_number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()
