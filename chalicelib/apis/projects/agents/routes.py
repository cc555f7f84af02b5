"""Agents: create, find, change, take out of rotation, and see how they do (coordinaitor.md, "Agent Endpoints")."""

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
from chalicelib.apis.projects.paging import Cursor, PageNumber, PageSize, paged
from chalicelib.apis.projects.states import TaskStatus
from chalicelib.apis.projects.system.schemas import LogLine
from chalicelib.apis.projects.tasks.inputs import Words
from chalicelib.apis.projects.tasks.routes import listed, phases
from chalicelib.apis.projects.tasks.schemas import TaskRow, rows
from chalicelib.domain.statistics.counters import Counts, day_of
from chalicelib.domain.tasks.rotation import Rotation
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import Caller, Created, Paged, Query, Request, Routes
from chalicelib.engine.projects import agents
from chalicelib.engine.projects.agents import KIND
from chalicelib.engine.search import search
from chalicelib.engine.search.search import Query as Wanted
from chalicelib.engine.statistics import activity_log
from chalicelib.engine.tasks import worker_presence
from chalicelib.engine.workers import commands, registration, registry
from chalicelib.engine.workers.registry import WorkerChange
from chalicelib.errors import Forbidden, InvalidRequest

routes = Routes("/api/v1/agents", tag="Agents")

AgentId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
PARTS = frozenset({"tasks", "metrics", "logs"})


def _known(parts: tuple[str, ...]) -> tuple[str, ...]:
    if not PARTS.issuperset(parts):
        raise ValueError(f"must be words of: {', '.join(sorted(PARTS))}, with commas between them")
    return parts


def _countable(day: date) -> date:
    if day.year < 1970:
        raise ValueError("must be 1970 or later")
    return day


Day = Annotated[date, AfterValidator(_countable)]
Include = Annotated[
    Words,
    Query(many=True),
    AfterValidator(_known),
    Field(description="Comma-separated or repeated: tasks, metrics, logs."),
]
Needed = Annotated[
    Words, Query(many=True), Field(description="Comma-separated or repeated; an agent must have all of them.")
]
From = Annotated[Day | None, Query("from"), Field(description="First UTC day.")]
To = Annotated[Day | None, Query("to"), Field(description="Last UTC day; today if it is left out.")]
DAYS_SHOWN = 30
MOST_DAYS = 366
TASKS_SHOWN = 20
LOG_HOURS, LINES_SHOWN = 6, 50


@routes.get()
def list_agents(
    request: Request,
    caller: Caller,
    type: AgentType | None = None,
    status: AgentStatus | None = None,
    capabilities: Needed = (),
    available: Annotated[bool, Field(description="true: only those of status available.")] = False,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Paged[AgentOut]:
    """List the agents, oldest first. Filters combine."""
    able = [one for one in _crew(caller, type) if {*one.capabilities}.issuperset(capabilities)]
    wanted = {status, "available" if available else status} - {None}
    fit = [one for one in able if wanted <= {agent_status(one)}]
    shown = _rows(caller.org, fit[(page - 1) * limit : page * limit])
    return paged(request, shown, page=page, limit=limit, total=len(fit))


def _crew(caller: Caller, type: AgentType | None) -> list[Worker]:
    return [one for one in registry.list_workers(caller.org, NAME) if type in (None, one.type)]


def _rows(org: str, found: Sequence[Worker]) -> list[AgentOut]:
    figures = agents.read_lifetime_counts(org, NAME, [worker.id for worker in found])
    return [AgentOut.of(worker, figures[worker.id]) for worker in found]


def _shown(worker: Worker) -> AgentOut:
    [row] = _rows(worker.org, [worker])
    return row


@routes.post(status=201, errors=[409])
def create_agent(caller: Caller, body: AgentIn) -> Created[AgentOut]:
    """Create an agent. It counts as heard of now; from then on it has to be heard of every 90 s.

    An `endpoint` is one agent's: another agent with the same one is refused, and the error names the first.
    """
    with _blaming_endpoint():
        worker = registration.register(caller.org, body.registration(NAME, caller.plan), by=caller.subject, kind=KIND)
    return Created(AgentOut.of(worker, Counts()), location=f"/api/v1/agents/{worker.id}")


@contextmanager
def _blaming_endpoint() -> Iterator[None]:
    """What the engine finds wrong with a URL is said of the field that has it: here the one URL of an agent."""
    try:
        yield
    except InvalidRequest as error:
        wrong = next((said for field, said in error.fields.items() if field.startswith("endpoints.")), None)
        if wrong is None:
            raise
        raise InvalidRequest(f"endpoint: {wrong}", fields={"endpoint": wrong}) from None


@routes.get("/{agentId}")
def get_agent(caller: Caller, agent_id: AgentId, include: Include = ()) -> AgentDetail:
    """Get an agent as it is now, with what is asked for besides."""
    if "tasks" in include:
        access.require(caller, "tasks:read")
    worker = _get(caller, agent_id)
    return AgentDetail.of(
        worker,
        agents.read_lifetime_counts(caller.org, NAME, [agent_id])[agent_id],
        tasks=_latest_tasks(caller.org, agent_id) if "tasks" in include else None,
        metrics=AgentMetrics.of(agents.build_report(worker, _days(None, None))) if "metrics" in include else None,
        logs=_log(caller.org, agent_id) if "logs" in include else None,
    )


def _get(caller: Caller, agent_id: str) -> Worker:
    return registry.get(caller.org, NAME, agent_id, KIND)


def _latest_tasks(org: str, agent_id: str) -> list[TaskRow]:
    return rows(org, search.find_page(org, NAME, Wanted(agent=agent_id), limit=TASKS_SHOWN).tasks)


def _log(org: str, agent_id: str) -> list[LogLine]:
    since = clock.now() - LOG_HOURS * clock.HOUR
    return [
        LogLine.of(line) for line in activity_log.read_lines(org, NAME, since=since, agent=agent_id, limit=LINES_SHOWN)
    ]


@routes.put("/{agentId}", errors=[409])
def update_agent(caller: Caller, agent_id: AgentId, body: AgentUpdate) -> AgentOut:
    """Change an agent: what is left out stays."""
    with _blaming_endpoint():
        return _shown(registry.update(caller.org, NAME, agent_id, body.change(), KIND, by=caller.subject))


@routes.delete("/{agentId}")
def delete_agent(caller: Caller, agent_id: AgentId) -> AgentDeleted:
    """Remove an agent for good. What it works on goes back to the queue; what only it was to do waits for somebody."""
    agents.remove_agent(caller.org, NAME, agent_id, caller.subject)
    return AgentDeleted(id=agent_id)


@routes.post("/{agentId}/enable")
def enable_agent(caller: Caller, agent_id: AgentId) -> AgentOut:
    """Put an agent back into rotation; this counts as a sign of life."""
    change = WorkerChange(rotation=Rotation.OPEN)
    return _shown(registry.update(caller.org, NAME, agent_id, change, KIND, by=caller.subject))


@routes.post("/{agentId}/disable")
def disable_agent(caller: Caller, agent_id: AgentId, body: DisableIn | None = None) -> AgentOut:
    """Take an agent out of rotation.

    It is given nothing new, is told to drain, and finishes what it has unless that is released.
    """
    said = body or DisableIn()
    change = WorkerChange(rotation=Rotation.DRAINED if said.release else Rotation.CLOSED, reason=said.reason)
    return _shown(registry.update(caller.org, NAME, agent_id, change, KIND, by=caller.subject))


@routes.post("/{agentId}/heartbeat")
def agent_heartbeat(caller: Caller, agent_id: AgentId, body: HeartbeatIn | None = None) -> HeartbeatOut:
    """Note that an agent is there and how it is; the answer carries commands for it."""
    if caller.role == access.AGENT and agent_id != caller.subject:
        raise Forbidden(f"Agent {caller.subject} may not send agent {agent_id}'s heartbeats")
    worker = registry.record_heartbeat(caller.org, NAME, agent_id, (body or HeartbeatIn()).beat, KIND)
    told = [Command(**command) for command in commands.pending_commands(worker)]
    return HeartbeatOut(id=agent_id, status=agent_status(worker), commands=told)


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
    """List the tasks that are assigned to an agent or were, newest first.

    Asked by the agent itself, with its own key, it is a sign of life.
    """
    worker = _get(caller, agent_id)
    if (caller.role, caller.subject) == (access.AGENT, agent_id):
        worker_presence.record(caller.org, NAME, agent_id, known=worker)
    return listed(caller, request, Wanted(agent=agent_id, phases=phases(status)), page, limit, cursor)


@routes.get("/{agentId}/metrics")
def get_agent_metrics(caller: Caller, agent_id: AgentId, since: From = None, until: To = None) -> AgentMetrics:
    """Get an agent's figures of a period: the last 30 days, unless days are named."""
    return AgentMetrics.of(agents.build_report(_get(caller, agent_id), _days(since, until)))


def _days(first: date | None, last: date | None) -> range:
    """The days from the first to the last, counted from the epoch; up to today, and 30 of them, if nothing is said."""
    today = day_of(clock.now())
    stop = min(today, _number(last)) if last is not None else today
    start = _number(first) if first is not None else stop - DAYS_SHOWN + 1
    if not stop - MOST_DAYS < start <= stop:
        what = f"must be a day of the {MOST_DAYS} up to `to`, and not in the future"
        raise InvalidRequest(f"from: {what}", fields={"from": what})
    return range(start, stop + 1)


def _number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()
